"""What an HPA would do under a load, by the model of its controller: no cluster is asked.

Usage goes by the CPU of one request: a Pod uses its share of the demand, up to its limit. Metrics
are as old as metrics-server makes them, and a new Pod takes its time to be Ready. Requests that the
Pods cannot carry are not queued: the forecast says where they saturate.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

from pydantic import ValidationError

from clusterproof.errors import SpecError
from clusterproof.load.hpa.controller import reconcile, tolerances
from clusterproof.load.hpa.normalise import History
from clusterproof.load.hpa.proposal import ContainerView, PodView, Sample, Seen
from clusterproof.load.hpa.rules import (
    ControllerFlags,
    HpaSpec,
    MetricTarget,
    ResourceTarget,
    Target,
    others_of,
    spec_from_object,
)
from clusterproof.load.must_hold import MustHold
from clusterproof.load.schedule import Plan

_RESOLUTION_S = 15.0
"""metrics-server's, as its manifests set it (--metric-resolution)."""
_LONG_AGO_S = -3600.0
_JUST_S = 1e-6
"""So little before a moment that nothing else falls between."""
_SPOKEN_OF = frozenset({"minReplicas", "maxReplicas", "metrics", "behavior"})
_PERCENT_STEP = 5
"""Of the targets that are tried. Our choice."""


@dataclass(frozen=True, slots=True)
class Pods:
    """What each Pod is like.

    Attributes:
        request_m: CPU request, in thousandths of a core.
        limit_m: CPU limit; infinite without one.
        ready_s: From its creation to Ready.
        cpu_ms: CPU that one request takes, in milliseconds.
    """

    request_m: int
    cpu_ms: float
    limit_m: float = math.inf
    ready_s: float = 30.0

    @property
    def capacity(self) -> float:
        """Requests per second that one of them carries."""
        return self.limit_m / self.cpu_ms


@dataclass(frozen=True, slots=True)
class Moment:
    """One reconcile of the forecast.

    Attributes:
        utilization: Of the CPU request, in percent, as the HPA sees it then.
        overload: Share of the load that the Ready Pods cannot carry.
        overloads: Likewise, at each moment since the reconcile before at which it was over 0.
    """

    at_s: float
    rate: float
    replicas: int
    ready: int
    utilization: float
    overload: float
    reason: str
    overloads: tuple[tuple[float, float], ...] = ()


def spec_of(manifest: Mapping[str, Any], rate_metric: str = "") -> HpaSpec:
    """The HPA of a manifest, by its CPU metrics: what else it goes by is taken to ask for less.

    Args:
        manifest: Of the HPA.
        rate_metric: The metric of type Pods, Object or External that is the requests per second.

    Raises:
        SpecError: No autoscaling/v2 HorizontalPodAutoscaler that the API would take, none that goes
            by CPU or by that metric, or one without that metric.
    """
    kind = (manifest.get("apiVersion"), manifest.get("kind"))
    if kind != ("autoscaling/v2", "HorizontalPodAutoscaler"):
        raise SpecError("expected the manifest of an autoscaling/v2 HorizontalPodAutoscaler")
    given = manifest.get("spec") or {}
    if not isinstance(given, Mapping):
        raise SpecError(f"spec: expected the fields of an autoscaler; got {given!r}")
    spec = {name: value for name, value in given.items() if value is not None}
    try:
        MustHold.model_validate({name: spec[name] for name in _SPOKEN_OF & spec.keys()})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, ("spec", *first["loc"])))
        raise SpecError(f"{place}: {first['msg']}; got {first['input']!r}") from error
    if "maxReplicas" not in spec:
        raise SpecError("spec.maxReplicas: expected a number over 0")
    others = set(others_of(manifest))
    known = [m for m in spec.get("metrics") or [] if m["type"] in {"Resource", "ContainerResource"}]
    rates = (
        [m for m in spec.get("metrics") or [] if _name_of(m) == rate_metric] if rate_metric else []
    )
    if rate_metric and not rates:
        named = ", ".join(sorted(others)) or "no such metric"
        raise SpecError(f"expected the HPA to go by {rate_metric}; it goes by {named}")
    metrics = {"metrics": [*known, *rates]} if spec.get("metrics") else {}
    read = spec_from_object({"spec": {**spec, "metrics": None, **metrics}})
    cpu = tuple(replace(target, container="") for target in _by_cpu(read))
    targets: tuple[Target, ...] = (*cpu, *_by_rate(read))
    if not targets or (spec.get("metrics") and not known and not rates):
        named = ", ".join(sorted(others)) or "memory"
        raise SpecError(
            f"the HPA goes by {named}: only the CPU and the rate of requests can be foretold"
        )
    return replace(read, metrics=targets)


