"""Autoscalers with metrics of every type: the model of their controller beside the real one."""

import math
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from clusterproof.kube.objects import condition_entry
from clusterproof.load.hpa.controller import Decision, reconcile
from clusterproof.load.hpa.normalise import History
from clusterproof.load.hpa.proposal import Proposal, Sample, Seen
from clusterproof.load.hpa.rules import (
    ControllerFlags,
    HpaSpec,
    MetricTarget,
    Target,
    milli,
    spec_from_object,
)
from clusterproof.load.recording import usage_of
from clusterproof.load.timeline import pod_view
from testbed.oracles.program import Program

Json = dict[str, Any]

_NAMES = ("web-0", "web-1", "web-2", "web-3", "web-4")
_AMOUNTS = st.sampled_from(["0", "1m", "50m", "100m", "0.25", "333m", "500m", "1", "1.5", "2", "7"])
_TOTALS = st.sampled_from(["0", "1m", "250m", "1", "2", "3", "5500m", "10", "37", "100", "1k"])
_TARGETS = st.sampled_from(["1m", "100m", "500m", "1", "3", "10", "1k"])
_MEMORY = st.sampled_from(["0", "64Mi", "100M", "300Mi"])
_AGES = st.sampled_from(
    [
        # Since the start, and since the Ready condition changed: none near a period's end.
        (20, 5),
        (200, 100),
        (1000, 980),
        (1000, 400),
    ]
)
_RULES = st.fixed_dictionaries(
    {"selectPolicy": st.sampled_from(["Min", "Min", "Max", "Disabled", "Disabled", None])},
    optional={
        "tolerance": st.sampled_from(["0", "50m", "200m"]),
        "stabilizationWindowSeconds": st.sampled_from([0, 60]),
        "policies": st.lists(
            st.fixed_dictionaries(
                {
                    "type": st.sampled_from(["Pods", "Percent"]),
                    "value": st.sampled_from([1, 4, 50, 100]),
                    "periodSeconds": st.sampled_from([15, 60]),
                }
            ),
            min_size=1,
            max_size=2,
        ),
    },
).map(lambda rules: {key: rule for key, rule in rules.items() if rule is not None})
_FREE = {
    "scaleUp": {
        "stabilizationWindowSeconds": 0,
        "policies": [{"type": "Pods", "value": 1000, "periodSeconds": 15}],
    },
    "scaleDown": {"stabilizationWindowSeconds": 0},
}
"""A behavior that holds nothing back: the replicas show what the metrics propose."""
_OF_TARGET = st.sampled_from([0, 50, 89, 90, 95, 100, 105, 110, 111, 130, 200, 450])
"""Percent: on both sides of a tolerance, and at its ends."""
_DESCRIBED = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "name": "door"}


def _targets(*kinds: str, amounts: st.SearchStrategy[str] = _TARGETS) -> st.SearchStrategy[Json]:
    figures = {
        "Utilization": st.fixed_dictionaries(
            {
                "type": st.just("Utilization"),
                "averageUtilization": st.sampled_from([10, 50, 80, 150]),
            }
        ),
        "AverageValue": st.fixed_dictionaries(
            {"type": st.just("AverageValue"), "averageValue": amounts}
        ),
        "Value": st.fixed_dictionaries({"type": st.just("Value"), "value": _TARGETS}),
    }
    return st.one_of(*(figures[kind] for kind in kinds))


@st.composite
def _metrics(draw: st.DrawFn, number: int) -> Json:
    kinds = ["Resource", "ContainerResource", "Pods", "Object", "Object", "External", "External"]
    kind = draw(st.sampled_from(kinds))
    name = f"{kind.lower()}_{number}"
    resource = draw(st.sampled_from(["cpu", "cpu", "memory"]))
    # Not a thousandth of a byte: its replicas are more than an int32 holds.
    amounts = _TARGETS if resource == "cpu" else st.sampled_from(["64Mi", "150M", "300Mi"])
    of_resource = _targets("Utilization", "AverageValue", amounts=amounts)
    match kind:
        case "Resource":
            source = {"name": resource, "target": draw(of_resource)}
            return {"type": kind, "resource": source}
        case "ContainerResource":
            source = {
                "name": resource,
                "container": draw(st.sampled_from(["app", "app", "side"])),
                "target": draw(of_resource),
            }
            return {"type": kind, "containerResource": source}
        case "Pods":
            target = draw(_targets("AverageValue"))
            return {"type": kind, "pods": {"metric": {"name": name}, "target": target}}
        case "Object":
            source = {
                "metric": {"name": name},
                "describedObject": _DESCRIBED,
                "target": draw(_targets("Value", "AverageValue")),
            }
            return {"type": kind, "object": source}
        case _:
            target = draw(_targets("Value", "AverageValue"))
            return {"type": kind, "external": {"metric": {"name": name}, "target": target}}


