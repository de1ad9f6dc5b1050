"""What became of each Pod: from the demand to its first request, and whether it was left alone."""

from collections.abc import Iterator, Mapping
from statistics import median
from typing import Any

from clusterproof.kube.containers import lasting_containers
from clusterproof.kube.endpoints import service_of
from clusterproof.kube.objects import condition, is_terminating
from clusterproof.kube.pods import phase_of
from clusterproof.load.finding import Finding, Link
from clusterproof.load.recording import Change, Recording
from clusterproof.load.timeline import Timeline, births, first_list, is_ready
from clusterproof.outcome import Outcome

_STEPS = (
    "creation",
    "scheduling",
    "images of all containers",
    "start",
    "readiness",
    "endpoint",
    "first request",
)
"""After a step of the autoscaler; a Pod's own come one after the other, each seen by us."""
_LISTED = 5


def judge_containers(recording: Recording) -> Finding | None:
    """No container of the target was restarted, and no Pod failed; None where no Pod was seen.

    A load that kills what it is put on is not carried, though others answer meanwhile. What ended
    before the run does not count (a Pod that was evicted stays there, Failed, until the garbage
    collector takes it), and neither does the phase of a Pod that is deleted: the kubelet sets it to
    Failed where a container ends with another code than 0, as most programs do on SIGTERM
    (Kubernetes docs, "Pod Lifecycle", pod phase, since 1.27).
    """
    first: dict[tuple[str, str], int] = {}
    ended: dict[str, str] = {}
    changes = recording.of("pod")
    failed_before = {
        change.object["metadata"].get("uid", change.name)
        for change in first_list(recording)
        if phase_of(change.object) == "Failed"
    }
    for change in changes:
        pod = change.object
        status = pod.get("status") or {}
        uid = pod["metadata"].get("uid", change.name)
        if phase_of(pod) == "Failed" and uid not in failed_before and not is_terminating(pod):
            ended[change.name] = f"Pod failed: {status.get('reason') or status.get('message')}"
        for container in lasting_containers(pod.get("spec") or {}, status):
            before = first.setdefault(
                (uid, container.name), container.restarts if change.type == "LISTED" else 0
            )
            if container.restarts > before:
                why = container.previous_end or container.last_end
                times = container.restarts - before
                reason = f"{why.get('reason', 'unknown')}, exit code {why.get('exitCode')}"
                ended[f"{change.name}/{container.name}"] = f"restarted {times} times: {reason}"
    if not changes:
        return None
    return Finding(
        "containers-stay",
        Link.READINESS,
        Outcome.FAILED if ended else Outcome.PASSED,
        "no container is restarted, and no Pod fails",
        f"{len(ended)} were" if ended else "none",
        tuple(f"{name}: {how}" for name, how in list(ended.items())[:_LISTED]),
    )


def steps_to_ready(
    recording: Recording, timeline: Timeline, since: float, *, requests: str, service: str
) -> tuple[str, ...]:
    """The time from a load that needs more Pods to their first requests, taken apart.

    Args:
        recording: What was seen; each moment is when we saw it.
        timeline: Of the same recording.
        since: When that load began.
        requests: The counter of each Pod; "" where there is none.
        service: The one whose endpoints count.
    """
    figures = _first_figures(recording, since)
    steps = [at for at, _ in timeline.replicas]
    first = next((at for at in steps if at >= since), None)
    shown = []
    if figures is not None and first is not None:
        decided = f"the first step {abs(first - figures):.1f} s"
        decided += " later" if first >= figures else " before"
        shown.append(f"the load was in the metrics after {figures - since:.1f} s, {decided}")
    born, taken, pods = births(recording), {name: list[float]() for name in _STEPS}, 0
    for uid, moments in _lives(recording, requests, service).items():
        before = [at for at in steps if since <= at <= born.get(uid, 0.0)]
        if not before:
            continue
        pods += 1
        last = before[-1]
        for name in _STEPS:
            if name in moments:
                at = max(last, moments[name])
                taken[name].append(at - last)
                last = at
    if pods:
        parts = [
            f"{name} {median(seconds):.1f} s, at most {max(seconds):.1f} s"
            + (f" ({len(seconds)} Pods)" if len(seconds) < pods else "")
            for name, seconds in taken.items()
            if seconds
        ]
        shown.append(f"{pods} new Pods, in the median: {'; '.join(parts)}")
    return tuple(shown)


def _first_figures(recording: Recording, since: float) -> float | None:
    """When the metrics API first had a figure of a time that was mostly after `since`."""
    ahead = recording.clock_ahead_s
    for read in recording.usage:
        for pod in read.pods.values():
            if pod["timestamp"] - ahead - pod["window_s"] / 2 >= since:
                return read.at
    return None


def _lives(recording: Recording, requests: str, service: str) -> dict[str, dict[str, float]]:
    """By UID: when each of the steps was first seen."""
    lives: dict[str, dict[str, float]] = {}
    names: dict[str, str] = {}
    for change in recording.of("pod"):
        metadata = change.object["metadata"]
        life = lives.setdefault(metadata["uid"], {})
        names[change.name] = metadata["uid"]
        for step in _steps_of(change.object):
            life.setdefault(step, change.at)
    for change in recording.of("event"):
        about = change.object.get("involvedObject") or {}
        place = str(about.get("fieldPath", ""))
        if change.object.get("reason") == "Pulled" and place.startswith("spec.containers"):
            lives.get(about.get("uid", ""), {})["images of all containers"] = change.at
    for uid, at in _in_endpoints(recording.of("endpointslice"), service, names):
        lives.get(uid, {}).setdefault("endpoint", at)
    if requests:
        for scrape in recording.scrapes:
            if scrape.total(requests) > 0:
                lives.get(scrape.uid, {}).setdefault("first request", scrape.at)
    return lives


def _steps_of(pod: Mapping[str, Any]) -> Iterator[str]:
    """The steps that a Pod is past."""
    yield "creation"
    if condition(dict(pod), "PodScheduled") == "True":
        yield "scheduling"
    lasting = lasting_containers(pod.get("spec") or {}, pod.get("status") or {})
    if lasting and all(container.is_running for container in lasting):
        yield "start"
    if is_ready(pod):
        yield "readiness"


def _in_endpoints(
    changes: list[Change], service: str, names: Mapping[str, str]
) -> Iterator[tuple[str, float]]:
    for change in changes:
        if service_of(change.object) != service:
            continue
        for endpoint in change.object.get("endpoints") or []:
            target = endpoint.get("targetRef") or {}
            if (endpoint.get("conditions") or {}).get("ready", True):
                yield target.get("uid") or names.get(target.get("name", ""), ""), change.at
