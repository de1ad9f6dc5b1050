"""Workloads and their Pods: replicas, images, starts, probes, bounds on resources."""

from dataclasses import dataclass
from typing import Any

from clusterproof.kube.client import Json
from clusterproof.observe.cluster import (
    Cluster,
    container_named,
    is_ready,
    template_of,
)
from clusterproof.observe.observed import Observed
from clusterproof.spec.desired import ImagesRow, ProbeRow, QuantityRow, ReplicasRow, StartsRow
from clusterproof.spec.row import ObjectRef

_ROLLING = frozenset({"NewReplicaSetCreated", "FoundNewReplicaSet", "ReplicaSetUpdated"})
_STARTING = frozenset({"", "ContainerCreating", "PodInitializing"})
YOUNG_S = 45.0
"""A Pod that is not ready yet is given this long before its unreadiness counts. Our choice."""


@dataclass(frozen=True, slots=True)
class Replicas:
    """A workload's own account of its replicas, and what its unready Pods say."""

    exists: bool
    desired: int = 0
    updated: int = 0
    ready: int = 0
    available: int = 0
    total: int = 0
    generation_observed: bool = True
    troubles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunningImage:
    """One container: the image that its template names and those that its Pods run."""

    container: str
    template: str
    running: tuple[str, ...]
    image_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Starts:
    """What keeps containers from running, and how often they ended of late."""

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
    """One request or limit: in the template, and in every Pod."""

    container_exists: bool
    template: str | None
    pods: tuple[tuple[str, str | None], ...]
    limit_ranged: tuple[str, ...] = ()


def read_replicas(cluster: Cluster, rule: ReplicasRow) -> Observed[Replicas]:
    """The replicas of a workload (spec.replicas and status, as the controller wrote them)."""
    ref = rule.workload
    item = cluster.find(ref)
    if item is None:
        return _observed(Replicas(exists=False), ref, ("the API server has no such object",))
    status = item.get("status") or {}
    desired = item["spec"].get("replicas", 1)
    value = Replicas(
        exists=True,
        desired=desired,
        updated=status.get("updatedReplicas", 0),
        ready=status.get("readyReplicas", 0),
        available=status.get("availableReplicas", status.get("readyReplicas", 0)),
        total=status.get("replicas", 0),
        generation_observed=status.get("observedGeneration", 0)
        >= item["metadata"].get("generation", 0),
        troubles=tuple(
            trouble
            for pod in cluster.pods_of(ref)
            if not is_ready(pod)
            for trouble in _troubles(pod)
        ),
    )
    evidence = (
        f"desired {value.desired}, updated {value.updated}, ready {value.ready}, "
        f"available {value.available}, in all {value.total}",
    )
    return _observed(value, ref, evidence)


def is_settling(cluster: Cluster, ref: ObjectRef) -> bool:
    """True while a rollout or a start is under way that may yet end well."""
    item = cluster.find(ref)
    if item is None:
        return False
    status = item.get("status") or {}
    if status.get("observedGeneration", 0) < item["metadata"].get("generation", 0):
        return True
    for entry in status.get("conditions") or []:
        if entry["type"] == "Progressing" and entry.get("reason") in _ROLLING:
            return True
    if status.get("replicas", 0) != item["spec"].get("replicas", 1):
        return not _quota_refused(status)
    return any(
        not is_ready(pod) and cluster.age_s(pod) < YOUNG_S and set(_waiting(pod)) <= _STARTING
        for pod in cluster.pods_of(ref)
    )


def read_images(cluster: Cluster, rule: ImagesRow) -> Observed[tuple[RunningImage, ...]]:
    """Each container's image, in the template and as the kubelets report it."""
    ref = rule.workload
    item = cluster.find(ref)
    if item is None:
        return _observed((), ref, ("the API server has no such object",))
    pods = cluster.pods_of(ref)
    spec = template_of(item)
    images = []
    for kind, states in (
        ("initContainers", "initContainerStatuses"),
        ("containers", "containerStatuses"),
    ):
        for container in spec.get(kind) or []:
            name = container["name"]
            of_pods = [
                one["image"]
                for pod in pods
                for one in pod["spec"].get(kind) or []
                if one["name"] == name
            ]
            ids = {
                one.get("imageID", "")
                for pod in pods
                for one in (pod.get("status") or {}).get(states) or []
                if one["name"] == name and one.get("imageID")
            }
            images.append(
                RunningImage(name, container.get("image", ""), tuple(of_pods), tuple(sorted(ids)))
            )
    evidence = tuple(
        f"{one.container}: {one.template}, {len(one.running)} Pods, "
        f"image ids {', '.join(i.rsplit(':', 1)[-1][:12] for i in one.image_ids) or 'none'}"
        for one in images
    )
    return _observed(tuple(images), ref, evidence)


