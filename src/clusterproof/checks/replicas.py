"""A workload runs its replicas: its controller says desired, updated, ready, available alike.

Source: Kubernetes docs, "Deployments", status of a Deployment (v1.35, read 2026-11-23).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from pydantic import Field, field_validator

from clusterproof.checks.kind import Kind
from clusterproof.checks.site import Site
from clusterproof.judgement import Difference, Judgement, judged
from clusterproof.kube.pods import is_ready
from clusterproof.kube.rollout import is_observed, is_paused, progress_of
from clusterproof.observe.observed import Observed
from clusterproof.observe.workloads import gates_of, observed_of, outstayed, troubles_of
from clusterproof.spec.row import Frozen, ObjectRef, Row, WorkloadRef

LATE_S = 600.0
"""An end by lack of memory explains an unready Pod for as long. Our choice."""

_WITHOUT_REPLICAS = frozenset({"CronJob", "Job", "Pod"})
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


class Count(Frozen):
    """A number of replicas within bounds, both included."""

    min: int = Field(ge=0)
    max: int = Field(ge=0)


class ReplicasRow(Row):
    """A workload runs its replicas: desired, updated, ready and available agree."""

    check: Literal["replicas"]
    workload: WorkloadRef
    replicas: Count

    @field_validator("workload")
    @classmethod
    def _refuse_without_replicas(cls, workload: ObjectRef) -> ObjectRef:
        if workload.kind in _WITHOUT_REPLICAS:
            raise ValueError(
                f"expected a workload with replicas; a {workload.kind} has none: `check: starts`"
                " says that its containers start and stay up"
            )
        return workload


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
    cluster, ref = site.cluster, row.workload
    workload = cluster.find(ref)
    if workload is None:
        return observed_of(Replicas(exists=False), ref, ("the API server has no such object",))
    progress = progress_of(ref.kind, workload)
    total, ready, available = _counts(ref.kind, dict(progress.counts))
    _, wanted, updated = progress.updated or ("", 0, 0)
    replicas = Replicas(
        exists=True,
        desired=progress.desired,
        updated=updated,
        ready=ready,
        available=available,
        total=total,
        generation_observed=is_observed(workload),
        troubles=(
            *(
                trouble
                for pod in cluster.pods_of(ref)
                if not is_ready(pod)
                for trouble in (*troubles_of(cluster, pod, LATE_S), *gates_of(pod))
            ),
            *outstayed(cluster, ref),
        ),
        updated_wanted=wanted,
        paused=is_paused(workload),
    )
    evidence = (
        f"desired {replicas.desired}, updated {replicas.updated}, ready {replicas.ready}, "
        f"available {replicas.available}, in all {replicas.total}",
    )
    return observed_of(replicas, ref, evidence)


def _counts(kind: str, counts: dict[str, int]) -> tuple[int, int, int]:
    if kind == "DaemonSet":
        return (
            counts["currentNumberScheduled"],
            counts["numberReady"],
            counts["numberAvailable"],
        )
    return counts["replicas"], counts["readyReplicas"], counts["availableReplicas"]


def judge(row: ReplicasRow, replicas: Replicas) -> Judgement:
    """Desired within bounds; updated, ready and available all equal to desired."""
    counts = _COUNTS.get(row.workload.kind, _REPLICAS)
    compared = [_desired_name(row), *(f"status.{count}" for count in counts)]
    return judged(_differences(row, replicas), compared)


def _differences(row: ReplicasRow, replicas: Replicas) -> Iterator[Difference]:
    if not replicas.exists:
        yield Difference(str(row.workload), "a workload", "absent", code="workload-absent")
        return
    desired = replicas.desired
    low, high = row.replicas.min, row.replicas.max
    if not low <= desired <= high:
        expected = f"{low}" if low == high else f"{low} to {high}"
        yield Difference(_desired_name(row), expected, f"{desired}", code="replicas-outside-bounds")
    if not replicas.generation_observed:
        yield Difference(
            "status.observedGeneration",
            "the current generation",
            "an older one",
            code="generation-not-observed",
        )
    if replicas.paused:
        reason = "paused: the next change of the template will not be rolled out"
        yield Difference("spec.paused", "false", "true", reason, code="rollout-paused")
    because = "; ".join(replicas.troubles)
    updated, ready, available, total = _COUNTS.get(row.workload.kind, _REPLICAS)
    wanted = desired if replicas.updated_wanted < 0 else replicas.updated_wanted
    if replicas.updated < wanted or (replicas.updated_wanted < 0 and replicas.updated > wanted):
        yield Difference(
            f"status.{updated}",
            f"{wanted}",
            f"{replicas.updated}",
            because,
            code="replicas-not-updated",
        )
    for name, count, code in (
        (ready, replicas.ready, "replicas-not-ready"),
        (available, replicas.available, "replicas-not-available"),
        (total, replicas.total, "replicas-other-than-desired"),
    ):
        if count != desired:
            yield Difference(f"status.{name}", f"{desired}", f"{count}", because, code=code)


def _desired_name(row: ReplicasRow) -> str:
    return _DESIRED.get(row.workload.kind, "spec.replicas")


KIND = Kind(
    ReplicasRow,
    look,
    judge,
    codes=(
        "generation-not-observed",
        "replicas-not-available",
        "replicas-not-ready",
        "replicas-not-updated",
        "replicas-other-than-desired",
        "replicas-outside-bounds",
        "rollout-paused",
        "workload-absent",
    ),
)
