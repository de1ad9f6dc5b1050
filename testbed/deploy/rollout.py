"""What a deployment still waits for, in words; pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from clusterproof.kube.rollout import is_observed, progress_of

Json = Mapping[str, Any]

# A container that waits for one of these does not come up by waiting longer.
_HOPELESS = (
    "ErrImagePull",
    "ImagePullBackOff",
    "ErrImageNeverPull",
    "InvalidImageName",
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
)
_CRASHES_ENOUGH = 3


@dataclass(frozen=True)
class Workload:
    """How far one workload has come."""

    namespace: str
    name: str
    wanted: int
    ready: int
    complete: bool

    def __str__(self) -> str:
        """Name and counts."""
        return f"{self.name} {self.ready}/{self.wanted}"


@dataclass(frozen=True)
class Trouble:
    """A Pod that does not come up, and why."""

    namespace: str
    pod: str
    reason: str
    hopeless: bool

    def __str__(self) -> str:
        """Pod, reason, and the command that shows more."""
        return (
            f"{self.namespace}/{self.pod}: {self.reason}\n"
            f"    next  kubectl -n {self.namespace} describe pod {self.pod}"
        )


def workloads(items: Iterable[Json], at_least: Mapping[str, int]) -> tuple[Workload, ...]:
    """Every workload's progress, by name.

    Args:
        items: Deployments, StatefulSets and DaemonSets.
        at_least: Deployment to the replicas without which it is not complete.
    """
    return tuple(
        sorted(
            (_workload(dict(item), at_least) for item in items),
            key=lambda workload: (workload.namespace, workload.name),
        )
    )


def _workload(item: dict[str, Any], at_least: Mapping[str, int]) -> Workload:
    meta, status = item["metadata"], item.get("status") or {}
    progress = progress_of(item["kind"], item)
    least = at_least.get(meta["name"], 0) if item["kind"] == "Deployment" else 0
    ready = int(status.get("readyReplicas") or status.get("numberReady") or 0)
    complete = is_observed(item) and progress.is_complete and progress.desired >= least
    return Workload(meta["namespace"], meta["name"], max(progress.desired, least), ready, complete)


def troubles(pods: Iterable[Json]) -> tuple[Trouble, ...]:
    """Every Pod that is not ready and says why."""
    return tuple(trouble for pod in pods if (trouble := _trouble(pod)) is not None)


def _trouble(pod: Json) -> Trouble | None:
    meta, status = pod["metadata"], pod.get("status", {})
    conditions = {item["type"]: item for item in status.get("conditions", ())}
    ready = conditions.get("Ready", {}).get("status") == "True"
    if ready or status.get("phase") == "Succeeded" or meta.get("deletionTimestamp"):
        return None
    scheduled = conditions.get("PodScheduled", {})
    if scheduled.get("status") == "False":
        reason, hopeless = f"not scheduled: {scheduled.get('message', 'no reason given')}", False
    else:
        reason, hopeless = _container_trouble(status)
    return Trouble(meta["namespace"], meta["name"], reason, hopeless)


def _container_trouble(status: Json) -> tuple[str, bool]:
    """What the containers say, and whether waiting longer helps."""
    starting = status.get("initContainerStatuses", ())
    for container in (*starting, *status.get("containerStatuses", ())):
        waiting = container.get("state", {}).get("waiting")
        ended = container.get("lastState", {}).get("terminated")
        name, restarts = container["name"], container.get("restartCount", 0)
        if ended and restarts:
            how = f"exit {ended.get('exitCode')} ({ended.get('reason', 'no reason')})"
            words = f"container {name} ended {restarts} times, last with {how}"
            return words, restarts >= _CRASHES_ENOUGH
        if waiting and waiting.get("reason") not in ("PodInitializing", "ContainerCreating"):
            words = f"container {name}: {waiting.get('reason')}: {waiting.get('message', '')}"
            return words.rstrip(": "), waiting.get("reason") in _HOPELESS
    running = [item["name"] for item in starting if "running" in item.get("state", {})]
    if running:
        return f"init container {running[0]} has not ended yet", False
    return f"phase {status.get('phase', 'unknown')}, not ready yet", False
