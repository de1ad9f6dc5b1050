"""Rows `check: probe`.

Source: Kubernetes docs, "Configure Liveness, Readiness and Startup Probes"
(v1.35, read 2026-11-23).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from clusterproof.checks.kind import Kind
from clusterproof.checks.site import Site
from clusterproof.judgement import Difference, Judgement, compared_in, judged
from clusterproof.kube.containers import container_named
from clusterproof.kube.objects import Json
from clusterproof.kube.workloads import pod_spec_of
from clusterproof.observe.observed import Observed
from clusterproof.observe.workloads import _observed
from clusterproof.spec.row import Row, WorkloadRef


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
    cluster = site.cluster
    ref = row.workload
    workload = cluster.find(ref)
    container = container_named(pod_spec_of(workload), row.container) if workload else None
    if container is None:
        value = Probe(container_exists=False, probe=None, ports=())
        return _observed(value, ref, (f"no container {row.container}",))
    ports = tuple(
        (port.get("name", ""), port["containerPort"]) for port in container.spec.get("ports") or []
    )
    probe = container.spec.get(row.probe)
    return _observed(
        Probe(container_exists=True, probe=probe, ports=ports), ref, (f"{row.probe}: {probe}",)
    )


def differences(row: ProbeRow, value: Probe) -> Iterable[Difference]:
    """The right handler, path, and port; a port by name is the port of that name."""
    if not value.container_exists:
        return [Difference(str(row.workload), f"container {row.container}", "absent")]
    if value.probe is None or row.handler not in value.probe:
        kinds = [key for key in (value.probe or {}) if key in _HANDLERS]
        return [Difference(row.probe, row.handler, ", ".join(kinds) or "absent")]
    action = value.probe[row.handler] or {}
    found = []
    if row.path and action.get("path", "/") != row.path:
        found.append(Difference(f"{row.probe} path", row.path, str(action.get("path", "/"))))
    port = dict(value.ports).get(str(action.get("port")), action.get("port"))
    if row.port and str(port) != str(row.port):
        found.append(Difference(f"{row.probe} port", str(row.port), str(action.get("port"))))
    return found


_HANDLERS = frozenset({"httpGet", "tcpSocket", "exec", "grpc"})


def judge(row: ProbeRow, fact: Probe) -> Judgement:
    """The right handler, path, and port; a port by name is the port of that name."""
    return judged(differences(row, fact), compared_in(fact))


KIND = Kind(ProbeRow, look, judge)
