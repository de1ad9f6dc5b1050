"""How far the Pods of a workload are: what is under way, and what keeps them from running."""

from collections.abc import Iterator
from typing import TypeVar

from clusterproof.kube.containers import Container, ContainerKind
from clusterproof.kube.objects import Json, condition_entry
from clusterproof.kube.pods import is_ready, phase_of, pod_containers
from clusterproof.kube.rollout import is_observed, may_progress
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.observed import Observed
from clusterproof.spec.row import ObjectRef

T = TypeVar("T")
_STARTING = frozenset({"", "ContainerCreating", "PodInitializing"})
YOUNG_S = 45.0
"""A Pod that is not ready yet is given this long before its unreadiness counts. Our choice."""


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


def troubles_of(cluster: Cluster, pod: Json, within_s: float) -> list[str]:
    """Why a Pod does not run, by the names of the README: PVC, memory, image pull, and others."""
    name = pod["metadata"]["name"]
    scheduled = condition_entry(pod, "PodScheduled")
    troubles = []
    if scheduled.get("status") == "False":
        troubles.append(f"{name}: not scheduled: {scheduled.get('message', '')[:160]}")
    containers = pod_containers(pod)
    for container in containers:
        reason = container.waiting.get("reason", "")
        if reason not in _STARTING:
            message = container.waiting.get("message", "")[:160]
            troubles.append(f"{name}/{container.name}: {reason}: {message}")
        end = container.last_end
        if end.get("reason") == "OOMKilled" and _is_recent(cluster, end, within_s):
            troubles.append(f"{name}/{container.name}: memory short: OOMKilled")
    if not troubles and not is_ready(pod):
        troubles += _late_starts(cluster.age_s(pod), pod, containers)
    return troubles


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


def observed_of(fact: T, ref: ObjectRef, evidence: tuple[str, ...]) -> Observed[T]:
    """A fact about a workload, and the command that describes the workload."""
    return Observed(fact, str(ref), evidence, f"kubectl describe {ref.kubectl}")
