"""What an HPA asks for: its bounds, metrics and behavior, with the API's defaults filled in.

Source: pkg/apis/autoscaling/v2/defaults.go and the controller's flags (config/v1alpha1).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Any, TypeAlias

from pydantic import ConfigDict, NonNegativeFloat, PositiveFloat

from clusterproof.errors import SpecError
from clusterproof.kube.quantity import parse_quantity
from clusterproof.spec.row import Frozen

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Policy:
    """One scaling policy: at most `value` Pods, or percent, per `period_s`."""

    type: str
    value: int
    period_s: int


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of one direction.

    Attributes:
        window_s: Stabilization window; None takes the controller's flag (scale-down only).
        select: Max, Min or Disabled.
        policies: At least one, unless Disabled.
        tolerance: None takes the controller's flag.
    """

    window_s: int | None
    select: str
    policies: tuple[Policy, ...]
    tolerance: float | None = None


DEFAULT_UP = Rules(
    window_s=0, select="Max", policies=(Policy("Pods", 4, 15), Policy("Percent", 100, 15))
)
DEFAULT_DOWN = Rules(window_s=None, select="Max", policies=(Policy("Percent", 100, 15),))


@dataclass(frozen=True, slots=True)
class Behavior:
    """Both directions, complete: the API fills what a behavior block leaves out."""

    up: Rules = DEFAULT_UP
    down: Rules = DEFAULT_DOWN


@dataclass(frozen=True, slots=True)
class ResourceTarget:
    """One Resource or ContainerResource metric.

    Attributes:
        resource: cpu or memory.
        utilization: Percent of the request, or None when `average_milli` is the target.
        average_milli: Mean usage per pod in thousandths of the base unit.
        container: Only this container, or "" for the whole pod.
    """

    resource: str
    utilization: int | None = None
    average_milli: int | None = None
    container: str = ""


@dataclass(frozen=True, slots=True)
class MetricTarget:
    """One metric of type Pods, Object or External.

    Attributes:
        kind: Its type.
        name: Of the metric.
        average_milli: What each Pod may have of it, in thousandths, or None.
        value_milli: What there may be of it in all, or None; a Pods metric has no such target.
        of: Which series or object it is of, where several have its name, as JSON.
    """

    kind: str
    name: str
    average_milli: int | None = None
    value_milli: int | None = None
    of: str = ""


Target: TypeAlias = ResourceTarget | MetricTarget


@dataclass(frozen=True, slots=True)
class HpaSpec:
    """The spec of one HorizontalPodAutoscaler, defaulted."""

    min_replicas: int
    max_replicas: int
    metrics: tuple[Target, ...]
    behavior: Behavior | None = None


class ControllerFlags(Frozen):
    """The kube-controller-manager's --horizontal-pod-autoscaler-*; the defaults are its own."""

    model_config = ConfigDict(allow_inf_nan=False)

    sync_s: PositiveFloat = 15.0
    downscale_window_s: NonNegativeFloat = 300.0
    tolerance: NonNegativeFloat = 0.1
    cpu_initialization_s: NonNegativeFloat = 300.0
    readiness_delay_s: NonNegativeFloat = 30.0


def milli(quantity: str | float) -> int:
    """A quantity in thousandths of its base unit, rounded up as the controller's MilliValue is."""
    scaled = parse_quantity(quantity) * Decimal(1000)
    return int(scaled.to_integral_value(rounding=ROUND_CEILING))


def spec_from_object(hpa: Json) -> HpaSpec:
    """The spec of an autoscaling/v2 object as the API server serves it.

    Raises:
        SpecError: A metric of a type that autoscaling/v2 does not have.
    """
    low, high = bounds_of(hpa)
    return HpaSpec(
        min_replicas=low,
        max_replicas=high,
        metrics=tuple(_metric(metric) for metric in _metrics(hpa)),
        behavior=behavior_of(hpa),
    )


def behavior_of(hpa: Json) -> Behavior | None:
    """Its rules, whatever its metrics are; None without a behavior block."""
    behavior = hpa["spec"].get("behavior")
    if behavior is None:
        return None
    return Behavior(
        up=_rules(behavior.get("scaleUp"), DEFAULT_UP),
        down=_rules(behavior.get("scaleDown"), DEFAULT_DOWN),
    )


def bounds_of(hpa: Json) -> tuple[int, int]:
    """Its minReplicas, which the API sets to 1, and its maxReplicas."""
    return int(hpa["spec"].get("minReplicas", 1)), int(hpa["spec"]["maxReplicas"])


def others_of(hpa: Json) -> tuple[str, ...]:
    """Its metrics that are of no resource, as "External queue_length".

    No recording has what the controller read of them.
    """
    named = []
    for metric in _metrics(hpa):
        kind = metric["type"]
        if kind not in _RESOURCES:
            source = metric.get(kind.lower()) or {}
            named.append(f"{kind} {(source.get('metric') or {}).get('name', '')}".rstrip())
    return tuple(named)


def reads_usage(hpa: Json) -> bool:
    """Whether any of its metrics is of a resource: no other is read from metrics.k8s.io."""
    return any(metric["type"] in _RESOURCES for metric in _metrics(hpa))


def _metrics(hpa: Json) -> Sequence[Json]:
    return hpa["spec"].get("metrics") or _DEFAULT_METRICS


_RESOURCES = {"Resource": "resource", "ContainerResource": "containerResource"}
_OTHERS = {"Pods": "pods", "Object": "object", "External": "external"}
_DEFAULT_METRICS: tuple[Json, ...] = (
    {
        "type": "Resource",
        "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}},
    },
)


def _metric(metric: Json) -> Target:
    kind = metric["type"]
    if kind in _OTHERS:
        return _other(kind, metric[_OTHERS[kind]])
    if kind not in _RESOURCES:
        known = ", ".join([*_RESOURCES, *_OTHERS])
        raise SpecError(f"HPA metric: expected one of {known}; got {kind}")
    source = metric[_RESOURCES[kind]]
    target = source["target"]
    return ResourceTarget(
        resource=source["name"],
        utilization=target.get("averageUtilization"),
        average_milli=_milli(target.get("averageValue")),
        container=source.get("container", ""),
    )


def _other(kind: str, source: Json) -> MetricTarget:
    metric, target = source["metric"], source["target"]
    of = [metric.get("selector"), source.get("describedObject")]
    return MetricTarget(
        kind,
        metric["name"],
        average_milli=_milli(target.get("averageValue")),
        value_milli=_milli(target.get("value")),
        of=json.dumps(of, sort_keys=True) if any(of) else "",
    )


def _milli(quantity: str | float | None) -> int | None:
    return None if quantity is None else milli(quantity)


def _rules(given: Json | None, default: Rules) -> Rules:
    if given is None:
        return default
    policies = given.get("policies")
    tolerance = given.get("tolerance")
    return Rules(
        window_s=given.get("stabilizationWindowSeconds", default.window_s),
        select=given.get("selectPolicy") or default.select,
        policies=default.policies
        if policies is None
        else tuple(Policy(p["type"], int(p["value"]), int(p["periodSeconds"])) for p in policies),
        tolerance=None if tolerance is None else float(parse_quantity(tolerance)),
    )
