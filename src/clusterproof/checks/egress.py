"""Rows `check: egress`.

Source: Kubernetes docs, "Network Policies" (v1.35, read 2026-11-23).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from clusterproof.checks.kind import Kind
from clusterproof.checks.shared import matrix
from clusterproof.checks.site import Site
from clusterproof.errors import ObservationError
from clusterproof.judgement import Difference, Judgement, Undecided, compared_in, judged
from clusterproof.kube.policies import Decision, Destination
from clusterproof.observe.cluster import RUN_LABEL, Cluster
from clusterproof.observe.dialling import Dialled, DialOutcome
from clusterproof.observe.egress import PodReach, _how, _pods, _unseen_by
from clusterproof.observe.matrix import OVER_TCP, Matrix
from clusterproof.observe.observed import Observed
from clusterproof.observe.policy import (
    Labelled,
    decisions,
    destination,
    pods_or_template,
    policies_of,
    ready_endpoints,
    service_named,
    transport_of,
)
from clusterproof.spec.behaviour import EgressRow, Reach
from clusterproof.spec.row import ObjectRef


@dataclass(frozen=True, slots=True)
class EgressReach:
    """One peer, from every Pod of the workload and from the control.

    Attributes:
        unseen: `pod: why` of those that could not be looked from.
        reading: What the policies say, read statically; refusals first, empty if not known.
        control_reading: Likewise of the control's Pod, where it did not reach the peer.
        over_tcp: DNS is asked over UDP, and then over TCP, as a resolver does for long answers;
            None for another protocol, and where the control has no answer over TCP.
    """

    pods: tuple[PodReach, ...]
    control: Dialled
    unseen: tuple[str, ...] = ()
    reading: tuple[Decision, ...] = ()
    control_reading: tuple[Decision, ...] = ()
    over_tcp: "EgressReach | None" = None


def read_reach(cluster: Cluster, matrix: Matrix, row: EgressRow) -> Observed[EgressReach]:
    """The peer's reach from each Pod, with the rule that decides.

    Raises:
        ObservationError: The peer was not dialled, or what was seen allows no verdict, see `doubt`.
    """
    diallings = matrix.of(row.workload)
    if row.id in matrix.undialled:
        raise matrix.undialled[row.id]
    value = _reach(cluster, matrix, row, row.id)
    control = value.control
    over_tcp = f"{row.id}{OVER_TCP}"
    if row.protocol == "DNS" and over_tcp in matrix.control.results:
        asked = _reach(cluster, matrix, row, over_tcp)
        if asked.control.outcome is DialOutcome.CONNECTED or asked.control_reading:
            value = replace(value, over_tcp=asked)
    next_command = f"kubectl -n {row.workload.namespace} describe networkpolicy"
    if why := doubt(row, value):
        raise ObservationError(why, next_command=next_command)
    target = f"{row.host}:{row.port}/{row.protocol}"
    evidence = (
        *clauses(value.pods),
        *(f"over TCP: {one}" for one in (clauses(value.over_tcp.pods) if value.over_tcp else ())),
        f"control peer {matrix.control.pod}: {control}",
        *(f"{one} could not be looked from" for one in value.unseen),
        *(
            f"reading: {'allowed' if one.allowed else 'refused'} by {one.by}"
            for one in value.reading
        ),
    )
    where = f"{row.workload.namespace}/{row.workload.name} -> {target}"
    return Observed(value, where, evidence, next_command, _how(diallings, matrix))


def _reach(cluster: Cluster, matrix: Matrix, rule: EgressRow, peer_id: str) -> EgressReach:
    """What was seen of one peer of the row, which has two where it is about DNS."""
    diallings, control = matrix.of(rule.workload), matrix.control.results[peer_id]
    transport = "TCP" if peer_id.endswith(OVER_TCP) else rule.protocol
    refused: tuple[Decision, ...] = ()
    if control.outcome is not DialOutcome.CONNECTED:
        refused = _reading_of_control(cluster, matrix, rule, transport)
    return EgressReach(
        pods=_pods(diallings, peer_id),
        control=control,
        unseen=_unseen_by(diallings, peer_id),
        reading=_reading(cluster, rule, control, transport),
        control_reading=refused,
    )


def doubt(rule: EgressRow, value: EgressReach) -> str:
    """Why nothing can be said of the row, or "".

    A peer that nobody can reach is not refused, and a name that does not resolve is not either.
    """
    if not value.pods:
        return _unseen(value) or "no Pod was dialled from"
    outcomes = {one.outcome for one in value.pods}
    if value.over_tcp is not None:
        outcomes |= {one.outcome for one in value.over_tcp.pods}
    if rule.expected is Reach.REFUSED:
        return "" if DialOutcome.CONNECTED in outcomes else _doubt_of_refusal(value)
    if outcomes == {DialOutcome.CONNECTED}:
        return _unseen(value)
    silent = rule.protocol == "UDP" and value.control.outcome is DialOutcome.TIMEOUT
    return "UDP: the control peer had no answer either" if silent else ""


def _doubt_of_refusal(value: EgressReach) -> str:
    if value.unseen:
        return _unseen(value)
    if value.control.outcome is not DialOutcome.CONNECTED:
        by = "".join(f"; {one.by} allows it" for one in value.control_reading[:1])
        return f"the control peer could not reach it either: {value.control}{by}"
    unclear = [one for one in value.pods if not one.outcome.blocked]
    return f"no refusal was seen in {unclear[0].pod}: {unclear[0].dialled}" if unclear else ""


def _unseen(value: EgressReach) -> str:
    return f"could not look from {'; '.join(value.unseen)}" if value.unseen else ""


def clauses(pods: tuple[PodReach, ...]) -> tuple[str, ...]:
    """One sentence for each outcome, with the Pods that had it and the time that it took."""
    groups: dict[tuple[str, str | None], list[PodReach]] = {}
    for one in pods:
        groups.setdefault((one.dialled.outcome, one.dialled.by_address), []).append(one)
    sentences = []
    for some in groups.values():
        times = sorted(one.dialled.elapsed_ms for one in some)
        names = ", ".join(one.pod for one in some)
        sentences.append(
            f"{len(some)} of {len(pods)} Pods: {some[0].dialled}"
            f" (all in {times[0]:.0f} to {times[-1]:.0f} ms): {names}"
        )
    return tuple(sentences)


def _reading(
    cluster: Cluster, row: EgressRow, control: Dialled, transport: str
) -> tuple[Decision, ...]:
    namespace = row.workload.namespace
    try:
        pods: tuple[Labelled, ...] = pods_or_template(cluster, row.workload)
        policies = policies_of(cluster, namespace)
        addresses = control.addresses or (row.host,)
        to = destinations_of(cluster, row.host, row.port, transport, addresses)
    except (ObservationError, ValueError):
        return ()  # it explains the dial; the dial stands without it
    return decisions(policies, namespace, pods, to)


def _reading_of_control(
    cluster: Cluster, matrix: Matrix, row: EgressRow, transport: str
) -> tuple[Decision, ...]:
    """The refusals of policies that select the control's own Pod: it carries our label alone."""
    namespace, _, name = matrix.control.pod.partition("/")
    try:
        policies = policies_of(cluster, namespace)
        addresses = matrix.control.results[row.id].addresses or (row.host,)
        to = destinations_of(cluster, row.host, row.port, transport, addresses)
        found = decisions(policies, namespace, [Labelled(name, {RUN_LABEL: ""})], to)
    except (ObservationError, ValueError):
        return ()
    return tuple(decision for decision in found if not decision.allowed)


