"""Egress as dialled: allowed, refused, and what allows no verdict."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterproof.checks import judge
from clusterproof.checks.dns import Resolution, read_resolution
from clusterproof.checks.egress import EgressReach, read_reach
from clusterproof.errors import ObservationError
from clusterproof.judgement import Failed, Passed
from clusterproof.kube.policies import Decision, Destination
from clusterproof.observe.dialler import Dialling
from clusterproof.observe.dialling import Dialled, DialOutcome
from clusterproof.observe.matrix import Matrix, PodReach, peers_of
from clusterproof.spec.behaviour import DnsRow, EgressRow
from clusterproof.spec.row import Area
from tests.judging import differences, doubt
from tests.observe.cluster_objects import (
    cluster_of,
    deployment,
    endpoints,
    namespace,
    pod,
    policy,
    service,
)

CONNECTED = Dialled(DialOutcome.CONNECTED, ("10.96.0.50",), "10.96.0.50", 3.0, 1)
TIMEOUT = Dialled(DialOutcome.TIMEOUT, ("10.96.0.50",), "10.96.0.50", 4004.0, 2, "no answer in 2 s")
REFUSED = Dialled(DialOutcome.REFUSED, ("10.96.0.50",), "10.96.0.50", 1.0, 2, "reset or rejected")
NO_NAME = Dialled(DialOutcome.DNS_FAILURE, text="temporary failure")
NO_NAME_BUT_OPEN = Dialled(DialOutcome.DNS_FAILURE, by_address=DialOutcome.CONNECTED)
NO_NAME_AND_SHUT = Dialled(DialOutcome.DNS_FAILURE, by_address=DialOutcome.TIMEOUT)
BY_NO_RULE = Decision(allowed=False, by="NetworkPolicy p: none of 1 egress rules")
BY_NO_POLICY = Decision(allowed=True, by="no NetworkPolicy selects the Pod", isolated=False)
BY_RULE = Decision(allowed=True, by="NetworkPolicy p egress[0]: to everywhere")


def row(expected: str, protocol: str = "TCP") -> EgressRow:
    return EgressRow.model_validate(
        {
            "id": "a-row",
            "area": Area.NETWORK_POLICY,
            "claim": "Who may reach whom",
            "source": "the contract",
            "check": "egress",
            "workload": "Deployment/shop/router",
            "host": "db.shop.svc.cluster.local",
            "port": 5432,
            "protocol": protocol,
            "expected": expected,
        }
    )


def reach(
    *dialled: Dialled, control: Dialled = CONNECTED, reading: Decision | None = None
) -> EgressReach:
    pods = tuple(PodReach(f"router-{n}", one) for n, one in enumerate(dialled))
    return EgressReach(pods, control, reading=(reading,) if reading else ())


def found(rule: EgressRow, value: EgressReach) -> list[str]:
    return [str(one) for one in differences(rule, value)]


def test_allowed_peer_that_every_pod_reaches_is_as_expected() -> None:
    assert found(row("allowed"), reach(CONNECTED, CONNECTED)) == []


@pytest.mark.parametrize("seen", [TIMEOUT, REFUSED, NO_NAME_AND_SHUT])
def test_refused_peer_that_no_pod_reaches_is_as_expected(seen: Dialled) -> None:
    assert found(row("refused"), reach(seen, TIMEOUT)) == []


def test_one_pod_of_three_is_enough_to_differ() -> None:
    (only,) = found(row("allowed"), reach(CONNECTED, TIMEOUT, CONNECTED, reading=BY_NO_RULE))
    assert only == (
        "1 of 3 Pods: expected allowed, observed timeout at 10.96.0.50 (no answer in 2 s),"
        " 2 attempts (NetworkPolicy p: none of 1 egress rules allows it)"
    )


def test_timeout_refusal_and_missing_name_are_three_differences() -> None:
    seen = found(row("allowed"), reach(TIMEOUT, REFUSED, NO_NAME))
    assert [one.split("observed ")[1].split(" ")[0] for one in seen] == [
        "timeout",
        "refused",
        "the",
    ]


def test_missing_dns_is_told_from_a_refusal() -> None:
    (only,) = found(row("allowed"), reach(NO_NAME_BUT_OPEN, reading=BY_RULE))
    assert "the peer itself is allowed, its name cannot be resolved" in only


def test_dead_peer_is_told_from_a_policy() -> None:
    (only,) = found(row("allowed"), reach(TIMEOUT, control=TIMEOUT, reading=BY_RULE))
    assert "the control peer could not reach it either" in only


def test_allowed_by_the_policy_and_still_shut_points_at_the_peer() -> None:
    (only,) = found(row("allowed"), reach(TIMEOUT, reading=BY_RULE))
    assert "look at the peer and at its ingress policies" in only


@pytest.mark.parametrize("seen", [CONNECTED, NO_NAME_BUT_OPEN])
def test_refused_peer_that_is_reached_differs(seen: Dialled) -> None:
    (only,) = found(row("refused"), reach(TIMEOUT, seen))
    assert only.startswith("1 of 2 Pods: expected refused, observed allowed")


def test_reached_against_the_policies_is_not_enforced() -> None:
    (only,) = found(row("refused"), reach(CONNECTED, reading=BY_NO_RULE))
    assert "the policy is not enforced" in only


def test_reached_by_a_rule_names_the_rule() -> None:
    (only,) = found(row("refused"), reach(CONNECTED, reading=BY_RULE))
    assert "NetworkPolicy p egress[0]: to everywhere" in only


@pytest.mark.parametrize("control", [TIMEOUT, REFUSED, NO_NAME])
def test_refusal_is_no_verdict_when_the_control_fails_too(control: Dialled) -> None:
    why = doubt(row("refused"), reach(TIMEOUT, control=control))
    assert why.startswith("the control peer could not reach it either")


def test_missing_name_is_no_refusal() -> None:
    assert "the name did not resolve" in doubt(row("refused"), reach(NO_NAME))


def test_pod_that_could_not_be_looked_from_is_no_verdict() -> None:
    blind = EgressReach((PodReach("a", CONNECTED),), CONNECTED, unseen=("b: forbidden",))
    assert doubt(row("allowed"), blind) == "could not look from b: forbidden"
    shut = EgressReach((PodReach("a", TIMEOUT),), CONNECTED, unseen=("b: forbidden",))
    assert doubt(row("refused"), shut) == "could not look from b: forbidden"


def test_udp_silence_everywhere_is_no_verdict() -> None:
    assert doubt(row("allowed", "UDP"), reach(TIMEOUT, control=TIMEOUT)) != ""


def dns(*dialled: Dialled, over_tcp: EgressReach) -> EgressReach:
    return replace(reach(*dialled), over_tcp=over_tcp)


@pytest.mark.parametrize(
    ("over_tcp", "words"),
    [
        (reach(NO_NAME), "DNS over TCP: no refusal was seen in router-0"),
        (reach(TIMEOUT, control=TIMEOUT), "DNS over TCP: the control peer could not reach it"),
        (replace(reach(TIMEOUT), unseen=("b: gone",)), "DNS over TCP: could not look from b: gone"),
    ],
)
def test_dns_that_is_refused_over_udp_alone_is_no_verdict(
    over_tcp: EgressReach, words: str
) -> None:
    assert doubt(row("refused", "DNS"), dns(TIMEOUT, over_tcp=over_tcp)).startswith(words)


def test_dns_that_is_refused_over_both_is_as_expected() -> None:
    judgement = judge(row("refused", "DNS"), dns(TIMEOUT, over_tcp=reach(TIMEOUT)))
    assert isinstance(judgement, Passed)
    assert judgement.compared == (
        "Pod router-0 -> db.shop.svc.cluster.local:5432/DNS",
        "Pod router-0 -> db.shop.svc.cluster.local:5432, DNS over TCP",
    )


@pytest.mark.parametrize(
    ("expected", "protocol", "fact", "code"),
    [
        ("allowed", "TCP", reach(TIMEOUT), "peer-not-reached"),
        ("allowed", "TCP", reach(NO_NAME), "name-not-resolved"),
        ("allowed", "TCP", reach(TIMEOUT, reading=BY_RULE), "peer-not-reached"),
        ("allowed", "TCP", reach(TIMEOUT, reading=BY_NO_RULE), "peer-not-allowed"),
        ("allowed", "TCP", reach(NO_NAME_AND_SHUT, reading=BY_NO_RULE), "peer-not-allowed"),
        ("allowed", "TCP", reach(NO_NAME_BUT_OPEN, reading=BY_NO_RULE), "name-not-resolved"),
        ("refused", "TCP", reach(CONNECTED), "peer-reached"),
        ("refused", "TCP", reach(CONNECTED, reading=BY_RULE), "peer-reached"),
        ("refused", "TCP", reach(NO_NAME_BUT_OPEN, reading=BY_NO_RULE), "peer-reached"),
        ("refused", "TCP", reach(CONNECTED, reading=BY_NO_RULE), "policy-not-enforced"),
        ("refused", "TCP", reach(CONNECTED, reading=BY_NO_POLICY), "pod-not-isolated"),
        ("allowed", "DNS", reach(TIMEOUT), "dns-refused"),
        (
            "allowed",
            "DNS",
            dns(CONNECTED, over_tcp=reach(TIMEOUT)),
            "dns-tcp-refused",
        ),
    ],
)
def test_each_way_to_differ_has_its_code(
    expected: str, protocol: str, fact: EgressReach, code: str
) -> None:
    found_differences = differences(row(expected, protocol), fact)
    assert [difference.code for difference in found_differences] == [code]


DIALLED = st.builds(
    Dialled, st.sampled_from(DialOutcome), by_address=st.none() | st.sampled_from(DialOutcome)
)


@given(st.sampled_from(["allowed", "refused"]), st.lists(DIALLED, min_size=1, max_size=4), DIALLED)
def test_nothing_but_what_was_asked_for_passes(
    expected: str, seen: list[Dialled], control: Dialled
) -> None:
    rule, value = row(expected), reach(*seen, control=control)
    passes = isinstance(judge(rule, value), Passed)
    if expected == "allowed":
        assert passes == all(one.outcome is DialOutcome.CONNECTED for one in seen)
    else:
        shut = all((one.by_address or one.outcome).blocked for one in seen)
        assert passes == (shut and control.outcome is DialOutcome.CONNECTED)


@given(st.sampled_from(["allowed", "refused"]), st.lists(DIALLED, min_size=1, max_size=4), DIALLED)
def test_what_the_policies_say_explains_a_verdict_and_changes_none(
    expected: str, seen: list[Dialled], control: Dialled
) -> None:
    verdicts = set()
    for reading in (None, BY_RULE, BY_NO_RULE):
        rule, value = row(expected), reach(*seen, control=control, reading=reading)
        judgement = judge(rule, value)
        outcome: object = judgement
        if isinstance(judgement, Failed):
            outcome = tuple((one.what, one.observed) for one in judgement.differences)
        verdicts.add(outcome)
    assert len(verdicts) == 1


WORLD = (
    namespace("shop"),
    deployment("router", "shop", {"app": "router"}),
    pod("router-1", "shop", {"app": "router"}),
    pod("db-0", "shop", {"app": "db"}, ip="10.244.1.9", ports={"pg": 5433}),
    service("db", "shop", 5432, "pg", {"app": "db"}),
    endpoints("db", "shop", 5433, {"db-0": "10.244.1.9"}),
    policy(
        "p",
        "shop",
        podSelector={"matchLabels": {"app": "router"}},
        policyTypes=["Egress"],
        egress=[
            {"to": [{"podSelector": {"matchLabels": {"app": "db"}}}], "ports": [{"port": 5433}]}
        ],
    ),
)


def matrix(seen: Dialled) -> Matrix:
    rule = row("allowed")
    router = Dialling("router-1", {rule.id: seen}, "exec of python3")
    return Matrix(
        Dialling("shop/control", {rule.id: CONNECTED}, "ours"), {rule.workload: (router,)}, {}
    )


def test_evidence_names_pods_control_and_the_rule_behind_the_service() -> None:
    with cluster_of(*WORLD) as cluster:
        seen = read_reach(cluster, matrix(CONNECTED), row("allowed"))
    assert seen.where == "shop/router -> db.shop.svc.cluster.local:5432/TCP"
    assert seen.evidence[0].startswith("1 of 1 Pods: connected at 10.96.0.50 in 3 ms")
    assert seen.evidence[1] == "control peer shop/control: connected at 10.96.0.50 in 3 ms"
    assert seen.evidence[2] == (
        "reading: allowed by NetworkPolicy p egress[0]: to Pods {app=db} on 5433/TCP"
    )
    assert seen.next_command == "kubectl -n shop describe networkpolicy"
    assert "exec of python3; control: ours" in seen.how


@pytest.mark.parametrize(
    ("host", "forbidden", "words"),
    [
        ("db", (), "reading: allowed by NetworkPolicy p egress[0]"),
        ("db.shop", (), "reading: allowed by NetworkPolicy p egress[0]"),
        ("db.shop.svc", (), "reading: allowed by NetworkPolicy p egress[0]"),
        ("example.com", (), "reading: refused by NetworkPolicy p: none of 1 egress rules"),
        (
            "example.com",
            ("Service",),
            "reading: refused by NetworkPolicy p: none of 1 egress rules",
        ),
        ("db.shop.svc", ("Service",), None),
        ("db", ("Service",), None),
    ],
)
def test_a_name_is_what_it_stands_for_in_a_pod_of_the_workload(
    host: str, forbidden: tuple[str, ...], words: str | None
) -> None:
    rule = row("allowed").model_copy(update={"host": host})
    with cluster_of(*WORLD, forbidden=forbidden) as cluster:
        seen = read_reach(cluster, matrix(CONNECTED), rule)
    readings = [line for line in seen.evidence if line.startswith("reading")]
    assert len(readings) == (words is not None)
    assert all(line.startswith(words or "") for line in readings)


def test_refusal_that_the_control_shares_is_a_doubt_with_its_fact() -> None:
    rule = row("refused")
    router = Dialling("router-1", {rule.id: TIMEOUT})
    both = Matrix(Dialling("shop/control", {rule.id: TIMEOUT}), {rule.workload: (router,)}, {})
    with cluster_of(*WORLD) as cluster:
        fact = read_reach(cluster, both, rule).value
    assert fact.control == TIMEOUT
    assert doubt(rule, fact).startswith("the control peer could not reach it either")


def test_workload_that_could_not_be_dialled_from_is_an_observation_error() -> None:
    rule = row("allowed")
    error = ObservationError("no ready Pod")
    nothing = Matrix(Dialling("shop/control", {rule.id: CONNECTED}), {}, {rule.workload: error})
    with cluster_of(*WORLD) as cluster, pytest.raises(ObservationError, match="no ready Pod"):
        read_reach(cluster, nothing, rule)


SELF = pod("router-1", "shop", {"app": "router"})


def test_pod_behind_the_service_dials_another_backend_directly() -> None:
    rule = row("refused")
    behind = {
        rule.id: (
            Destination("shop/router-1", 8080, address="10.0.0.1", namespace="shop"),
            Destination("shop/router-2", 8080, address="10.0.0.2", namespace="shop"),
        )
    }
    control = Dialling("shop/control", {rule.id: CONNECTED})
    (peer,) = peers_of(SELF, [rule], behind, control)
    assert (peer.host, peer.port, peer.known) == ("10.0.0.2", 8080, ())
    assert peers_of(SELF, [rule], {rule.id: behind[rule.id][:1]}, control) == []


def test_pod_that_is_not_behind_the_service_dials_the_service() -> None:
    rule = row("refused")
    behind = {rule.id: (Destination("shop/db-0", 5433, address="10.0.0.9", namespace="shop"),)}
    (peer,) = peers_of(SELF, [rule], behind, Dialling("shop/control", {rule.id: CONNECTED}))
    assert (peer.host, peer.port) == (rule.host, rule.port)
    assert peer.known == CONNECTED.addresses


def test_pod_that_is_alone_behind_the_service_is_no_verdict() -> None:
    rule = row("refused")
    alone = Matrix(
        Dialling("shop/control", {rule.id: CONNECTED}),
        {rule.workload: (Dialling("router-1", {}, "exec"),)},
        {},
    )
    with cluster_of(*WORLD) as cluster:
        fact = read_reach(cluster, alone, rule).value
    assert "the only Pod behind" in doubt(rule, fact)


def dns_row() -> DnsRow:
    return DnsRow.model_validate(
        {
            "id": "a-row",
            "area": Area.NETWORKING,
            "claim": "A name resolves",
            "source": "the contract",
            "check": "dns",
            "workload": "Deployment/shop/router",
            "name": "db.shop.svc.cluster.local",
            "service": "Service/shop/db",
        }
    )


def test_name_that_leads_to_its_service_is_as_expected() -> None:
    with cluster_of(*WORLD) as cluster:
        seen = read_resolution(cluster, matrix(CONNECTED), dns_row())
    assert seen.value.expected == ("10.96.0.50",)
    assert differences(dns_row(), seen.value) == ()


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (Resolution((PodReach("a", NO_NAME),), ("10.96.0.50",)), "the name did not resolve"),
        (Resolution((PodReach("a", CONNECTED),), ("10.96.0.9",)), "observed 10.96.0.50"),
        (Resolution((PodReach("a", CONNECTED),), None), "expected a Service, observed absent"),
    ],
)
def test_name_that_leads_elsewhere_differs(value: Resolution, words: str) -> None:
    (only,) = differences(dns_row(), value)
    assert words in str(only)


INTERCEPTED = Dialled(DialOutcome.INTERCEPTED, ("10.96.0.50",), "10.96.0.50", 1.0, 1, "a proxy")


@pytest.mark.parametrize("expected", ["allowed", "refused"])
def test_what_only_a_proxy_accepted_is_no_verdict(expected: str) -> None:
    """The sidecar of a mesh accepts what a policy drops behind it, and what nobody answers."""
    assert "router-0: intercepted" in doubt(row(expected), reach(INTERCEPTED))


def test_a_refusal_beside_an_intercepted_control_is_no_verdict() -> None:
    assert doubt(row("refused"), reach(TIMEOUT, control=INTERCEPTED))


def test_a_pod_that_does_not_reach_an_allowed_peer_differs_beside_one_behind_a_proxy() -> None:
    (difference,) = found(row("allowed"), reach(INTERCEPTED, TIMEOUT))
    assert difference.startswith("1 of 2 Pods")
