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
    Policy,
    ResourceTarget,
    milli,
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


@pytest.mark.parametrize("kind", ["Pods", "Object", "External"])
def test_a_metric_that_the_model_does_not_know_is_refused(kind: str) -> None:
    """Rather than left out: the replay would be of another HPA."""
    with pytest.raises(SpecError) as refused:
        read(metrics=[{"type": kind}])
    assert str(refused.value) == f"HPA metric: expected Resource or ContainerResource, got {kind}"


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
