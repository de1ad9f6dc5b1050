"""The containers of a workload start and stay up; what keeps one from running is named.

Source: Kubernetes docs, "Pod Lifecycle", container states (v1.35, read 2026-11-23).
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from clusterproof.checks.kind import Kind
from clusterproof.checks.site import Site
from clusterproof.judgement import Difference, Doubt, Failed, Judgement, judged
from clusterproof.kube.objects import (
    Json,
    condition_entry,
    conditions_of,
    controlled_by,
    is_terminating,
    status_of,
)
from clusterproof.kube.pods import Span, phase_of, pod_containers, restarts_within
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.observed import Observed
from clusterproof.observe.workloads import last_words_of, observed_of, troubles_of
from clusterproof.spec.row import ObjectRef, Row, WorkloadRef

_CAUSES = (
    ("PersistentVolumeClaim", "PVC not bound", "claim-not-bound"),
    ("persistentvolumeclaim", "PVC not bound", "claim-not-bound"),
    ("Insufficient memory", "memory short", "memory-short"),
    ("OOMKilled", "memory short", "memory-short"),
    ("Insufficient cpu", "CPU short", "cpu-short"),
    ("ImagePullBackOff", "image pull failed", "image-not-pulled"),
    ("ErrImagePull", "image pull failed", "image-not-pulled"),
    ("ErrImageNeverPull", "image pull failed", "image-not-pulled"),
    ("InvalidImageName", "image pull failed", "image-not-pulled"),
    ("RegistryUnavailable", "image pull failed", "image-not-pulled"),
    ("SignatureValidationFailed", "image pull failed", "image-not-pulled"),
)
"""What stands in a trouble, the README's name of that failure, and its code."""
_MISSING = re.compile(r"CreateContainerConfigError: .*(?:not found|couldn't find key)", re.DOTALL)
"""That reason has other messages too, such as an image that would run as root."""
_OF_A_SHUTDOWN = frozenset({"NodeShutdown", "Terminated"})
"""Reasons of a Pod that a node which shuts down ended, or did not take any more."""
LOGS_OF = 3
"""Pods of a workload whose logs are read, where several do not run. Our choice."""


class StartsRow(Row):
    """The containers start and stay up: no waiting reason, few restarts of late.

    The Pods of a Job, or of a CronJob's Jobs, may end, with success. One that fails, as one of any
    workload does that its node evicts, is made anew: it counts as a restart does.
    """

    check: Literal["starts"]
    workload: WorkloadRef
    restarts_at_most: int = Field(ge=0)
    within_s: int = Field(gt=0)


@dataclass(frozen=True, slots=True)
class Starts:
    """What keeps containers from running, and how often they ended of late.

    Attributes:
        pods: How many there are, those of a Job that ended too.
        troubles: `Pod/container: why` or `Job: why`.
        recent_restarts: `Pod/container` and how often it restarted in the window, at least.
        possible_restarts: The same, at most, where the API server does not date them all.
        ends: Whether its Pods are to end: those of a Job or a CronJob.
        failed_pods: Those that failed in the window, and not since their node was shut down; each
            with its reason, such as Evicted.
        exists: Whether the workload itself is there.
    """

    pods: int
    troubles: tuple[str, ...]
    recent_restarts: tuple[tuple[str, int], ...]
    possible_restarts: tuple[tuple[str, int], ...] = ()
    ends: bool = False
    failed_pods: tuple[str, ...] = ()
    exists: bool = True


def look(row: StartsRow, site: Site) -> Observed[Starts]:
    """Waiting reasons, scheduling refusals, and restarts within the row's window."""
    cluster, ref = site.cluster, row.workload
    ends = ref.kind in {"CronJob", "Job"}
    pods = _pods_that_end(cluster, ref) if ends else cluster.pods_of(ref)
    restarts = _restarts(cluster, row, pods)
    troubles = [trouble for pod in pods for trouble in troubles_of(cluster, pod, row.within_s)]
    if ends:
        troubles += _failed_jobs(cluster, row)
    starts = Starts(
        len(pods),
        tuple(troubles),
        tuple((place, span.least) for place, span in restarts.items() if span.least),
        tuple((place, span.most) for place, span in restarts.items() if span.most > span.least),
        ends=ends,
        failed_pods=tuple(
            " ".join(filter(None, (pod["metadata"]["name"], status_of(pod).get("reason"))))
            for pod in cluster.owned_pods(ref)
            if _has_failed(pod) and _ended_within(cluster, pod, row.within_s)
        ),
        exists=cluster.find(ref) is not None,
    )
    total = sum(container.restarts for pod in pods for container in pod_containers(pod))
    troubled = [pod for pod in pods if _is_named(pod, troubles)][:LOGS_OF]
    words = [line for pod in troubled for line in last_words_of(cluster, pod)]
    evidence = (f"{len(pods)} Pods; {total} restarts since they began", *troubles, *words)
    return observed_of(starts, ref, evidence)


def _is_named(pod: Json, troubles: Iterable[str]) -> bool:
    return any(trouble.startswith(f"{pod['metadata']['name']}/") for trouble in troubles)


