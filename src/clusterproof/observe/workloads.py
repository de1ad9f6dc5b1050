"""Workloads and their Pods: replicas, images, starts, probes, bounds on resources."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from clusterproof.errors import ObservationError
from clusterproof.kube.containers import Container, ContainerKind, container_named, containers_of
from clusterproof.kube.objects import Json, annotations_of, condition_entry
from clusterproof.kube.pods import Span, is_ready, phase_of, pod_containers, restarts_within
from clusterproof.kube.rollout import (
    is_observed,
    is_paused,
    may_progress,
    progress_of,
)
from clusterproof.kube.workloads import pod_spec_of
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.observed import Observed
from clusterproof.spec.desired import ImagesRow, ProbeRow, QuantityRow, ReplicasRow, StartsRow
from clusterproof.spec.row import ObjectRef

_STARTING = frozenset({"", "ContainerCreating", "PodInitializing"})
YOUNG_S = 45.0
"""A Pod that is not ready yet is given this long before its unreadiness counts. Our choice."""

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


@dataclass(frozen=True, slots=True)
class RunningImage:
    """One container: the image that its template names and those that its Pods run."""

    container: str
    template: str
    running: tuple[str, ...]
    image_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Starts:
    """What keeps containers from running, and how often they ended of late.

    Attributes:
        recent_restarts: `Pod/container` and how often it restarted in the window, at least.
    """

    pods: int
    troubles: tuple[str, ...]
    recent_restarts: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Probe:
    """A container's probe as declared, with the names of its ports."""

    container_exists: bool
    probe: Json | None
    ports: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Bound:
    """One request or limit: in the template, and in every Pod.

    Attributes:
        resizing: Pods that run with another bound than their spec says, and why.
    """

    container_exists: bool
    template: str | None
    pods: tuple[tuple[str, str | None], ...]
    limit_ranged: tuple[str, ...] = ()
    resizing: tuple[tuple[str, str], ...] = ()


def read_replicas(cluster: Cluster, rule: ReplicasRow) -> Observed[Replicas]:
    """The replicas of a workload (spec.replicas and status, as the controller wrote them)."""
    ref = rule.workload
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


def is_settling(cluster: Cluster, ref: ObjectRef) -> bool:
    """True while a rollout or a start is under way that may yet end well."""
    workload = cluster.find(ref)
    if workload is None:
        return False
    if not is_observed(workload):
        return True
    pods = cluster.pods_of(ref)
    if any(_is_starting(pod) and cluster.age_s(pod) < YOUNG_S for pod in pods):
        return True
    if ref.kind == "Deployment":
        return may_progress(ref.kind, workload)
    stuck = any(not is_ready(pod) for pod in pods)  # those that are young were seen above
    return not stuck and may_progress(ref.kind, workload)


def _is_starting(pod: Json) -> bool:
    reasons = {each.waiting.get("reason", "") for each in pod_containers(pod)}
    return not is_ready(pod) and reasons <= _STARTING


def read_images(cluster: Cluster, rule: ImagesRow) -> Observed[tuple[RunningImage, ...]]:
    """Each container's image, in the template and as the kubelets report it."""
    ref = rule.workload
    workload = cluster.find(ref)
    if workload is None:
        return _observed((), ref, ("the API server has no such object",))
    running = [each for pod in cluster.pods_of(ref) for each in pod_containers(pod)]
    images = tuple(
        RunningImage(
            declared.name,
            declared.image,
            tuple(each.image for each in running if each.name == declared.name),
            tuple(
                sorted(
                    {
                        each.status["imageID"]
                        for each in running
                        if each.name == declared.name and each.status.get("imageID")
                    }
                )
            ),
        )
        for declared in containers_of(pod_spec_of(workload))
    )
    evidence = tuple(
        f"{image.container}: {image.template}, {len(image.running)} Pods, "
        f"image ids {', '.join(i.rsplit(':', 1)[-1][:12] for i in image.image_ids) or 'none'}"
        for image in images
    )
    return _observed(images, ref, evidence)


def read_starts(cluster: Cluster, rule: StartsRow) -> Observed[Starts]:
    """Waiting reasons, scheduling refusals, and restarts within the row's window."""
    ref = rule.workload
    pods = cluster.pods_of(ref)
    now = cluster.api.now()
    restarts = {
        f"{pod['metadata']['name']}/{container.name}": restarts_within(
            pod, container, now, rule.within_s
        )
        for pod in pods
        for container in pod_containers(pod)
        if container.stays_up
    }
    troubles = tuple(trouble for pod in pods for trouble in _troubles(cluster, pod, rule.within_s))
    total = sum(container.restarts for pod in pods for container in pod_containers(pod))
    evidence = (f"{len(pods)} Pods; {total} restarts since they began", *troubles)
    value = Starts(
        len(pods),
        troubles,
        tuple((place, span.least) for place, span in restarts.items() if span.least),
    )
    if not troubles:
        _refuse_open_counts(rule, restarts)
    return _observed(value, ref, evidence)


def _refuse_open_counts(rule: StartsRow, restarts: dict[str, Span]) -> None:
    """Say that a verdict cannot be had where it hangs on restarts that the API does not date."""
    if any(span.least > rule.restarts_at_most for span in restarts.values()):
        return
    for place, (least, most) in restarts.items():
        if most > rule.restarts_at_most:
            raise ObservationError(
                f"{place} restarted {least} to {most} times in the last {rule.within_s} s, and "
                f"{rule.restarts_at_most} are allowed: the API server dates the last end only",
                next_command=f"kubectl describe {rule.workload.kubectl}",
            )


