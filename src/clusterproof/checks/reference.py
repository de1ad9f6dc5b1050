"""Rows `check: reference`: an address in a ConfigMap names a Service that is there, and its port.

Source: Kubernetes docs, "DNS for Services and Pods" (v1.35, read 2026-11-23).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, Self

from pydantic import model_validator

from clusterproof.checks.kind import Kind
from clusterproof.checks.site import Site
from clusterproof.errors import ObservationError
from clusterproof.judgement import Difference, Judgement, judged
from clusterproof.kube.dns import Address, ServiceName, addresses_in, service_of, services_meant
from clusterproof.kube.endpoints import endpoints_of
from clusterproof.kube.objects import Json
from clusterproof.kube.services import external_name, is_headless, ports_of
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.observed import Observed
from clusterproof.observe.policy import is_endpoint
from clusterproof.spec.row import ObjectRef, Ref, Row


class ReferenceRow(Row):
    """A host and port in a ConfigMap name a Service that exists and has that port.

    Attributes:
        url_key: A key with a URL, or a list of `host:port` with commas.
        host_key: Or else a key with a host, and a port unless `port_key` has it.
    """

    check: Literal["reference"]
    of: Ref
    host_key: str = ""
    port_key: str = ""
    url_key: str = ""
    service: Ref

    @model_validator(mode="after")
    def _refuse_no_key(self) -> Self:
        if bool(self.url_key) == bool(self.host_key) or (self.port_key and not self.host_key):
            raise ValueError("expected `url_key`, or `host_key` with or without `port_key`")
        return self


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
        ports: On which its name is answered; None where there is no such Service.
        others: The further addresses of a list.
        external_name: What a Service of type ExternalName stands for: such a one has no ports of
            its own.
        external_missing: The Service of the cluster that this name means, and that is not there.
    """

    exists: bool
    missing: tuple[str, ...] = ()
    host: str = ""
    port: str = ""
    named: str = ""
    ports: tuple[int, ...] | None = None
    others: tuple[Target, ...] = ()
    external_name: str = ""
    external_missing: str = ""


def look(row: ReferenceRow, site: Site) -> Observed[Reference]:
    """The hosts and ports in a ConfigMap, and what they lead to."""
    cluster = site.cluster
    config_map = cluster.find(row.of)
    next_command = f"kubectl -n {row.of.namespace} get configmap {row.of.name} -o yaml"
    if config_map is None:
        return Observed(Reference(exists=False), str(row.of), ("no such object",), next_command)
    values = {key: str(text or "") for key, text in (config_map.get("data") or {}).items()}
    keys = [key for key in (row.url_key, row.host_key, row.port_key) if key]
    service = cluster.find(row.service)
    targets = [
        Target(address.host, address.port, _service_meant(cluster, address.host, row))
        for address in _addresses(values, row)
    ] or [Target("", "", "")]
    ports = None if service is None else _ports_by_name(cluster, row.service, service)
    view = Reference(
        exists=True,
        missing=tuple(key for key in keys if not values.get(key)),
        host=targets[0].host,
        port=targets[0].port,
        named=targets[0].named,
        ports=ports,
        others=tuple(targets[1:]),
        external_name=external_name(service),
        external_missing=_missing_behind(cluster, service),
    )
    evidence = (
        ", ".join(f"{key}={values.get(key, 'absent')}" for key in keys),
        f"{row.service}: {'absent' if ports is None else f'ports {list(ports)}'}",
    )
    return Observed(view, f"{row.of} {', '.join(keys)}", evidence, next_command)


def _addresses(values: Mapping[str, str], row: ReferenceRow) -> tuple[Address, ...]:
    """The addresses that a URL key, or a host key with or without a port key, has."""
    addresses = addresses_in(values.get(row.url_key or row.host_key, ""))
    if row.port_key:
        return tuple(Address(address.host, values.get(row.port_key, "")) for address in addresses)
    return addresses


