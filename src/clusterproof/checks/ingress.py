"""Rows `check: ingress`: an Ingress sends a host to a Service that is there.

Source: Kubernetes docs, "Ingress" (v1.35, read 2026-11-23).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from clusterproof.checks.kind import Kind
from clusterproof.checks.site import Site
from clusterproof.judgement import Difference, Doubt, Failed, Judgement, judged
from clusterproof.kube.ingress import (
    IngressPath,
    addresses_of,
    class_of,
    hosts_of,
    path_for,
    paths_for,
    paths_that_may_take,
    precedence,
    rivals_of,
)
from clusterproof.kube.objects import Json
from clusterproof.kube.services import port_named, ports_of
from clusterproof.observe.cluster import Cluster, may_list_all, why_address_due
from clusterproof.observe.observed import Observed
from clusterproof.spec.row import ObjectRef, Ref, Row


class IngressRow(Row):
    """An Ingress sends a host to a port of a Service that exists, and has an address.

    Attributes:
        host: "" for a rule without a host, or for the default backend alone.
        path: What a request to it is sent to, beside other Ingresses at the same address (of all
            namespaces, where they may be listed); without it, some path of the host leads there.
    """

    check: Literal["ingress"]
    of: Ref
    host: str
    path: str = Field(default="", pattern="^(/.*)?$")
    service: str
    port: int


@dataclass(frozen=True, slots=True)
class Backend:
    """One path of a host, and where it is sent; a port of None is a name that leads nowhere.

    Attributes:
        service: `namespace/name` where that is another Ingress's, of another namespace.
        ingress: The name of another Ingress than the row's, whose path it is, as `kube/ingress`
            has it; or "".
    """

    path: str
    service: str
    port: int | None
    written_port: str
    ingress: str = ""


@dataclass(frozen=True, slots=True)
class IngressView:
    """What an Ingress does with a host.

    Attributes:
        hosts: All that it has rules for; "" is every host.
        backends: Those of the row's host.
        service_ports: Those of the row's Service for TCP; None where there is no Service.
        addresses: What its controller put into its status.
        routed: What takes the row's path; None where nothing of the Ingress does, or the row names
            no path.
        rivals: Paths of other Ingresses that may take it instead.
        address_due: Why its status has to have an address where it has none; or "".
        undecided: Paths of type ImplementationSpecific that may take the row's path instead: that
            is up to the controller of the class.
    """

    exists: bool
    ingress_class: str = ""
    hosts: tuple[str, ...] = ()
    backends: tuple[Backend, ...] = ()
    service_ports: tuple[int, ...] | None = None
    addresses: tuple[str, ...] = ()
    routed: Backend | None = None
    undecided: tuple[Backend, ...] = ()
    rivals: tuple[Backend, ...] = ()
    address_due: str = ""


def look(row: IngressRow, site: Site) -> Observed[IngressView]:
    """What an Ingress does with the host, and with the path that the row names."""
    cluster = site.cluster
    ingress = cluster.find(row.of)
    next_command = f"kubectl describe {row.of.kubectl}"
    if ingress is None:
        return Observed(IngressView(exists=False), str(row.of), ("no such Ingress",), next_command)
    service_ref = ObjectRef(kind="Service", namespace=row.of.namespace, name=row.service)
    service = cluster.find(service_ref)
    routed, *rivals = _taking(cluster, row, ingress) if row.path else (None,)
    view = IngressView(
        exists=True,
        ingress_class=class_of(ingress),
        hosts=hosts_of(ingress),
        backends=tuple(
            _backend(cluster, row.of.namespace, path) for path in paths_for(ingress, row.host)
        ),
        service_ports=(
            tuple(entry.port for entry in ports_of(service) if entry.protocol == "TCP")
            if service
            else None
        ),
        addresses=addresses_of(ingress),
        address_due="" if addresses_of(ingress) else why_address_due(cluster, ingress),
        routed=routed,
        rivals=tuple(each for each in rivals if each),
        undecided=tuple(
            _backend(cluster, row.of.namespace, path)
            for path in (paths_that_may_take(ingress, row.host, row.path) if row.path else ())
        ),
    )
    paths = [f"{path.path} to {path.service}:{path.written_port}" for path in view.backends]
    evidence = [
        f"class {view.ingress_class or 'none'};"
        f" {row.host or '(every host)'}: {', '.join(paths) or 'no rule'}",
        f"addresses: {', '.join(view.addresses) or 'none'}",
    ]
    if row.path:
        chosen = view.routed
        backend = f"{chosen.service}:{chosen.written_port}" if chosen else "nothing"
        by = f", of Ingress {chosen.ingress}" if chosen and chosen.ingress else ""
        evidence.append(f"a request to {row.path} is taken by {backend}{by}")
        if not may_list_all(cluster, "Ingress"):
            evidence.append("Ingresses of other namespaces may not be listed (403): not looked at")
    return Observed(view, str(row.of), tuple(evidence), next_command)


def _taking(cluster: Cluster, row: IngressRow, ingress: Json) -> list[Backend | None]:
    """What takes the row's path, and what would as well; the row's own Ingress before others.

    Those of other namespaces are looked at where they may be listed.
    """
    own = path_for(ingress, row.host, row.path)
    if own is None:
        return [None]
    others = list(cluster.objects("Ingress", row.of.namespace))
    if may_list_all(cluster, "Ingress"):
        listed = cluster.listed("Ingress")
        own_namespace = row.of.namespace
        others += [each for each in listed if each["metadata"]["namespace"] != own_namespace]
    rivals = list(rivals_of(ingress, own, others, row.host, row.path))
    takers = [(own, ""), *((each.path, each.ingress) for each in rivals if each.is_certain)]
    first = max(takers, key=lambda taker: precedence(taker[0] or own))
    return [
        _backend(cluster, row.of.namespace, path, name)
        for path, name in [first, *((r.path, r.ingress) for r in rivals if not r.is_certain)]
    ]


def _backend(
    cluster: Cluster, namespace: str, path: IngressPath | None, ingress: str = ""
) -> Backend:
    if path is None:
        return Backend("no path", "nothing", None, "no port", ingress)
    other_namespace, _, _ = ingress.rpartition("/")
    if other_namespace:  # its Services are not read: none of them is the row's
        number = path.port.get("number")
        written = str(number or path.port.get("name", "none"))
        backend = f"{other_namespace}/{path.service or path.resource}"
        return Backend(path.path, backend, number, written, ingress)
    if not path.service:
        return Backend(path.path, path.resource or "no Service", None, "no port", ingress)
    ref = ObjectRef(kind="Service", namespace=namespace, name=path.service)
    service = None if path.port.get("number") else cluster.find(ref)
    number = port_named(service, path.port)
    written = str(number or path.port.get("name", "none"))
    return Backend(path.path, path.service, number, written, ingress)


def judge(row: IngressRow, fact: IngressView) -> Judgement:
    """The host is sent to the Service's port, the Service has it, and there is an address."""
    if not fact.exists:
        return Failed(Difference(str(row.of), "an Ingress", "absent", code="ingress-missing"))
    undecided = _undecided(row, fact)
    differences = [
        *(() if undecided else _routing(row, fact)),
        *_service_differences(row, fact),
        *_address_differences(fact),
    ]
    if not differences and not undecided and not fact.addresses:
        return Doubt(
            "status.loadBalancer has no address: it is optional, and nothing says whether the"
            f" controller of class {fact.ingress_class or '(none)'} writes it, or none serves it",
            next_command=f"kubectl describe {row.of.kubectl}",
        )
    if undecided and not differences:
        path = undecided
        why = (
            f"is of Ingress {path.ingress}, at the same address"
            if path.ingress
            else "has pathType ImplementationSpecific"
        )
        return Doubt(
            f"{path.path} to {path.service}:{path.written_port} {why}: whether it takes {row.path}"
            f" is up to the controller of class {fact.ingress_class or '(none)'}; an"
            " `ingress-answer` row asks it"
        )
    route = f"{row.host or '(every host)'}{row.path} to {row.service}:{row.port}"
    return judged(differences, (route, "status.loadBalancer"))


