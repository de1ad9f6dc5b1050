"""Rows `check: policy`.

Source: Kubernetes docs, "Network Policies" (v1.35, read 2026-11-23).
"""

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from clusterproof.checks.kind import Kind
from clusterproof.checks.site import Site
from clusterproof.errors import ObservationError
from clusterproof.judgement import Difference, Judgement, compared_in, judged
from clusterproof.kube.kinds import CLUSTER_WIDE
from clusterproof.kube.objects import Json, labels_of
from clusterproof.kube.policies import (
    Decision,
    Destination,
    Policy,
    RulePeer,
    allowances,
    show_selector,
)
from clusterproof.kube.selectors import selects
from clusterproof.kube.services import serving_ports
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.observed import Observed
from clusterproof.observe.policy import (
    HOST_NETWORK,
    Labelled,
    _namespace_labels,
    decisions,
    destination,
    pods_or_template,
    policies_of,
)
from clusterproof.spec.need import NAME_LABEL, Need, parse_need
from clusterproof.spec.row import Ref, Row, WorkloadRef


class PolicyRow(Row):
    """A NetworkPolicy read statically: is it there, does it select, does every peer exist.

    Attributes:
        aspect: `selects`: it selects every Pod of the workload, and Egress is in its policyTypes.
            `peers`: each namespace that a rule names is matched by a namespace that exists.
            `starves`: the needs (DNS, database, LLM) are allowed by some row.
            `only`: the egress rules of all policies that select the workload allow the needs, and
            nothing else.
        needs: Name to `namespace/label=value:port/protocol` or `CIDR:port/protocol`; for `only`
            also `namespace/*`, and `*` as port or protocol.
    """

    check: Literal["policy"]
    of: Ref
    workload: WorkloadRef
    aspect: Literal["selects", "peers", "starves", "only"]
    needs: dict[str, str] = Field(default_factory=dict)

    @field_validator("needs")
    @classmethod
    def _refuse_malformed(cls, needs: dict[str, str]) -> dict[str, str]:
        for name, text in needs.items():
            parse_need(name, text)
        return needs

    @model_validator(mode="after")
    def _refuse_no_needs(self) -> Self:
        needed = self.aspect in {"starves", "only"}
        if needed and not self.needs:
            raise ValueError(f"expected `needs`, without which {self.aspect} can only be green")
        if self.aspect == "starves" and any("*" in text for text in self.needs.values()):
            raise ValueError("expected needs without *, which only the aspect `only` takes")
        return self


@dataclass(frozen=True, slots=True)
class NeedView:
    """Something that the workload needs, and where that is in this cluster.

    Attributes:
        found: False where no Pod has the labels: then `destinations` is what such a Pod would be.
    """

    need: Need
    destinations: tuple[Destination, ...]
    found: bool


@dataclass(frozen=True, slots=True)
class PolicyView:
    """A policy, the others beside it, and what they select.

    Attributes:
        policy: None where there is none of that name.
        policies: All of the namespace.
        pods: The workload's; where it has none, its template.
        beyond: What the policies allow to the Pods and no need names, for the aspect `only`.
    """

    namespace: str
    policy: Policy | None
    policies: tuple[Policy, ...]
    pods: tuple[Labelled, ...]
    namespaces: tuple[Labelled, ...]
    needs: tuple[NeedView, ...] = ()
    beyond: tuple[str, ...] = ()