def _service_meant(cluster: Cluster, host: str, row: ReferenceRow) -> str:
    """The Service that the name means: the first that is there, of those that it may mean.

    A name with a hostname in it (`postgres-0.postgres`) goes before, where there is such an
    endpoint; where there is none, DNS goes on to the next name.
    """
    meant = services_meant(host, row.of.namespace)
    there = [name for name in meant if _is_there(cluster, name)]
    chosen = (
        next((name for name in there if not name.hostname or is_endpoint(cluster, name)), None)
        or next(iter(there), None)
        or next((name for name in meant if not name.hostname), None)
    )
    return str(chosen) if chosen else ""


def _ports_by_name(cluster: Cluster, ref: ObjectRef, service: Json) -> tuple[int, ...]:
    """The ports that a client of the Service's name may dial.

    The name of a headless Service leads to its Pods, where its target ports are.

    Raises:
        ObservationError: The EndpointSlices that know the number of a target port may not be read,
            or have none, as no Pod is there.
    """
    if not is_headless(service):
        return tuple(entry.port for entry in ports_of(service))
    targets = {entry.target for entry in ports_of(service)}
    numbers = {target for target in targets if isinstance(target, int)}
    if targets and targets == numbers:
        return tuple(sorted(numbers))
    slices = cluster.objects("EndpointSlice", ref.namespace)
    served = {each.port for each in endpoints_of(slices, ref.name) if each.port is not None}
    if not served:
        raise ObservationError(
            f"{ref} is headless, and no Pod behind it says on which port its name is answered",
            next_command=f"kubectl -n {ref.namespace} describe service {ref.name}",
        )
    return tuple(sorted(numbers | served))


def _missing_behind(cluster: Cluster, service: Json | None) -> str:
    """The Service that an ExternalName means and that is not there, as `namespace/name`; or ""."""
    meant = service_of(external_name(service))
    if meant is None:
        return ""
    return str(meant) if _is_there(cluster, meant) is False else ""


def _is_there(cluster: Cluster, name: ServiceName) -> bool | None:
    """Whether there is such a Service; None where that may not be read.

    The row may not name its namespace, and so claims nothing of it.
    """
    ref = ObjectRef(kind="Service", namespace=name.namespace, name=name.name)
    try:
        return cluster.find(ref) is not None
    except ObservationError:
        return None


def judge(row: ReferenceRow, fact: Reference) -> Judgement:
    """The host means the Service, and the port is one that it has."""
    addresses = (f"{target.host}:{target.port or 'no port'}" for target in _targets(fact))
    return judged(_differences(row, fact), addresses)


def _targets(fact: Reference) -> tuple[Target, ...]:
    return (Target(fact.host, fact.port, fact.named), *fact.others)


def _differences(row: ReferenceRow, fact: Reference) -> Iterator[Difference]:
    if not fact.exists:
        yield Difference(str(row.of), "a ConfigMap", "absent", code="config-map-missing")
        return
    for key in fact.missing:
        yield Difference(key, "a value", "absent", code="key-missing")
    if fact.missing:
        return
    if fact.ports is None:
        yield Difference(str(row.service), "a Service", "absent", code="service-missing")
    if fact.external_missing:
        observed = f"{fact.external_name}, and no Service {fact.external_missing}"
        yield Difference(
            f"{row.service} externalName", "a name that exists", observed, code="service-missing"
        )
    for target in _targets(fact):
        yield from _target_differences(row, fact, target)


def _target_differences(row: ReferenceRow, fact: Reference, target: Target) -> Iterator[Difference]:
    service = f"{row.service.namespace}/{row.service.name}"
    expected = f"one that means Service {service}"
    if not target.host:
        yield Difference("host", expected, "no host in it", code="host-differs")
    elif target.named != service:
        meant = f" (Service {target.named})" if target.named else ""
        yield Difference("host", expected, f"{target.host}{meant}", code="host-differs")
    if fact.ports is None or fact.external_name or not (target.port or _must_have_port(row)):
        return
    if target.port not in {str(port) for port in fact.ports}:
        ports = f"one of {list(fact.ports)}"
        yield Difference("port", ports, target.port or "none", code="port-differs")


def _must_have_port(row: ReferenceRow) -> bool:
    """True for a row whose address must say a port; a host key alone may leave it out."""
    return bool(row.url_key or row.port_key)


KIND = Kind(
    ReferenceRow,
    look,
    judge,
    codes=(
        "config-map-missing",
        "host-differs",
        "key-missing",
        "port-differs",
        "service-missing",
    ),
)
