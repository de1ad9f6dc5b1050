"""What a Pod is and does: its phase, its readiness, what keeps it from running, its restarts."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from clusterproof.kube.containers import Container, ContainerKind, containers_of
from clusterproof.kube.objects import (
    Json,
    annotations_of,
    condition,
    is_terminating,
    status_of,
)


class Span(NamedTuple):
    """A number that is known to lie between two, both included."""

    least: int
    most: int


def phase_of(pod: Mapping[str, Any]) -> str:
    """The phase; "Pending" before the kubelet has written one."""
    return str(status_of(pod).get("phase") or "Pending")


def is_finished(pod: Mapping[str, Any]) -> bool:
    """Whether all of its containers ended for good (podutil.IsPodTerminal)."""
    return phase_of(pod) in {"Succeeded", "Failed"}


def is_active(pod: Mapping[str, Any]) -> bool:
    """Whether a controller counts it as a replica (controller.IsPodActive)."""
    return not is_finished(pod) and not is_terminating(pod)


def is_leaving(pod: Mapping[str, Any], now: datetime) -> bool:
    """Whether it was told to end and still has time to: its room is free soon, by itself.

    One that outstayed its grace period is not: nobody knows when it ends. A quota draws the line
    at the same moment (core.QuotaV1Pod), twice the period after the deletion.
    """
    metadata = pod["metadata"]
    if not is_terminating(pod):
        return False
    grace = timedelta(seconds=metadata.get("deletionGracePeriodSeconds") or 0)
    return now <= datetime.fromisoformat(metadata["deletionTimestamp"]) + grace


def is_ready(pod: Mapping[str, Any]) -> bool:
    """Whether the kubelet says that it is ready (podutil.IsPodReady).

    A Pod that is about to end may still be ready: ask `is_active` too, where it matters.
    """
    return condition(pod, "Ready") == "True"


def is_healthy(pod: Mapping[str, Any]) -> bool:
    """Whether it is ready and nobody has deleted it.

    So a Service counts on it (endpointslice, podToEndpoint), and a PodDisruptionBudget counts it
    (disruption, countHealthyPods).
    """
    return is_ready(pod) and not is_terminating(pod)


def is_bound(pod: Mapping[str, Any]) -> bool:
    """Whether the scheduler, or its author, gave it a node."""
    return bool(pod["spec"].get("nodeName"))


def priority_of(pod: Mapping[str, Any]) -> int:
    """Its priority; 0 where admission has set none (corev1helpers.PodPriority)."""
    return int(pod["spec"].get("priority") or 0)


def default_container(pod: Mapping[str, Any]) -> str:
    """The container that is meant where nobody names one (podutils.FindOrDefaultContainerByName).

    A mesh that lets the program start after its proxy puts that one first, and names the program's.
    """
    named = annotations_of(pod).get("kubectl.kubernetes.io/default-container")
    containers = [str(each["name"]) for each in pod["spec"]["containers"]]
    return named if named in containers else containers[0]


def mesh_of(pod: Mapping[str, Any]) -> str:
    """The mesh whose proxy takes what comes to the Pod, by what the mesh writes into it; or "".

    Source: Istio, "Resource Annotations": of its injector, and of the CNI of its ambient mode.
    """
    annotations = annotations_of(pod)
    if annotations.get("ambient.istio.io/redirection") == "enabled":
        return "Istio's ambient mesh"
    return "Istio's sidecar" if "sidecar.istio.io/status" in annotations else ""


def pod_containers(pod: Json) -> tuple[Container, ...]:
    """Its own containers, each with its status: init, native sidecars, main.

    An ephemeral one is somebody's who debugs the Pod: it is never restarted, and can never be
    removed.
    """
    containers = containers_of(pod.get("spec") or {}, status_of(pod))
    return tuple(each for each in containers if each.kind is not ContainerKind.EPHEMERAL)


def has_ended_for_good(pod: Json, container: Container) -> bool:
    """Whether a main container failed and is not run again (ShouldContainerBeRestarted).

    One of the container's restartPolicyRules may restart it where its policy does not. The Pod goes
    on as long as another container of it runs: its phase does not tell.
    """
    policy = container.spec.get("restartPolicy") or pod["spec"].get("restartPolicy") or "Always"
    end = (container.status.get("state") or {}).get("terminated") or {}
    return (
        container.kind is ContainerKind.MAIN
        and policy == "Never"
        and bool(end.get("exitCode"))
        and not any(
            _restarts_on(end["exitCode"], rule)
            for rule in container.spec.get("restartPolicyRules") or []
        )
        and not is_finished(pod)
    )


def _restarts_on(exit_code: int, rule: Json) -> bool:
    """Whether a restart rule applies to this exit code; each action restarts the container."""
    codes = rule.get("exitCodes") or {}
    is_listed = exit_code in (codes.get("values") or [])
    return {"In": is_listed, "NotIn": not is_listed}.get(codes.get("operator", ""), False)


def restarts_within(pod: Json, container: Container, now: datetime, window_s: float) -> Span:
    """How often a container restarted within the last `window_s` seconds: at least, at most.

    The API keeps the count of a lifetime, and of the runs only the last that ended. So it is exact
    where the Pod is younger than the window, where the last run ended before it, and where that
    run began before it (then it is one); else it is two or more.

    Args:
        pod: The Pod.
        container: One of its containers, with its status.
        now: By the clock that wrote the other times.
        window_s: How far back.
    """
    total, previous = container.restarts, container.previous_end
    if not _before(pod["metadata"]["creationTimestamp"], now, window_s):
        return Span(total, total)
    ended, began = previous.get("finishedAt"), previous.get("startedAt")
    if not total:
        return Span(0, 0)
    if not ended:  # a node that restarted leaves no time: none of them, or all, may be recent
        return Span(0, total)
    if _before(ended, now, window_s):
        return Span(0, 0)
    if total == 1 or (began and _before(began, now, window_s)):
        return Span(1, 1)
    return Span(min(2, total), total)


def _before(time: str, now: datetime, window_s: float) -> bool:
    return (now - datetime.fromisoformat(time)).total_seconds() > window_s
