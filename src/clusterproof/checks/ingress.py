"""Rows `check: ingress`.

Source: Kubernetes docs, "Ingress" (v1.35, read 2026-11-23).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from clusterproof.checks.kind import Kind
from clusterproof.checks.site import Site
from clusterproof.judgement import Difference, Judgement, compared_in, judged
from clusterproof.kube.ingress import IngressPath, addresses_of, hosts_of, path_for, paths_for
from clusterproof.kube.services import port_named, ports_of, spec_of
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.observed import Observed
from clusterproof.spec.row import ObjectRef, Ref, Row


class IngressRow(Row):
    """An Ingress sends a host to a port of a Service that exists, and has an address.

    Attributes:
        host: "" for a rule without a host, or for the default backend alone.
        path: What a request to it is sent to; without it, some path of the host leads there.
    """

    check: Literal["ingress"]
    of: Ref
    host: str
    path: str = Field(default="", pattern="^(/.*)?$")
    service: str
    port: int


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


def look(row: IngressRow, site: Site) -> Observed[IngressView]:
    """What an Ingress does with the host, and with the path that the row names."""
    cluster = site.cluster
    item = cluster.find(row.of)
    next_command = f"kubectl describe {row.of.kubectl}"
    if item is None:
        return Observed(IngressView(exists=False), str(row.of), ("no such Ingress",), next_command)
    service_ref = ObjectRef(kind="Service", namespace=row.of.namespace, name=row.service)
    service = cluster.find(service_ref)
    taking = path_for(item, row.host, row.path) if row.path else None
    view = IngressView(
        exists=True,
        ingress_class=spec_of(item).get("ingressClassName", ""),
        hosts=hosts_of(item),
        backends=tuple(
            _backend(cluster, row.of.namespace, path) for path in paths_for(item, row.host)
        ),
        service_ports=tuple(entry.port for entry in ports_of(service)) if service else None,
        addresses=addresses_of(item),
        routed=_backend(cluster, row.of.namespace, taking) if taking else None,
    )
    shown = [f"{one.path} to {one.service}:{one.written_port}" for one in view.backends]
    evidence = [
        f"class {view.ingress_class or 'none'};"
        f" {row.host or '(every host)'}: {', '.join(shown) or 'no rule'}",
        f"addresses: {', '.join(view.addresses) or 'none'}",
    ]
    if row.path:
        chosen = view.routed
        seen = f"{chosen.service}:{chosen.written_port}" if chosen else "nothing"
        evidence.append(f"a request to {row.path} is taken by {seen}")
    return Observed(view, str(row.of), tuple(evidence), next_command)


def _backend(cluster: Cluster, namespace: str, path: IngressPath) -> Backend:
    if not path.service:
        return Backend(path.path, path.resource or "no Service", None, "no port")
    ref = ObjectRef(kind="Service", namespace=namespace, name=path.service)
    service = None if path.port.get("number") else cluster.find(ref)
    number = port_named(service, path.port)
    return Backend(path.path, path.service, number, str(number or path.port.get("name", "none")))


def differences(row: IngressRow, value: IngressView) -> Iterator[Difference]:
    """The host is sent to the Service's port, the Service has it, and there is an address."""
    if not value.exists:
        yield Difference(str(row.of), "an Ingress", "absent")
        return
    yield from _routing(row, value)
    if value.service_ports is None:
        yield Difference(f"Service {row.service}", "a Service", "absent")
    elif row.port not in value.service_ports:
        yield Difference(
            f"Service {row.service}", f"port {row.port}", f"{list(value.service_ports)}"
        )
    if not value.addresses:
        yield Difference(
            "status.loadBalancer",
            "an address",
            "none",
            f"no controller serves class {value.ingress_class or '(none)'}",
        )


def _routing(rule: IngressRow, value: IngressView) -> Iterator[Difference]:
    """The row's path, or without one some path of the host, is sent to the row's backend."""
    expected, host = f"{rule.service}:{rule.port}", rule.host or "(every host)"
    if not value.backends:
        hosts = ", ".join(one or "(every host)" for one in value.hosts) or "none"
        yield Difference("spec.rules", f"one for {host}", hosts)
    elif rule.path and value.routed is None:
        there = ", ".join(one.path for one in value.backends)
        yield Difference(f"{host}{rule.path}", expected, "no path takes it", f"there: {there}")
    else:
        asked = (value.routed,) if rule.path and value.routed else value.backends
        if all((one.service, one.port) != (rule.service, rule.port) for one in asked):
            for one in asked:
                seen = f"{one.service}:{one.written_port}"
                yield Difference(f"{host}{rule.path or one.path}", expected, seen)


def judge(row: IngressRow, fact: IngressView) -> Judgement:
    """The host is sent to the Service's port, the Service has it, and there is an address."""
    return judged(differences(row, fact), compared_in(fact))


KIND = Kind(IngressRow, look, judge)
