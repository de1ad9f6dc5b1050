"""Rows `check: egress`: a peer is allowed or refused to every Pod of a workload, as dialled.

Source: Kubernetes docs, "Network Policies" (v1.35, read 2026-11-23).
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace

from clusterproof.checks.kind import Kind
from clusterproof.checks.shared import matrix
from clusterproof.checks.site import Site
from clusterproof.errors import ObservationError
from clusterproof.judgement import Difference, Doubt, Judgement, judged
from clusterproof.kube.policies import Decision, Destination
from clusterproof.observe.cluster import RUN_LABEL, Cluster
from clusterproof.observe.dialling import Dialled, DialOutcome
from clusterproof.observe.matrix import OVER_TCP, Matrix, PodReach, how_of, reaches_of, unseen_by
from clusterproof.observe.observed import Observed
from clusterproof.observe.policy import (
    Labelled,
    decisions,
    destination,
    pods_or_template,
    policies_of,
    ready_endpoints,
    service_of_endpoint,
    service_reached,
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
            None for another protocol.
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
        ObservationError: The peer was not dialled.
    """
    diallings = matrix.of(row.workload)
    if row.id in matrix.undialled:
        raise matrix.undialled[row.id]
    reach = _reach(cluster, matrix, row, row.id)
    over_tcp = f"{row.id}{OVER_TCP}"
    if row.protocol == "DNS" and over_tcp in matrix.control.results:
        reach = replace(reach, over_tcp=_reach(cluster, matrix, row, over_tcp))
    next_command = f"kubectl -n {row.workload.namespace} describe networkpolicy"
    target = f"{row.host}:{row.port}/{row.protocol}"
    tcp = reach.over_tcp
    evidence = (
        *clauses(reach.pods),
        *(f"over TCP: {clause}" for clause in (clauses(tcp.pods) if tcp else ())),
        f"control peer {matrix.control.pod}: {reach.control}",
        *((f"control peer over TCP: {tcp.control}",) if tcp else ()),
        *(f"{pod} could not be looked from" for pod in reach.unseen),
        *(
            f"reading: {'allowed' if decision.allowed else 'refused'} by {decision.by}"
            for decision in reach.reading
        ),
    )
    where = f"{row.workload.namespace}/{row.workload.name} -> {target}"
    return Observed(reach, where, evidence, next_command, how_of(diallings, matrix))


def _reach(cluster: Cluster, matrix: Matrix, row: EgressRow, peer_id: str) -> EgressReach:
    """What was seen of one peer of the row, which has two where it is about DNS."""
    diallings, control = matrix.of(row.workload), matrix.control.results[peer_id]
    transport = "TCP" if peer_id.endswith(OVER_TCP) else row.protocol
    refused: tuple[Decision, ...] = ()
    if control.outcome is not DialOutcome.CONNECTED:
        refused = _reading_of_control(cluster, matrix, row, transport)
    return EgressReach(
        pods=reaches_of(diallings, peer_id),
        control=control,
        unseen=unseen_by(diallings, peer_id),
        reading=_reading(cluster, row, control, transport),
        control_reading=refused,
    )


def clauses(reaches: tuple[PodReach, ...]) -> tuple[str, ...]:
    """One sentence for each outcome, with the Pods that had it and the time that it took."""
    sentences = []
    for group in _by_outcome(reaches):
        times = sorted(reach.dialled.elapsed_ms for reach in group)
        names = ", ".join(reach.pod for reach in group)
        sentences.append(
            f"{len(group)} of {len(reaches)} Pods: {group[0].dialled}"
            f" (all in {times[0]:.0f} to {times[-1]:.0f} ms): {names}"
        )
    return tuple(sentences)


def _by_outcome(reaches: Iterable[PodReach]) -> tuple[list[PodReach], ...]:
    groups: dict[tuple[str, str | None], list[PodReach]] = {}
    for reach in reaches:
        outcome = (reach.dialled.outcome, reach.dialled.by_address)
        groups.setdefault(outcome, []).append(reach)
    return tuple(groups.values())


def _reading(
    cluster: Cluster, row: EgressRow, control: Dialled, transport: str
) -> tuple[Decision, ...]:
    namespace = row.workload.namespace
    try:
        pods: tuple[Labelled, ...] = pods_or_template(cluster, row.workload)
        policies = policies_of(cluster, namespace)
        addresses = control.addresses or (row.host,)
        to = destinations_of(cluster, row, namespace, transport, addresses)
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
        to = destinations_of(cluster, row, namespace, transport, addresses)
        readings = decisions(policies, namespace, [Labelled(name, {RUN_LABEL: ""})], to)
    except (ObservationError, ValueError):
        return ()
    return tuple(decision for decision in readings if not decision.allowed)


