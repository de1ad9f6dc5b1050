"""Rows `check: service`: a Service port leads to the ready Pods of its workload, and nowhere else.

Source: Kubernetes docs, "Service" and "EndpointSlices" (v1.35, read 2026-11-23).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from clusterproof.checks.kind import Kind
from clusterproof.checks.site import Site
from clusterproof.judgement import Difference, Judgement, judged
from clusterproof.kube.client import Json
from clusterproof.kube.endpoints import SERVICE_NAME, endpoints_of
from clusterproof.kube.objects import condition_entry, is_terminating, labels_of
from clusterproof.kube.pods import is_finished, is_healthy
from clusterproof.kube.selectors import service_selects
from clusterproof.kube.services import ServicePort, port_of, ports_of, spec_of, target_port
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.observed import Observed
from clusterproof.spec.row import ObjectRef, Ref, Row, WorkloadRef
from clusterproof.wait import last_within

AGREE_WITHIN_S = 4.0
"""A Pod that comes or goes is in its EndpointSlice after some tenths of a second. Our choice."""
SETTLED_AFTER_S = 10.0
"""A Pod that has been ready for so long and is no endpoint will be none by waiting. Our choice."""


class ServiceRow(Row):
    """A Service port leads to every ready Pod of its workload, on the port that they declare."""

    check: Literal["service"]
    of: Ref
    port: int
    protocol: Literal["TCP", "UDP", "SCTP"] = "TCP"
    workload: WorkloadRef
    target_port: int


@dataclass(frozen=True, slots=True)
class BackendPod:
    """A Pod of the workload, or one that the Service selects.

    Attributes:
        target_port: The Service's targetPort in this Pod; None for a name that it does not declare.
        leaving: It is being deleted: it may still be an endpoint, and need not be.
    """

    name: str
    ready: bool
    is_workloads: bool
    is_selected: bool
    target_port: int | None
    leaving: bool = False


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One ready endpoint: the Pod behind it ("" where it names none), its address and port."""

    pod: str
    address: str
    port: int


