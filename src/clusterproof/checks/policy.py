"""Rows `check: policy`: what a NetworkPolicy says as it is written, without a dial.

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
from clusterproof.judgement import Difference, Doubt, Failed, Judgement, judged
from clusterproof.kube.kinds import CLUSTER_WIDE
from clusterproof.kube.objects import Json, labels_of
from clusterproof.kube.policies import (
    Decision,
    Destination,
    Policy,
    RulePeer,
    allowances,
    allows_some,
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
    other_kinds,
    others_that_may_decide,
    pods_or_template,
    policies_of,
)
from clusterproof.spec.need import NAME_LABEL, Need, parse_need
from clusterproof.spec.row import Ref, Row, WorkloadRef

FORMER_NAME_OF_ALLOWS = "starves"
"""Spec files that were written before the aspect `allows` had this name keep working."""
LITERAL = (
    "the README's literal policy: its one rule leads to namespaces labelled name=posthog, so no "
    "name resolves, and neither PostgreSQL nor the LLM APIs are reached"
)

OF_ALL_POLICIES = frozenset({"allows", "only"})
"""Aspects that are about what all policies of the Pods allow."""
_BY_RULES = frozenset({"allowed-beyond-needs", "need-denied"})
"""Differences that a policy of another kind may undo."""
_SHOWN = 3


class PolicyRow(Row):
    """A NetworkPolicy read statically: is it there, does it select, does every peer exist.

    Attributes:
        aspect: `selects`: it selects every Pod of the workload, and Egress is in its policyTypes.
            `peers`: each namespace that a rule names is matched by a namespace that exists.
            `allows`: the needs (DNS, database, LLM) are allowed by some rule.
            `only`: the egress rules of all policies that select the workload allow the needs, and
            nothing else; of a need that is a range (`*`, or a block of addresses), something.
            `allows` and `only` are a doubt where a policy of another kind (AdminNetworkPolicy,
            EgressFirewall, or Cilium's, Calico's, Antrea's, GKE's own) may decide about the Pods
            too.
        needs: Name to `namespace/label=value:port/protocol` or `CIDR:port/protocol`; for `only`
            also `namespace/*`, and `*` as port or protocol.
    """

    check: Literal["policy"]
    of: Ref
    workload: WorkloadRef
    aspect: Literal["selects", "peers", "allows", "only"]
    needs: dict[str, str] = Field(default_factory=dict)

    @field_validator("aspect", mode="before")
    @classmethod
    def _accept_former_name(cls, aspect: object) -> object:
        return "allows" if aspect == FORMER_NAME_OF_ALLOWS else aspect

    @field_validator("needs")
    @classmethod
    def _refuse_malformed(cls, needs: dict[str, str]) -> dict[str, str]:
        for name, text in needs.items():
            parse_need(name, text)
        return needs

    @model_validator(mode="after")
    def _refuse_no_needs(self) -> Self:
        needed = self.aspect in {"allows", "only"}
        if needed and not self.needs:
            raise ValueError(f"expected `needs`, without which {self.aspect} can only be green")
        if self.aspect == "allows" and any("*" in text for text in self.needs.values()):
            raise ValueError("expected needs without *, which only the aspect `only` takes")
        return self


@dataclass(frozen=True, slots=True)
class NeedView:
    """Something that the workload needs, and where that is in this cluster.

    Attributes:
        found: False where no Pod has the labels: then `destinations` is what such a Pod would be.
        named_ports: Names and numbers of the ports that Pods with the labels declare.
    """

    need: Need
    destinations: tuple[Destination, ...]
    found: bool
    named_ports: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class PolicyView:
    """A policy, the others beside it, and what they select.

    Attributes:
        policy: None where there is none of that name.
        policies: All of the namespace.
        pods: The workload's; where it has none, its template.
        others: Policies of other kinds that may decide about the Pods too, by name.
    """

    namespace: str
    policy: Policy | None
    policies: tuple[Policy, ...]
    pods: tuple[Labelled, ...]
    namespaces: tuple[Labelled, ...]
    needs: tuple[NeedView, ...] = ()
    others: tuple[str, ...] = ()


def look(row: PolicyRow, site: Site) -> Observed[PolicyView]:
    """The policy of the row with all that is needed to say what it does."""
    cluster = site.cluster
    policies = policies_of(cluster, row.of.namespace)
    policy = next((policy for policy in policies if policy.name == row.of.name), None)
    needs = [parse_need(name, text) for name, text in row.needs.items()]
    pods = pods_or_template(cluster, row.workload)
    namespaces = tuple(
        Labelled(space["metadata"]["name"], labels_of(space))
        for space in cluster.objects("Namespace", CLUSTER_WIDE)
    )
    view = PolicyView(
        namespace=row.of.namespace,
        policy=policy,
        policies=policies,
        pods=pods,
        namespaces=namespaces,
        needs=tuple(_view(cluster, need) for need in needs),
        others=tuple(
            others_that_may_decide(
                cluster, site.shared(_other_kinds), row.of.namespace, pods, policies
            )
            if row.aspect in OF_ALL_POLICIES
            else ()
        ),
    )
    evidence = [f"{len(policies)} NetworkPolicies in {row.of.namespace}"]
    if policy is not None:
        evidence += [f"{policy.name} egress[{n}]: {rule}" for n, rule in enumerate(policy.egress)]
    if policy is not None and policy.is_literal_readme:
        evidence.append("this is the README's literal policy: it allows namespaces and no need")
    for need in view.needs:
        missing = "" if need.found else " (no such Pod is there now)"
        by = "; ".join(decision.by for decision in readings(view, need.destinations))
        if not need.need.is_range:
            evidence.append(f"{need.need.name}: {by or 'no Pod to ask for'}{missing}")
    next_command = f"kubectl -n {row.of.namespace} describe networkpolicy"
    return Observed(view, str(row.of), tuple(evidence), next_command)


def _other_kinds(site: Site) -> tuple[str, ...]:
    return other_kinds(site.cluster)


def readings(view: PolicyView, destinations: Iterable[Destination]) -> tuple[Decision, ...]:
    """What the policies say of each destination, for each set of labels that the Pods have."""
    return decisions(view.policies, view.namespace, view.pods, destinations)


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
    destinations = tuple(destination(cluster, pod, need.port, need.protocol) for pod in serving)
    imagined = Destination(
        need.place,
        need.port,
        need.protocol,
        namespace=need.namespace,
        namespace_labels=_namespace_labels(cluster, need.namespace),
        labels=need.labels,
    )
    named = {
        (declared["name"], declared["containerPort"])
        for pod in pods
        for declared in serving_ports(pod["spec"])
        if declared.get("name") and need.protocol in {"", declared.get("protocol") or "TCP"}
    }
    return NeedView(
        need,
        destinations or (imagined,),
        found=bool(destinations),
        named_ports=tuple(sorted(named)),
    )


def _serves(pod: Json, need: Need) -> bool:
    """Whether a container declares the port."""
    return any(
        (declared["containerPort"], declared.get("protocol") or "TCP") == (need.port, need.protocol)
        for declared in serving_ports(pod["spec"])
    )


def judge(row: PolicyRow, fact: PolicyView) -> Judgement:
    """The aspect that the row asks for."""
    policy = fact.policy
    if policy is None:
        others = ", ".join(other.name for other in fact.policies) or "none"
        return Failed(
            Difference(
                str(row.of),
                "a NetworkPolicy",
                "absent",
                f"there: {others}",
                code="policy-missing",
            )
        )
    differences = (*_pod_differences(row, fact), *_aspect_differences(row, policy, fact))
    if fact.others and all(each.code in _BY_RULES for each in differences):
        names = ", ".join(fact.others[:_SHOWN])
        more = f" and {len(fact.others) - _SHOWN} more" if len(fact.others) > _SHOWN else ""
        alone = f"differ: {differences[0]}" if differences else "are as the row says"
        return Doubt(
            f"{names}{more} may decide about these Pods too, and are not read; NetworkPolicies"
            f" alone {alone}; an `egress` row dials"
        )
    return judged(
        differences,
        _compared(row, policy, fact),
        nothing=f"{row.of} names no namespace: there is no peer to look for",
    )


def _aspect_differences(row: PolicyRow, policy: Policy, fact: PolicyView) -> Iterator[Difference]:
    match row.aspect:
        case "selects":
            yield from _selection(policy, fact)
        case "peers":
            yield from _peers(policy, fact)
        case "allows":
            yield from _denials(policy, fact)
        case "only":
            yield from _allowed_beyond(row, fact)
            yield from _denials(policy, fact)


def _compared(row: PolicyRow, policy: Policy, fact: PolicyView) -> Iterator[str]:
    """What the aspect is about, by name."""
    if row.aspect == "selects":
        yield from (f"{policy.name} selects Pod {pod.name}" for pod in fact.pods)
    elif row.aspect == "peers":
        yield from (f"{place} {selector}" for place, _, selector in _namespace_selectors(policy))
    else:
        yield from (f"need {name}" for name in row.needs)


def _pod_differences(row: PolicyRow, fact: PolicyView) -> Iterator[Difference]:
    if row.aspect == "peers":
        return
    if not fact.pods:
        yield Difference(str(row.workload), "a workload with Pods", "none", code="pod-missing")
    for pod in fact.pods:
        if pod.host_network:
            yield Difference(
                f"Pod {pod.name}",
                "a network of its own",
                "hostNetwork",
                HOST_NETWORK,
                code="pod-in-host-network",
            )


def _selection(policy: Policy, fact: PolicyView) -> Iterator[Difference]:
    if "Egress" not in policy.types:
        types = ", ".join(policy.types)
        yield Difference(
            "spec.policyTypes", "Egress among them", types, code="policy-not-for-egress"
        )
    for pod in fact.pods:
        if not policy.selects(fact.namespace, pod.labels):
            yield Difference(
                "spec.podSelector",
                f"to select Pod {pod.name}",
                f"{show_selector(policy.pod_selector)} does not",
                code="policy-selects-otherwise",
            )


def _peers(policy: Policy, fact: PolicyView) -> Iterator[Difference]:
    for place, peer, selector in _namespace_selectors(policy):
        if not _is_matched(peer, fact.namespaces):
            yield Difference(
                f"{place} {selector}",
                "a namespace with this label",
                "none",
                _label_remedy(peer, fact.namespaces),
                code="namespace-missing",
            )


def _namespace_selectors(policy: Policy) -> Iterator[tuple[str, RulePeer, str]]:
    """The place of each peer that selects namespaces, the peer, and its selector in words."""
    directions = (("egress", "to", policy.egress), ("ingress", "from", policy.ingress))
    for direction, word, rules in directions:
        for number, rule in enumerate(rules):
            for index, peer in enumerate(rule.peers):
                if peer.namespace_selector is not None:
                    place = f"{direction}[{number}].{word}[{index}].namespaceSelector"
                    yield place, peer, show_selector(peer.namespace_selector)


def _is_matched(peer: RulePeer, namespaces: tuple[Labelled, ...]) -> bool:
    selector = dict(peer.namespace_selector or {})
    return any(selects(selector, dict(namespace.labels)) for namespace in namespaces)


def _label_remedy(peer: RulePeer, namespaces: tuple[Labelled, ...]) -> str:
    """A label that somebody has to put there, against the one that the API server puts."""
    for key, wanted in ((peer.namespace_selector or {}).get("matchLabels") or {}).items():
        for namespace in namespaces:
            labels = namespace.labels
            if namespace.name == wanted and labels.get(key) != wanted:
                label = f"{key}={labels[key]}" if key in labels else f"no label {key}"
                overwrite = " --overwrite" if key in labels else ""
                return (
                    f"namespace {wanted} has {label}; either kubectl label namespace {wanted} "
                    f"{key}={wanted}{overwrite}, or select {NAME_LABEL}: {wanted}"
                )
    return "no namespace of that name either"


def _allowed_beyond(row: PolicyRow, fact: PolicyView) -> Iterator[Difference]:
    names = ", ".join(row.needs)
    for allowance in _beyond(fact):
        yield Difference(
            allowance, f"nothing beyond {names}", "allowed", code="allowed-beyond-needs"
        )


def _beyond(fact: PolicyView) -> Iterator[str]:
    """The egress rules that allow more to the Pods than the needs, each said with its policy."""
    restricting = [policy for policy in fact.policies if "Egress" in policy.types]
    # Pods that no policy selects for a direction are not isolated in it (Kubernetes docs,
    # "Network Policies").
    for pod in fact.pods:
        if not any(policy.selects(policy.namespace, pod.labels) for policy in restricting):
            yield f"everything, from {pod.name}, which no policy selects for Egress"
    for policy in restricting:
        selecting = any(policy.selects(policy.namespace, pod.labels) for pod in fact.pods)
        if not selecting:
            continue
        for place, allowance in allowances(policy):
            selected = [
                space.name
                for space in fact.namespaces
                if (
                    space.name == policy.namespace
                    if allowance.peer is None or allowance.peer.namespace_selector is None
                    else selects(allowance.peer.namespace_selector, space.labels)
                )
            ]
            if not any(
                allowance.is_within(view.need, selected, view.named_ports) for view in fact.needs
            ):
                yield f"{policy.name} {place}: {allowance}"


def _denials(policy: Policy, fact: PolicyView) -> Iterator[Difference]:
    literal = f"{LITERAL}; " if policy.is_literal_readme else ""
    for view in fact.needs:
        need = view.need
        if need.is_range:
            if not _is_allowed_in_part(fact, need):
                yield Difference(
                    need.name,
                    f"something of {need.text} allowed",
                    "no egress rule allows any of it",
                    code="need-denied",
                )
            continue
        refused = [
            decision for decision in readings(fact, view.destinations) if not decision.allowed
        ]
        if refused:
            remedy = f"add to spec.egress: {need.remedy()}"
            if not need.cidr and all(to.namespace is None for to in view.destinations):
                remedy = "its Pods are in their hosts' network: only an ipBlock can select them"
            yield Difference(
                need.name,
                f"{need.place} on {need.port}/{need.protocol} allowed",
                f"{refused[0].by} allows it",
                f"{literal}{remedy}",
                code="need-denied",
            )
            literal = ""


def _is_allowed_in_part(fact: PolicyView, need: Need) -> bool:
    """Whether every Pod may reach something of a need that is a range."""
    labels = next(
        (space.labels for space in fact.namespaces if space.name == need.namespace),
        {NAME_LABEL: need.namespace},
    )
    return all(
        pod.host_network or allows_some(fact.policies, fact.namespace, pod.labels, need, labels)
        for pod in fact.pods
    )


KIND = Kind(
    PolicyRow,
    look,
    judge,
    codes=(
        "allowed-beyond-needs",
        "namespace-missing",
        "need-denied",
        "pod-in-host-network",
        "pod-missing",
        "policy-missing",
        "policy-not-for-egress",
        "policy-selects-otherwise",
    ),
)
