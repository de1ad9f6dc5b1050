"""What an HPA asks for, as the API serves it, with the API's defaults.

Source: k8s.io/kubernetes v1.35.4, pkg/apis/autoscaling/v2/defaults.go; Quantity.MilliValue.
"""

from dataclasses import replace
from typing import Any

import pytest

from clusterproof.errors import SpecError
from clusterproof.load.hpa.rules import (
    DEFAULT_DOWN,
    DEFAULT_UP,
    Behavior,
    HpaSpec,
    MetricTarget,
    Policy,
    ResourceTarget,
    milli,
    others_of,
    spec_from_object,
)


def read(**spec: Any) -> HpaSpec:  # noqa: ANN401 - any part of a spec
    """The spec of an HPA with at most 10 replicas."""
    return spec_from_object({"spec": {"maxReplicas": 10, **spec}})


@pytest.mark.parametrize(
    ("quantity", "thousandths"),
    [
        ("250m", 250),
        ("1", 1000),
        (0.5, 500),
        ("2Ki", 2_048_000),
        ("1n", 1),
        ("100u", 1),
        ("1001u", 2),
    ],
)
def test_thousandths_are_rounded_up(quantity: str | float, thousandths: int) -> None:
    """Whatever is more than nothing is at least one."""
    assert milli(quantity) == thousandths


def test_an_hpa_that_says_only_its_maximum_has_one_replica_and_80_percent_of_the_cpu() -> None:
    """And no behavior: the controller's own rules."""
    assert read() == HpaSpec(1, 10, (ResourceTarget("cpu", utilization=80),), None)


@pytest.mark.parametrize(
    ("kind", "source", "expected"),
    [
        (
            "Resource",
            {"name": "cpu", "target": {"averageUtilization": 70}},
            ResourceTarget("cpu", utilization=70),
        ),
        (
            "Resource",
            {"name": "memory", "target": {"averageValue": "64Mi"}},
            ResourceTarget("memory", average_milli=64 * 1024 * 1024 * 1000),
        ),
        (
            "ContainerResource",
            {"name": "cpu", "container": "app", "target": {"averageUtilization": 70}},
            ResourceTarget("cpu", utilization=70, container="app"),
        ),
        (
            "ContainerResource",
            {"name": "cpu", "container": "app", "target": {"averageValue": "100m"}},
            ResourceTarget("cpu", average_milli=100, container="app"),
        ),
    ],
    ids=["utilization", "average-value", "of-a-container", "average-of-a-container"],
)
def test_a_metric_is_of_a_resource_or_of_one_container(
    kind: str, source: dict[str, Any], expected: ResourceTarget
) -> None:
    """With a share of the request or a mean value as its target."""
    field = kind[0].lower() + kind[1:]
    assert read(metrics=[{"type": kind, field: source}]).metrics == (expected,)


QUEUE: dict[str, Any] = {"name": "queue", "selector": {"matchLabels": {"of": "mail"}}}
DOOR = {"kind": "Ingress", "name": "door"}


@pytest.mark.parametrize(
    ("kind", "source", "expected"),
    [
        (
            "Pods",
            {"metric": {"name": "rate"}, "target": {"averageValue": "500m"}},
            MetricTarget("Pods", "rate", average_milli=500),
        ),
        (
            "Object",
            {"metric": {"name": "rate"}, "describedObject": DOOR, "target": {"value": "2k"}},
            MetricTarget(
                "Object",
                "rate",
                value_milli=2_000_000,
                of='[null, {"kind": "Ingress", "name": "door"}]',
            ),
        ),
        (
            "External",
            {"metric": QUEUE, "target": {"averageValue": "3"}},
            MetricTarget(
                "External",
                "queue",
                average_milli=3000,
                of='[{"matchLabels": {"of": "mail"}}, null]',
            ),
        ),
    ],
)
def test_a_metric_is_of_pods_of_an_object_or_external(
    kind: str, source: dict[str, Any], expected: MetricTarget
) -> None:
    """With a value or an average as its target; series of one name are told apart."""
    metric = {"type": kind, kind.lower(): source}
    assert read(metrics=[metric]).metrics == (expected,)
    assert others_of({"spec": {"metrics": [metric]}}) == (f"{kind} {expected.name}",)


def test_a_metric_of_no_type_of_the_api_is_refused() -> None:
    """Rather than left out: the replay would be of another HPA."""
    with pytest.raises(SpecError) as refused:
        read(metrics=[{"type": "Fuzzy"}])
    assert str(refused.value) == (
        "HPA metric: expected one of Resource, ContainerResource, Pods, Object, External; got Fuzzy"
    )


ONE = {"type": "Pods", "value": 1, "periodSeconds": 60}


@pytest.mark.parametrize(
    ("behavior", "expected"),
    [
        (None, None),
        ({}, Behavior()),
        ({"scaleUp": {}, "scaleDown": {}}, Behavior()),
        (
            {"scaleUp": {"tolerance": "50m"}},
            Behavior(up=replace(DEFAULT_UP, tolerance=0.05)),
        ),
        (
            {"scaleDown": {"tolerance": "0"}},
            Behavior(down=replace(DEFAULT_DOWN, tolerance=0.0)),
        ),
        (
            {"scaleUp": {"selectPolicy": "Min"}, "scaleDown": {"selectPolicy": "Disabled"}},
            Behavior(replace(DEFAULT_UP, select="Min"), replace(DEFAULT_DOWN, select="Disabled")),
        ),
        (
            {"scaleDown": {"stabilizationWindowSeconds": 0}},
            Behavior(down=replace(DEFAULT_DOWN, window_s=0)),
        ),
        (
            {"scaleDown": {"policies": [ONE]}},
            Behavior(down=replace(DEFAULT_DOWN, policies=(Policy("Pods", 1, 60),))),
        ),
    ],
    ids=["absent", "empty", "both-empty", "up", "zero", "select", "window", "policies"],
)
def test_what_a_behavior_leaves_out_is_filled_in(
    behavior: dict[str, Any] | None, expected: Behavior | None
) -> None:
    """Each field by itself."""
    assert read(behavior=behavior).behavior == expected
