"""What NetworkPolicies mean: the enforcer's dialled table, and what the README's policy lacks."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterproof.kube.policies import (
    Decision,
    Destination,
    Policy,
    Rule,
    RulePeer,
    RulePort,
    decide_egress,
    read_policy,
    show_selector,
)
from clusterproof.spec.need import Need, parse_need
from testbed.oracles.policies.reading import reaches
from testbed.oracles.policies.world import Case, read_cases, read_world
from tests.observe.cluster_objects import policy

WORLD = read_world()
LITERAL = policy(
    "model-router-netpol",
    "shop",
    podSelector={"matchLabels": {"app": "web"}},
    policyTypes=["Egress"],
    egress=[{"to": [{"namespaceSelector": {"matchLabels": {"name": "posthog"}}}]}],
)


@pytest.mark.parametrize("case", read_cases(), ids=lambda case: case.id)
def test_rule_agrees_with_the_table(case: Case) -> None:
    arrives = reaches(WORLD, WORLD.chosen(case), WORLD.flow(case))
    assert ("allowed" if arrives else "refused") == case.expect


def test_literal_readme_policy_is_recognised() -> None:
    assert read_policy(LITERAL).is_literal_readme


@pytest.mark.parametrize(
    "change",
    [
        {"policyTypes": ["Ingress", "Egress"]},
        {"egress": []},
        {"egress": [*LITERAL["spec"]["egress"], {"ports": [{"port": 53, "protocol": "UDP"}]}]},
        {"egress": [{**LITERAL["spec"]["egress"][0], "ports": [{"port": 8000}]}]},
    ],
)
def test_policy_with_anything_more_is_not_the_literal_one(change: dict[str, Any]) -> None:
    assert not read_policy(policy("p", "shop", **{**LITERAL["spec"], **change})).is_literal_readme


@pytest.mark.parametrize(
    ("spec", "types"),
    [
        ({}, ("Ingress",)),
        ({"egress": [{}]}, ("Ingress", "Egress")),
        ({"egress": []}, ("Ingress",)),
        ({"policyTypes": ["Egress"]}, ("Egress",)),
        ({"policyTypes": [], "egress": [{}]}, ("Ingress", "Egress")),
    ],
)
def test_types_have_the_defaults_of_the_api(spec: dict[str, Any], types: tuple[str, ...]) -> None:
    assert read_policy(policy("p", "shop", **spec)).types == types


def test_decision_names_the_rule() -> None:
    to = Destination("x", 8000, namespace="posthog", namespace_labels={"name": "posthog"})
    found = decide_egress([read_policy(LITERAL)], "shop", {"app": "web"}, to)
    assert found == Decision(
        allowed=True,
        by="NetworkPolicy model-router-netpol egress[0]: to namespaces {name=posthog}",
    )


def test_decision_of_a_refusal_names_the_policies() -> None:
    to = Destination("x", 443, address="203.0.113.10")
    found = decide_egress([read_policy(LITERAL)], "shop", {"app": "web"}, to)
    assert found == Decision(
        allowed=False, by="NetworkPolicy model-router-netpol: none of 1 egress rules"
    )


def test_pod_that_no_policy_selects_reaches_everything() -> None:
    to = Destination("x", 443, address="203.0.113.10")
    assert decide_egress([read_policy(LITERAL)], "shop", {"app": "db"}, to).allowed
    assert decide_egress([read_policy(LITERAL)], "lobby", {"app": "web"}, to).allowed


@pytest.mark.parametrize(
    ("address", "cidr", "within"),
    [
        ("10.1.2.3", "10.0.0.0/8", True),
        ("10.1.2.3", "10.9.9.9/8", True),
        ("10.1.2.3/16", "10.0.0.0/8", True),
        ("10.0.0.0/8", "10.1.0.0/16", False),
        ("11.1.2.3", "10.0.0.0/8", False),
        ("2001:db8::1", "0.0.0.0/0", False),
        ("", "0.0.0.0/0", False),
    ],
)
def test_an_address_is_within_a_block(address: str, cidr: str, *, within: bool) -> None:
    to = Destination("x", 1, address=address)
    assert RulePeer(cidr=cidr).allows(to, "shop") is within


@pytest.mark.parametrize(
    ("rules", "allowed"),
    [
        ([("0.0.0.0/0", ["203.0.113.0/25"])], False),
        ([("0.0.0.0/0", ["203.0.113.9/32"])], False),
        ([("0.0.0.0/0", ["203.0.114.0/25"])], True),
        ([("203.0.113.0/25", []), ("203.0.113.128/25", [])], True),
        ([("203.0.113.0/25", []), ("203.0.113.128/26", [])], False),
        ([("0.0.0.0/0", ["203.0.113.0/25"]), ("203.0.113.0/24", [])], True),
        ([("0.0.0.0/0", ["203.0.113.0/25"]), ("203.0.113.0/25", ["203.0.113.7/32"])], False),
        ([("::/0", [])], False),
    ],
)
def test_a_block_is_allowed_where_all_of_it_is(
    rules: list[tuple[str, list[str]]], *, allowed: bool
) -> None:
    blocks = [{"to": [{"ipBlock": {"cidr": cidr, "except": holes}}]} for cidr, holes in rules]
    one_policy = read_policy(policy("p", "shop", policyTypes=["Egress"], egress=blocks))
    to = Destination("the API", 443, address="203.0.113.0/24")
    assert decide_egress([one_policy], "shop", {}, to).allowed is allowed


@pytest.mark.parametrize(
    ("port", "to", "allowed"),
    [
        (RulePort("TCP", None), Destination("x", 5), True),
        (RulePort("UDP", None), Destination("x", 5), False),
        (RulePort("TCP", 5), Destination("x", 5), True),
        (RulePort("TCP", 5), Destination("x", 6), False),
        (RulePort("TCP", 5, 7), Destination("x", 7), True),
        (RulePort("TCP", 5, 7), Destination("x", 8), False),
        (RulePort("TCP", 5, 7), Destination("x", 4), False),
        (RulePort("TCP", "db"), Destination("x", 5, named_ports={"db": 5}), True),
        (RulePort("TCP", "db"), Destination("x", 5, named_ports={"db": 6}), False),
        (RulePort("TCP", "db"), Destination("x", 5), False),
    ],
)
def test_a_port_is_a_number_a_range_or_a_name(
    port: RulePort, to: Destination, *, allowed: bool
) -> None:
    assert port.allows(to) is allowed


def test_a_peer_by_labels_is_a_pod_of_a_namespace() -> None:
    outside = Destination("x", 1, address="203.0.113.10")
    inside = Destination("x", 1, namespace="far", namespace_labels={"a": "b"}, labels={"c": "d"})
    assert not RulePeer(namespace_selector={}).allows(outside, "shop")
    assert RulePeer(namespace_selector={}).allows(inside, "shop")
    assert not RulePeer(pod_selector={}).allows(inside, "shop")
    assert RulePeer(pod_selector={}).allows(inside, "far")
    assert not RulePeer({"matchLabels": {"c": "e"}}, {}).allows(inside, "shop")


def test_a_rule_is_read_with_all_its_parts() -> None:
    peers = [
        {"podSelector": {"matchLabels": {"a": "b"}}, "namespaceSelector": {}},
        {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16", "10.2.0.0/16"]}},
    ]
    ports = [{"port": 53, "protocol": "UDP"}, {"port": 1, "endPort": 9}, {}]
    found = read_policy(
        policy("p", "shop", egress=[{"to": peers, "ports": ports}, None], ingress=[{"from": peers}])
    )
    both = (
        RulePeer({"matchLabels": {"a": "b"}}, {}),
        RulePeer(cidr="10.0.0.0/8", excepted=("10.1.0.0/16", "10.2.0.0/16")),
    )
    every = (RulePort("UDP", 53), RulePort("TCP", 1, 9), RulePort("TCP", None))
    assert found == Policy(
        "shop", "p", {}, ("Ingress", "Egress"), (Rule(both, every), Rule()), (Rule(both),)
    )
    assert str(found.egress[0]) == (
        "to namespaces {} (all), Pods {a=b} or 10.0.0.0/8 except 10.1.0.0/16, 10.2.0.0/16"
        " on 53/UDP, 1-9/TCP, every port/TCP"
    )
    assert str(Rule()) == "to everywhere"
    assert (str(RulePeer()), str(RulePeer(cidr="10.0.0.0/8"))) == ("nothing", "10.0.0.0/8")
    assert str(Destination("db", 5432)) == "db on 5432/TCP"


def test_two_policies_that_refuse_are_both_named() -> None:
    rules: list[dict[str, Any]] = [{"to": [{"podSelector": {}}]}] * 2
    two = [read_policy(policy(name, "shop", policyTypes=["Egress"], egress=rules)) for name in "pq"]
    found = decide_egress(two, "shop", {}, Destination("x", 443, address="203.0.113.10"))
    assert found.by == "NetworkPolicy p, q: none of 4 egress rules"
    none = decide_egress([], "shop", {}, Destination("x", 443))
    assert none.by == "no NetworkPolicy selects the Pod for Egress"


def test_a_selector_is_shown_with_all_its_terms() -> None:
    terms = [{"key": "x", "operator": "Exists"}, {"key": "y", "operator": "In", "values": ["1"]}]
    assert show_selector({"matchLabels": {"a": "b", "c": "d"}, "matchExpressions": terms}) == (
        "{a=b, c=d, x Exists, y In (1)}"
    )


LABELS = st.dictionaries(st.sampled_from("ab"), st.sampled_from("xy"), max_size=2)
SELECTORS = st.none() | st.fixed_dictionaries({"matchLabels": LABELS})
PEERS = st.one_of(
    st.fixed_dictionaries({}, optional={"podSelector": SELECTORS, "namespaceSelector": SELECTORS}),
    st.fixed_dictionaries(
        {"ipBlock": st.fixed_dictionaries({"cidr": st.sampled_from(["10.0.0.0/8", "0.0.0.0/0"])})}
    ),
)
RULES = st.fixed_dictionaries(
    {},
    optional={
        "to": st.lists(PEERS, max_size=2),
        "ports": st.lists(st.fixed_dictionaries({"port": st.sampled_from([53, 443])}), max_size=2),
    },
)
POLICIES = st.builds(
    lambda labels, rules: read_policy(
        policy(
            "p", "shop", podSelector={"matchLabels": labels}, policyTypes=["Egress"], egress=rules
        )
    ),
    LABELS,
    st.lists(RULES, max_size=2),
)
DESTINATIONS = st.builds(
    Destination,
    st.just("x"),
    st.sampled_from([53, 443]),
    address=st.sampled_from(["10.1.2.3", "203.0.113.10", ""]),
    namespace=st.sampled_from(["shop", "other", None]),
    namespace_labels=LABELS,
    labels=LABELS,
)


@given(st.lists(POLICIES, min_size=1, max_size=3), POLICIES, LABELS, DESTINATIONS)
def test_one_policy_more_takes_nothing_from_a_pod_that_one_selects_already(
    policies: list[Policy], more: Policy, labels: dict[str, str], to: Destination
) -> None:
    if not any(one.selects("shop", labels) for one in policies):
        return
    before = decide_egress(policies, "shop", labels, to)
    after = decide_egress([*policies, more], "shop", labels, to)
    assert after.allowed or not before.allowed


@pytest.mark.parametrize(
    ("text", "need"),
    [
        (
            "kube-system/k8s-app=kube-dns:53/UDP",
            Need("n", 53, "UDP", "kube-system", {"k8s-app": "kube-dns"}),
        ),
        ("a/x=1,y=2:80/TCP", Need("n", 80, "TCP", "a", {"x": "1", "y": "2"})),
        ("203.0.113.10/32:443/TCP", Need("n", 443, "TCP", cidr="203.0.113.10/32")),
        ("2001:db8::/32:443/TCP", Need("n", 443, "TCP", cidr="2001:db8::/32")),
    ],
)
def test_need_is_read(text: str, need: Need) -> None:
    assert parse_need("n", text) == need


@pytest.mark.parametrize("text", ["", "dns", "a/x=1:80", "a/x:80/TCP", "203.0.113.10/33:443/TCP"])
def test_malformed_need_says_what_was_expected(text: str) -> None:
    with pytest.raises(ValueError, match="expected namespace/label=value:port/protocol or CIDR"):
        parse_need("n", text)


def test_remedy_is_a_rule_that_allows_the_need() -> None:
    need = parse_need("DNS", "kube-system/k8s-app=kube-dns:53/UDP")
    assert need.remedy() == (
        "- {to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}, "
        "podSelector: {matchLabels: {k8s-app: kube-dns}}}], ports: [{port: 53, protocol: UDP}]}"
    )


def test_rules_are_shown_as_a_reader_would_name_them() -> None:
    expressions = [{"key": "tier", "operator": "In", "values": ["a", "b"]}]
    assert show_selector({"matchExpressions": expressions}) == "{tier In (a, b)}"
    assert show_selector({}) == "{} (all)"
    assert str(RulePeer(cidr="0.0.0.0/0", excepted=("10.0.0.0/8",))) == (
        "0.0.0.0/0 except 10.0.0.0/8"
    )
    assert str(RulePort("TCP", 80, 90)) == "80-90/TCP"