def read_probe(cluster: Cluster, rule: ProbeRow) -> Observed[Probe]:
    """A container's probe in its template."""
    ref = rule.workload
    workload = cluster.find(ref)
    container = container_named(pod_spec_of(workload), rule.container) if workload else None
    if container is None:
        value = Probe(container_exists=False, probe=None, ports=())
        return _observed(value, ref, (f"no container {rule.container}",))
    ports = tuple(
        (port.get("name", ""), port["containerPort"]) for port in container.spec.get("ports") or []
    )
    probe = container.spec.get(rule.probe)
    return _observed(
        Probe(container_exists=True, probe=probe, ports=ports), ref, (f"{rule.probe}: {probe}",)
    )


def read_bound(cluster: Cluster, rule: QuantityRow) -> Observed[Bound]:
    """One request or limit of a container, declared and as admitted in each Pod."""
    ref = rule.workload
    workload = cluster.find(ref)
    container = container_named(pod_spec_of(workload), rule.container) if workload else None
    if container is None:
        value = Bound(container_exists=False, template=None, pods=())
        return _observed(value, ref, (f"no container {rule.container}",))
    pods = [
        (pod, each)
        for pod in cluster.pods_of(ref)
        for each in pod_containers(pod)
        if each.name == rule.container
    ]
    value = Bound(
        container_exists=True,
        template=container.bound(rule.bound, rule.resource),
        pods=tuple(
            (pod["metadata"]["name"], each.bound(rule.bound, rule.resource)) for pod, each in pods
        ),
        limit_ranged=tuple(
            pod["metadata"]["name"]
            for pod, _ in pods
            if "kubernetes.io/limit-ranger" in annotations_of(pod)
        ),
        resizing=tuple(
            (pod["metadata"]["name"], words)
            for pod, each in pods
            if (words := _resizing(pod, each, rule))
        ),
    )
    shown = sorted({str(quantity) for _, quantity in value.pods})
    evidence = (
        f"template {value.template}; {len(value.pods)} Pods with {', '.join(shown) or 'none'}",
        *(f"{pod}: {words}" for pod, words in value.resizing),
    )
    return _observed(value, ref, evidence)


def _resizing(pod: Json, container: Container, rule: QuantityRow) -> str:
    """What a container runs with while a resize of its Pod has not been carried out; or ""."""
    pending = condition_entry(pod, "PodResizePending") or condition_entry(
        pod, "PodResizeInProgress"
    )
    actual = (container.status.get("resources") or {}).get(rule.bound) or {}
    if not pending or actual.get(rule.resource) == container.bound(rule.bound, rule.resource):
        return ""
    why = f"{pending.get('reason', '')}: {pending.get('message', '')}".strip(": ")
    return f"runs with {actual.get(rule.resource)}, its resize is not done ({why})"


def _troubles(cluster: Cluster, pod: Json, within_s: float) -> list[str]:
    """Why a Pod does not run, by the names of the README: PVC, memory, image pull, and others."""
    name = pod["metadata"]["name"]
    scheduled = condition_entry(pod, "PodScheduled")
    found = []
    if scheduled.get("status") == "False":
        found.append(f"{name}: not scheduled: {scheduled.get('message', '')[:160]}")
    containers = pod_containers(pod)
    for container in containers:
        reason = container.waiting.get("reason", "")
        if reason not in _STARTING:
            message = container.waiting.get("message", "")[:160]
            found.append(f"{name}/{container.name}: {reason}: {message}")
        end = container.last_end
        if end.get("reason") == "OOMKilled" and _is_recent(cluster, end, within_s):
            found.append(f"{name}/{container.name}: memory short: OOMKilled")
    if not found and not is_ready(pod):
        found += _late_starts(cluster.age_s(pod), pod, containers)
    return found


def _is_recent(cluster: Cluster, end: Json, within_s: float) -> bool:
    """Whether a container ended within the window; one without a time is taken to have."""
    return not end.get("finishedAt") or cluster.seconds_since(end["finishedAt"]) <= within_s


def _late_starts(age: float, pod: Json, containers: tuple[Container, ...]) -> Iterator[str]:
    """What a Pod still waits for that should have started by now."""
    if age < YOUNG_S:
        return
    name = pod["metadata"]["name"]
    for container in containers:
        if container.kind is ContainerKind.INIT and container.is_running:
            yield f"{name}/{container.name}: init container still runs after {age:.0f} s"
            return
    for container in containers:
        if container.is_waiting:
            reason = container.waiting.get("reason") or "waiting"
            message = container.waiting.get("message", "")[:160]
            yield f"{name}/{container.name}: {reason} for {age:.0f} s: {message}".rstrip(": ")
            return
    if phase_of(pod) == "Pending":
        yield f"{name}: Pending for {age:.0f} s: its kubelet says nothing of its containers"


def _observed(value: Any, ref: ObjectRef, evidence: tuple[str, ...]) -> Observed[Any]:  # noqa: ANN401 - as given
    return Observed(value, str(ref), evidence, f"kubectl describe {ref.kubectl}")