@st.composite
def _pods(draw: st.DrawFn, name: str, containers: list[str]) -> Json:
    """A Pod of the scale target, in one of the states that are told apart."""
    started, changed = draw(_AGES)
    status: Json = {
        "phase": draw(st.sampled_from(["Running"] * 6 + ["Pending", "Failed", "Succeeded"]))
    }
    if draw(st.integers(0, 9)):
        status["startTime"] = started
    if draw(st.integers(0, 9)):
        ready = draw(st.sampled_from(["True"] * 4 + ["False", "Unknown"]))
        status["conditions"] = [{"type": "Ready", "status": ready, "lastTransitionTime": changed}]
    metadata: Json = {"name": name, "labels": {"app": "web"}}
    if draw(st.integers(0, 9)) == 0:
        metadata["deletionTimestamp"] = 3
    made = []
    for container in containers:
        requests = {"cpu": draw(_AMOUNTS), "memory": draw(_MEMORY)}
        if draw(st.integers(0, 14)) == 0:
            requests.popitem()
        made.append({"name": container, "image": "x:1", "resources": {"requests": requests}})
    return {"metadata": metadata, "spec": {"containers": made}, "status": status}


@st.composite
def _usage(draw: st.DrawFn, name: str, containers: list[str]) -> Json:
    measured = [each for each in containers if draw(st.integers(0, 14))]
    amounts = st.fixed_dictionaries({"cpu": _AMOUNTS}, optional={"memory": _MEMORY})
    return {
        "metadata": {"name": name},
        "timestamp": draw(st.sampled_from([2, 60])),
        "window": "15s",
        "containers": [{"name": each, "usage": draw(amounts)} for each in measured],
    }


@st.composite
def scalings(draw: st.DrawFn) -> Json:
    """An autoscaler with what its controller sees at one sync; times are seconds ago."""
    metrics = [draw(_metrics(number)) for number in range(draw(st.sampled_from([1, 1, 1, 2, 3])))]
    containers = draw(st.sampled_from([["app"], ["app"], ["app", "side"]]))
    names = _NAMES[: draw(st.sampled_from([0, 1, 2, 3, 3, 5, 5]))]
    measured = [each for each in (*names, "web-9") if draw(st.integers(0, 7))]
    low = draw(st.sampled_from([0, 1, 1, 2]))
    spec: Json = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        "minReplicas": low,
        "maxReplicas": draw(st.sampled_from([3, 10, 1000, 1000])),
        "metrics": metrics,
    }
    free = st.just(_FREE)
    bounded = st.fixed_dictionaries({"scaleUp": _RULES, "scaleDown": _RULES})
    behavior = draw(st.one_of(free, bounded, st.none(), bounded))
    if behavior is not None:
        spec["behavior"] = behavior
    replicas = draw(st.sampled_from([len(names)] * 4 + [0, 1, 4, 12]))
    case: Json = {
        "hpa": {"metadata": {"name": "web"}, "spec": spec},
        "replicas": replicas,
        "statusReplicas": draw(st.sampled_from([replicas] * 4 + [1, 3])),
        "pods": [draw(_pods(name, containers)) for name in names],
        "ofPods": {},
        "ofObjects": {},
        "external": {},
    }
    if draw(st.integers(0, 7)):
        case["usage"] = [draw(_usage(name, containers)) for name in measured]
    for metric in metrics:
        if draw(st.integers(0, 7)) == 0:
            continue  # nobody answers
        match metric["type"]:
            case "Pods":
                values = {name: draw(_AMOUNTS) for name in measured if draw(st.integers(0, 7))}
                case["ofPods"][metric["pods"]["metric"]["name"]] = values
            case "Object":
                near = _near(metric["object"]["target"], case["statusReplicas"])
                case["ofObjects"][metric["object"]["metric"]["name"]] = draw(
                    st.one_of(_TOTALS, near)
                )
            case "External":
                near = _near(metric["external"]["target"], case["statusReplicas"])
                series = draw(st.one_of(st.lists(_TOTALS, max_size=3), near.map(lambda x: [x])))
                case["external"][metric["external"]["metric"]["name"]] = series
    return case


def _near(target: Json, replicas: int) -> st.SearchStrategy[str]:
    """A total that is about as large as the target wants it."""
    wanted = (
        milli(target["value"]) if "value" in target else milli(target["averageValue"]) * replicas
    )
    return _OF_TARGET.map(lambda percent: f"{wanted * percent // 100}m")


