"""What the judges of networks say, to the letter: egress, names, answers, policies."""

from typing import Any

import pytest

from clusterproof.checks.answer import ServiceAnswer
from clusterproof.checks.dns import Resolution
from clusterproof.checks.egress import EgressReach
from clusterproof.checks.policy import LITERAL
from clusterproof.checks.policy import look as look_at_policy
from clusterproof.kube.policies import Decision
from clusterproof.observe.answers import IngressAnswer
from clusterproof.observe.dialling import Dialled, DialOutcome
from clusterproof.observe.matrix import PodReach
from tests.judge.rows import row
from tests.judge.test_policy import POSTHOG_RULE, found, world
from tests.judging import at_cluster, differences
from tests.observe.cluster_objects import cluster_of, policy

read_policies = at_cluster(look_at_policy)

OPEN = Dialled(DialOutcome.CONNECTED, ("10.0.0.5",), "10.0.0.5", 3.0, 1)
SHUT = Dialled(DialOutcome.TIMEOUT, ("10.0.0.5",), "10.0.0.5", 4004.0, 2, "no answer in 2 s")
NAMELESS = Dialled(DialOutcome.DNS_FAILURE, text="no such name", by_address=DialOutcome.CONNECTED)
BY_RULE = Decision(allowed=True, by="rule 0")
BY_NONE = Decision(allowed=False, by="none of 2 rules")
AT = "timeout at 10.0.0.5 (no answer in 2 s), 2 attempts"


def said(rule: Any, value: object) -> list[str]:  # noqa: ANN401 - any row
    """The differences as a report shows them."""
    return [str(one) for one in differences(rule, value)]


def egress(expected: str) -> Any:  # noqa: ANN401 - a row
    """A row of one peer."""
    return row(
        "egress", workload="Deployment/ns/web", host="db", port=1, protocol="TCP", expected=expected
    )


@pytest.mark.parametrize(
    ("expected", "dialled", "control", "reading", "words"),
    [
        (
            "allowed",
            SHUT,
            SHUT,
            (BY_RULE,),
            f"{AT} (the control peer could not reach it either: the peer, not a policy)",
        ),
        ("allowed", SHUT, OPEN, (BY_RULE, BY_NONE), f"{AT} (none of 2 rules allows it)"),
        (
            "allowed",
            SHUT,
            OPEN,
            (BY_RULE,),
            f"{AT} (rule 0 allows it: look at the peer and at its ingress policies)",
        ),
        ("allowed", SHUT, OPEN, (), AT),
        (
            "allowed",
            NAMELESS,
            OPEN,
            (BY_RULE,),
            f"{NAMELESS} (the peer itself is allowed, its name cannot be resolved: DNS is refused)",
        ),
        (
            "refused",
            OPEN,
            OPEN,
            (BY_NONE,),
            "allowed (none of 2 rules allows it: the policy is not enforced)",
        ),
        ("refused", OPEN, OPEN, (BY_NONE, BY_RULE), "allowed (rule 0)"),
        ("refused", OPEN, OPEN, (), "allowed"),
    ],
)
def test_egress_says_what_the_dial_and_the_policies_say_together(
    expected: str,
    dialled: Dialled,
    control: Dialled,
    reading: tuple[Decision, ...],
    words: str,
) -> None:
    """Two Pods of one fate are one difference."""
    pods = (PodReach("a", dialled), PodReach("b", dialled))
    value = EgressReach(pods, control, reading=reading)
    assert said(egress(expected), value) == [f"2 of 2 Pods: expected {expected}, observed {words}"]


