"""Services with their endpoints, the names in ConfigMaps, and Ingresses; as the API has them.

Reads services, endpointslices (discovery.k8s.io/v1), pods, configmaps and ingresses.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from clusterproof.errors import ObservationError
from clusterproof.kube.client import Json
from clusterproof.kube.dns import Address, ServiceName, addresses_in, services_meant
from clusterproof.kube.endpoints import SERVICE_NAME, endpoints_of
from clusterproof.kube.ingress import IngressPath, addresses_of, hosts_of, path_for, paths_for
from clusterproof.kube.objects import is_terminating, labels_of
from clusterproof.kube.pods import is_finished, is_ready
from clusterproof.kube.selectors import service_selects
from clusterproof.kube.services import (
    ServicePort,
    external_name,
    port_named,
    port_of,
    ports_of,
    spec_of,
    target_port,
)
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.observed import Observed
from clusterproof.spec.behaviour import IngressRow, ReferenceRow, ServiceRow
from clusterproof.spec.row import ObjectRef
from clusterproof.wait import last_within

AGREE_WITHIN_S = 4.0
"""A Pod that comes or goes is in its EndpointSlice after some tenths of a second. Our choice."""


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


@dataclass(frozen=True, slots=True)
class Target:
    """One host and port, and the Service that the host means, as `namespace/name`, or ""."""

    host: str
    port: str
    named: str


@dataclass(frozen=True, slots=True)
class Reference:
    """A host and port that a ConfigMap names, and the Service's own.

    Attributes:
        missing: Keys that the ConfigMap does not have.
        named: The Service that the host means, as `namespace/name`, or "" for none.
        ports: The Service's; None where there is no such Service.
        others: The further addresses of a list.
        external_name: What a Service of type ExternalName stands for: such a one has no ports of
            its own.
    """

    exists: bool
    missing: tuple[str, ...] = ()
    host: str = ""
    port: str = ""
    named: str = ""
    ports: tuple[int, ...] | None = None
    others: tuple[Target, ...] = ()
    external_name: str = ""


@dataclass(frozen=True, slots=True)
class Backend:
    """One path of a host, and where it is sent; a port of None is a name that leads nowhere."""

    path: str
    service: str
    port: int | None
    written_port: str


@dataclass(frozen=True, slots=True)
class IngressView:
    """What an Ingress does with a host.

    Attributes:
        hosts: All that it has rules for; "" is every host.
        backends: Those of the row's host.
        service_ports: Of the row's Service; None where there is none.
        addresses: What its controller put into its status.
        routed: What takes the row's path; None where nothing does, or the row names no path.
    """

    exists: bool
    ingress_class: str = ""
    hosts: tuple[str, ...] = ()
    backends: tuple[Backend, ...] = ()
    service_ports: tuple[int, ...] | None = None
    addresses: tuple[str, ...] = ()
    routed: Backend | None = None


def read_service(
    cluster: Cluster, rule: ServiceRow, *, within_s: float = AGREE_WITHIN_S
) -> Observed[ServiceView]:
    """The Service, the Pods that it selects, and the ready endpoints of the port.

    Pods and EndpointSlices are two lists: where they do not fit together, both are read again, as
    a Pod may have come or gone in between.
    """
    ref = rule.of
    next_command = f"kubectl -n {ref.namespace} get endpointslices -l {SERVICE_NAME}={ref.name}"
    service = cluster.find(ref)
    if service is None:
        return Observed(ServiceView(exists=False), str(ref), ("no such Service",), next_command)
    first = True

    def look() -> ServiceView:
        nonlocal first
        if not first:
            cluster.forget("Pod", "EndpointSlice")
        first = False
        return _service_view(cluster, rule, service)

    view = last_within(look, _fit_together, within_s=within_s, every_s=1.0)
    shown = ", ".join(f"{one.pod or one.address}:{one.port}" for one in view.endpoints) or "none"
    evidence = (
        f"port {rule.port}/{rule.protocol} to targetPort {view.target_port or 'none'},"
        f" selector {view.selector}",
        f"{len(view.endpoints)} ready endpoints: {shown}",
    )
    return Observed(view, f"{ref}:{rule.port}", evidence, next_command)


def _service_view(cluster: Cluster, rule: ServiceRow, service: Json) -> ServiceView:
    port = port_of(service, rule.port, rule.protocol)
    return ServiceView(
        exists=True,
        ports=tuple(entry.port for entry in ports_of(service)),
        target_port=str(port.target) if port else "",
        selector=spec_of(service).get("selector"),
        pods=_backend_pods(cluster, rule, service, port),
        endpoints=_endpoints(cluster, rule.of, port) if port else (),
        protocols=tuple(entry.protocol for entry in ports_of(service) if entry.port == rule.port),
    )


def _fit_together(view: ServiceView) -> bool:
    """True where each endpoint is a Pod that is there, and each ready Pod an endpoint."""
    there = {pod.name for pod in view.pods}
    due = {pod.name for pod in view.pods if pod.ready and pod.is_selected and pod.target_port}
    reached = {endpoint.pod for endpoint in view.endpoints}
    return reached <= there and due <= reached


def _backend_pods(
    cluster: Cluster, rule: ServiceRow, service: Json, port: ServicePort | None
) -> tuple[BackendPod, ...]:
    owned = {pod["metadata"]["name"] for pod in cluster.pods_of(rule.workload)}
    pods = []
    for pod in cluster.objects("Pod", rule.of.namespace):
        name, leaving = pod["metadata"]["name"], is_terminating(pod)
        chosen = service_selects(service, labels_of(pod))
        if (chosen or name in owned) and not is_finished(pod):
            ready = is_ready(pod) and not leaving
            target = target_port(pod["spec"], port) if port else None
            pods.append(BackendPod(name, ready, name in owned, chosen, target, leaving))
    return tuple(pods)


def _endpoints(cluster: Cluster, ref: ObjectRef, port: ServicePort) -> tuple[Endpoint, ...]:
    ready = {
        Endpoint(entry.pod, entry.address, entry.port)
        for entry in endpoints_of(cluster.objects("EndpointSlice", ref.namespace), ref.name)
        if entry.ready
        and entry.port is not None
        and (entry.port_name, entry.protocol) == (port.name, port.protocol)
    }
    return tuple(sorted(ready, key=lambda one: (one.pod, one.address, one.port)))


def read_reference(cluster: Cluster, rule: ReferenceRow) -> Observed[Reference]:
    """The hosts and ports in a ConfigMap, and what they lead to."""
    item = cluster.find(rule.of)
    next_command = f"kubectl -n {rule.of.namespace} get configmap {rule.of.name} -o yaml"
    if item is None:
        return Observed(Reference(exists=False), str(rule.of), ("no such object",), next_command)
    values = {key: str(text or "") for key, text in (item.get("data") or {}).items()}
    keys = [key for key in (rule.url_key, rule.host_key, rule.port_key) if key]
    service = cluster.find(rule.service)
    targets = [
        Target(address.host, address.port, _service_meant(cluster, address.host, rule))
        for address in _addresses(values, rule)
    ] or [Target("", "", "")]
    ports = None if service is None else tuple(entry.port for entry in ports_of(service))
    view = Reference(
        exists=True,
        missing=tuple(key for key in keys if not values.get(key)),
        host=targets[0].host,
        port=targets[0].port,
        named=targets[0].named,
        ports=ports,
        others=tuple(targets[1:]),
        external_name=external_name(service),
    )
    evidence = (
        ", ".join(f"{key}={values.get(key, 'absent')}" for key in keys),
        f"{rule.service}: {'absent' if ports is None else f'ports {list(ports)}'}",
    )
    return Observed(view, f"{rule.of} {', '.join(keys)}", evidence, next_command)


def _addresses(values: Mapping[str, str], rule: ReferenceRow) -> tuple[Address, ...]:
    """The addresses that a URL key, or a host key with or without a port key, has."""
    found = addresses_in(values.get(rule.url_key or rule.host_key, ""))
    if rule.port_key:
        return tuple(Address(one.host, values.get(rule.port_key, "")) for one in found)
    return found


def _service_meant(cluster: Cluster, host: str, rule: ReferenceRow) -> str:
    """The Service that the name means: the first that is there, of those that it may mean.

    A name with a hostname in it (`postgres-0.postgres`) goes before, where there is such an
    endpoint; where there is none, DNS goes on to the next name.
    """
    meant = services_meant(host, rule.of.namespace)
    there = [name for name in meant if _is_there(cluster, name)]
    chosen = (
        next((name for name in there if not name.hostname or _is_known(cluster, name)), None)
        or next(iter(there), None)
        or next((name for name in meant if not name.hostname), None)
    )
    return str(chosen) if chosen else ""


def _is_there(cluster: Cluster, name: ServiceName) -> bool:
    ref = ObjectRef(kind="Service", namespace=name.namespace, name=name.name)
    try:
        return cluster.find(ref) is not None
    except ObservationError:
        return False  # a namespace that the row does not name, and that may not be listed


def _is_known(cluster: Cluster, name: ServiceName) -> bool:
    slices = cluster.objects("EndpointSlice", name.namespace)
    return any(entry.hostname == name.hostname for entry in endpoints_of(slices, name.name))


def read_ingress(cluster: Cluster, rule: IngressRow) -> Observed[IngressView]:
    """What an Ingress does with the host, and with the path that the row names."""
    item = cluster.find(rule.of)
    next_command = f"kubectl describe {rule.of.kubectl}"
    if item is None:
        return Observed(IngressView(exists=False), str(rule.of), ("no such Ingress",), next_command)
    service_ref = ObjectRef(kind="Service", namespace=rule.of.namespace, name=rule.service)
    service = cluster.find(service_ref)
    taking = path_for(item, rule.host, rule.path) if rule.path else None
    view = IngressView(
        exists=True,
        ingress_class=spec_of(item).get("ingressClassName", ""),
        hosts=hosts_of(item),
        backends=tuple(
            _backend(cluster, rule.of.namespace, path) for path in paths_for(item, rule.host)
        ),
        service_ports=tuple(entry.port for entry in ports_of(service)) if service else None,
        addresses=addresses_of(item),
        routed=_backend(cluster, rule.of.namespace, taking) if taking else None,
    )
    shown = [f"{one.path} to {one.service}:{one.written_port}" for one in view.backends]
    evidence = [
        f"class {view.ingress_class or 'none'};"
        f" {rule.host or '(every host)'}: {', '.join(shown) or 'no rule'}",
        f"addresses: {', '.join(view.addresses) or 'none'}",
    ]
    if rule.path:
        chosen = view.routed
        seen = f"{chosen.service}:{chosen.written_port}" if chosen else "nothing"
        evidence.append(f"a request to {rule.path} is taken by {seen}")
    return Observed(view, str(rule.of), tuple(evidence), next_command)


def _backend(cluster: Cluster, namespace: str, path: IngressPath) -> Backend:
    if not path.service:
        return Backend(path.path, path.resource or "no Service", None, "no port")
    ref = ObjectRef(kind="Service", namespace=namespace, name=path.service)
    service = None if path.port.get("number") else cluster.find(ref)
    number = port_named(service, path.port)
    return Backend(path.path, path.service, number, str(number or path.port.get("name", "none")))