def read_starts(cluster: Cluster, rule: StartsRow) -> Observed[Starts]:
    """Waiting reasons, scheduling refusals, and restarts within the row's window."""
    ref = rule.workload
    pods = cluster.pods_of(ref)
    restarts = tuple(
        (f"{pod['metadata']['name']}/{one['name']}", count)
        for pod in pods
        for one in (pod.get("status") or {}).get("containerStatuses") or []
        if (count := _recent_restarts(cluster, one, rule.within_s))
    )
    troubles = tuple(trouble for pod in pods for trouble in _troubles(pod))
    total = sum(
        one.get("restartCount", 0)
        for pod in pods
        for one in (pod.get("status") or {}).get("containerStatuses") or []
    )
    evidence = (f"{len(pods)} Pods; {total} restarts since they began", *troubles)
    return _observed(Starts(len(pods), troubles, restarts), ref, evidence)


def read_probe(cluster: Cluster, rule: ProbeRow) -> Observed[Probe]:
    """A container's probe in its template."""
    ref = rule.workload
    item = cluster.find(ref)
    container = container_named(template_of(item), rule.container) if item else None
    if container is None:
        value = Probe(container_exists=False, probe=None, ports=())
        return _observed(value, ref, (f"no container {rule.container}",))
    ports = tuple(
        (port.get("name", ""), port["containerPort"]) for port in container.get("ports") or []
    )
    probe = container.get(rule.probe)
    return _observed(
        Probe(container_exists=True, probe=probe, ports=ports), ref, (f"{rule.probe}: {probe}",)
    )


def read_bound(cluster: Cluster, rule: QuantityRow) -> Observed[Bound]:
    """One request or limit of a container, declared and as admitted in each Pod."""
    ref = rule.workload
    item = cluster.find(ref)
    container = container_named(template_of(item), rule.container) if item else None
    if container is None:
        value = Bound(container_exists=False, template=None, pods=())
        return _observed(value, ref, (f"no container {rule.container}",))
    pods = cluster.pods_of(ref)
    of_pods = tuple(
        (pod["metadata"]["name"], _bound(one, rule))
        for pod in pods
        if (one := container_named(pod["spec"], rule.container)) is not None
    )
    ranged = tuple(
        pod["metadata"]["name"]
        for pod in pods
        if "kubernetes.io/limit-ranger" in (pod["metadata"].get("annotations") or {})
    )
    value = Bound(
        container_exists=True, template=_bound(container, rule), pods=of_pods, limit_ranged=ranged
    )
    shown = sorted({str(quantity) for _, quantity in of_pods})
    evidence = (
        f"template {value.template}; {len(of_pods)} Pods with {', '.join(shown) or 'none'}",
    )
    return _observed(value, ref, evidence)


def _bound(container: Json, rule: QuantityRow) -> str | None:
    return ((container.get("resources") or {}).get(rule.bound) or {}).get(rule.resource)


def _troubles(pod: Json) -> list[str]:
    """Why a Pod does not run, by the names of the README: PVC, memory, image pull, and others."""
    name, status = pod["metadata"]["name"], pod.get("status") or {}
    found = [
        f"{name}: not scheduled: {entry.get('message', '')[:160]}"
        for entry in status.get("conditions") or []
        if entry.get("type") == "PodScheduled" and entry.get("status") == "False"
    ]
    for one in [
        *(status.get("initContainerStatuses") or []),
        *(status.get("containerStatuses") or []),
    ]:
        waiting = (one.get("state") or {}).get("waiting") or {}
        if waiting.get("reason", "") not in _STARTING:
            found.append(
                f"{name}/{one['name']}: {waiting['reason']}: {waiting.get('message', '')[:160]}"
            )
        last = (one.get("lastState") or {}).get("terminated") or {}
        if last.get("reason") == "OOMKilled":
            found.append(f"{name}/{one['name']}: memory short: OOMKilled")
    return found


def _waiting(pod: Json) -> list[str]:
    status = pod.get("status") or {}
    states = [
        *(status.get("initContainerStatuses") or []),
        *(status.get("containerStatuses") or []),
    ]
    return [((one.get("state") or {}).get("waiting") or {}).get("reason", "") for one in states]


def _quota_refused(status: Json) -> bool:
    return any(
        entry["type"] == "ReplicaFailure" and entry["status"] == "True"
        for entry in status.get("conditions") or []
    )


def _recent_restarts(cluster: Cluster, container_status: Json, within_s: float) -> int:
    """Restarts that may lie within the window; the API keeps the time of the last one only."""
    ended = ((container_status.get("lastState") or {}).get("terminated") or {}).get("finishedAt")
    if not ended or cluster.seconds_since(ended) > within_s:
        return 0
    return int(container_status.get("restartCount", 0))


def _observed(value: Any, ref: ObjectRef, evidence: tuple[str, ...]) -> Observed[Any]:  # noqa: ANN401 - as given
    return Observed(value, str(ref), evidence, f"kubectl describe {ref.kubectl}")
