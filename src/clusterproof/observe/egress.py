"""Who reaches whom, and what names lead to, as dialled from every Pod of a workload."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from clusterproof.errors import ObservationError
from clusterproof.kube.dns import services_meant
from clusterproof.kube.endpoints import endpoints_of
from clusterproof.kube.policies import Decision
from clusterproof.kube.services import external_name, is_headless, spec_of
from clusterproof.observe.cluster import RUN_LABEL, Cluster
from clusterproof.observe.dialler import Dialling
from clusterproof.observe.dialling import Dialled, DialOutcome
from clusterproof.observe.matrix import EXTERNAL, OVER_TCP, Matrix
from clusterproof.observe.observed import Observed
from clusterproof.observe.policy import (
    Labelled,
    decisions,
    destinations_of,
    pods_or_template,
    policies_of,
)
from clusterproof.spec.behaviour import DnsRow, EgressRow, Reach


@dataclass(frozen=True, slots=True)
class PodReach:
    """What became of one peer, from one Pod."""

    pod: str
    dialled: Dialled

    @property
    def outcome(self) -> DialOutcome:
        """The outcome at the peer: by its known address, where its name did not resolve."""
        return self.dialled.by_address or self.dialled.outcome


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


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a name resolves to in every Pod, and what it should.

    Attributes:
        expected: The Service's ClusterIPs, or its backends' addresses where it is headless, or
            those of the name that an ExternalName stands for; None where there is no such Service.
        external: The addresses are a name's outside of the cluster, seen by our own Pod.
    """

    pods: tuple[PodReach, ...]
    expected: tuple[str, ...] | None
    external: bool = False


def read_reach(cluster: Cluster, matrix: Matrix, rule: EgressRow) -> Observed[EgressReach]:
    """The peer's reach from each Pod, with the rule that decides.

    Raises:
        ObservationError: The peer was not dialled, or what was seen allows no verdict, see `doubt`.
    """
    diallings = matrix.of(rule.workload)
    if rule.id in matrix.undialled:
        raise matrix.undialled[rule.id]
    value = _reach(cluster, matrix, rule, rule.id)
    control = value.control
    over_tcp = f"{rule.id}{OVER_TCP}"
    if rule.protocol == "DNS" and over_tcp in matrix.control.results:
        asked = _reach(cluster, matrix, rule, over_tcp)
        if asked.control.outcome is DialOutcome.CONNECTED or asked.control_reading:
            value = replace(value, over_tcp=asked)
    next_command = f"kubectl -n {rule.workload.namespace} describe networkpolicy"
    if why := doubt(rule, value):
        raise ObservationError(why, next_command=next_command)
    target = f"{rule.host}:{rule.port}/{rule.protocol}"
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
    where = f"{rule.workload.namespace}/{rule.workload.name} -> {target}"
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


def read_resolution(cluster: Cluster, matrix: Matrix, rule: DnsRow) -> Observed[Resolution]:
    """What the name resolves to in each Pod."""
    diallings = matrix.of(rule.workload)
    unseen = _unseen_by(diallings, rule.id)
    if unseen:
        raise ObservationError(f"could not look from {'; '.join(unseen)}")
    pods = _pods(diallings, rule.id)
    answers = {", ".join(one.dialled.addresses) or one.dialled.text for one in pods}
    expected = _expected_addresses(cluster, matrix, rule)
    evidence = (
        f"{len(pods)} Pods: {'; '.join(sorted(answers))}",
        f"control peer {matrix.control.pod}: {', '.join(_control_addresses(matrix, rule))}",
        f"{rule.service}: {', '.join(expected) if expected is not None else 'absent'}",
    )
    external = external_name(cluster.find(rule.service))
    apart = [one for one in pods if not set(one.dialled.addresses) & set(expected or ())]
    if external and apart and apart[0].outcome is DialOutcome.CONNECTED:
        raise ObservationError(
            f"{external} has other addresses in {apart[0].pod} than in our own Pod"
            f" ({'; '.join(evidence)}): it cannot be told whether its DNS answers by the asker"
        )
    where = f"{rule.workload.namespace}/{rule.workload.name} -> {rule.name}"
    next_command = f"kubectl get {rule.service.kubectl} -o wide"
    return Observed(
        Resolution(pods, expected, bool(external)),
        where,
        evidence,
        next_command,
        _how(diallings, matrix),
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
    cluster: Cluster, rule: EgressRow, control: Dialled, transport: str
) -> tuple[Decision, ...]:
    namespace = rule.workload.namespace
    try:
        pods: tuple[Labelled, ...] = pods_or_template(cluster, rule.workload)
        policies = policies_of(cluster, namespace)
        addresses = control.addresses or (rule.host,)
        to = destinations_of(cluster, rule.host, rule.port, transport, addresses)
    except (ObservationError, ValueError):
        return ()  # it explains the dial; the dial stands without it
    return decisions(policies, namespace, pods, to)


