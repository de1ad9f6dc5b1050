"""Judge of a NetworkPolicy as it is written: whom it selects, whom it names, whom it starves."""

from collections.abc import Iterator

from clusterproof.judge.difference import Difference, judge
from clusterproof.kube.policies import Policy, RulePeer, show_selector
from clusterproof.kube.selectors import selects
from clusterproof.observe.policy import HOST_NETWORK, Labelled, PolicyView, readings
from clusterproof.spec.behaviour import PolicyRow
from clusterproof.spec.need import NAME_LABEL

LITERAL = (
    "the README's literal policy: its one rule leads to namespaces labelled name=posthog, so no "
    "name resolves, and neither PostgreSQL nor the LLM APIs are reached"
)


@judge.register
def judge_policy(rule: PolicyRow, value: PolicyView) -> Iterator[Difference]:
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
