"""Services with their endpoints, the names in ConfigMaps, and Ingresses; as the API has them.

Reads services, endpointslices (discovery.k8s.io/v1), pods, configmaps and ingresses.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from clusterproof.kube.client import Json
from clusterproof.kube.containers import lasting_containers
from clusterproof.kube.objects import labels_of
from clusterproof.kube.pods import is_ready
from clusterproof.kube.selectors import selects
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.observed import Observed
from clusterproof.spec.behaviour import IngressRow, ReferenceRow, ServiceRow
from clusterproof.spec.row import ObjectRef

SERVICE_NAME = "kubernetes.io/service-name"
_SCHEME_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class BackendPod:
    """A Pod of the workload, or one that the Service selects.

    Attributes:
        target_port: The Service's targetPort in this Pod; None for a name that it does not declare.
    """

    name: str
    ready: bool
    is_workloads: bool
    is_selected: bool
    target_port: int | None


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
        ports: All that it has, as `port/protocol`; empty where there is no Service.
        target_port: As the Service writes it, "" where it has no such port.
    """

    exists: bool
    ports: tuple[int, ...] = ()
    target_port: str = ""
    selector: Mapping[str, str] | None = None
    pods: tuple[BackendPod, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()


@dataclass(frozen=True, slots=True)
class Reference:
    """A host and port that a ConfigMap names, and the Service's own.

    Attributes:
        missing: Keys that the ConfigMap does not have.
        named: The Service that the host means, as `namespace/name`, or "" for none.
        ports: The Service's; None where there is no such Service.
    """

    exists: bool
    missing: tuple[str, ...] = ()
    host: str = ""
    port: str = ""
    named: str = ""
    ports: tuple[int, ...] | None = None


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
    """

    exists: bool
    ingress_class: str = ""
    hosts: tuple[str, ...] = ()
    backends: tuple[Backend, ...] = ()
    service_ports: tuple[int, ...] | None = None
    addresses: tuple[str, ...] = ()


def read_service(cluster: Cluster, rule: ServiceRow) -> Observed[ServiceView]:
    """The Service, the Pods that it selects, and the ready endpoints of the port."""
    ref = rule.of
    service = cluster.find(ref)
    next_command = f"kubectl -n {ref.namespace} get endpointslices -l {SERVICE_NAME}={ref.name}"
    if service is None:
        return Observed(ServiceView(exists=False), str(ref), ("no such Service",), next_command)
    ports = service["spec"].get("ports") or []
    entry = next((one for one in ports if one["port"] == rule.port), None)
    selector = service["spec"].get("selector")
    endpoints = _endpoints(cluster, ref, entry) if entry else ()
    value = ServiceView(
        exists=True,
        ports=tuple(one["port"] for one in ports),
        target_port=str(entry.get("targetPort", entry["port"])) if entry else "",
        selector=selector,
        pods=_backend_pods(cluster, rule, selector, entry),
        endpoints=endpoints,
    )
    shown = ", ".join(f"{one.pod or one.address}:{one.port}" for one in endpoints) or "none"
    evidence = (
        f"port {rule.port} to targetPort {value.target_port or 'none'}, selector {selector}",
        f"{len(endpoints)} ready endpoints: {shown}",
    )
    return Observed(value, f"{ref}:{rule.port}", evidence, next_command)


def read_reference(cluster: Cluster, rule: ReferenceRow) -> Observed[Reference]:
    """The host and port in a ConfigMap, and what they lead to."""
    item = cluster.find(rule.of)
    next_command = f"kubectl -n {rule.of.namespace} get configmap {rule.of.name} -o yaml"
    if item is None:
        return Observed(Reference(exists=False), str(rule.of), ("no such object",), next_command)
    data = item.get("data") or {}
    keys = [key for key in (rule.url_key, rule.host_key, rule.port_key) if key]
    host, port = _host_and_port(data, rule)
    named = service_named(host, rule.of.namespace)
    service = cluster.find(rule.service)
    ports = None
    if service is not None:
        ports = tuple(one["port"] for one in service["spec"].get("ports") or [])
    value = Reference(
        exists=True,
        missing=tuple(key for key in keys if not data.get(key)),
        host=host,
        port=port,
        named=named,
        ports=ports,
    )
    evidence = (
        ", ".join(f"{key}={data.get(key, 'absent')}" for key in keys),
        f"{rule.service}: {'absent' if ports is None else f'ports {list(ports)}'}",
    )
    return Observed(value, f"{rule.of} {', '.join(keys)}", evidence, next_command)


def read_ingress(cluster: Cluster, rule: IngressRow) -> Observed[IngressView]:
    """The rules of an Ingress for the host, with the ports of the Service that they name."""
    item = cluster.find(rule.of)
    next_command = f"kubectl describe {rule.of.kubectl}"
    if item is None:
        return Observed(IngressView(exists=False), str(rule.of), ("no such Ingress",), next_command)
    spec = item.get("spec") or {}
    service_ref = ObjectRef(kind="Service", namespace=rule.of.namespace, name=rule.service)
    service = cluster.find(service_ref)
    of_service = (service["spec"].get("ports") or []) if service else []
    backends = tuple(
        _backend(cluster, rule, path)
        for one in spec.get("rules") or []
        if one.get("host", "") == rule.host
        for path in (one.get("http") or {}).get("paths") or []
    )
    value = IngressView(
        exists=True,
        ingress_class=spec.get("ingressClassName", ""),
        hosts=tuple(one.get("host", "") for one in spec.get("rules") or []),
        backends=backends,
        service_ports=tuple(one["port"] for one in of_service) if service else None,
        addresses=ingress_addresses(item),
    )
    shown = [f"{one.path} to {one.service}:{one.written_port}" for one in backends]
    evidence = (
        f"class {value.ingress_class or 'none'}; {rule.host}: {', '.join(shown) or 'no rule'}",
        f"addresses: {', '.join(value.addresses) or 'none'}",
    )
    return Observed(value, str(rule.of), evidence, next_command)


def ingress_addresses(item: Json) -> tuple[str, ...]:
    """Addresses (or names) at which the Ingress is served."""
    entries = ((item.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
    return tuple(one.get("ip") or one.get("hostname", "") for one in entries)


def service_named(host: str, own_namespace: str) -> str:
    """The Service that a host means inside the cluster, as `namespace/name`; "" for none.

    `name`, `name.ns`, `name.ns.svc` and `name.ns.svc.<domain>`, as the search list of a Pod's
    resolver has it.
    """
    parts = host.rstrip(".").split(".")
    if len(parts) == 1 and parts[0]:
        return f"{own_namespace}/{parts[0]}"
    if len(parts) == 2 or parts[2:3] == ["svc"]:  # noqa: PLR2004 - name.namespace
        return f"{parts[1]}/{parts[0]}"
    return ""


def _host_and_port(data: Mapping[str, str], rule: ReferenceRow) -> tuple[str, str]:
    if not rule.url_key:
        return data.get(rule.host_key, ""), data.get(rule.port_key, "")
    url = data.get(rule.url_key, "")
    try:
        parts = urlsplit(url)
        port = parts.port or _SCHEME_PORTS.get(parts.scheme)
    except ValueError:
        return "", ""
    return parts.hostname or "", str(port or "")


def _backend_pods(
    cluster: Cluster, rule: ServiceRow, selector: Mapping[str, str] | None, entry: Json | None
) -> tuple[BackendPod, ...]:
    owned = {pod["metadata"]["name"] for pod in cluster.pods_of(rule.workload)}
    found = []
    for pod in cluster.objects("Pod", rule.of.namespace):
        name = pod["metadata"]["name"]
        chosen = bool(selector) and selects({"matchLabels": selector}, labels_of(pod))
        ended = (pod.get("status") or {}).get("phase") in {"Succeeded", "Failed"}
        leaving = bool(pod["metadata"].get("deletionTimestamp"))
        if (chosen or name in owned) and not ended and not leaving:
            target = _target_port(pod, entry) if entry else None
            found.append(BackendPod(name, is_ready(pod), name in owned, chosen, target))
    return tuple(found)


def _target_port(pod: Json, entry: Json) -> int | None:
    target = entry.get("targetPort", entry["port"])
    if isinstance(target, int):
        return target
    for container in lasting_containers(pod["spec"]):
        for port in container.spec.get("ports") or []:
            same = port.get("protocol", "TCP") == entry.get("protocol", "TCP")
            if port.get("name") == target and same:
                return int(port["containerPort"])
    return None


def _endpoints(cluster: Cluster, ref: ObjectRef, entry: Json) -> tuple[Endpoint, ...]:
    found = set()
    for piece in cluster.objects("EndpointSlice", ref.namespace):
        if labels_of(piece).get(SERVICE_NAME) != ref.name:
            continue
        ports = [
            one["port"]
            for one in piece.get("ports") or []
            if (one.get("name") or "") == entry.get("name", "") and one.get("port")
        ]
        for endpoint in piece.get("endpoints") or []:
            if (endpoint.get("conditions") or {}).get("ready") is False:
                continue
            pod = (endpoint.get("targetRef") or {}).get("name", "")
            found |= {Endpoint(pod, address, p) for address in endpoint["addresses"] for p in ports}
    return tuple(sorted(found, key=lambda one: (one.pod, one.address, one.port)))


def _backend(cluster: Cluster, rule: IngressRow, path: Json) -> Backend:
    service = (path.get("backend") or {}).get("service") or {}
    port = service.get("port") or {}
    name = service.get("name", "")
    number = port.get("number")
    if number is None:
        ref = ObjectRef(kind="Service", namespace=rule.of.namespace, name=name)
        item = cluster.find(ref) if name else None
        entries = (item["spec"].get("ports") or []) if item else []
        number = next((o["port"] for o in entries if o.get("name") == port.get("name")), None)
    return Backend(path.get("path", "/"), name, number, str(number or port.get("name", "none")))
