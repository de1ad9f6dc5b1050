"""What a deployment still waits for, in words; pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from testbed.deploy.profiles import MIN_ROUTERS

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
    """How far one Deployment has come."""

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


def workloads(deployments: Iterable[Json]) -> tuple[Workload, ...]:
    """Every Deployment's progress, by name."""
    return tuple(
        sorted((_workload(item) for item in deployments), key=lambda one: (one.namespace, one.name))
    )


def _workload(item: Json) -> Workload:
    meta, spec, status = item["metadata"], item["spec"], item.get("status", {})
    wanted = int(spec.get("replicas", 1))
    if meta["name"] == "model-router":
        wanted = max(wanted, MIN_ROUTERS)
    complete = (
        status.get("observedGeneration", 0) >= meta["generation"]
        and status.get("updatedReplicas", 0) >= wanted
        and status.get("availableReplicas", 0) >= wanted
        and status.get("replicas", 0) == status.get("updatedReplicas", 0)
    )
    ready = int(status.get("readyReplicas", 0))
    return Workload(meta["namespace"], meta["name"], wanted, ready, complete)


def troubles(pods: Iterable[Json]) -> tuple[Trouble, ...]:
    """Every Pod that is not ready and says why."""
    return tuple(found for pod in pods if (found := _trouble(pod)) is not None)


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
