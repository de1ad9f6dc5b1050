"""The pure ruleset against the table of cases, and against the rule of the rows at random.

Source: Kubernetes docs, "Network Policies" (v1.35).
"""

from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterproof.kube.answer import Json
from clusterproof.kube.policies import read_policy
from testbed.controllers.nft import Rulesets
from testbed.controllers.pods import read_pod
from testbed.controllers.policy import name_and_labels
from testbed.oracles.policies.draw import TARGETS, draw_policy
from testbed.oracles.policies.reading import reaches
from testbed.oracles.policies.world import Case, Flow, World, read_cases, read_world
from tests.testbed_controllers.nft_reading import Ruleset, arrives, read_ruleset

WORLD = read_world()


def rulesets(world: World, policies: tuple[Json, ...]) -> dict[str, Ruleset]:
    pods = [pod for raw in world.pods if (pod := read_pod(raw))]
    namespaces = dict(map(name_and_labels, world.namespaces))
    compiled = Rulesets([read_policy(raw) for raw in policies], namespaces, pods)
    return {node: read_ruleset(compiled.of(node)) for node in world.nodes}


@pytest.mark.parametrize("case", read_cases(), ids=lambda case: case.id)
def test_ruleset_agrees_with_the_table(case: Case) -> None:
    chosen = WORLD.chosen(case)
    seen = arrives(WORLD, rulesets(WORLD, chosen), WORLD.flow(case))
    assert ("allowed" if seen else "refused") == case.expect


def test_every_policy_of_the_table_is_used() -> None:
    assert {name for case in read_cases() for name in case.policies} == set(WORLD.policies)


ENDS = st.sampled_from([*(pod["metadata"]["name"] for pod in WORLD.pods), *WORLD.hosts])


@given(st.data(), st.integers(0, 3), st.randoms(use_true_random=False))
def test_ruleset_agrees_with_the_rule_of_the_rows(
    data: st.DataObject, count: int, random: Random
) -> None:
    """Any policies, any two ends, any port: both come to the same verdict."""
    policies = [draw_policy(random) for _ in range(count)]
    compiled = rulesets(WORLD, tuple(policies))
    version = data.draw(st.sampled_from([4, 4, 4, 6]), label="IP version")
    ends = ENDS.filter(lambda name: version == 4 or name not in WORLD.hosts)
    for _ in range(8):
        protocol, port = data.draw(st.sampled_from(TARGETS))
        flow = Flow(
            WORLD.address(data.draw(ends, label="source"), version),
            WORLD.address(data.draw(ends, label="destination"), version),
            protocol,
            port,
        )
        assert arrives(WORLD, compiled, flow) == reaches(WORLD, policies, flow)


def test_ruleset_is_the_same_for_any_order_of_the_pods() -> None:
    policies = [read_policy(raw) for raw in WORLD.policies.values()]
    namespaces = dict(map(name_and_labels, WORLD.namespaces))
    pods = [pod for raw in WORLD.pods if (pod := read_pod(raw))]
    in_order, reversed_order = (
        Rulesets(policies, namespaces, each).of("node-1") for each in (pods, pods[::-1])
    )
    assert in_order == reversed_order


def test_pods_with_equal_rules_share_a_chain() -> None:
    shared = rulesets(WORLD, (WORLD.policies["shop-deny-both"],))["node-1"]
    assert len(shared.chains) == 4, "two base chains, and one chain each way for both Pods"


def test_younger_pod_has_an_address_that_changes_hands() -> None:
    pods = [pod for raw in WORLD.pods if (pod := read_pod(raw))]
    old = next(pod for pod in pods if WORLD.address("web-1") in pod.addresses)
    young = replace(old, namespace="lobby", created="2026-01-02T00:00:00Z")
    policies = [read_policy(WORLD.policies["shop-deny-all-ingress"])]
    text = Rulesets(policies, {}, [young, old]).of("node-1")
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
