"""A Service's ports, and where they lead in a Pod.

Restates `FindPort` (endpointslice, utils.go) and `ShouldPodBeInEndpoints`
(util/controller_utils.go), v1.35; defaults as `SetDefaults_Service` (core/v1/defaults.go).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from clusterproof.kube.containers import ContainerKind, lasting_containers
from clusterproof.kube.objects import Json


@dataclass(frozen=True, slots=True)
class ServicePort:
    """One port of a Service, with the API's defaults.

    Attributes:
        target: A number, or the name of a container's port.
    """

    port: int
    name: str = ""
    protocol: str = "TCP"
    target: int | str = 0

    def __str__(self) -> str:
        """As in `53/UDP`."""
        return f"{self.port}/{self.protocol}"


def spec_of(item: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """The spec of an object; empty where it has none."""
    spec: Mapping[str, Any] = (item or {}).get("spec") or {}
    return spec


def ports_of(service: Mapping[str, Any] | None) -> tuple[ServicePort, ...]:
    """The ports of a Service."""
    return tuple(
        ServicePort(
            entry["port"],
            entry.get("name") or "",
            entry.get("protocol") or "TCP",
            entry.get("targetPort") or entry["port"],
        )
        for entry in spec_of(service).get("ports") or []
        if "port" in entry
    )


def port_of(service: Mapping[str, Any] | None, port: int, protocol: str) -> ServicePort | None:
    """The port of this number and protocol."""
    return next(
        (entry for entry in ports_of(service) if (entry.port, entry.protocol) == (port, protocol)),
        None,
    )


def port_named(service: Mapping[str, Any] | None, port: Mapping[str, Any]) -> int | None:
    """The number of an Ingress backend's port (`number` or `name`), or None for an unknown name."""
    if port.get("number") is not None:
        return int(port["number"])
    return next((entry.port for entry in ports_of(service) if entry.name == port.get("name")), None)


def target_port(pod_spec: Mapping[str, Any], port: ServicePort) -> int | None:
    """The port of this Pod that a Service's port leads to; None for a name that it has not.

    A name is looked for among the containers, then among the native sidecars.
    """
    if isinstance(port.target, int):
        return port.target
    for declared in serving_ports(pod_spec):
        same = (declared.get("protocol") or "TCP") == port.protocol
        if declared.get("name") == port.target and same:
            return int(declared["containerPort"])
    return None


def serving_ports(pod_spec: Mapping[str, Any]) -> Iterator[Json]:
    """The ports that the containers declare, then those of the native sidecars."""
    lasting = lasting_containers(dict(pod_spec))
    for container in sorted(lasting, key=lambda each: each.kind is not ContainerKind.MAIN):
        yield from container.spec.get("ports") or []


def is_headless(service: Mapping[str, Any]) -> bool:
    """True for a Service whose name resolves to the addresses of its Pods."""
    return spec_of(service).get("clusterIP") == "None"


def publishes_unready(service: Mapping[str, Any]) -> bool:
    """True for a Service that sends to Pods that are not ready too (endpointslice, podToEndpoint).

    Members of a group that find each other by DNS have such a one.
    """
    return bool(spec_of(service).get("publishNotReadyAddresses"))


def external_name(service: Mapping[str, Any] | None) -> str:
    """The name that a Service of type ExternalName stands for, or ""."""
    spec = spec_of(service)
    return str(spec.get("externalName", "")) if spec.get("type") == "ExternalName" else ""