def destinations_of(
    cluster: Cluster, host: str, port: int, protocol: str, addresses: Iterable[str] = ()
) -> tuple[Destination, ...]:
    """Where a connection to `host` ends: a Service's backends, or else `addresses`.

    A policy sees a backend's address and port, not those of the Service before it. What may not be
    read is left out: this explains a dial, it does not stand for one.
    """
    ref = service_named(host)
    if ref is not None:
        try:
            return _backends(cluster, ref, port, transport_of(protocol))
        except ObservationError:
            return ()
    return tuple(Destination(host, port, transport_of(protocol), address=one) for one in addresses)


def _backends(
    cluster: Cluster, ref: ObjectRef, port: int, protocol: str
) -> tuple[Destination, ...]:
    pods = {
        f"{ref.namespace}/{pod['metadata']['name']}": pod
        for pod in cluster.objects("Pod", ref.namespace)
    }
    return tuple(
        destination(cluster, pods[one.label], one.port, protocol) if one.label in pods else one
        for one in ready_endpoints(cluster, ref, port, protocol)
    )


def look(row: EgressRow, site: Site) -> Observed[EgressReach]:
    """The peer's reach from every ready Pod, and from a control that no policy selects."""
    return read_reach(site.cluster, site.shared(matrix), row)


def differences(row: EgressRow, value: EgressReach) -> Iterator[Difference]:
    """Every Pod reaches an allowed peer, by its name; no Pod reaches a refused one."""
    if not value.pods:
        raise Undecided("no Pod was dialled from")
    yield from _over(row, value, "")
    if value.over_tcp is not None:
        yield from _over(row, value.over_tcp, "DNS over TCP, ")


def _over(row: EgressRow, value: EgressReach, how: str) -> Iterator[Difference]:
    groups: dict[tuple[str, str | None], list[PodReach]] = {}
    for one in value.pods:
        if _differs(row, one):
            groups.setdefault((one.dialled.outcome, one.dialled.by_address), []).append(one)
    for some in groups.values():
        what = f"{how}{len(some)} of {len(value.pods)} Pods"
        seen = "allowed" if row.expected is Reach.REFUSED else str(some[0].dialled)
        yield Difference(what, row.expected, seen, _reason(value, some[0]))


def _differs(row: EgressRow, one: PodReach) -> bool:
    if row.expected is Reach.ALLOWED:
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


def judge(row: EgressRow, fact: EgressReach) -> Judgement:
    """Every Pod reaches an allowed peer, by its name; no Pod reaches a refused one."""
    return judged(differences(row, fact), compared_in(fact))


KIND = Kind(EgressRow, look, judge, begin=(matrix,))