def look(row: PolicyRow, site: Site) -> Observed[PolicyView]:
    """The policy of the row with all that is needed to say what it does."""
    cluster = site.cluster
    policies = policies_of(cluster, row.of.namespace)
    policy = next((one for one in policies if one.name == row.of.name), None)
    needs = [parse_need(*item) for item in row.needs.items()]
    pods = pods_or_template(cluster, row.workload)
    namespaces = tuple(
        Labelled(one["metadata"]["name"], labels_of(one))
        for one in cluster.objects("Namespace", CLUSTER_WIDE)
    )
    only = row.aspect == "only"
    value = PolicyView(
        namespace=row.of.namespace,
        policy=policy,
        policies=policies,
        pods=pods,
        namespaces=namespaces,
        needs=() if only else tuple(_view(cluster, need) for need in needs),
        beyond=_beyond(policies, pods, namespaces, needs) if only else (),
    )
    evidence = [f"{len(policies)} NetworkPolicies in {row.of.namespace}"]
    if policy is not None:
        evidence += [f"{policy.name} egress[{n}]: {one}" for n, one in enumerate(policy.egress)]
    if policy is not None and policy.is_literal_readme:
        evidence.append("this is the README's literal policy: it allows namespaces and no need")
    for view in value.needs:
        missing = "" if view.found else " (no such Pod is there now)"
        by = "; ".join(one.by for one in readings(value, view.destinations)) or "no Pod to ask for"
        evidence.append(f"{view.need.name}: {by}{missing}")
    next_command = f"kubectl -n {row.of.namespace} describe networkpolicy"
    return Observed(value, str(row.of), tuple(evidence), next_command)


def readings(value: PolicyView, destinations: Iterable[Destination]) -> tuple[Decision, ...]:
    """What the policies say of each destination, for each set of labels that the Pods have."""
    return decisions(value.policies, value.namespace, value.pods, destinations)


def _beyond(
    policies: Iterable[Policy],
    pods: tuple[Labelled, ...],
    namespaces: tuple[Labelled, ...],
    needs: Iterable[Need],
) -> tuple[str, ...]:
    """The egress rules that allow more to these Pods than the needs, each said with its policy."""
    wanted = list(needs)
    restricting = [policy for policy in policies if "Egress" in policy.types]
    # Pods that no policy selects for a direction are not isolated in it (Kubernetes docs,
    # "Network Policies").
    found = [
        f"everything, from {pod.name}, which no policy selects for Egress"
        for pod in pods
        if not any(policy.selects(policy.namespace, pod.labels) for policy in restricting)
    ]
    for policy in restricting:
        selecting = any(policy.selects(policy.namespace, pod.labels) for pod in pods)
        if not selecting:
            continue
        for place, allowance in allowances(policy):
            selected = [
                space.name
                for space in namespaces
                if (
                    space.name == policy.namespace
                    if allowance.peer is None or allowance.peer.namespace_selector is None
                    else selects(allowance.peer.namespace_selector, space.labels)
                )
            ]
            if not any(allowance.is_within(need, selected) for need in wanted):
                found.append(f"{policy.name} {place}: {allowance}")
    return tuple(found)


def _view(cluster: Cluster, need: Need) -> NeedView:
    if need.cidr:
        block = ipaddress.ip_network(need.cidr)
        address = str(block.network_address) if block.num_addresses == 1 else need.cidr
        to = Destination(need.cidr, need.port, need.protocol, address=address)
        return NeedView(need, (to,), found=True)
    try:
        pods = [
            pod
            for pod in cluster.objects("Pod", need.namespace)
            if dict(need.labels).items() <= labels_of(pod).items()
            and (pod.get("status") or {}).get("phase") == "Running"
        ]
    except ObservationError:
        pods = []
    # A Job's Pod may have the labels too: what it does not serve is not needed of it.
    serving = [pod for pod in pods if _serves(pod, need)] or pods
    found = tuple(destination(cluster, pod, need.port, need.protocol) for pod in serving)
    imagined = Destination(
        need.place,
        need.port,
        need.protocol,
        namespace=need.namespace,
        namespace_labels=_namespace_labels(cluster, need.namespace),
        labels=need.labels,
    )
    return NeedView(need, found or (imagined,), found=bool(found))


def _serves(pod: Json, need: Need) -> bool:
    """Whether a container declares the port."""
    return any(
        (declared["containerPort"], declared.get("protocol") or "TCP") == (need.port, need.protocol)
        for declared in serving_ports(pod["spec"])
    )