def _name_of(metric: Mapping[str, Any]) -> str:
    source = metric.get(metric["type"].lower()) or {}
    return str((source.get("metric") or {}).get("name", ""))


def forecast(
    hpa: HpaSpec, plan: Plan, pods: Pods, flags: ControllerFlags, *, replicas: int | None = None
) -> tuple[Moment, ...]:
    """One moment for each reconcile of the plan, and one after its end.

    Args:
        hpa: What the autoscaler asks for.
        plan: The load.
        pods: What carries it.
        flags: Of the controller.
        replicas: To begin with; default: the fewest.
    """
    count = hpa.min_replicas if replicas is None else replicas
    born = [_LONG_AGO_S] * count
    history, moments = History(), []
    at, before = flags.sync_s, 0.0
    while at < plan.duration_s + flags.sync_s:
        ready = [began for began in born if began + pods.ready_s <= at]
        sampled_at = math.floor(at / _RESOLUTION_S) * _RESOLUTION_S
        measured = plan.rate(max(0.0, sampled_at - _RESOLUTION_S / 2))
        demand = measured * pods.cpu_ms
        then = [began for began in born if began + pods.ready_s <= sampled_at]
        used = min(pods.limit_m, demand / max(1, len(then)))
        seen = Seen(
            at,
            len(born),
            tuple(_view(number, began, pods, at) for number, began in enumerate(born)),
            {
                f"pod-{number}": Sample(
                    {"app": {"cpu": round(used if began + pods.ready_s <= sampled_at else 0)}},
                    sampled_at,
                    _RESOLUTION_S,
                )
                for number, began in enumerate(born)
                if began <= sampled_at - _RESOLUTION_S
            },
            of_pods={
                target: {
                    f"pod-{number}": round(1000 * measured / len(then))
                    for number, began in enumerate(born)
                    if began + pods.ready_s <= sampled_at
                }
                for target in _by_rate(hpa)
                if target.kind == "Pods"
            },
            totals={target: (round(1000 * measured),) for target in _by_rate(hpa)},
        )
        decision, history = reconcile(hpa, seen, history, flags)
        rate = plan.rate(min(at, plan.duration_s - _JUST_S))
        moments.append(
            Moment(
                at_s=at,
                rate=rate,
                replicas=decision.replicas,
                ready=len(ready),
                utilization=100 * used / pods.request_m,
                overload=_overload(rate, len(ready), pods),
                reason=decision.reason,
                overloads=tuple(_overloads(plan, pods, born, before, at)),
            )
        )
        # The newest are the first to go (controller_utils.go, ActivePodsWithRanks).
        born = born[: decision.replicas] + [at] * (decision.replicas - len(born))
        at, before = at + flags.sync_s, at
    return tuple(moments)


def _overload(rate: float, ready: int, pods: Pods) -> float:
    """The share of a rate that so many Pods cannot carry."""
    carried = ready * pods.capacity if ready else 0.0
    return max(0.0, 1 - carried / rate) if rate else 0.0


def _overloads(
    plan: Plan, pods: Pods, born: Sequence[float], since: float, until: float
) -> Iterator[tuple[float, float]]:
    """The moments from `since` to `until` at which the Ready Pods do not carry the load.

    Between a stage's ends, and until another Pod is Ready, it goes one way only: each of these, and
    the moment just before, has the most there is.
    """
    stages = accumulate(stage.for_s for stage in plan.stages)
    edges = {since, until, *stages, *(began + pods.ready_s for began in born)}
    for at in sorted({moment for edge in edges for moment in (edge - _JUST_S, edge)}):
        if since <= at <= until:
            ready = sum(1 for began in born if began + pods.ready_s <= at)
            overload = _overload(plan.rate(at), ready, pods)
            if overload > 0:
                yield at, overload