def _reading_of_control(
    cluster: Cluster, matrix: Matrix, rule: EgressRow, transport: str
) -> tuple[Decision, ...]:
    """The refusals of policies that select the control's own Pod: it carries our label alone."""
    namespace, _, name = matrix.control.pod.partition("/")
    try:
        policies = policies_of(cluster, namespace)
        addresses = matrix.control.results[rule.id].addresses or (rule.host,)
        to = destinations_of(cluster, rule.host, rule.port, transport, addresses)
        found = decisions(policies, namespace, [Labelled(name, {RUN_LABEL: ""})], to)
    except (ObservationError, ValueError):
        return ()
    return tuple(decision for decision in found if not decision.allowed)


def _pods(diallings: Iterable[Dialling], row_id: str) -> tuple[PodReach, ...]:
    return tuple(
        PodReach(one.pod, one.results[row_id]) for one in diallings if row_id in one.results
    )


def _unseen_by(diallings: Iterable[Dialling], row_id: str) -> tuple[str, ...]:
    alone = "is the only Pod behind this Service, and no policy can refuse a Pod to itself"
    return tuple(
        f"{one.pod}: {one.unseen}" if one.unseen else f"{one.pod} {alone}"
        for one in diallings
        if row_id not in one.results
    )


def _how(diallings: Iterable[Dialling], matrix: Matrix) -> str:
    ways = dict.fromkeys(one.how for one in diallings if one.how)
    return f"{'; '.join(ways)}; control: {matrix.control.how}"


def _control_addresses(matrix: Matrix, rule: DnsRow) -> tuple[str, ...]:
    control = matrix.control.results[rule.id]
    return control.addresses or (control.text,)


def _expected_addresses(cluster: Cluster, matrix: Matrix, rule: DnsRow) -> tuple[str, ...] | None:
    """What DNS has for the Service's name, or for the hostname of one endpoint below it.

    Raises:
        ObservationError: The name that an ExternalName stands for does not resolve in our own Pod.
    """
    service = cluster.find(rule.service)
    if service is None:
        return None
    external = external_name(service)
    if external:
        control = matrix.control.results.get(f"{rule.id}{EXTERNAL}")
        if control is None or control.outcome is not DialOutcome.CONNECTED:
            raise ObservationError(
                f"{rule.service} stands for {external}, which does not resolve in our own Pod:"
                f" {control or 'it was not asked'}",
                next_command=f"kubectl get {rule.service.kubectl} -o yaml",
            )
        return control.addresses
    names = services_meant(rule.name, rule.workload.namespace)
    own = (rule.service.namespace, rule.service.name)
    hostname = next((one.hostname for one in names if (one.namespace, one.name) == own), "")
    if not is_headless(service) and not hostname:
        spec = spec_of(service)
        return tuple(spec.get("clusterIPs") or [spec.get("clusterIP", "")])
    slices = cluster.objects("EndpointSlice", rule.service.namespace)
    ready = {
        entry.address
        for entry in endpoints_of(slices, rule.service.name)
        if entry.ready and hostname in {"", entry.hostname}
    }
    return tuple(sorted(ready))
