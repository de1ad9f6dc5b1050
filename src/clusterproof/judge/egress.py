"""Judges of what was dialled from a workload's Pods: egress, and names."""

from collections.abc import Iterator

from clusterproof.judge.difference import Difference, Doubt, judge
from clusterproof.observe.dialling import DialOutcome
from clusterproof.observe.egress import EgressReach, PodReach, Resolution
from clusterproof.spec.behaviour import DnsRow, EgressRow, Reach


@judge.register
def judge_egress(rule: EgressRow, value: EgressReach) -> Iterator[Difference]:
    """Every Pod reaches an allowed peer, by its name; no Pod reaches a refused one."""
    if not value.pods:
        raise Doubt("no Pod was dialled from")
    yield from _over(rule, value, "")
    if value.over_tcp is not None:
        yield from _over(rule, value.over_tcp, "DNS over TCP, ")


def _over(rule: EgressRow, value: EgressReach, how: str) -> Iterator[Difference]:
    groups: dict[tuple[str, str | None], list[PodReach]] = {}
    for one in value.pods:
        if _differs(rule, one):
            groups.setdefault((one.dialled.outcome, one.dialled.by_address), []).append(one)
    for some in groups.values():
        what = f"{how}{len(some)} of {len(value.pods)} Pods"
        seen = "allowed" if rule.expected is Reach.REFUSED else str(some[0].dialled)
        yield Difference(what, rule.expected, seen, _reason(value, some[0]))


def _differs(rule: EgressRow, one: PodReach) -> bool:
    if rule.expected is Reach.ALLOWED:
        return one.dialled.outcome is not DialOutcome.CONNECTED
    return one.outcome is DialOutcome.CONNECTED


def _reason(value: EgressReach, one: PodReach) -> str:
    """What the dial and the reading of the policies say together."""
    if one.outcome is DialOutcome.CONNECTED:
        return _why_reached(value, one)
    refused = [decision for decision in value.reading if not decision.allowed]
    if value.control.outcome is not DialOutcome.CONNECTED:
        why = [f"{decision.by} allows it" for decision in refused[:1]]
        if value.control_reading:
            by = value.control_reading[0].by
            why.append(f"the control peer is refused as well, by its own namespace: {by} allows it")
        else:
            peer = "" if why else ": the peer, not a policy"
            why.append(f"the control peer could not reach it either{peer}")
        return "; ".join(why)
    if refused:
        return f"{refused[0].by} allows it"
    if value.reading:
        return f"{value.reading[0].by} allows it: look at the peer and at its ingress policies"
    return ""


def _why_reached(value: EgressReach, one: PodReach) -> str:
    if one.dialled.outcome is DialOutcome.DNS_FAILURE:
        return "the peer itself is allowed, its name cannot be resolved: DNS is refused"
    if value.reading and not any(decision.allowed for decision in value.reading):
        return f"{value.reading[0].by} allows it: the policy is not enforced"
    return next((decision.by for decision in value.reading if decision.allowed), "")


@judge.register
def judge_dns(rule: DnsRow, value: Resolution) -> Iterator[Difference]:
    """The name resolves in every Pod, to the addresses of its Service and to no other."""
    if not value.pods:
        raise Doubt("no Pod was asked")
    if value.expected is None:
        yield Difference(str(rule.service), "a Service", "absent")
        return
    expected = ", ".join(value.expected)
    for one in value.pods:
        if one.dialled.outcome is not DialOutcome.CONNECTED:
            yield Difference(one.pod, expected, f"{one.dialled}")
        elif not _are_as_expected(set(one.dialled.addresses), value):
            yield Difference(one.pod, expected, ", ".join(one.dialled.addresses))


def _are_as_expected(addresses: set[str], value: Resolution) -> bool:
    """The same; for an external name, which may have others at each asking, some of them."""
    expected = set(value.expected or ())
    return bool(addresses & expected) if value.external else addresses == expected
