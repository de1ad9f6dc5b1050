"""Rows `check: replicas`.

Source: Kubernetes docs, "Deployments", status of a Deployment (v1.35, read 2026-11-23).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from clusterproof.checks.kind import Kind
from clusterproof.checks.site import Site
from clusterproof.judgement import Difference, Judgement, compared_in, judged
from clusterproof.kube.pods import is_ready
from clusterproof.kube.rollout import is_observed, is_paused, progress_of
from clusterproof.observe.observed import Observed
from clusterproof.observe.workloads import _observed, _troubles
from clusterproof.spec.row import Frozen, Row, WorkloadRef


class Count(Frozen):
    """A number of replicas within bounds, both included."""

    min: int = Field(ge=0)
    max: int = Field(ge=0)


class ReplicasRow(Row):
    """A workload runs its replicas: desired, updated, ready and available agree."""

    check: Literal["replicas"]
    workload: WorkloadRef
    replicas: Count


LATE_S = 600.0
"""An end by lack of memory explains an unready Pod for as long. Our choice."""


@dataclass(frozen=True, slots=True)
class Replicas:
    """A workload's own account of its replicas, and what its unready Pods say.

    Attributes:
        updated_wanted: How many Pods its controller brings to the current template by itself;
            -1 for all that are desired.
    """

    exists: bool
    desired: int = 0
    updated: int = 0
    ready: int = 0
    available: int = 0
    total: int = 0
    generation_observed: bool = True
    troubles: tuple[str, ...] = ()
    updated_wanted: int = -1
    paused: bool = False


def look(row: ReplicasRow, site: Site) -> Observed[Replicas]:
    """The replicas of a workload (spec.replicas and status, as the controller wrote them)."""
    cluster = site.cluster
    ref = row.workload
    workload = cluster.find(ref)
    if workload is None:
        return _observed(Replicas(exists=False), ref, ("the API server has no such object",))
    progress = progress_of(ref.kind, workload)
    total, ready, available = _counts(ref.kind, dict(progress.counts))
    _, wanted, updated = progress.updated or ("", 0, 0)
    value = Replicas(
        exists=True,
        desired=progress.desired,
        updated=updated,
        ready=ready,
        available=available,
        total=total,
        generation_observed=is_observed(workload),
        troubles=tuple(
            trouble
            for pod in cluster.pods_of(ref)
            if not is_ready(pod)
            for trouble in _troubles(cluster, pod, LATE_S)
        ),
        updated_wanted=wanted,
        paused=is_paused(workload),
    )
    evidence = (
        f"desired {value.desired}, updated {value.updated}, ready {value.ready}, "
        f"available {value.available}, in all {value.total}",
    )
    return _observed(value, ref, evidence)


def _counts(kind: str, counts: dict[str, int]) -> tuple[int, int, int]:
    if kind == "DaemonSet":
        return (
            counts["currentNumberScheduled"],
            counts["numberReady"],
            counts["numberAvailable"],
        )
    return counts["replicas"], counts["readyReplicas"], counts["availableReplicas"]


def differences(row: ReplicasRow, value: Replicas) -> Iterator[Difference]:
    """Desired within bounds; updated, ready and available all equal to desired."""
    if not value.exists:
        yield Difference(str(row.workload), "a workload", "absent")
        return
    low, high = row.replicas.min, row.replicas.max
    expected = f"{low}" if low == high else f"{low} to {high}"
    because = "; ".join(value.troubles)
    if not low <= value.desired <= high:
        desired = _DESIRED.get(row.workload.kind, "spec.replicas")
        yield Difference(desired, expected, f"{value.desired}")
    if not value.generation_observed:
        yield Difference("status.observedGeneration", "the current generation", "an older one")
    if value.paused:
        reason = "paused: the next change of the template will not be rolled out"
        yield Difference("spec.paused", "false", "true", reason)
    updated, ready, available, total = _COUNTS.get(row.workload.kind, _REPLICAS)
    wanted = value.desired if value.updated_wanted < 0 else value.updated_wanted
    if value.updated < wanted or (value.updated_wanted < 0 and value.updated > wanted):
        yield Difference(f"status.{updated}", f"{wanted}", f"{value.updated}", because)
    for name, count in ((ready, value.ready), (available, value.available), (total, value.total)):
        if count != value.desired:
            yield Difference(f"status.{name}", f"{value.desired}", f"{count}", because)


_DESIRED = {"DaemonSet": "status.desiredNumberScheduled"}


_REPLICAS = ("updatedReplicas", "readyReplicas", "availableReplicas", "replicas")


_COUNTS = {
    "DaemonSet": (
        "updatedNumberScheduled",
        "numberReady",
        "numberAvailable",
        "currentNumberScheduled",
    )
}
"""The status fields of updated, ready, available and all Pods."""


def judge(row: ReplicasRow, fact: Replicas) -> Judgement:
    """Desired within bounds; updated, ready and available all equal to desired."""
    return judged(differences(row, fact), compared_in(fact))


KIND = Kind(ReplicasRow, look, judge)
