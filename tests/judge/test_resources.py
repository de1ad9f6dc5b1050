"""The judges of sums, LimitRanges, room, autoscalers and volumes."""

import re
from decimal import Decimal
from typing import Any

import pytest

from clusterproof.checks.hpa_state import HpaState
from clusterproof.checks.limit_range import LimitRangeEffects
from clusterproof.checks.room import Room
from clusterproof.checks.totals import Totals
from clusterproof.checks.volume_use import VolumeUse
from tests.judge.rows import row
from tests.judging import differences

HPA = "HorizontalPodAutoscaler/ns/web"


def said(rule: Any, fact: object) -> list[str]:  # noqa: ANN401 - any row
    different = differences(rule, fact)
    assert all(re.fullmatch("[a-z]+(-[a-z]+)+", each.code) for each in different), different
    return [str(each) for each in different]


def totals_row() -> Any:  # noqa: ANN401 - a row
    return row(
        "totals",
        workloads=["Deployment/ns/web"],
        bound="limits",
        resource="memory",
        quantity="27Gi",
        documented="5-20Gi",
    )


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (Totals(Decimal(27 * 2**30), (), ()), []),
        (
            Totals(Decimal(25 * 2**30), (), ()),
            ["sum of limits.memory: expected 27Gi, observed 25Gi"],
        ),
        (
            Totals(Decimal(27 * 2**30), ("Deployment/ns/web",), ()),
            ["Deployment/ns/web: expected a workload to sum, observed absent"],
        ),
        (
            Totals(Decimal(27 * 2**30), (), ("web/web",)),
            ["web/web: expected limits.memory, observed none"],
        ),
    ],
)
def test_sums(value: Totals, words: list[str]) -> None:
    assert said(totals_row(), value) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (LimitRangeEffects(0, (), ()), []),
        (LimitRangeEffects(2, (), ()), []),
        (
            LimitRangeEffects(1, ("sets a",), ()),
            ["LimitRange in ns: expected no effect, observed sets a"],
        ),
        (
            LimitRangeEffects(0, (), ("Deployment/ns/web",)),
            ["Deployment/ns/web: expected a workload, observed absent"],
        ),
    ],
)
def test_limit_ranges(value: LimitRangeEffects, words: list[str]) -> None:
    rule = row("limit-range", namespace="ns", workloads=["Deployment/ns/web"])
    assert said(rule, value) == words


@pytest.mark.parametrize(("running", "more", "fits"), [(3, 7, True), (10, 0, True), (3, 6, False)])
def test_room(running: int, more: int, *, fits: bool) -> None:
    rule = row("room", workload="Deployment/ns/web", replicas=10, within="quota")
    found = said(rule, Room(running, more, "quota q: pods 9"))
    expected = (
        "replicas that the quota admits: expected 10, observed 9 (3 run, 6 more fit)"
        " (quota q: pods 9)"
    )
    assert found == ([] if fits else [expected])


def hpa_row(aspect: str) -> Any:  # noqa: ANN401 - a row
    return row("hpa-state", of=HPA, aspect=aspect, resources=["cpu", "memory"])


def state(**fields: Any) -> HpaState:  # noqa: ANN401 - fields of the state
    right: dict[str, Any] = {
        "exists": True,
        "current": (("cpu", 12), ("memory", 30)),
        "conditions": (
            ("AbleToScale", "True", "Ready", ""),
            ("ScalingActive", "True", "Valid", "computed from memory"),
        ),
        "target": "Deployment/web",
        "target_exists": True,
        "needed": ("web cpu", "web memory"),
    }
    return HpaState(**(right | fields))


@pytest.mark.parametrize("aspect", ["metrics", "conditions", "target", "requests"])
def test_a_working_autoscaler_is_right(aspect: str) -> None:
    assert said(hpa_row(aspect), state()) == []


@pytest.mark.parametrize("aspect", ["metrics", "conditions", "target", "requests"])
def test_no_autoscaler_is_said_by_every_aspect(aspect: str) -> None:
    found = said(hpa_row(aspect), HpaState(exists=False))
    assert found == [f"{HPA}: expected an autoscaler, observed absent"]


FAILING = (
    ("AbleToScale", "True", "Ready", ""),
    ("ScalingActive", "False", "FailedGetResourceMetric", "no metrics"),
)


@pytest.mark.parametrize(
    ("aspect", "change", "words"),
    [
        (
            "metrics",
            {"current": (("memory", 3),)},
            ["current cpu: expected a figure, observed unknown"],
        ),
        (
            "metrics",
            {"current": (("cpu", 0),), "conditions": FAILING},
            ["current memory: expected a figure, observed unknown (no metrics)"],
        ),
        (
            "conditions",
            {"conditions": FAILING},
            ["ScalingActive: expected True, observed False (FailedGetResourceMetric: no metrics)"],
        ),
        (
            "conditions",
            {"conditions": ()},
            [
                "AbleToScale: expected True, observed absent",
                "ScalingActive: expected True, observed absent",
            ],
        ),
        (
            "target",
            {"target_exists": False},
            ["scaleTargetRef: expected an object that exists, observed Deployment/web, absent"],
        ),
        (
            "requests",
            {"without_request": ("web cpu",)},
            [
                "web cpu: expected a request, observed none"
                " (utilization cannot be computed without it)"
            ],
        ),
        (
            "requests",
            {"target_exists": False},
            ["scaleTargetRef: expected an object that exists, observed Deployment/web, absent"],
        ),
    ],
)
def test_each_trouble_of_an_autoscaler(
    aspect: str, change: dict[str, Any], words: list[str]
) -> None:
    assert said(hpa_row(aspect), state(**change)) == words


OVER = "used share: expected at most 80%, observed 81.0%"


@pytest.mark.parametrize(("used", "words"), [(80, []), (81, [OVER])])
def test_volume_use(used: int, words: list[str]) -> None:
    rule = row("volume-use", of="PersistentVolumeClaim/ns/data", at_most=0.8)
    assert said(rule, VolumeUse(used, 100)) == words
