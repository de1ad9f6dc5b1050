"""Rows `check: starts`.

Source: Kubernetes docs, "Pod Lifecycle", container states (v1.35, read 2026-11-23).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from clusterproof.checks.kind import Kind
from clusterproof.checks.site import Site
from clusterproof.errors import ObservationError
from clusterproof.judgement import Difference, Judgement, compared_in, judged
from clusterproof.kube.pods import Span, pod_containers, restarts_within
from clusterproof.observe.observed import Observed
from clusterproof.observe.workloads import _observed, _troubles
from clusterproof.spec.row import Row, WorkloadRef


class StartsRow(Row):
    """The containers start and stay up: no waiting reason, few restarts of late."""

    check: Literal["starts"]
    workload: WorkloadRef
    restarts_at_most: int = Field(ge=0)
    within_s: int = Field(gt=0)


@dataclass(frozen=True, slots=True)
class Starts:
    """What keeps containers from running, and how often they ended of late.

    Attributes:
        recent_restarts: `Pod/container` and how often it restarted in the window, at least.
    """

    pods: int
    troubles: tuple[str, ...]
    recent_restarts: tuple[tuple[str, int], ...]


def look(row: StartsRow, site: Site) -> Observed[Starts]:
    """Waiting reasons, scheduling refusals, and restarts within the row's window."""
    cluster = site.cluster
    ref = row.workload
    pods = cluster.pods_of(ref)
    now = cluster.api.now()
    restarts = {
        f"{pod['metadata']['name']}/{container.name}": restarts_within(
            pod, container, now, row.within_s
        )
        for pod in pods
        for container in pod_containers(pod)
        if container.stays_up
    }
    troubles = tuple(trouble for pod in pods for trouble in _troubles(cluster, pod, row.within_s))
    total = sum(container.restarts for pod in pods for container in pod_containers(pod))
    evidence = (f"{len(pods)} Pods; {total} restarts since they began", *troubles)
    value = Starts(
        len(pods),
        troubles,
        tuple((place, span.least) for place, span in restarts.items() if span.least),
    )
    if not troubles:
        _refuse_open_counts(row, restarts)
    return _observed(value, ref, evidence)


def _refuse_open_counts(row: StartsRow, restarts: dict[str, Span]) -> None:
    """Say that a verdict cannot be had where it hangs on restarts that the API does not date."""
    if any(span.least > row.restarts_at_most for span in restarts.values()):
        return
    for place, (least, most) in restarts.items():
        if most > row.restarts_at_most:
            raise ObservationError(
                f"{place} restarted {least} to {most} times in the last {row.within_s} s, and "
                f"{row.restarts_at_most} are allowed: the API server dates the last end only",
                next_command=f"kubectl describe {row.workload.kubectl}",
            )


def differences(rule: StartsRow, value: Starts) -> Iterator[Difference]:
    """No waiting reason, and no more restarts within the window than the row allows."""
    if value.pods == 0:
        yield Difference(str(rule.workload), "Pods", "none")
    for trouble in value.troubles:
        place, _, why = trouble.partition(": ")
        yield Difference(place, "running", why, _named_cause(why))
    for place, count in value.recent_restarts:
        if count > rule.restarts_at_most:
            expected = f"at most {rule.restarts_at_most} restarts, none in the last"
            yield Difference(place, f"{expected} {rule.within_s} s", f"{count} restarts")


def _named_cause(why: str) -> str:
    """The README's failure causes by name."""
    causes = (
        ("PersistentVolumeClaim", "PVC not bound"),
        ("persistentvolumeclaim", "PVC not bound"),
        ("Insufficient memory", "memory short"),
        ("OOMKilled", "memory short"),
        ("Insufficient cpu", "CPU short"),
        ("ImagePullBackOff", "image pull failed"),
        ("ErrImagePull", "image pull failed"),
        ("ErrImageNeverPull", "image pull failed"),
        ("InvalidImageName", "image pull failed"),
        ("CreateContainerConfigError", "a ConfigMap or Secret, or a key of it, is missing"),
    )
    return next((name for text, name in causes if text in why), "")


def judge(row: StartsRow, fact: Starts) -> Judgement:
    """No waiting reason, and no more restarts within the window than the row allows."""
    return judged(differences(row, fact), compared_in(fact))


KIND = Kind(StartsRow, look, judge)