def destinations_of(
    cluster: Cluster, row: EgressRow, namespace: str, transport: str, addresses: Collection[str]
) -> tuple[Destination, ...]:
    """Where a connection from a Pod of this namespace ends: a Service's backends, or `addresses`.

    Those that the name of an endpoint stands for are of Pods too, and a policy sees their labels.
    A policy sees a backend's address and port, not those of the Service before it. What may not be
    read is left out: this explains a dial, it does not stand for one.
    """
    transport = transport_of(transport)
    ref = None
    is_in_zone = "svc" in row.host.split(".")[2:4]
    try:
        ref = service_reached(cluster, row.host, namespace)
        if ref is not None and (cluster.find(ref) is not None or is_in_zone):
            return _backends(cluster, ref, row.port, transport)
        service = None if ref else service_of_endpoint(cluster, row.host, namespace)
        if service is not None:
            return _backends(cluster, service, row.port, transport, addresses)
        if ref is None and is_in_zone:
            return ()
    except ObservationError:
        if ref is None or ref.namespace == namespace or is_in_zone:
            return ()
    return tuple(Destination(row.host, row.port, transport, address=each) for each in addresses)


def _backends(
    cluster: Cluster,
    ref: ObjectRef,
    port: int,
    protocol: str,
    addresses: Collection[str] | None = None,
) -> tuple[Destination, ...]:
    """The ready endpoints of a Service, or those at `addresses`, as a policy sees them."""
    pods = {
        f"{ref.namespace}/{pod['metadata']['name']}": pod
        for pod in cluster.objects("Pod", ref.namespace)
    }
    return tuple(
        destination(cluster, pods[backend.label], backend.port, protocol)
        if backend.label in pods
        else backend
        for backend in ready_endpoints(cluster, ref, port, protocol)
        if addresses is None or backend.address in addresses
    )


def look(row: EgressRow, site: Site) -> Observed[EgressReach]:
    """The peer's reach from every ready Pod, and from a control that no policy selects."""
    return read_reach(site.cluster, site.shared(matrix), row)


def judge(row: EgressRow, fact: EgressReach) -> Judgement:
    """Every Pod reaches an allowed peer, by its name; no Pod reaches a refused one.

    A peer that nobody can reach is not refused, and a name that does not resolve is not either.
    """
    if not fact.pods:
        return Doubt(_unseen(fact) or "no Pod was dialled from")
    over_tcp = fact.over_tcp if _counts_over_tcp(row, fact) else None
    differences = [
        *_differences(row, fact, ""),
        *(_differences(row, over_tcp, "DNS over TCP, ") if over_tcp else ()),
    ]
    if reason := _doubt(row, fact, over_tcp, is_different=bool(differences)):
        return Doubt(reason)
    peer = f"{row.host}:{row.port}"
    compared = [f"Pod {reach.pod} -> {peer}/{row.protocol}" for reach in fact.pods]
    compared += [
        f"Pod {reach.pod} -> {peer}, DNS over TCP" for reach in (over_tcp.pods if over_tcp else ())
    ]
    return judged(differences, compared)


def _counts_over_tcp(row: EgressRow, fact: EgressReach) -> bool:
    """A resolver that speaks no TCP to anybody is no policy's doing; nor is that a refusal."""
    if fact.over_tcp is None:
        return False
    answered = fact.over_tcp.control.outcome is DialOutcome.CONNECTED
    return row.expected is Reach.REFUSED or answered or bool(fact.over_tcp.control_reading)


def _doubt(
    row: EgressRow, fact: EgressReach, over_tcp: EgressReach | None, *, is_different: bool
) -> str:
    """Why nothing can be said of the row, or ""."""
    if row.expected is Reach.ALLOWED:
        if not is_different:
            return _unseen(fact) or _intercepted(fact) or (_unseen(over_tcp) if over_tcp else "")
        silent = row.protocol == "UDP" and fact.control.outcome is DialOutcome.TIMEOUT
        return "UDP: the control peer had no answer either" if silent else ""
    if is_different:
        return ""
    if reason := _doubt_of_refusal(fact):
        return reason
    over_tcp_reason = _doubt_of_refusal(over_tcp) if over_tcp else ""
    return f"DNS over TCP: {over_tcp_reason}" if over_tcp_reason else ""