def test_a_name_says_what_it_leads_to() -> None:
    """In each Pod by itself; the order of addresses does not count."""
    rule = row("dns", workload="Deployment/ns/web", name="db", service="Service/ns/db")
    two = Dialled(DialOutcome.CONNECTED, ("10.0.0.6", "10.0.0.5"), "10.0.0.6", 3.0, 1)
    both = ("10.0.0.5", "10.0.0.6")
    assert said(rule, Resolution((PodReach("a", two), PodReach("b", OPEN)), both)) == [
        "b: expected 10.0.0.5, 10.0.0.6, observed 10.0.0.5"
    ]
    assert said(rule, Resolution((PodReach("a", two),), ("10.0.0.5",))) == [
        "a: expected 10.0.0.5, observed 10.0.0.6, 10.0.0.5"
    ]
    assert said(rule, Resolution((PodReach("a", NAMELESS),), both)) == [
        f"a: expected 10.0.0.5, 10.0.0.6, observed {NAMELESS}"
    ]
    assert said(rule, Resolution((PodReach("a", OPEN),), None)) == [
        "Service/ns/db: expected a Service, observed absent"
    ]


@pytest.mark.parametrize(
    ("status", "well"), [(199, False), (200, True), (299, True), (300, False), (0, False)]
)
def test_http_is_answered_by_any_2xx(status: int, *, well: bool) -> None:
    """A redirection is no answer."""
    rule = row("answer", service="Service/ns/web", port=80, protocol="http")
    dialled = Dialled(DialOutcome.CONNECTED, ("10.0.0.5",), "10.0.0.5", 2.0, 1, "", status)
    words = said(rule, ServiceAnswer(dialled))
    assert (words == []) is well
    assert all(one.startswith("web:80: expected HTTP 2xx, observed connected") for one in words)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (
            IngressAnswer(dialled=None, trouble="its status has no address"),
            ["https://a.example/x: expected HTTP 200, observed not dialled"
             " (its status has no address)"],
        ),
        (
            IngressAnswer(dialled=Dialled(DialOutcome.PROTOCOL_ERROR, text="self-signed")),
            ["https://a.example/x: expected HTTP 200 with its own certificate,"
             " observed protocol-error (self-signed)"],
        ),
        (
            IngressAnswer(
                dialled=Dialled(DialOutcome.CONNECTED, status=502, fingerprint="b" * 20),
                own_fingerprint="a" * 20,
            ),
            [
                f"certificate: expected {'a' * 16}, observed {'b' * 16} (SHA-256)",
                "https://a.example/x: expected HTTP 200, observed HTTP 502",
            ],
        ),
    ],
)  # fmt: skip
def test_an_ingress_says_what_answered(value: IngressAnswer, words: list[str]) -> None:
    """The certificate by its first 16 digits."""
    rule = row("ingress-answer", of="Ingress/ns/web", host="a.example", path="/x")
    assert said(rule, value) == words


def test_a_policy_says_what_it_selects_and_which_types_it_has() -> None:
    """Or that Egress is none of them."""
    others = world(podSelector={"matchLabels": {"app": "other"}}, policyTypes=["Ingress"])
    assert found("selects", others) == [
        "spec.policyTypes: expected Egress among them, observed Ingress",
        "spec.podSelector: expected to select Pod model-router-1, observed {app=other} does not",
    ]
    assert found("selects", world(policyTypes=[], egress=[])) == [
        "spec.policyTypes: expected Egress among them, observed Ingress"
    ]


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (
            {},
            "namespace posthog has no label name; either kubectl label namespace posthog"
            " name=posthog, or select kubernetes.io/metadata.name: posthog",
        ),
        (
            {"name": "other"},
            "namespace posthog has name=other; either kubectl label namespace posthog"
            " name=posthog --overwrite, or select kubernetes.io/metadata.name: posthog",
        ),
    ],
)
def test_a_selector_of_nobody_says_how_to_mend_it(labels: dict[str, str], words: str) -> None:
    """The label that somebody has to put there, or the one that the API server puts."""
    assert found("peers", world(POSTHOG_RULE, posthog=labels)) == [
        "egress[0].to[0].namespaceSelector {name=posthog}:"
        f" expected a namespace with this label, observed none ({words})"
    ]