def advice(hpa: HpaSpec, plan: Plan, pods: Pods, flags: ControllerFlags) -> tuple[str, ...]:
    """What the highest rate of the plan needs, and what would hold it."""
    peak_m = plan.peak_rate * pods.cpu_ms
    tolerated = 1 + tolerances(hpa, flags).up
    shares = [share for each in hpa.metrics if (share := _replicas_at(each, plan.peak_rate, pods))]
    needed = max([1, *(math.ceil(share / tolerated) for share in shares)])
    lines = [
        f"{plan.peak_rate:g} requests/s take {peak_m / 1000:.2f} cores: {needed} replicas within"
        f" the target and its tolerance; maxReplicas is {hpa.max_replicas}"
    ]
    if needed > hpa.max_replicas:
        most = plan.peak_rate * hpa.max_replicas * tolerated / max(shares)
        lines.append(f"maxReplicas hold the target up to {most:.0f} requests/s")
    over = [each for moment in forecast(hpa, plan, pods, flags) for each in moment.overloads]
    if not over and math.isinf(pods.limit_m):
        lines.append("without a CPU limit nobody knows what a Pod carries; one was always Ready")
        return tuple(lines)
    if not over:
        lines.append("no moment in which the Ready Pods could not carry the load")
        return tuple(lines)
    lines.append(
        f"overloaded from {over[0][0]:.0f} s to {over[-1][0]:.0f} s, by at most"
        f" {max(share for _, share in over):.0%} of the load"
    )
    if plan.peak_rate > hpa.max_replicas * pods.capacity:
        most = hpa.max_replicas * pods.capacity
        lines.append(
            f"maxReplicas carry {most:.0f} requests/s, whatever minReplicas and the target are"
        )
        return tuple(lines)

    def carries(**other: Any) -> bool:  # noqa: ANN401 - fields of the HPA
        tried = forecast(replace(hpa, **other), plan, pods, flags)
        return not any(moment.overloads for moment in tried)

    floors = range(hpa.min_replicas + 1, hpa.max_replicas + 1)
    floor = next(floor for floor in floors if carries(min_replicas=floor))
    lines.append(f"minReplicas {floor} would carry it all")
    target = next(iter(_by_cpu(hpa)), None)
    percents = (
        range(target.utilization - _PERCENT_STEP, 0, -_PERCENT_STEP)
        if target is not None and target.utilization
        else ()
    )
    lower = (replace(target, utilization=percent) for percent in percents if target)
    carried = next((each for each in lower if carries(metrics=(each, *hpa.metrics[1:]))), None)
    if carried is not None:
        lines.append(f"so would a target of {carried.utilization} %")
    elif percents:
        lines.append("no target would carry it all: new Pods come too late for it")
    return tuple(lines)


def _replicas_at(target: Target, rate: float, pods: Pods) -> float | None:
    """How many replicas are at this target under this rate; None where no number is.

    By its value a metric asks for a share of the Ready Pods, however many they are.
    """
    if isinstance(target, ResourceTarget):
        percent = target.utilization or 100
        return rate * pods.cpu_ms / (target.average_milli or pods.request_m * percent / 100)
    return 1000 * rate / target.average_milli if target.average_milli else None


def _by_rate(hpa: HpaSpec) -> tuple[MetricTarget, ...]:
    return tuple(target for target in hpa.metrics if isinstance(target, MetricTarget))


def _by_cpu(hpa: HpaSpec) -> tuple[ResourceTarget, ...]:
    return tuple(
        target
        for target in hpa.metrics
        if isinstance(target, ResourceTarget) and target.resource == "cpu"
    )


def _view(number: int, began: float, pods: Pods, at: float) -> PodView:
    is_ready = began + pods.ready_s <= at
    return PodView(
        name=f"pod-{number}",
        started_at=began,
        ready="True" if is_ready else "False",
        ready_changed_at=began + pods.ready_s if is_ready else began,
        containers=(ContainerView("app", {"cpu": pods.request_m}),),
    )