def _undecided(row: IngressRow, fact: IngressView) -> Backend | None:
    """A path by which the row is met or not, as the controller of the class will have it."""
    is_right = _leads_there(row, fact.routed)
    others = (*fact.undecided, *fact.rivals)
    return next((path for path in others if _leads_there(row, path) != is_right), None)


def _leads_there(row: IngressRow, path: Backend | None) -> bool:
    return path is not None and (path.service, path.port) == (row.service, row.port)


def _routing(row: IngressRow, fact: IngressView) -> Iterator[Difference]:
    """The row's path, or without one some path of the host, is sent to the row's backend."""
    expected, host = f"{row.service}:{row.port}", row.host or "(every host)"
    if not fact.backends:
        hosts = ", ".join(other or "(every host)" for other in fact.hosts) or "none"
        yield Difference("spec.rules", f"one for {host}", hosts, code="host-missing")
    elif row.path and fact.routed is None:
        paths = ", ".join(path.path for path in fact.backends)
        yield Difference(
            f"{host}{row.path}",
            expected,
            "no path takes it",
            f"there: {paths}",
            code="path-missing",
        )
    else:
        taking = (fact.routed,) if row.path and fact.routed else fact.backends
        if not any(_leads_there(row, path) for path in taking):
            for path in taking:
                backend = f"{path.service}:{path.written_port}"
                place = f"{host}{row.path or path.path}"
                by = f"Ingress {path.ingress} takes it, by {path.path}" if path.ingress else ""
                yield Difference(place, expected, backend, by, code="backend-differs")


def _service_differences(row: IngressRow, fact: IngressView) -> Iterator[Difference]:
    service = f"Service {row.service}"
    if fact.service_ports is None:
        yield Difference(service, "a Service", "absent", code="service-missing")
    elif row.port not in fact.service_ports:
        ports = f"{list(fact.service_ports)}"
        yield Difference(service, f"port {row.port}", ports, code="service-port-missing")


def _address_differences(fact: IngressView) -> Iterator[Difference]:
    if fact.address_due:
        yield Difference(
            "status.loadBalancer",
            "an address",
            "none",
            fact.address_due,
            code="address-missing",
        )


KIND = Kind(
    IngressRow,
    look,
    judge,
    codes=(
        "address-missing",
        "backend-differs",
        "host-missing",
        "ingress-missing",
        "path-missing",
        "service-missing",
        "service-port-missing",
    ),
)