def test_a_selector_of_a_namespace_that_is_not_there_says_so() -> None:
    """Nothing can be labelled then."""
    rule = {"to": [{"namespaceSelector": {"matchLabels": {"name": "nowhere"}}}]}
    (only,) = found("peers", world(rule))
    assert only.endswith("observed none (no namespace of that name either)")


def test_a_label_that_is_there_already_needs_no_remedy() -> None:
    """The other one of the selector does."""
    labels = {"kubernetes.io/metadata.name": "posthog", "name": "posthog"}
    rule = {"to": [{"namespaceSelector": {"matchLabels": labels}}]}
    (only,) = found("peers", world(rule, posthog={}))
    assert "(namespace posthog has no label name; either kubectl label" in only


def test_each_peer_is_looked_at() -> None:
    """Also behind one that is as it should be; without Pods that a policy could select, too."""
    pods = {"podSelector": {"matchLabels": {"app": "postgres"}}}
    nowhere = {"namespaceSelector": {"matchLabels": {"name": "nowhere"}}}
    objects = world({"to": [pods, nowhere]})
    (only,) = found("peers", [one for one in objects if one["kind"] not in {"Pod", "Deployment"}])
    assert only.startswith("egress[0].to[1].namespaceSelector {name=nowhere}: expected")


def test_the_literal_policy_is_said_once() -> None:
    """With the rule that is missing for each need."""
    dns, database, llm = found("allows", world(POSTHOG_RULE))
    refused = "observed NetworkPolicy model-router-netpol: none of 1 egress rules allows it"
    assert dns == (
        f"DNS: expected kube-system/k8s-app=kube-dns on 53/UDP allowed, {refused} ({LITERAL};"
        " add to spec.egress: - {to: [{namespaceSelector: {matchLabels:"
        " {kubernetes.io/metadata.name: kube-system}}, podSelector: {matchLabels:"
        " {k8s-app: kube-dns}}}], ports: [{port: 53, protocol: UDP}]})"
    )
    assert database.startswith(
        f"PostgreSQL: expected shop/app=postgres on 5432/TCP allowed, {refused} (add to"
    )
    assert llm.endswith(
        "(add to spec.egress: - {to: [{ipBlock: {cidr: 203.0.113.10/32}}],"
        " ports: [{port: 443, protocol: TCP}]})"
    )


def test_another_policy_is_not_called_the_literal_one() -> None:
    """It denies in its own way."""
    (first, *_) = found("allows", world(POSTHOG_RULE, POSTHOG_RULE))
    assert "none of 2 egress rules allows it (add to spec.egress: " in first


def test_no_policy_and_no_pods_are_said() -> None:
    """With the policies that there are."""
    rule = row(
        "policy",
        of="NetworkPolicy/shop/p",
        workload="Deployment/shop/model-router",
        aspect="selects",
    )
    objects = [one for one in world() if one["kind"] not in {"NetworkPolicy", "Pod"}]
    with cluster_of(*objects) as cluster:
        absent = read_policies(cluster, rule).value
    assert said(rule, absent) == [
        "NetworkPolicy/shop/p: expected a NetworkPolicy, observed absent (there: none)"
    ]
    beside = [policy(name, "shop") for name in ("first", "second")]
    with cluster_of(*objects, *beside) as cluster:
        among = read_policies(cluster, rule).value
    assert said(rule, among) == [
        "NetworkPolicy/shop/p: expected a NetworkPolicy, observed absent (there: first, second)"
    ]
    without_pods = [one for one in world() if one["kind"] not in {"Pod", "Deployment"}]
    named = row(
        "policy",
        of="NetworkPolicy/shop/model-router-netpol",
        workload="Deployment/shop/model-router",
        aspect="selects",
    )
    with cluster_of(*without_pods) as cluster:
        alone = read_policies(cluster, named).value
    assert said(named, alone) == [
        "Deployment/shop/model-router: expected a workload with Pods, observed none"
    ]
