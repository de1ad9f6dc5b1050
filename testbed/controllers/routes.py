"""Which host and path leads to which Pods: Ingresses, Services and EndpointSlices, read. Pure.

Source: Kubernetes docs, "Ingress" and "EndpointSlices" (v1.35).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from testbed.controllers.kube import Json

CLASS = "nginx"
CLASS_ANNOTATION = "kubernetes.io/ingress.class"
REDIRECT_ANNOTATION = "nginx.ingress.kubernetes.io/ssl-redirect"

# What may stand in a configuration file as it is; anything else is refused, never quoted.
HOST = re.compile(r"(\*\.)?[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
PATH = re.compile(r"/[A-Za-z0-9._~!&()*+,=:@/-]*")

ObjectKey = tuple[str, str]


@dataclass(frozen=True)
class Backend:
    """A Service and one of its ports, by number or by name."""

    service: str
    port: int | str


@dataclass(frozen=True)
class PathRule:
    """One path of one host ("" is every host)."""

    host: str
    path: str
    exact: bool
    backend: Backend | None


@dataclass(frozen=True)
class TlsEntry:
    """Hosts that one Secret's certificate serves; no hosts means those of the Ingress."""

    hosts: tuple[str, ...]
    secret: str


@dataclass(frozen=True)
class IngressFacts:
    """An Ingress of our class."""

    namespace: str
    name: str
    created: str
    generation: int
    rules: tuple[PathRule, ...]
    default: Backend | None
    tls: tuple[TlsEntry, ...]
    redirects: bool
    address: str

    @property
    def title(self) -> str:
        """How messages name it."""
        return f"ingress {self.namespace}/{self.name}"


@dataclass(frozen=True)
class ServiceFacts:
    """A Service's ports: name by number."""

    namespace: str
    name: str
    ports: Mapping[int, str]


@dataclass(frozen=True)
class SliceFacts:
    """The endpoints of one EndpointSlice: those that are ready, and those that finish up."""

    namespace: str
    service: str
    ports: Mapping[str, int]
    ready: tuple[str, ...]
    finishing: tuple[str, ...]


@dataclass(frozen=True)
class Location:
    """One path of a server; without endpoints it answers 503."""

    path: str
    exact: bool
    upstream: str


@dataclass(frozen=True)
class Server:
    """One host; "" is whatever no other server has."""

    host: str
    locations: tuple[Location, ...]
    secret: ObjectKey | None
    redirects: bool


@dataclass(frozen=True)
class Routing:
    """Everything that the configuration is written from, and what had to be left out of it."""

    servers: tuple[Server, ...]
    upstreams: Mapping[str, tuple[str, ...]]
    problems: tuple[str, ...]


def read_ingress(raw: Json) -> IngressFacts | None:
    """The Ingress, or None if another controller has it."""
    metadata, spec = raw["metadata"], raw.get("spec") or {}
    annotations = metadata.get("annotations") or {}
    if spec.get("ingressClassName", annotations.get(CLASS_ANNOTATION)) != CLASS:
        return None
    default = spec.get("defaultBackend")
    given = ((raw.get("status") or {}).get("loadBalancer") or {}).get("ingress") or [{}]
    return IngressFacts(
        namespace=metadata["namespace"],
        name=metadata["name"],
        created=metadata.get("creationTimestamp") or "",
        generation=metadata.get("generation", 0),
        rules=tuple(_path_rules(spec.get("rules") or ())),
        default=_backend(default) if default else None,
        tls=tuple(
            TlsEntry(tuple(entry.get("hosts") or ()), entry.get("secretName", ""))
            for entry in spec.get("tls") or ()
        ),
        redirects=annotations.get(REDIRECT_ANNOTATION) == "true",
        address=given[0].get("ip", ""),
    )


def _path_rules(rules: Sequence[Json]) -> Iterator[PathRule]:
    for rule in rules:
        for path in (rule.get("http") or {}).get("paths") or ():
            yield PathRule(
                host=rule.get("host", ""),
                path=path.get("path") or "/",
                exact=path.get("pathType") == "Exact",
                backend=_backend(path["backend"]),
            )


def _backend(raw: Json) -> Backend | None:
    service = raw.get("service")
    if not service:
        return None
    port = service.get("port") or {}
    return Backend(service["name"], port.get("name") or port.get("number") or 0)


def read_service(raw: Json) -> ServiceFacts:
    """The Service's ports."""
    return ServiceFacts(
        raw["metadata"]["namespace"],
        raw["metadata"]["name"],
        {port["port"]: port.get("name", "") for port in raw["spec"].get("ports") or ()},
    )


def read_slice(raw: Json) -> SliceFacts | None:
    """The slice's endpoints, or None if no Service has it."""
    service = (raw["metadata"].get("labels") or {}).get("kubernetes.io/service-name")
    if not service or raw.get("addressType") != "IPv4":
        return None
    ready, finishing = [], []
    for endpoint in raw.get("endpoints") or ():
        conditions = endpoint.get("conditions") or {}
        # An absent condition counts as true for `ready`, as the API defines it.
        if conditions.get("ready", True):
            ready += endpoint["addresses"]
        elif conditions.get("serving") and conditions.get("terminating"):
            finishing += endpoint["addresses"]
    return SliceFacts(
        namespace=raw["metadata"]["namespace"],
        service=service,
        ports={port.get("name") or "": port["port"] for port in raw.get("ports") or ()},
        ready=tuple(sorted(ready)),
        finishing=tuple(sorted(finishing)),
    )