def _pods_that_end(cluster: Cluster, ref: ObjectRef) -> list[Json]:
    return [pod for pod in cluster.owned_pods(ref) if not is_terminating(pod)]


def _restarts(cluster: Cluster, row: StartsRow, pods: list[Json]) -> dict[str, Span]:
    now = cluster.api.now()
    return {
        f"{pod['metadata']['name']}/{container.name}": restarts_within(
            pod, container, now, row.within_s
        )
        for pod in pods
        for container in pod_containers(pod)
        if container.stays_up
    }


def _failed_jobs(cluster: Cluster, row: StartsRow) -> Iterator[str]:
    """The Jobs that failed: the last one however long ago, and those of the window."""
    workload = cluster.find(row.workload)
    if workload is None:
        return
    jobs = [workload]
    if row.workload.kind == "CronJob":
        jobs = list(controlled_by(jobs, cluster.objects("Job", row.workload.namespace)))
    jobs.sort(key=lambda job: str(job["metadata"].get("creationTimestamp", "")))
    for job in jobs:
        failed = condition_entry(job, "Failed")
        if failed.get("status") != "True":
            continue
        at = failed.get("lastTransitionTime")
        if job is jobs[-1] or not at or cluster.seconds_since(at) <= row.within_s:
            why = f"{failed.get('reason', '')}: {failed.get('message', '')[:160]}".strip(": ")
            yield f"{job['metadata']['name']}: {why or 'failed'}"


def _has_failed(pod: Json) -> bool:
    """Whether a Pod failed, and stays; not as its node shut down (pkg/kubelet/nodeshutdown)."""
    reason = status_of(pod).get("reason")
    return phase_of(pod) == "Failed" and not is_terminating(pod) and reason not in _OF_A_SHUTDOWN


def _ended_within(cluster: Cluster, pod: Json, within_s: float) -> bool:
    """Whether a Pod ended in the window; one that nothing dates is taken to have.

    The last end of a container dates it, or the last change of a condition: an init container ends
    long before, and the end of a container of an evicted Pod is often unknown.
    """
    times = [container.last_end.get("finishedAt") for container in pod_containers(pod)]
    times += [condition.get("lastTransitionTime") for condition in conditions_of(pod)]
    dated = [cluster.seconds_since(time) for time in times if time]
    return not dated or min(dated) <= within_s


def judge(row: StartsRow, starts: Starts) -> Judgement:
    """No waiting reason, and no more restarts within the window than the row allows.

    A doubt where the verdict hangs on restarts that the API does not date, or where no Pod of a
    Job is left to look at.
    """
    next_command = f"kubectl describe {row.workload.kubectl}"
    compared = (f"containers of {starts.pods} Pods",) if starts.pods else ()
    judgement = judged(
        _differences(row, starts),
        compared,
        nothing=f"no Pod of {row.workload} is there or was kept: nothing shows how it started",
    )
    if isinstance(judgement, Failed):
        return judgement
    least, allowed = dict(starts.recent_restarts), row.restarts_at_most
    for place, most in starts.possible_restarts:
        if most > allowed:
            return Doubt(
                f"{place} restarted {least.get(place, 0)} to {most} times in the last"
                f" {row.within_s} s, and {allowed} are allowed: the API server dates the last end"
                " only",
                next_command,
            )
    return Doubt(judgement.reason, next_command) if isinstance(judgement, Doubt) else judgement


def _differences(row: StartsRow, starts: Starts) -> Iterator[Difference]:
    if starts.ends and not starts.exists:
        kind = row.workload.kind
        yield Difference(str(row.workload), f"a {kind}", f"no such {kind}", code="pods-absent")
    elif starts.pods == 0 and not starts.ends:
        yield Difference(str(row.workload), "Pods", "none", code="pods-absent")
    for trouble in starts.troubles:
        place, _, why = trouble.partition(": ")
        cause, code = _cause(why)
        yield Difference(place, "running", why, cause, code=code)
    for place, count in starts.recent_restarts:
        if count > row.restarts_at_most:
            expected = f"at most {row.restarts_at_most} restarts, none in the last"
            yield Difference(
                place,
                f"{expected} {row.within_s} s",
                f"{count} restarts",
                code="too-many-restarts",
            )
    if len(starts.failed_pods) > row.restarts_at_most:
        yield Difference(
            str(row.workload),
            f"at most {row.restarts_at_most} failed Pods in the last {row.within_s} s",
            ", ".join(starts.failed_pods),
            code="pods-failed",
        )


def _cause(why: str) -> tuple[str, str]:
    """The README's failure cause by name, with its code."""
    for text, cause, code in _CAUSES:
        if text in why:
            return cause, code
    if _MISSING.search(why):
        return "a ConfigMap or Secret, or a key of it, is missing", "configuration-missing"
    return "", "container-not-running"


KIND = Kind(
    StartsRow,
    look,
    judge,
    codes=(
        "claim-not-bound",
        "configuration-missing",
        "container-not-running",
        "cpu-short",
        "image-not-pulled",
        "memory-short",
        "pods-absent",
        "pods-failed",
        "too-many-restarts",
    ),
)