def _doubt_of_refusal(fact: EgressReach) -> str:
    if fact.unseen:
        return _unseen(fact)
    if fact.control.outcome is not DialOutcome.CONNECTED:
        by = "".join(f"; {decision.by} allows it" for decision in fact.control_reading[:1])
        return f"the control peer could not reach it either: {fact.control}{by}"
    unclear = [reach for reach in fact.pods if not reach.outcome.blocked]
    return f"no refusal was seen in {unclear[0].pod}: {unclear[0].dialled}" if unclear else ""


def _intercepted(fact: EgressReach) -> str:
    through = [reach for reach in fact.pods if reach.dialled.outcome is DialOutcome.INTERCEPTED]
    return f"{through[0].pod}: {through[0].dialled}" if through else ""


def _unseen(fact: EgressReach) -> str:
    return f"could not look from {'; '.join(fact.unseen)}" if fact.unseen else ""


def _differences(row: EgressRow, fact: EgressReach, how: str) -> Iterator[Difference]:
    """Pods with the same outcome are one difference."""
    for group in _by_outcome(reach for reach in fact.pods if _differs(row, reach)):
        dialled = group[0].dialled
        yield Difference(
            f"{how}{len(group)} of {len(fact.pods)} Pods",
            row.expected,
            "allowed" if row.expected is Reach.REFUSED else str(dialled),
            _reason(fact, group[0]),
            code=_code(row, fact, group[0], is_over_tcp=bool(how)),
        )


def _code(row: EgressRow, fact: EgressReach, reach: PodReach, *, is_over_tcp: bool) -> str:
    if row.expected is Reach.REFUSED:
        return _code_of_reached(fact, reach)
    if row.protocol == "DNS":
        return "dns-tcp-refused" if is_over_tcp else "dns-refused"
    is_allowed = all(decision.allowed for decision in fact.reading)
    if reach.outcome is not DialOutcome.CONNECTED and not is_allowed:
        return "peer-not-allowed"
    if reach.dialled.outcome is DialOutcome.DNS_FAILURE:
        return "name-not-resolved"
    return "peer-not-reached"


def _code_of_reached(fact: EgressReach, reach: PodReach) -> str:
    """Whether the policies as they are written allow it, or none selects the Pod, or none acts."""
    if reach.dialled.outcome is DialOutcome.DNS_FAILURE or not fact.reading:
        return "peer-reached"
    allowing = next((decision for decision in fact.reading if decision.allowed), None)
    if allowing is None:
        return "policy-not-enforced"
    return "peer-reached" if allowing.isolated else "pod-not-isolated"


def _differs(row: EgressRow, reach: PodReach) -> bool:
    if row.expected is Reach.ALLOWED:
        return reach.dialled.outcome not in {DialOutcome.CONNECTED, DialOutcome.INTERCEPTED}
    return reach.outcome is DialOutcome.CONNECTED


def _reason(fact: EgressReach, reach: PodReach) -> str:
    """What the dial and the reading of the policies say together."""
    if reach.outcome is DialOutcome.CONNECTED:
        return _why_reached(fact, reach)
    refused = [decision for decision in fact.reading if not decision.allowed]
    if fact.control.outcome is not DialOutcome.CONNECTED:
        why = [f"{decision.by} allows it" for decision in refused[:1]]
        if fact.control_reading:
            by = fact.control_reading[0].by
            why.append(f"the control peer is refused as well, by its own namespace: {by} allows it")
        else:
            peer = "" if why else ": the peer, not a policy"
            why.append(f"the control peer could not reach it either{peer}")
        return "; ".join(why)
    if refused:
        return f"{refused[0].by} allows it"
    if fact.reading:
        return f"{fact.reading[0].by} allows it: look at the peer and at its ingress policies"
    return ""


def _why_reached(fact: EgressReach, reach: PodReach) -> str:
    if reach.dialled.outcome is DialOutcome.DNS_FAILURE:
        return "the peer itself is allowed, its name cannot be resolved: DNS is refused"
    if fact.reading and not any(decision.allowed for decision in fact.reading):
        return f"{fact.reading[0].by} allows it: the policy is not enforced"
    return next((decision.by for decision in fact.reading if decision.allowed), "")


KIND = Kind(
    EgressRow,
    look,
    judge,
    begin=(matrix,),
    codes=(
        "dns-refused",
        "dns-tcp-refused",
        "name-not-resolved",
        "peer-not-allowed",
        "peer-not-reached",
        "peer-reached",
        "pod-not-isolated",
        "policy-not-enforced",
    ),
)
