"""The pure ruleset against the table of cases, and against an independent reading at random.

Source: Kubernetes docs, "Network Policies" (v1.35).
"""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.controllers.kube import Json
from testbed.controllers.netpol import read_namespace, read_pod, read_policy
from testbed.controllers.nft import ruleset
from tests.testbed_controllers.nft_reading import Ruleset, arrives, read_ruleset
from tests.testbed_controllers.policy_reading import reaches
from tests.testbed_controllers.policy_world import Case, Flow, World, read_cases, read_world

WORLD = read_world()


def rulesets(world: World, policies: tuple[Json, ...]) -> dict[str, Ruleset]:
    pods = [pod for raw in world.pods if (pod := read_pod(raw))]
    facts = [read_policy(raw) for raw in policies]
    namespaces = [read_namespace(raw) for raw in world.namespaces]
    return {node: read_ruleset(ruleset(facts, namespaces, pods, node)) for node in world.nodes}


@pytest.mark.parametrize("case", read_cases(), ids=lambda case: case.id)
def test_independent_reading_agrees_with_the_table(case: Case) -> None:
    seen = reaches(WORLD, WORLD.chosen(case), WORLD.flow(case))
    assert ("allowed" if seen else "refused") == case.expect


@pytest.mark.parametrize("case", read_cases(), ids=lambda case: case.id)
def test_ruleset_agrees_with_the_table(case: Case) -> None:
    chosen = WORLD.chosen(case)
    seen = arrives(WORLD, rulesets(WORLD, chosen), WORLD.flow(case))
    assert ("allowed" if seen else "refused") == case.expect


def test_every_policy_of_the_table_is_used() -> None:
    assert {name for case in read_cases() for name in case.policies} == set(WORLD.policies)


KEYS = st.sampled_from(["app", "tier", "trust", "name", "team"])
VALUES = st.sampled_from(["web", "db", "api", "front", "back", "high", "shop", "blue"])
EXPRESSIONS = st.one_of(
    st.fixed_dictionaries(
        {
            "key": KEYS,
            "operator": st.sampled_from(["In", "NotIn"]),
            "values": st.lists(VALUES, min_size=1, max_size=3),
        }
    ),
    st.fixed_dictionaries({"key": KEYS, "operator": st.sampled_from(["Exists", "DoesNotExist"])}),
)
SELECTORS = st.fixed_dictionaries(
    {},
    optional={
        "matchLabels": st.dictionaries(KEYS, VALUES, max_size=1),
        "matchExpressions": st.lists(EXPRESSIONS, max_size=2),
    },
)
BLOCKS = st.sampled_from(
    [
        {"cidr": "0.0.0.0/0"},
        {"cidr": "0.0.0.0/0", "except": ["10.99.0.0/16", "10.99.1.0/24", "198.51.100.8/29"]},
        {"cidr": "10.99.1.8/29", "except": ["10.99.1.11/32"]},
        {"cidr": "10.99.0.2/32"},
        {"cidr": "fd99::/16", "except": ["fd99::2:0/112"]},
        {"cidr": "::/0"},
    ]
)
PEERS = st.one_of(
    st.fixed_dictionaries({"podSelector": SELECTORS}),
    st.fixed_dictionaries({"namespaceSelector": SELECTORS}),
    st.fixed_dictionaries({"namespaceSelector": SELECTORS, "podSelector": SELECTORS}),
    st.fixed_dictionaries({"ipBlock": BLOCKS}),
)
PORTS = st.one_of(
    st.fixed_dictionaries({"protocol": st.sampled_from(["TCP", "UDP", "SCTP"])}),
    st.sampled_from(
        [
            {"port": 80},
            {"port": 8080, "endPort": 9004},
            {"protocol": "UDP", "port": 53},
            {"port": "http"},
            {"protocol": "UDP", "port": "dns"},
            {"protocol": "SCTP", "port": 9000},
        ]
    ),
)


