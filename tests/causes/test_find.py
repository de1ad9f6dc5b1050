"""Causes in words: what, evidence, remedy and command; and when none is named."""

from clusterproof.causes.find import find_causes, verdict_on
from clusterproof.causes.finding import Finding
from clusterproof.judgement import Difference
from tests.causes.findings import (
    CONFIG,
    DB,
    DB_REPLICAS,
    GRACE,
    HEALTH,
    LEADS,
    NAMES,
    SERVICE,
    STARTS,
    failed,
)

ABSENT = failed(LEADS, "service-missing", SERVICE, "a Service", "absent")
NAMED = failed(NAMES, "service-missing", SERVICE, "a Service", "absent")
POINTS = failed(CONFIG, "service-missing", SERVICE, "a Service", "absent")


def test_a_cause_says_what_the_evidence_the_remedy_and_the_command() -> None:
    (cause,) = find_causes([ABSENT, NAMED, POINTS], [LEADS, NAMES, CONFIG])
    assert cause.what == "Service/ns/db does not exist"
    assert cause.evidence[0] == 'db-service: "Service/ns/db: expected a Service, observed absent"'
    assert cause.remedy == "make Service/ns/db, or correct what names it"
    assert cause.show == "kubectl -n ns get service"
    assert cause.explained == ("db-service", "web-names", "config-db")


def test_a_row_that_is_about_the_object_that_differs_is_not_repeated_as_a_cause() -> None:
    assert find_causes([failed(GRACE, "field-differs", "spec.x", "30", "5")], [GRACE]) == ()


def test_no_red_row_has_no_cause() -> None:
    assert find_causes([], [GRACE]) == ()
    assert verdict_on((), 0) == ""


def test_below_half_of_the_rows_there_is_no_single_cause() -> None:
    causes = find_causes([ABSENT, NAMED], [LEADS, NAMES])
    assert verdict_on(causes, 2) == "1 cause explains 2 of 2 rows."
    assert verdict_on(causes, 3) == "1 cause explains 2 of 3 rows; 1 row stands alone."
    assert verdict_on(causes, 5) == "No single cause: 3 of 5 rows stand on their own."
    assert verdict_on((), 4) == "No single cause: 4 of 4 rows stand on their own."


def test_a_cause_that_only_symptoms_show_quotes_them() -> None:
    why = 'CreateContainerConfigError: secret "keys" not found'
    (cause,) = find_causes([failed(STARTS, "configuration-missing", "p/c", "running", why)], [])
    assert cause.what == "Secret/ns/keys does not exist"
    assert cause.rows == ()
    assert cause.symptoms == ("web-starts",)
    assert why in cause.evidence[0]


def test_the_first_part_of_an_object_words_the_cause() -> None:
    none = failed(DB_REPLICAS, "replicas-outside-bounds", "spec.replicas", "1", "0")
    leads = failed(LEADS, "no-pod-ready", f"ready Pods of {DB}", "at least one", "none")
    (cause,) = find_causes([leads, none], [LEADS, DB_REPLICAS])
    assert cause.what == (
        'Deployment/ns/db: spec.replicas: expected 1, observed "0" (and 1 more row about it)'
    )


def test_a_quotation_is_cut() -> None:
    long = failed(NAMES, "service-missing", SERVICE, "a Service", "absent " * 100)
    (cause,) = find_causes([ABSENT, long], [LEADS, NAMES])
    assert all(len(line) < 250 for line in cause.evidence)


def test_a_secret_is_never_shown_by_the_command() -> None:
    absent = Finding(STARTS, (Difference("p/c", "running", "find key K in Secret ns/x"),))
    why = "couldn't find key K in Secret ns/keys"
    (cause,) = find_causes([failed(STARTS, "configuration-missing", "p/c", "running", why)], [])
    assert cause.show == "kubectl describe -n ns secret/keys"
    assert find_causes([absent], []) == ()


def test_a_row_that_could_not_be_judged_is_no_cause() -> None:
    assert find_causes([Finding(HEALTH, doubt="it cannot be told")], [HEALTH]) == ()


def test_a_missing_right_is_a_cause_with_the_command_that_asks_for_it() -> None:
    why = 'User "me" cannot list resource "pods" in API group "" in the namespace "ns"'
    (cause,) = find_causes([Finding(HEALTH, doubt=why), Finding(NAMES, doubt=why)], [])
    assert cause.what == "this run may not list pods in namespace ns"
    assert cause.show == "kubectl auth can-i list pods -n ns"
    assert cause.explained == ("web-health", "web-names")


def test_one_reason_of_several_blind_rows_is_said_once() -> None:
    why = "the API server does not answer"
    (cause,) = find_causes([Finding(HEALTH, doubt=why), Finding(NAMES, doubt=why)], [])
    assert cause.what == f"2 rows could not be looked at: {why}"
    assert cause.remedy == "put right what keeps the run from looking, and run it again"


def test_a_run_that_was_told_to_start_no_pod_is_told_how_to_look() -> None:
    why = "needs a Pod of our own or an exec, and --read-only was given"
    (cause,) = find_causes([Finding(HEALTH, doubt=why), Finding(NAMES, doubt=why)], [])
    assert cause.remedy == "run it again without --read-only, where it may start Pods of its own"
