"""HorizontalPodAutoscalers: what they scale by, and what their status must then show.

Restates podautoscaler (horizontal.go, computeStatusFor…; replica_calculator.go, calculateRequests).
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from clusterproof.kube.containers import ContainerKind
from clusterproof.kube.objects import (
    Json,
    condition,
    condition_entry,
    controller_of,
    is_terminating,
    labels_of,
    status_of,
)
from clusterproof.kube.pods import phase_of
from clusterproof.kube.quantity import parse_quantity
from clusterproof.kube.requests import PodBounds

_SOURCES = {
    "Resource": "resource",
    "ContainerResource": "containerResource",
    "Pods": "pods",
    "Object": "object",
    "External": "external",
}


_FIGURES = ("averageUtilization", "averageValue", "value")
_DEFAULT_METRIC: Json = {
    "type": "Resource",
    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}},
}


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric that an autoscaler scales by.

    Attributes:
        type: `Resource`, `ContainerResource`, `Pods`, `Object` or `External`.
        name: Of the resource or metric.
        container: Of a ContainerResource; "" for all of them.
        by: `Utilization`, `AverageValue` or `Value`.
        of: Which series or object it is of, where several have its name: the selector and the
            described object, as JSON.
    """

    type: str
    name: str
    container: str
    by: str
    of: str = ""

    def __str__(self) -> str:
        """As a report names it."""
        if self.type == "Resource":
            return self.name
        if self.type == "ContainerResource":
            return f"{self.name} of container {self.container}"
        return f"{self.type} metric {self.name}"


def metrics_of(autoscaler: Json) -> tuple[Metric, ...]:
    """What it scales by; CPU at 80 % where its author named nothing (SetDefaults_…Autoscaler)."""
    declared = autoscaler["spec"].get("metrics") or []
    if not declared:
        return (Metric("Resource", "cpu", "", "Utilization"),)
    return tuple(_metric(entry, "target") for entry in declared)


def figures_of(autoscaler: Json) -> dict[Metric, str]:
    """The current figure of each metric that the controller has read.

    Utilization has `averageUtilization`; AverageValue has `averageValue` only, and so has every
    metric of the types Pods and External by average; Value has `value`.
    """
    current = status_of(autoscaler).get("currentMetrics") or []
    read = {}
    for metric in metrics_of(autoscaler):
        for entry in current:
            if not entry.get("type") or _identity(_metric(entry, "current")) != _identity(metric):
                continue
            figure = _figure(metric, entry[_SOURCES[metric.type]].get("current") or {})
            if figure:
                read[metric] = figure
    return read


def scales_to_zero(autoscaler: Json) -> bool:
    """An HPA that may (minReplicas 0), or one of KEDA's, whose operator does it beside the HPA."""
    keeper = labels_of(autoscaler).get("app.kubernetes.io/managed-by")
    return (autoscaler.get("spec") or {}).get("minReplicas") == 0 or keeper == "keda-operator"


def targets_of(autoscaler: Json) -> dict[Metric, str]:
    """What each metric is brought to, e.g. `70 %` or `500m`: two that are written alike are alike.

    CPU at 80 % where its author named no metric (SetDefaults_HorizontalPodAutoscaler).
    """
    targets = {}
    for metric, target in _declared(autoscaler):
        percent = target.get("averageUtilization")
        amount = target.get("averageValue", target.get("value"))
        if percent is not None:
            targets[metric] = f"{percent} %"
        elif amount is not None:
            targets[metric] = f"{parse_quantity(amount).normalize():f}"
    return targets


def ratios_of(autoscaler: Json) -> dict[Metric, float]:
    """By how much each metric is over its target, by the status: 1 is at it.

    Restates the usageRatio of replica_calculator.go for every type of metric: Resource,
    ContainerResource and Pods by their average, Object and External by value or average.
    """
    current = status_of(autoscaler).get("currentMetrics") or []
    ratios = {}
    for metric, target in _declared(autoscaler):
        for entry in current:
            if not entry.get("type") or _identity(_metric(entry, "current")) != _identity(metric):
                continue
            figures = entry[_SOURCES[metric.type]].get("current") or {}
            for field in _FIGURES:
                used, wanted = figures.get(field), target.get(field)
                if used is not None and wanted is not None and parse_quantity(wanted):
                    ratios[metric] = float(parse_quantity(used) / parse_quantity(wanted))
                    break
    return ratios


