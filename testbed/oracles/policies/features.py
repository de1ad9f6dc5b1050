"""What is odd about a packet and the policies that decide on it: which pairs were dialled."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import combinations
from typing import Any

from clusterproof.kube.answer import Json
from clusterproof.kube.policies import Policy, RulePeer, RulePort
from testbed.oracles.policies.reading import sides
from testbed.oracles.policies.world import Flow, World

RARE = 30
"""A pair of features in fewer packets than this has hardly been dialled."""

FEATURES: Mapping[str, Collection[str]] = {
    "protocol": ("TCP", "UDP", "SCTP", "ICMP"),
    "ends": (
        *("Pods of a namespace", "Pods of two namespaces"),
        *("a Pod and another node", "a Pod and the outside"),
    ),
    "policies": ("one policy", "several policies"),
    "direction": ("Egress", "Ingress"),
    "types": ("types by default",),
    "rules": ("no rule", "several rules", "every peer", "every port"),
    "peers": ("podSelector", "namespaceSelector", "both selectors", "ipBlock", "except", "IPv6"),
    "ports": ("a port", "endPort", "a named port", "every port of a protocol"),
    "selectors": ("every label", "matchLabels", "In", "NotIn", "Exists", "DoesNotExist"),
}
"""Kind to features."""

_ALONE = ("protocol", "ends", "policies")
"""Kinds of which a packet has one."""


def features_of(world: World, policies: Iterable[Json], flow: Flow) -> frozenset[str]:
    """The features of one packet, and of the policies that select an end of it; none without."""
    policies = list(policies)
    by_default = {id(raw) for raw in policies if not raw["spec"].get("policyTypes")}
    restricting = [
        (side.direction, raw, policy)
        for side in sides(world, policies, flow)
        for raw, policy in zip(policies, side.policies, strict=True)
        if policy in side.selecting
    ]
    if not restricting:
        return frozenset()
    count = len({id(raw) for _, raw, _ in restricting})
    features = {
        flow.protocol,
        _ends(world, flow),
        *(direction for direction, _, _ in restricting),
        "one policy" if count == 1 else "several policies",
    }
    for _, raw, policy in restricting:
        features.update(_of_policy(policy))
        if id(raw) in by_default:
            features.add("types by default")
    return frozenset(features)


def rare_pairs(pairs: Mapping[tuple[str, str], int]) -> list[tuple[str, str, int]]:
    """The pairs of features that came in fewer packets than `RARE`, the rarest first."""
    counted = [(*pair, pairs.get(pair, 0)) for pair in possible_pairs()]
    return sorted((each for each in counted if each[2] < RARE), key=lambda each: each[2])


def possible_pairs() -> list[tuple[str, str]]:
    """The pairs of features that a packet can have."""
    kinds = {name: kind for kind, names in FEATURES.items() for name in names}
    return [
        (first, second)
        for first, second in combinations(sorted(kinds), 2)
        if kinds[first] != kinds[second] or kinds[first] not in _ALONE
    ]


def count_pairs(pairs: Counter[tuple[str, str]], features: Collection[str]) -> None:
    """Add a packet's pairs of features."""
    pairs.update(combinations(sorted(features), 2))


def _ends(world: World, flow: Flow) -> str:
    pods = [world.pod_at(flow.source), world.pod_at(flow.destination)]
    namespaces = [pod["metadata"]["namespace"] for pod in pods if pod]
    if len(namespaces) == len(pods):
        return "Pods of a namespace" if len(set(namespaces)) == 1 else "Pods of two namespaces"
    ends = {flow.source, flow.destination}
    is_node = any(world.hosts[node] in ends for node in world.nodes)
    return "a Pod and another node" if is_node else "a Pod and the outside"


def _of_policy(policy: Policy) -> Iterator[str]:
    yield from _of_selector(policy.pod_selector)
    if not policy.egress:
        yield "no rule"
    if len(policy.egress) > 1:
        yield "several rules"
    for rule in policy.egress:
        if not rule.peers:
            yield "every peer"
        if not rule.ports:
            yield "every port"
        for peer in rule.peers:
            yield from _of_peer(peer)
        yield from map(_of_port, rule.ports)


def _of_peer(peer: RulePeer) -> Iterator[str]:
    if peer.cidr:
        yield "IPv6" if ":" in peer.cidr else "ipBlock"
        if peer.excepted:
            yield "except"
        return
    selectors = {"podSelector": peer.pod_selector, "namespaceSelector": peer.namespace_selector}
    there = {name: selector for name, selector in selectors.items() if selector is not None}
    yield "both selectors" if len(there) > 1 else next(iter(there))
    for selector in there.values():
        yield from _of_selector(selector)


def _of_port(port: RulePort) -> str:
    if port.port is None:
        return "every port of a protocol"
    if isinstance(port.port, str):
        return "a named port"
    return "endPort" if port.end_port else "a port"


def _of_selector(selector: Mapping[str, Any]) -> Iterator[str]:
    if selector.get("matchLabels"):
        yield "matchLabels"
    terms = selector.get("matchExpressions") or []
    yield from (term["operator"] for term in terms)
    if not selector.get("matchLabels") and not terms:
        yield "every label"
