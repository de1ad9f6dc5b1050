"""Who reaches whom, and what names lead to, as dialled from every Pod of a workload."""

from collections.abc import Iterable
from dataclasses import dataclass

from clusterproof.errors import ObservationError
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.dialler import Dialling
from clusterproof.observe.dialling import Dialled, DialOutcome
from clusterproof.observe.matrix import Matrix
from clusterproof.observe.observed import Observed
from clusterproof.observe.policy import (
    Labelled,
    decisions,
    destinations_of,
    pods_or_template,
    policies_of,
)
from clusterproof.observe.policy_model import Decision
from clusterproof.spec.behaviour import DnsRow, EgressRow, Reach
from clusterproof.spec.row import ObjectRef


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
    """

    pods: tuple[PodReach, ...]
    control: Dialled
    unseen: tuple[str, ...] = ()
    reading: tuple[Decision, ...] = ()


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a name resolves to in every Pod, and what it should.

    Attributes:
        expected: The Service's ClusterIPs, or its backends' addresses where it is headless; None
            where there is no such Service.
    """

    pods: tuple[PodReach, ...]
    expected: tuple[str, ...] | None


def read_reach(cluster: Cluster, matrix: Matrix, rule: EgressRow) -> Observed[EgressReach]:
    """The peer's reach from each Pod, with the rule that decides.

    Raises:
        ObservationError: The peer was not dialled, or what was seen allows no verdict, see `doubt`.
    """
    diallings = matrix.of(rule.workload)
    if rule.id in matrix.undialled:
        raise matrix.undialled[rule.id]
    control = matrix.control.results[rule.id]
    value = EgressReach(
        pods=_pods(diallings, rule.id),
        control=control,
        unseen=_unseen_by(diallings, rule.id),
        reading=_reading(cluster, rule, control),
    )
    next_command = f"kubectl -n {rule.workload.namespace} describe networkpolicy"
    if why := doubt(rule, value):
        raise ObservationError(why, next_command=next_command)
    target = f"{rule.host}:{rule.port}/{rule.protocol}"
    evidence = (
        *clauses(value.pods),
        f"control peer {matrix.control.pod}: {control}",
        *(f"{one} could not be looked from" for one in value.unseen),
        *(
            f"reading: {'allowed' if one.allowed else 'refused'} by {one.by}"
            for one in value.reading
        ),
    )
    where = f"{rule.workload.namespace}/{rule.workload.name} -> {target}"
    return Observed(value, where, evidence, next_command, _how(diallings, matrix))


def read_resolution(cluster: Cluster, matrix: Matrix, rule: DnsRow) -> Observed[Resolution]:
    """What the name resolves to in each Pod."""
    diallings = matrix.of(rule.workload)
    unseen = _unseen_by(diallings, rule.id)
    if unseen:
        raise ObservationError(f"could not look from {'; '.join(unseen)}")
    pods = _pods(diallings, rule.id)
    answers = {", ".join(one.dialled.addresses) or one.dialled.text for one in pods}
    expected = _service_addresses(cluster, rule.service)
    evidence = (
        f"{len(pods)} Pods: {'; '.join(sorted(answers))}",
        f"control peer {matrix.control.pod}: {', '.join(_control_addresses(matrix, rule))}",
        f"{rule.service}: {', '.join(expected) if expected is not None else 'absent'}",
    )
    where = f"{rule.workload.namespace}/{rule.workload.name} -> {rule.name}"
    next_command = f"kubectl get {rule.service.kubectl} -o wide"
    return Observed(
        Resolution(pods, expected), where, evidence, next_command, _how(diallings, matrix)
    )


def doubt(rule: EgressRow, value: EgressReach) -> str:
    """Why nothing can be said of the row, or "".

    A peer that nobody can reach is not refused, and a name that does not resolve is not either.
    """
    outcomes = {one.outcome for one in value.pods}
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
        return f"the control peer could not reach it either: {value.control}"
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


def _reading(cluster: Cluster, rule: EgressRow, control: Dialled) -> tuple[Decision, ...]:
    namespace = rule.workload.namespace
    try:
        pods: tuple[Labelled, ...] = pods_or_template(cluster, rule.workload)
        policies = policies_of(cluster, namespace)
        addresses = control.addresses or (rule.host,)
        to = destinations_of(cluster, rule.host, rule.port, rule.protocol, addresses)
    except (ObservationError, ValueError):
        return ()  # it explains the dial; the dial stands without it
    return decisions(policies, namespace, pods, to)


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


def _service_addresses(cluster: Cluster, ref: ObjectRef) -> tuple[str, ...] | None:
    service = cluster.find(ref)
    if service is None:
        return None
    spec = service["spec"]
    addresses = spec.get("clusterIPs") or [spec.get("clusterIP", "")]
    if addresses != ["None"]:
        return tuple(addresses)
    return tuple(
        sorted(
            address
            for piece in cluster.objects("EndpointSlice", ref.namespace)
            if (piece["metadata"].get("labels") or {}).get("kubernetes.io/service-name") == ref.name
            for endpoint in piece.get("endpoints") or []
            if (endpoint.get("conditions") or {}).get("ready", True)
            for address in endpoint["addresses"]
        )
    )