def decide(oracle: Program, case: Json) -> Iterator[tuple[str, object, object]]:
    """Whether metrics could be used, the figure of each, the replicas, and what limits them."""
    now = time.time()
    pods = [_dated(pod, now) for pod in case["pods"]]
    usage = None
    if "usage" in case:
        usage = [{**item, "timestamp": _time(now - item["timestamp"])} for item in case["usage"]]
    answer = oracle.ask("scale", **{**case, "pods": pods, "usage": usage})["status"]
    spec = spec_from_object(case["hpa"])
    samples = (
        None
        if not usage
        else {item["metadata"]["name"]: Sample(**usage_of(item)) for item in usage}
    )
    seen = Seen(
        now,
        case["replicas"],
        tuple(pod_view(pod) for pod in pods),
        samples,
        of_pods={
            target: {pod: milli(amount) for pod, amount in case["ofPods"][target.name].items()}
            for target in _others(spec)
            if target.name in case["ofPods"]
        },
        totals={
            target: [milli(amount) for amount in amounts]
            for target in _others(spec)
            for amounts in [_answered(case, target.name)]
            if amounts is not None
        },
        status_replicas=case["statusReplicas"],
    )
    decision, _ = reconcile(spec, seen, History(), ControllerFlags())
    yield from _compared(spec, decision, answer, case)


def _others(spec: HpaSpec) -> list[MetricTarget]:
    return [target for target in spec.metrics if isinstance(target, MetricTarget)]


def _answered(case: Json, name: str) -> list[str] | None:
    if name in case["ofObjects"]:
        return [case["ofObjects"][name]]
    series: list[str] | None = case["external"].get(name)
    return series


def _compared(
    spec: HpaSpec, decision: Decision, status: Json, case: Json
) -> Iterator[tuple[str, object, object]]:
    autoscaler = {"status": status}
    if decision.proposals:
        active = condition_entry(autoscaler, "ScalingActive").get("status")
        yield "ScalingActive", str(decision.proposed is not None), active
        figures = (status.get("currentMetrics") or []) + [{}] * len(spec.metrics)
        for number, proposal in enumerate(decision.proposals):
            target, figure = spec.metrics[number], figures[number]
            if isinstance(proposal, str) or _is_no_number(target, case):
                theirs = "a figure" if figure.get("type") else None
                yield f"metric {number}", None if isinstance(proposal, str) else "a figure", theirs
            else:
                yield f"metric {number}", _shown(target, proposal), _figure(target, figure)
        if decision.proposed is not None:
            reason = condition_entry(autoscaler, "ScalingLimited").get("reason")
            yield "ScalingLimited", decision.reason, reason
    if decision.proposed is not None or not decision.proposals:
        yield "replicas", decision.replicas, status.get("desiredReplicas")


def _is_no_number(target: Target, case: Json) -> bool:
    """Divided by no replicas, Go has a figure that means nothing."""
    is_average = isinstance(target, MetricTarget) and target.average_milli is not None
    return (
        is_average
        and isinstance(target, MetricTarget)
        and target.kind != "Pods"
        and not case["statusReplicas"]
    )


def _shown(target: Target, proposal: Proposal) -> int:
    """Memory in bytes: its quantity has no fractions of them."""
    in_bytes = not isinstance(target, MetricTarget) and (
        target.resource == "memory" and target.utilization is None
    )
    return math.ceil(proposal.shown / 1000) if in_bytes else proposal.shown


def _figure(target: Target, figure: Json) -> int | None:
    source: Json = next((figure[key] for key in figure if key != "type"), {})
    current = source.get("current") or {}
    if not isinstance(target, MetricTarget) and target.utilization is not None:
        percent: int | None = current.get("averageUtilization")
        return percent
    text = current.get("averageValue", current.get("value"))
    if text is None:
        return None
    in_bytes = not isinstance(target, MetricTarget) and target.resource == "memory"
    return math.ceil(milli(text) / 1000) if in_bytes else milli(text)


def _dated(pod: Json, now: float) -> Json:
    """The Pod with times in place of ages."""
    status, metadata = dict(pod["status"]), dict(pod["metadata"])
    if "startTime" in status:
        status["startTime"] = _time(now - status["startTime"])
    if "conditions" in status:
        (ready,) = status["conditions"]
        changed = _time(now - ready["lastTransitionTime"])
        status["conditions"] = [{**ready, "lastTransitionTime": changed}]
    if "deletionTimestamp" in metadata:
        metadata["deletionTimestamp"] = _time(now)
        metadata["finalizers"] = ["test/kept"]
    return {**pod, "metadata": metadata, "status": status}


def _time(at: float) -> str:
    return datetime.fromtimestamp(int(at), tz=UTC).isoformat().replace("+00:00", "Z")
