"""Endpoints of a Service, over all of its EndpointSlices.

Restates the defaults of discovery/v1 `EndpointConditions` and `EndpointPort` (types.go, v1.35): a
`ready` or `serving` that is absent means true, an absent `terminating` means false.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

SERVICE_NAME = "kubernetes.io/service-name"
"""The label by which an EndpointSlice belongs to a Service."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address with one port behind a Service.

    Attributes:
        pod: The Pod that it names, "" where it names none.
        port: None where the slice has no port: a headless Service may have none.
        port_name: As in the Service's port.
        hostname: By which DNS knows it below the Service's name, or "".
    """

    address: str
    port: int | None
    pod: str = ""
    port_name: str = ""
    protocol: str = "TCP"
    hostname: str = ""
    ready: bool = True
    serving: bool = True
    terminating: bool = False


def service_of(endpoint_slice: Mapping[str, Any]) -> str:
    """The name of the Service that an EndpointSlice belongs to, or ""."""
    labels = (endpoint_slice.get("metadata") or {}).get("labels") or {}
    return str(labels.get(SERVICE_NAME, ""))


def endpoints_of(slices: Iterable[Mapping[str, Any]], service: str) -> tuple[Endpoint, ...]:
    """Every endpoint of a Service, each once: an endpoint may stand in two slices for a moment."""
    endpoints: dict[Endpoint, None] = {}
    for piece in slices:
        if service_of(piece) == service:
            for port in piece.get("ports") or [{}]:
                for entry in piece.get("endpoints") or []:
                    endpoints |= dict.fromkeys(_endpoints(entry, port))
    return tuple(endpoints)


def has_hostname(slices: Iterable[Mapping[str, Any]], service: str, hostname: str) -> bool:
    """Whether DNS has `hostname.service` for an endpoint (CoreDNS `kubernetes`, `findServices`).

    Slices that may not be read are no "no": their error is the caller's, and its row's doubt.
    """
    return any(entry.hostname == hostname for entry in endpoints_of(slices, service))


def _endpoints(entry: Mapping[str, Any], port: Mapping[str, Any]) -> Iterable[Endpoint]:
    conditions = entry.get("conditions") or {}
    target = entry.get("targetRef") or {}
    for address in entry.get("addresses") or []:
        yield Endpoint(
            address=address,
            port=port.get("port"),
            pod=target.get("name", "") if target.get("kind", "Pod") == "Pod" else "",
            port_name=port.get("name") or "",
            protocol=port.get("protocol") or "TCP",
            hostname=entry.get("hostname") or "",
            ready=conditions.get("ready") is not False,
            serving=conditions.get("serving") is not False,
            terminating=conditions.get("terminating") is True,
        )
