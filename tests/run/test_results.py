"""What a finding says, to the letter: the headline, and the lines under it."""

from clusterproof.errors import NotAllowedError, ObservationError
from clusterproof.judgement import Difference, Doubt, Failed, Judgement, Passed
from clusterproof.observe.observed import Observed
from clusterproof.outcome import Outcome
from clusterproof.report.record import RowResult
from clusterproof.run.check import Checked
from clusterproof.run.results import explanation, headline, result_of
from tests.judge.rows import row

RULE = row(
    "field", of="Deployment/shop/web", path="spec.replicas", expect={"equals": 3}, claim="Three run"
)
ONE = Difference("spec.replicas", "3", "2", "as patched", code="field-differs")
OTHER = Difference("status.replicas", "3", "1", code="field-differs")
SEEN: Observed[object] = Observed(
    2, "shop/web", ("2 of 3", "since noon"), "kubectl get deployments", "exec"
)
PLANNED = RowResult(
    id="a-row", area="workloads", title="Three run", outcome=Outcome.NOT_RUN, source="rows.yaml:3"
)


def checked(judgement: Judgement, observed: Observed[object] | None = SEEN) -> Checked:
    return Checked(RULE, observed, judgement, started_at=1.0, duration_s=0.5)


def test_a_headline_is_the_first_difference_and_how_many_more() -> None:
    """Or the claim, where there is none."""
    assert headline(RULE, ()) == "a-row: as expected: Three run"
    assert headline(RULE, (ONE,)) == "a-row: spec.replicas: expected 3, observed 2 (as patched)"
    assert headline(RULE, (OTHER, ONE)) == (
        "a-row: status.replicas: expected 3, observed 1 (and 1 more)"
    )


def test_an_explanation_says_what_is_known_in_one_order() -> None:
    """The first difference stands in the headline already."""
    assert explanation(checked(Failed(ONE, OTHER))).splitlines() == [
        "a-row: spec.replicas: expected 3, observed 2 (as patched) (and 1 more)",
        "  claim     Three run",
        "  where     shop/web",
        "  differs   status.replicas: expected 3, observed 1",
        "  evidence  2 of 3",
        "  evidence  since noon",
        "  looked    exec",
        "  source    the test",
        "  next      kubectl get deployments",
    ]


def test_an_explanation_says_why_a_profile_differs_and_leaves_out_what_there_is_not() -> None:
    """No next command, no line for it."""
    rule = RULE.model_copy(update={"because": "a small machine"})
    words = explanation(Checked(rule, Observed(2, "shop/web"), Failed(ONE), 1.0, 0.5))
    assert words.splitlines()[-2:] == ["  source    the test", "  because   a small machine"]


def test_a_result_of_a_failure_has_both_sides_each_difference_and_its_code() -> None:
    absent = Difference("status", "an object", "absent", code="object-absent")
    result = result_of(checked(Failed(absent, ONE)), PLANNED)
    assert result.outcome is Outcome.FAILED
    assert (result.expected, result.observed) == ("an object", "status absent; spec.replicas 2")
    assert result.codes == ("object-absent", "field-differs")
    assert result.differences == (str(absent), str(ONE))
    assert result.source == "rows.yaml:3"


def test_a_result_of_a_pass_says_what_was_expected() -> None:
    result = result_of(checked(Passed("spec.replicas")), PLANNED)
    assert (result.outcome, result.expected) == (Outcome.PASSED, "3")
    assert result.observed == "as expected"
    assert result.evidence == ("2 of 3", "since noon")


def test_a_result_of_a_doubt_keeps_what_was_seen_and_says_why_it_is_no_verdict() -> None:
    result = result_of(checked(Doubt("the control could not dial", "kubectl get pods")), PLANNED)
    assert (result.outcome, result.cause) == (Outcome.INCONCLUSIVE, "the control could not dial")
    assert (result.expected, result.observed) == ("", "")
    assert (result.evidence, result.next) == (("2 of 3", "since noon"), "kubectl get pods")
    blind = result_of(checked(Doubt("no answer"), None), PLANNED)
    assert (blind.where, blind.next) == ("", "kubectl describe -n shop deployment/web")


def test_only_a_look_that_an_option_forbade_is_not_for_the_cluster_to_explain() -> None:
    """So it gets no diagnostics: hundreds of them would take longer than the rest of the run."""
    forbidden = Doubt.of(NotAllowedError("needs an exec, and --read-only was given"))
    refused = Doubt.of(
        ObservationError("403 Forbidden", next_command="kubectl auth can-i get pods")
    )
    assert not checked(forbidden, None).is_explicable
    assert checked(refused, None).is_explicable
    assert checked(Failed(ONE), None).is_explicable
    assert (refused.reason, refused.next_command) == (
        "403 Forbidden",
        "kubectl auth can-i get pods",
    )