def rules(peers_key: str, min_size: int = 0) -> st.SearchStrategy[list[Json]]:
    rule = st.fixed_dictionaries(
        {}, optional={peers_key: st.lists(PEERS, max_size=2), "ports": st.lists(PORTS, max_size=2)}
    )
    return st.lists(rule, min_size=min_size, max_size=2)


POLICIES = st.fixed_dictionaries(
    {
        "metadata": st.fixed_dictionaries(
            {
                "name": st.just("any"),
                "namespace": st.sampled_from(["shop", "partner", "lobby"]),
            }
        ),
        "spec": st.fixed_dictionaries(
            {"podSelector": SELECTORS},
            optional={
                "policyTypes": st.sampled_from([["Ingress"], ["Egress"], ["Ingress", "Egress"]]),
                "ingress": rules("from"),
                "egress": rules("to", min_size=1),
            },
        ),
    }
)
ENDS = st.sampled_from([*(pod["metadata"]["name"] for pod in WORLD.pods), *WORLD.hosts])
TARGETS = st.one_of(
    st.tuples(st.just("TCP"), st.sampled_from([80, 443, 8080, 8081, 9005])),
    st.tuples(st.just("UDP"), st.sampled_from([53, 8125])),
    st.sampled_from([("SCTP", 9000), ("ICMP", 0)]),
)


@given(st.data(), st.lists(POLICIES, max_size=3))
def test_ruleset_agrees_with_the_independent_reading(
    data: st.DataObject, policies: list[Json]
) -> None:
    """Any policies, any two ends, any port: both readings come to the same verdict."""
    compiled = rulesets(WORLD, tuple(policies))
    version = data.draw(st.sampled_from([4, 4, 4, 6]), label="IP version")
    ends = ENDS.filter(lambda name: version == 4 or name not in WORLD.hosts)
    for _ in range(8):
        protocol, port = data.draw(TARGETS)
        flow = Flow(
            WORLD.address(data.draw(ends, label="source"), version),
            WORLD.address(data.draw(ends, label="destination"), version),
            protocol,
            port,
        )
        assert arrives(WORLD, compiled, flow) == reaches(WORLD, policies, flow)


def test_ruleset_is_the_same_for_any_order_of_the_pods() -> None:
    facts = [read_policy(raw) for raw in WORLD.policies.values()]
    namespaces = [read_namespace(raw) for raw in WORLD.namespaces]
    pods = [pod for raw in WORLD.pods if (pod := read_pod(raw))]
    assert ruleset(facts, namespaces, pods, "node-1") == ruleset(
        facts, namespaces, pods[::-1], "node-1"
    )


def test_pods_with_equal_rules_share_a_chain() -> None:
    shared = rulesets(WORLD, (WORLD.policies["shop-deny-both"],))["node-1"]
    assert len(shared.chains) == 4, "two base chains, and one chain each way for both Pods"


def test_younger_pod_has_an_address_that_changes_hands() -> None:
    pods = [pod for raw in WORLD.pods if (pod := read_pod(raw))]
    old = next(pod for pod in pods if pod.name == "web-1")
    young = replace(old, name="young", namespace="lobby", created="2026-01-02T00:00:00Z")
    facts = [read_policy(WORLD.policies["shop-deny-all-ingress"])]
    text = ruleset(facts, (), [young, old], "node-1")
    assert str(old.addresses[0]) not in text


@pytest.mark.parametrize(
    "change",
    [
        {"spec": {"hostNetwork": True, "nodeName": "node-1"}},
        {"status": {"phase": "Succeeded", "podIPs": [{"ip": "10.99.1.11"}]}},
        {"status": {"phase": "Pending"}},
    ],
    ids=["host-network", "finished", "without-address"],
)
def test_pod_that_policies_do_not_concern_is_left_out(change: dict[str, Any]) -> None:
    assert read_pod({**WORLD.pods[0], **change}) is None