LITERAL = (
    "the README's literal policy: its one rule leads to namespaces labelled name=posthog, so no "
    "name resolves, and neither PostgreSQL nor the LLM APIs are reached"
)


def differences(rule: PolicyRow, value: PolicyView) -> Iterator[Difference]:
    """The aspect that the row asks for."""
    if value.policy is None:
        beside = ", ".join(one.name for one in value.policies) or "none"
        yield Difference(str(rule.of), "a NetworkPolicy", "absent", f"there: {beside}")
        return
    if not value.pods and rule.aspect != "peers":
        yield Difference(str(rule.workload), "a workload with Pods", "none")
    for pod in value.pods if rule.aspect != "peers" else ():
        if pod.host_network:
            yield Difference(f"Pod {pod.name}", "a network of its own", "hostNetwork", HOST_NETWORK)
    if rule.aspect == "only":
        names = ", ".join(rule.needs)
        for allowance in value.beyond:
            yield Difference(allowance, f"nothing beyond {names}", "allowed")
    elif rule.aspect == "selects":
        yield from _selects(value.policy, value)
    elif rule.aspect == "peers":
        yield from _peers(value.policy, value)
    else:
        yield from _starves(value.policy, value)


def _selects(policy: Policy, value: PolicyView) -> Iterator[Difference]:
    if "Egress" not in policy.types:
        yield Difference("spec.policyTypes", "Egress among them", ", ".join(policy.types) or "none")
    for pod in value.pods:
        if not policy.selects(value.namespace, pod.labels):
            seen = f"{show_selector(policy.pod_selector)} does not"
            yield Difference("spec.podSelector", f"to select Pod {pod.name}", seen)


def _peers(policy: Policy, value: PolicyView) -> Iterator[Difference]:
    for direction, rules in (("egress", policy.egress), ("ingress", policy.ingress)):
        for number, rule in enumerate(rules):
            for place, peer in enumerate(rule.peers):
                selector = peer.namespace_selector
                if selector is None or _selected(peer, value.namespaces):
                    continue
                word = "to" if direction == "egress" else "from"
                yield Difference(
                    f"{direction}[{number}].{word}[{place}].namespaceSelector "
                    f"{show_selector(selector)}",
                    "a namespace with this label",
                    "none",
                    _label_remedy(peer, value.namespaces),
                )


def _selected(peer: RulePeer, namespaces: tuple[Labelled, ...]) -> bool:
    return any(selects(dict(peer.namespace_selector or {}), dict(one.labels)) for one in namespaces)


def _label_remedy(peer: RulePeer, namespaces: tuple[Labelled, ...]) -> str:
    """A label that somebody has to put there, against the one that the API server puts."""
    for key, wanted in ((peer.namespace_selector or {}).get("matchLabels") or {}).items():
        for one in namespaces:
            if one.name == wanted and one.labels.get(key) != wanted:
                seen = f"{key}={one.labels[key]}" if key in one.labels else f"no label {key}"
                overwrite = " --overwrite" if key in one.labels else ""
                return (
                    f"namespace {wanted} has {seen}; either kubectl label namespace {wanted} "
                    f"{key}={wanted}{overwrite}, or select {NAME_LABEL}: {wanted}"
                )
    return "no namespace of that name either"


def _starves(policy: Policy, value: PolicyView) -> Iterator[Difference]:
    literal = f"{LITERAL}; " if policy.is_literal_readme else ""
    for view in value.needs:
        refused = [one for one in readings(value, view.destinations) if not one.allowed]
        if refused:
            yield Difference(
                view.need.name,
                f"{view.need.place} on {view.need.port}/{view.need.protocol} allowed",
                f"{refused[0].by} allows it",
                f"{literal}add to spec.egress: {view.need.remedy()}",
            )
            literal = ""


def judge(row: PolicyRow, fact: PolicyView) -> Judgement:
    """The aspect that the row asks for."""
    return judged(differences(row, fact), compared_in(fact))


KIND = Kind(PolicyRow, look, judge)
