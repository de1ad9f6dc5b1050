"""What a recording shows over time: pure derivations, one series each.

A series is a tuple of (time, value): the value holds from its time until the next one.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from clusterproof.kube.containers import ContainerKind, lasting_containers
from clusterproof.kube.endpoints import endpoints_of, service_of
from clusterproof.kube.hpa import ratios_of
from clusterproof.kube.objects import condition_entry, is_terminating
from clusterproof.kube.pods import is_ready as has_ready_condition
from clusterproof.load.hpa.proposal import ContainerView, PodView, Sample
from clusterproof.load.hpa.rules import ResourceTarget, milli
from clusterproof.load.recording import Change, Recording, UsageRead, epoch

Series = tuple[tuple[float, float], ...]
Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Timeline:
    """The aligned chain of one run.

    Attributes:
        pressure: The most that any metric of the HPA was over its target, in percent of that.
    """

    replicas: Series
    desired: Series
    ready: Series
    pods: Series
    pressure: Series
    endpoints: Series


def value_at(series: Series, at: float, default: float = 0.0) -> float:
    """The value that holds at `at`."""
    index = bisect_right(series, (at, float("inf"))) - 1
    return series[index][1] if index >= 0 else default


def first_at(series: Series, wanted: float, *, since: float) -> float | None:
    """When the series first was at least `wanted` at or after `since`."""
    if value_at(series, since) >= wanted:
        return since
    return next((at for at, value in series if at >= since and value >= wanted), None)


def build_timeline(recording: Recording, *, hpa: str, service: str = "") -> Timeline:
    """All series of the recording; `service` is the one whose endpoints are counted."""
    of_hpa = recording.of("hpa", hpa)
    ready, pods = _pod_counts(recording)
    ratios = [(change.at, ratios_of(change.object).values()) for change in of_hpa]
    return Timeline(
        replicas=_series(replicas_over_time(recording)),
        desired=_series(
            (c.at, float((c.object.get("status") or {}).get("desiredReplicas", 0))) for c in of_hpa
        ),
        ready=ready,
        pods=pods,
        pressure=_series((at, 100 * max(known)) for at, known in ratios if known),
        endpoints=_endpoints(recording, service),
    )


def figures_over_time(recording: Recording, hpa: str) -> dict[str, Series]:
    """By the name of the metric: what the HPA saw, in percent of its target."""
    figures: dict[str, list[tuple[float, float]]] = {}
    for change in recording.of("hpa", hpa):
        for metric, ratio in ratios_of(change.object).items():
            figures.setdefault(str(metric), []).append((change.at, 100 * ratio))
    return {name: _series(points) for name, points in figures.items()}


def figure_seen(hpa: Json, target: ResourceTarget) -> int | None:
    """What the HPA's status shows of a metric: in percent of the request, or in thousandths.

    Two metrics may be of one resource: the entry of an average has no utilization.
    """
    for metric in (hpa.get("status") or {}).get("currentMetrics") or []:
        source = metric.get("containerResource" if target.container else "resource") or {}
        if (source.get("name"), source.get("container", "")) != (target.resource, target.container):
            continue
        current = source.get("current") or {}
        used, average = current.get("averageUtilization"), current.get("averageValue")
        if target.utilization is not None and used is not None:
            return int(used)
        if target.utilization is None and used is None and average is not None:
            return milli(average)
    return None


def pod_view(pod: Json) -> PodView:
    """A Pod as the HPA controller looks at it."""
    status, spec, metadata = pod.get("status") or {}, pod["spec"], pod["metadata"]
    ready = condition_entry(pod, "Ready")
    return PodView(
        name=metadata["name"],
        phase=status.get("phase", "Pending"),
        deleting=is_terminating(pod),
        started_at=epoch(status["startTime"]) if "startTime" in status else None,
        ready=ready.get("status"),
        ready_changed_at=epoch(ready["lastTransitionTime"]) if ready else 0.0,
        pod_requests=_requests_of(spec),
        containers=tuple(
            ContainerView(container.name, _requests_of(container.spec))
            for container in sorted(
                lasting_containers(spec), key=lambda each: each.kind is not ContainerKind.MAIN
            )
        ),
    )


def _requests_of(spec: Json) -> dict[str, int]:
    """What a Pod, or a container, asks for: by resource, in thousandths."""
    requests = (spec.get("resources") or {}).get("requests") or {}
    return {resource: milli(quantity) for resource, quantity in requests.items()}


def samples_of(read: UsageRead) -> dict[str, Sample] | None:
    """The samples of one answer of the metrics API; None when it gave none."""
    if read.error:
        return None
    return {
        name: Sample(pod["usage"], pod["timestamp"], pod["window_s"])
        for name, pod in read.pods.items()
    }


def deletions(recording: Recording) -> dict[str, tuple[float, float]]:
    """By pod UID: when its deletion was seen, and when it was gone."""
    times: dict[str, tuple[float, float]] = {}
    for change in recording.of("pod"):
        uid = change.object["metadata"]["uid"]
        if "deletionTimestamp" in change.object["metadata"] and uid not in times:
            times[uid] = (change.at, recording.ended_at)
        if change.type == "DELETED":
            times[uid] = (times.get(uid, (change.at, 0.0))[0], change.at)
    return times


def replicas_over_time(recording: Recording) -> Iterator[tuple[float, float]]:
    """What the scale target was to have, at each change of it."""
    for change in recording.of("target"):
        yield change.at, float(change.object["spec"].get("replicas", 0))


def births(recording: Recording) -> dict[str, float]:
    """By pod UID: when a Pod that had not served before the first list was first seen.

    On our clock: it was not there, or not Ready.
    """
    born: dict[str, float] = {}
    listed = {c.object["metadata"]["uid"] for c in first_list(recording) if is_ready(c.object)}
    for change in recording.of("pod"):
        uid = change.object["metadata"]["uid"]
        if uid not in listed:
            born.setdefault(uid, change.at)
    return born


def first_list(recording: Recording) -> Iterator[Change]:
    """What the first list of Pods held: all that came before anything else did."""
    return takewhile(lambda change: change.type == "LISTED", recording.of("pod"))


def pods_over_time(recording: Recording) -> Iterator[tuple[float, dict[str, Json]]]:
    """The pods after each change; the dictionary is the same object, changed in place."""
    pods: dict[str, Json] = {}
    for change in recording.of("pod"):
        if change.type == "DELETED":
            pods.pop(change.name, None)
        else:
            pods[change.name] = change.object
        yield change.at, pods


def is_ready(pod: Json) -> bool:
    """Whether a pod is Ready and not being deleted."""
    return has_ready_condition(pod) and not is_terminating(pod)


def _pod_counts(recording: Recording) -> tuple[Series, Series]:
    ready, all_pods = [], []
    for at, pods in pods_over_time(recording):
        ready.append((at, float(sum(1 for pod in pods.values() if is_ready(pod)))))
        alive = [p for p in pods.values() if "deletionTimestamp" not in p["metadata"]]
        all_pods.append((at, float(len(alive))))
    return _series(ready), _series(all_pods)


def _endpoints(recording: Recording, service: str) -> Series:
    slices: dict[str, Change] = {}
    points = []
    for change in recording.of("endpointslice"):
        if service_of(change.object) != service:
            continue
        if change.type == "DELETED":
            slices.pop(change.name, None)
        else:
            slices[change.name] = change
        known = endpoints_of((piece.object for piece in slices.values()), service)
        points.append(
            (change.at, float(len({endpoint.address for endpoint in known if endpoint.ready})))
        )
    return _series(points)


def _series(points: Iterator[tuple[float, float]] | Sequence[tuple[float, float]]) -> Series:
    """In order of time, without repeated values."""
    made: list[tuple[float, float]] = []
    for at, value in points:
        if not made or made[-1][1] != value:
            made.append((at, value))
    return tuple(made)