def _declared(autoscaler: Json) -> Iterator[tuple[Metric, Json]]:
    """Each metric with its target, as the API fills it in."""
    for entry in autoscaler["spec"].get("metrics") or (_DEFAULT_METRIC,):
        source = entry.get(_SOURCES.get(entry["type"], "")) or {}
        yield _metric(entry, "target"), source.get("target") or {}


def is_observed(autoscaler: Json) -> bool:
    """Whether its controller has looked at the current spec; one before v1.37 does not say.

    Restates setStatus (podautoscaler, HPAGeneration), v1.37.
    """
    observed = status_of(autoscaler).get("observedGeneration")
    generation = autoscaler["metadata"].get("generation") or 0
    return observed is None or int(observed) >= int(generation)


def is_measured(autoscaler: Json) -> bool:
    """Whether the controller has a figure for every metric, and scales by them.

    Where it cannot read the target's scale it says so in AbleToScale alone, and the other
    conditions stay as they were until its next sync (HorizontalController.reconcileAutoscaler).
    """
    return (
        set(metrics_of(autoscaler)) == figures_of(autoscaler).keys()
        and condition(autoscaler, "ScalingActive") == "True"
        and condition(autoscaler, "AbleToScale") != "False"
    )


def idle_by(autoscaler: Json) -> str:
    """The `Kind/name` of what scaled the target to none, and wakes it by itself; or "".

    An autoscaler does nothing at no replicas (reconcileAutoscaler, ScalingDisabled). KEDA makes one
    for each of its ScaledObjects, and itself takes the target to none and back to the first replica
    (keda, pkg/scaling/executor): then that is no fault.
    """
    by = controller_of(autoscaler) or {}
    disabled = condition_entry(autoscaler, "ScalingActive").get("reason") == "ScalingDisabled"
    return f"{by['kind']}/{by['name']}" if disabled and by.get("kind") == "ScaledObject" else ""


def requests_needed(
    metrics: Iterable[Metric], bounds: PodBounds
) -> Iterator[tuple[str, str, bool]]:
    """Each request that a utilization is computed from: container, resource, is it declared.

    Main containers and native sidecars count, or the one that a ContainerResource names; requests
    of the Pod itself take their place, for metrics over all containers (calculateRequests).
    Nothing for metrics that need no request, such as an AverageValue.
    """
    lasting = [each for each in bounds.containers if each.kind is not ContainerKind.INIT]
    for metric in metrics:
        if metric.by != "Utilization" or metric.type not in {"Resource", "ContainerResource"}:
            continue
        if not metric.container and bounds.pod is not None and bounds.pod.requests:
            yield "the Pod", metric.name, metric.name in bounds.pod.requests
            continue
        watched = [each for each in lasting if metric.container in {"", each.name}]
        for container in watched:
            yield container.name, metric.name, metric.name in container.bounds.requests
        if not watched:
            yield metric.container, metric.name, False


def is_averaged_over(pod: Json) -> bool:
    """Whether a Pod that the target's selector takes counts as a replica (groupPods).

    One that succeeded does, by a metric that it lacks for ever.
    """
    return not is_terminating(pod) and phase_of(pod) != "Failed"


def _metric(entry: Json, key: str) -> Metric:
    kind = entry["type"]
    source = entry.get(_SOURCES.get(kind, "")) or {}
    name = source.get("name") or (source.get("metric") or {}).get("name") or ""
    by = (source.get(key) or {}).get("type") or ""
    of = [(source.get("metric") or {}).get("selector"), source.get("describedObject")]
    which = json.dumps(of, sort_keys=True) if any(of) else ""
    return Metric(kind, name, source.get("container") or "", by, which)


def _identity(metric: Metric) -> tuple[str, ...]:
    return metric.type, metric.name, metric.container, metric.of


def _figure(metric: Metric, current: Json) -> str:
    if metric.by == "Utilization":
        percent = current.get("averageUtilization")
        return "" if percent is None else f"{percent} % of its request"
    key = "averageValue" if metric.by == "AverageValue" else "value"
    return str(current.get(key) or "")
