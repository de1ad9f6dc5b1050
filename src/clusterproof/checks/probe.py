"""A container has a probe of its kubelet: this handler, on this path and port.

Source: Kubernetes docs, "Configure Liveness, Readiness and Startup Probes"
(v1.35, read 2026-11-23).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from clusterproof.checks.kind import Kind
from clusterproof.checks.site import Site
from clusterproof.judgement import Difference, Judgement, judged
from clusterproof.kube.containers import container_named
from clusterproof.kube.objects import Json
from clusterproof.observe.observed import Observed
from clusterproof.observe.resources import template_spec
from clusterproof.observe.workloads import observed_of
from clusterproof.spec.row import Row, WorkloadRef

_HANDLERS = frozenset({"httpGet", "tcpSocket", "exec", "grpc"})


class ProbeRow(Row):
    """A container has a probe of its kubelet on this path and port (by number or by name)."""

    check: Literal["probe"]
    workload: WorkloadRef
    container: str
    probe: Literal["readinessProbe", "livenessProbe", "startupProbe"]
    handler: Literal["httpGet", "tcpSocket", "exec", "grpc"]
    path: str = ""
    port: int = 0


@dataclass(frozen=True, slots=True)
class Probe:
    """A container's probe as declared, with the names of its ports."""

    container_exists: bool
    probe: Json | None
    ports: tuple[tuple[str, int], ...]


def look(row: ProbeRow, site: Site) -> Observed[Probe]:
    """A container's probe in its template."""
    ref = row.workload
    workload = site.cluster.find(ref)
    container = container_named(template_spec(ref, workload), row.container) if workload else None
    if container is None:
        absent = Probe(container_exists=False, probe=None, ports=())
        return observed_of(absent, ref, (f"no container {row.container}",))
    ports = tuple(
        (port.get("name", ""), port["containerPort"]) for port in container.spec.get("ports") or []
    )
    probe = container.spec.get(row.probe)
    declared = Probe(container_exists=True, probe=probe, ports=ports)
    return observed_of(declared, ref, (f"{row.probe}: {probe}",))


def judge(row: ProbeRow, fact: Probe) -> Judgement:
    """The right handler, path, and port; a port by name is the port of that name."""
    parts = {row.handler: True, "path": bool(row.path), "port": bool(row.port)}
    compared = [f"{row.probe} {part}" for part, is_claimed in parts.items() if is_claimed]
    return judged(_differences(row, fact), compared)


def _differences(row: ProbeRow, fact: Probe) -> Iterator[Difference]:
    if not fact.container_exists:
        yield Difference(
            str(row.workload), f"container {row.container}", "absent", code="container-absent"
        )
        return
    if fact.probe is None or row.handler not in fact.probe:
        handlers = ", ".join(handler for handler in fact.probe or {} if handler in _HANDLERS)
        code = "probe-handler-differs" if handlers else "probe-absent"
        yield Difference(row.probe, row.handler, handlers or "absent", code=code)
        return
    action = fact.probe[row.handler] or {}
    path = str(action.get("path", "/"))
    if row.path and path != row.path:
        yield Difference(f"{row.probe} path", row.path, path, code="probe-path-differs")
    port = str(action.get("port"))
    if row.port and str(dict(fact.ports).get(port, port)) != str(row.port):
        yield Difference(f"{row.probe} port", str(row.port), port, code="probe-port-differs")


KIND = Kind(
    ProbeRow,
    look,
    judge,
    codes=(
        "container-absent",
        "probe-absent",
        "probe-handler-differs",
        "probe-path-differs",
        "probe-port-differs",
    ),
)
