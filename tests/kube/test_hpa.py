"""Metrics of autoscalers: what each aims at, and how far it is from there."""

import pytest

from clusterproof.kube.hpa import is_measured, ratios_of, targets_of


def _by(kind: str, source: dict[str, object], target: dict[str, object]) -> dict[str, object]:
    field = kind[0].lower() + kind[1:]
    return {"type": kind, field: {**source, "target": target}}


def _now(kind: str, source: dict[str, object], current: dict[str, object]) -> dict[str, object]:
    field = kind[0].lower() + kind[1:]
    return {"type": kind, field: {**source, "current": current}}


@pytest.mark.parametrize(
    ("kind", "source", "target", "current", "shown", "ratio"),
    [
        (
            "Resource",
            {"name": "cpu"},
            {"averageUtilization": 70},
            {"averageUtilization": 140, "averageValue": "98m"},
            "70 %",
            2,
        ),
        (
            "ContainerResource",
            {"name": "memory", "container": "app"},
            {"averageValue": "64Mi"},
            {"averageValue": "32Mi"},
            "67108864",
            0.5,
        ),
        (
            "Pods",
            {"metric": {"name": "in_flight"}},
            {"averageValue": "1500m"},
            {"averageValue": "3"},
            "1.5",
            2,
        ),
        (
            "Object",
            {"metric": {"name": "requests"}, "describedObject": {"kind": "Ingress", "name": "a"}},
            {"type": "Value", "value": "2k"},
            {"value": "500"},
            "2000",
            0.25,
        ),
        (
            "External",
            {"metric": {"name": "queue", "selector": {"matchLabels": {"q": "a"}}}},
            {"type": "AverageValue", "averageValue": "30"},
            {"averageValue": "33", "value": "99"},
            "30",
            1.1,
        ),
    ],
    ids=["Resource", "ContainerResource", "Pods", "Object", "External"],
)
def test_every_type_of_metric_has_a_target_and_a_ratio(
    kind: str,
    source: dict[str, object],
    target: dict[str, object],
    current: dict[str, object],
    shown: str,
    ratio: float,
) -> None:
    """What is over its target, whatever its unit."""
    status = {"currentMetrics": [{"type": ""}, _now(kind, source, current)]}
    autoscaler = {"spec": {"metrics": [_by(kind, source, target)]}, "status": status}
    assert list(targets_of(autoscaler).values()) == [shown]
    assert list(ratios_of(autoscaler).values()) == [pytest.approx(ratio)]
    assert ratios_of({**autoscaler, "status": {}}) == {}


def test_an_autoscaler_that_names_no_metric_aims_at_80_percent_of_the_cpu() -> None:
    assert {str(metric): target for metric, target in targets_of({"spec": {}}).items()} == {
        "cpu": "80 %"
    }


@pytest.mark.parametrize(
    ("able", "measured"), [("True", True), ("False", False), (None, True)], ids=str
)
def test_an_autoscaler_that_cannot_read_the_scale_is_not_measured(
    able: str | None, *, measured: bool
) -> None:
    source: dict[str, object] = {"name": "cpu"}
    target: dict[str, object] = {"type": "Utilization", "averageUtilization": 70}
    conditions = {"ScalingActive": "True", "AbleToScale": able}
    autoscaler = {
        "spec": {"metrics": [_by("Resource", source, target)]},
        "status": {
            "currentMetrics": [_now("Resource", source, {"averageUtilization": 40})],
            "conditions": [
                {"type": kind, "status": status} for kind, status in conditions.items() if status
            ],
        },
    }
    assert is_measured(autoscaler) is measured