@dataclass(frozen=True, slots=True)
class ServiceView:
    """A Service's port and what is behind it.

    Attributes:
        ports: All that it has, by number; empty where there is no Service.
        target_port: As the Service writes it, "" where it has no such port.
        protocols: Those of the row's port; empty where no port has its number.
    """

    exists: bool
    ports: tuple[int, ...] = ()
    target_port: str = ""
    selector: Mapping[str, str] | None = None
    pods: tuple[BackendPod, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()
    protocols: tuple[str, ...] = ("TCP",)


def look(row: ServiceRow, site: Site) -> Observed[ServiceView]:
    """The Service, the Pods that it selects, and the ready endpoints of the port.

    Pods and EndpointSlices are two lists: where they do not fit together, both are read again, as
    a Pod may have come or gone in between; and a few times more while a Pod has just done so.
    """
    cluster = site.cluster
    ref = row.of
    next_command = f"kubectl -n {ref.namespace} get endpointslices -l {SERVICE_NAME}={ref.name}"
    service = cluster.find(ref)
    if service is None:
        return Observed(ServiceView(exists=False), str(ref), ("no such Service",), next_command)

    def read_again() -> ServiceView:
        cluster.forget("Pod", "EndpointSlice")
        return _service_view(cluster, row, service)

    view = _service_view(cluster, row, service)
    unreached = _apart(view)[1]

    def is_settled(view: ServiceView) -> bool:
        nonlocal unreached
        before, unreached = unreached, _apart(view)[1]
        # Twice the same: no Pod went away between the list of Pods and that of the endpoints.
        return _fit_together(view) or (
            before == unreached and not _has_changed_lately(cluster, row, view)
        )

    if not _fit_together(view):
        view = last_within(read_again, is_settled, within_s=AGREE_WITHIN_S, every_s=1.0)
    shown = ", ".join(f"{end.pod or end.address}:{end.port}" for end in view.endpoints) or "none"
    evidence = (
        f"port {row.port}/{row.protocol} to targetPort {view.target_port or 'none'},"
        f" selector {view.selector}",
        f"{len(view.endpoints)} ready endpoints: {shown}",
    )
    return Observed(view, f"{ref}:{row.port}", evidence, next_command)


def _service_view(cluster: Cluster, row: ServiceRow, service: Json) -> ServiceView:
    port = port_of(service, row.port, row.protocol)
    return ServiceView(
        exists=True,
        ports=tuple(entry.port for entry in ports_of(service)),
        target_port=str(port.target) if port else "",
        selector=spec_of(service).get("selector"),
        pods=_backend_pods(cluster, row, service, port),
        endpoints=_endpoints(cluster, row.of, port) if port else (),
        protocols=tuple(entry.protocol for entry in ports_of(service) if entry.port == row.port),
    )


def _fit_together(view: ServiceView) -> bool:
    """True where each endpoint is a Pod that is there, and each ready Pod an endpoint."""
    gone, unreached = _apart(view)
    return not gone and not unreached


def _apart(view: ServiceView) -> tuple[set[str], set[str]]:
    """Endpoints whose Pod is not there, and ready Pods that are no endpoint."""
    there = {pod.name for pod in view.pods}
    due = {pod.name for pod in view.pods if pod.ready and pod.is_selected and pod.target_port}
    reached = {endpoint.pod for endpoint in view.endpoints}
    return reached - there, due - reached


def _has_changed_lately(cluster: Cluster, row: ServiceRow, view: ServiceView) -> bool:
    """Whether a Pod went away, or became ready so lately that its endpoint may still be made."""
    gone, unreached = _apart(view)
    return bool(gone) or any(
        not (since := _ready_since(pod)) or cluster.seconds_since(since) < SETTLED_AFTER_S
        for pod in cluster.objects("Pod", row.of.namespace)
        if pod["metadata"]["name"] in unreached
    )


def _ready_since(pod: Json) -> str:
    changed = condition_entry(pod, "Ready").get("lastTransitionTime")
    return str(changed or pod["metadata"].get("creationTimestamp") or "")


def _backend_pods(
    cluster: Cluster, row: ServiceRow, service: Json, port: ServicePort | None
) -> tuple[BackendPod, ...]:
    owned = {pod["metadata"]["name"] for pod in cluster.pods_of(row.workload)}
    pods = []
    for pod in cluster.objects("Pod", row.of.namespace):
        name, leaving = pod["metadata"]["name"], is_terminating(pod)
        chosen = service_selects(service, labels_of(pod))
        if (chosen or name in owned) and not is_finished(pod):
            target = target_port(pod["spec"], port) if port else None
            pods.append(BackendPod(name, is_healthy(pod), name in owned, chosen, target, leaving))
    return tuple(pods)


def _endpoints(cluster: Cluster, ref: ObjectRef, port: ServicePort) -> tuple[Endpoint, ...]:
    ready = {
        Endpoint(entry.pod, entry.address, entry.port)
        for entry in endpoints_of(cluster.objects("EndpointSlice", ref.namespace), ref.name)
        if entry.ready
        and entry.port is not None
        and (entry.port_name, entry.protocol) == (port.name, port.protocol)
    }
    return tuple(
        sorted(ready, key=lambda endpoint: (endpoint.pod, endpoint.address, endpoint.port))
    )


def judge(row: ServiceRow, fact: ServiceView) -> Judgement:
    """The port leads to every ready Pod of the workload, on its port, and to nothing else."""
    pods = (f"Pod {pod.name}" for pod in fact.pods)
    endpoints = (f"endpoint {entry.address}:{entry.port}" for entry in fact.endpoints)
    return judged(_differences(row, fact), (*pods, *endpoints))


def _differences(row: ServiceRow, fact: ServiceView) -> Iterator[Difference]:
    if not fact.exists:
        yield Difference(str(row.of), "a Service", "absent", code="service-missing")
        return
    if row.port not in fact.ports:
        ports = f"{list(fact.ports)}"
        yield Difference("spec.ports", f"{row.port} among them", ports, code="port-missing")
        return
    if row.protocol not in fact.protocols:
        protocols = ", ".join(fact.protocols)
        yield Difference(
            f"port {row.port}", f"protocol {row.protocol}", protocols, code="port-missing"
        )
        return
    for pod in fact.pods:
        yield from _pod_differences(row, fact, pod)
    yield from _endpoint_differences(row, fact)


def _pod_differences(row: ServiceRow, fact: ServiceView, pod: BackendPod) -> Iterator[Difference]:
    if pod.leaving:
        return
    if not pod.is_selected:
        yield Difference(
            pod.name,
            "selected by the Service",
            "not selected",
            f"{fact.selector}",
            code="pod-not-selected",
        )
    elif not pod.is_workloads:
        yield Difference(
            pod.name,
            f"only Pods of {row.workload} selected",
            "selected",
            f"{fact.selector}",
            code="foreign-pod-selected",
        )
    elif pod.target_port is None:
        expected = f"a container port named {fact.target_port}"
        yield Difference(pod.name, expected, "none of that name", code="target-port-differs")
    elif pod.target_port != row.target_port:
        yield Difference(
            pod.name,
            f"targetPort {row.target_port}",
            f"{pod.target_port}",
            code="target-port-differs",
        )


def _endpoint_differences(row: ServiceRow, fact: ServiceView) -> Iterator[Difference]:
    ready = {pod.name for pod in fact.pods if pod.ready and pod.is_workloads}
    if not ready:
        yield Difference(
            f"ready Pods of {row.workload}", "at least one", "none", code="no-pod-ready"
        )
    reached = {endpoint.pod for endpoint in fact.endpoints}
    selected = {pod.name for pod in fact.pods if pod.is_selected}
    for name in sorted((ready & selected) - reached):
        yield Difference(
            name, "a ready endpoint", "none", "the Pod is ready", code="endpoint-missing"
        )
    known = {pod.name for pod in fact.pods}
    for endpoint in fact.endpoints:
        if endpoint.pod not in known:
            yield Difference(
                f"endpoint {endpoint.address}",
                f"a Pod of {row.workload}",
                endpoint.pod or "no Pod",
                code="endpoint-foreign",
            )
        elif endpoint.port != row.target_port:
            yield Difference(
                f"endpoint {endpoint.pod}",
                f"port {row.target_port}",
                f"{endpoint.port}",
                code="target-port-differs",
            )


KIND = Kind(
    ServiceRow,
    look,
    judge,
    codes=(
        "endpoint-foreign",
        "endpoint-missing",
        "foreign-pod-selected",
        "no-pod-ready",
        "pod-not-selected",
        "port-missing",
        "service-missing",
        "target-port-differs",
    ),
)
