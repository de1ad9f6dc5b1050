"""Rows `check: dns`: in every Pod of a workload, a name leads to the addresses of its Service.

Source: Kubernetes docs, "DNS for Services and Pods" (v1.35, read 2026-11-23).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from clusterproof.checks.kind import Kind
from clusterproof.checks.shared import matrix
from clusterproof.checks.site import Site
from clusterproof.errors import ObservationError
from clusterproof.judgement import Difference, Doubt, Judgement, judged
from clusterproof.kube.dns import services_meant
from clusterproof.kube.endpoints import endpoints_of
from clusterproof.kube.services import external_name, is_headless, spec_of
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.dialling import DialOutcome
from clusterproof.observe.matrix import EXTERNAL, Matrix, PodReach, how_of, reaches_of, unseen_by
from clusterproof.observe.observed import Observed
from clusterproof.spec.behaviour import DnsRow


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a name resolves to in every Pod, and what it should.

    Attributes:
        expected: The Service's ClusterIPs, or its backends' addresses where it is headless, or
            those of the name that an ExternalName stands for; None where there is no such Service.
        external: The addresses are those of the name that an ExternalName stands for, seen by our
            own Pod; none where it does not resolve there.
        unseen: `pod: why` of those that could not be looked from.
    """

    pods: tuple[PodReach, ...]
    expected: tuple[str, ...] | None
    external: bool = False
    unseen: tuple[str, ...] = ()


def read_resolution(cluster: Cluster, matrix: Matrix, row: DnsRow) -> Observed[Resolution]:
    """What the name resolves to in each Pod.

    Raises:
        ObservationError: The workload could not be dialled from, our own Pod was not asked what an
            ExternalName stands for, or the endpoints changed meanwhile.
    """
    diallings = matrix.of(row.workload)
    pods = reaches_of(diallings, row.id)
    answers = {", ".join(reach.dialled.addresses) or reach.dialled.text for reach in pods}
    expected = _expected_addresses(cluster, matrix, row)
    if any(set(reach.dialled.addresses) != set(expected or ()) for reach in pods):
        expected = _unmoved(cluster, matrix, row, expected)
    evidence = (
        f"{len(pods)} Pods: {'; '.join(sorted(answers))}",
        f"control peer {matrix.control.pod}: {', '.join(_control_addresses(matrix, row))}",
        f"{row.service}: {', '.join(expected) if expected is not None else 'absent'}",
    )
    return Observed(
        Resolution(
            pods,
            expected,
            external=bool(external_name(cluster.find(row.service))),
            unseen=unseen_by(diallings, row.id),
        ),
        f"{row.workload.namespace}/{row.workload.name} -> {row.name}",
        evidence,
        f"kubectl get {row.service.kubectl} -o wide",
        how_of(diallings, matrix),
    )


def _unmoved(
    cluster: Cluster, matrix: Matrix, row: DnsRow, before: tuple[str, ...] | None
) -> tuple[str, ...] | None:
    """The same addresses, which the API server still has: they and the name were asked apart.

    Raises:
        ObservationError: It has others by now: a Pod came or went.
    """
    cluster.forget("EndpointSlice")
    now = _expected_addresses(cluster, matrix, row)
    if now != before:
        raise ObservationError(
            f"the endpoints of {row.service} changed while the name was asked for, from"
            f" {', '.join(before or ()) or 'none'} to {', '.join(now or ()) or 'none'}",
            next_command=f"kubectl -n {row.service.namespace} get endpointslices",
        )
    return now


def _control_addresses(matrix: Matrix, row: DnsRow) -> tuple[str, ...]:
    control = matrix.control.results[row.id]
    return control.addresses or (control.text,)


def _expected_addresses(cluster: Cluster, matrix: Matrix, row: DnsRow) -> tuple[str, ...] | None:
    """What DNS has for the Service's name, or for the hostname of one endpoint below it.

    Raises:
        ObservationError: Our own Pod was not asked what an ExternalName stands for.
    """
    service = cluster.find(row.service)
    if service is None:
        return None
    external = external_name(service)
    if external:
        control = matrix.control.results.get(f"{row.id}{EXTERNAL}")
        if control is None:
            raise ObservationError(
                f"{row.service} stands for {external}, which our own Pod was not asked for",
                next_command=f"kubectl get {row.service.kubectl} -o yaml",
            )
        return control.addresses
    names = services_meant(row.name, row.workload.namespace)
    own = (row.service.namespace, row.service.name)
    hostname = next((name.hostname for name in names if (name.namespace, name.name) == own), "")
    if not is_headless(service) and not hostname:
        spec = spec_of(service)
        return tuple(spec.get("clusterIPs") or [spec.get("clusterIP", "")])
    slices = cluster.objects("EndpointSlice", row.service.namespace)
    ready = {
        entry.address
        for entry in endpoints_of(slices, row.service.name)
        if entry.ready and hostname in {"", entry.hostname}
    }
    return tuple(sorted(ready))


def look(row: DnsRow, site: Site) -> Observed[Resolution]:
    """What the name resolves to in every ready Pod."""
    return read_resolution(site.cluster, site.shared(matrix), row)


def judge(row: DnsRow, fact: Resolution) -> Judgement:
    """The name resolves in every Pod, to the addresses of its Service and to no other."""
    if not fact.pods:
        return Doubt(_unseen(fact) or "no Pod was asked")
    if fact.external and (elsewhere := _resolved_elsewhere(fact)):
        return Doubt(
            f"{row.service} stands for a name that has other addresses in {elsewhere.pod}"
            f" ({', '.join(elsewhere.dialled.addresses)}) than in our own Pod"
            f" ({', '.join(fact.expected or ()) or 'where it does not resolve'}): it cannot be told"
            " whether its DNS answers by the asker"
        )
    differences = tuple(_differences(row, fact))
    if fact.unseen and not differences:
        return Doubt(_unseen(fact))
    return judged(differences, (f"Pod {reach.pod}: {row.name}" for reach in fact.pods))


def _unseen(fact: Resolution) -> str:
    return f"could not look from {'; '.join(fact.unseen)}" if fact.unseen else ""


def _resolved_elsewhere(fact: Resolution) -> PodReach | None:
    """The Pod in which a name resolves to other addresses; None where it fails in some Pod."""
    if any(reach.outcome is not DialOutcome.CONNECTED for reach in fact.pods):
        return None
    apart = (
        reach for reach in fact.pods if not _are_as_expected(set(reach.dialled.addresses), fact)
    )
    return next(apart, None)


def _differences(row: DnsRow, fact: Resolution) -> Iterator[Difference]:
    if fact.expected is None:
        yield Difference(str(row.service), "a Service", "absent", code="service-missing")
        return
    expected = ", ".join(fact.expected) or f"the addresses of {row.service}"
    for reach in fact.pods:
        if reach.dialled.outcome is not DialOutcome.CONNECTED:
            yield Difference(reach.pod, expected, f"{reach.dialled}", code="name-not-resolved")
        elif (fact.expected or not fact.external) and not _are_as_expected(
            set(reach.dialled.addresses), fact
        ):
            addresses = ", ".join(reach.dialled.addresses)
            yield Difference(reach.pod, expected, addresses, code="address-differs")


def _are_as_expected(addresses: set[str], fact: Resolution) -> bool:
    """The same; for an external name, which may have others at each asking, some of them."""
    expected = set(fact.expected or ())
    return bool(addresses & expected) if fact.external else addresses == expected


KIND = Kind(
    DnsRow,
    look,
    judge,
    begin=(matrix,),
    codes=(
        "address-differs",
        "name-not-resolved",
        "service-missing",
    ),
)
