"""What the HPA asks for against the load spec: to the letter, with the API's defaults."""

from typing import Any

import pytest

from clusterproof.load.asked import judge_policies, judge_targets
from clusterproof.load.finding import Link
from clusterproof.load.recording import Recording
from clusterproof.load.scaling import Demand, judge_ceiling
from clusterproof.load.sections import Scaling
from clusterproof.outcome import Outcome
from tests.load.saying import said
from tests.load.scaling_parts import SCALING, T0, hpa, recording, series, timeline

Json = dict[str, Any]
UP: Json = {
    "stabilizationWindowSeconds": 0,
    "policies": [
        {"type": "Percent", "value": 100, "periodSeconds": 30},
        {"type": "Pods", "value": 2, "periodSeconds": 30},
    ],
}
DOWN: Json = {
    "stabilizationWindowSeconds": 300,
    "policies": [{"type": "Percent", "value": 50, "periodSeconds": 60}],
}
BEHAVIOR = {"scaleUp": UP, "scaleDown": DOWN}
UP_SHOWN = "up: window 0 s, Percent 100 30, Pods 2 30"
DOWN_SHOWN = "down: window 300 s, Percent 50 60"
DEFAULTS = {
    "up_policies": ("Percent 100 15", "Pods 4 15"),
    "down_policies": ("Percent 100 15",),
}
CPU, MEMORY = ("cpu", 70), ("memory", 80)


@pytest.mark.parametrize(
    ("behavior", "observed"),
    [
        (BEHAVIOR, "as expected"),
        ({"scaleUp": {**UP, "policies": UP["policies"][::-1]}, "scaleDown": DOWN}, "as expected"),
        ({"scaleUp": {**UP, "selectPolicy": "Max"}, "scaleDown": DOWN}, "as expected"),
        ({"scaleUp": {**UP, "tolerance": "100m"}, "scaleDown": DOWN}, "as expected"),
        ({"scaleUp": UP, "scaleDown": {"policies": DOWN["policies"]}}, "as expected"),
        (
            {"scaleUp": {"policies": UP["policies"][:1]}, "scaleDown": DOWN},
            "up: window 0 s, Percent 100 30",
        ),
        (
            {"scaleUp": UP, "scaleDown": {**DOWN, "stabilizationWindowSeconds": 0}},
            "down: window 0 s, Percent 50 60",
        ),
        ({"scaleUp": {**UP, "selectPolicy": "Disabled"}, "scaleDown": DOWN}, "up: Disabled"),
        (
            {"scaleUp": {**UP, "selectPolicy": "Min"}, "scaleDown": DOWN},
            f"{UP_SHOWN}, select Min",
        ),
        (
            {"scaleUp": UP, "scaleDown": {**DOWN, "tolerance": "50m"}},
            f"{DOWN_SHOWN}, tolerance 0.05",
        ),
        (
            None,
            "up: window 0 s, Percent 100 15, Pods 4 15; down: window 300 s, Percent 100 15",
        ),
    ],
)
def test_windows_policies_choice_and_tolerance_are_the_specs(
    behavior: Json | None, observed: str
) -> None:
    """Each difference once, however often it was seen."""
    changes = [hpa(0, behavior=behavior), hpa(5, behavior=behavior)]
    assert said(judge_policies(recording(*changes), SCALING)).splitlines() == [
        f"{'passed' if observed == 'as expected' else 'failed'}: hpa-policy of HPA policy",
        f"expected {UP_SHOWN}; {DOWN_SHOWN}",
        f"observed {observed}",
    ]


@pytest.mark.parametrize(
    ("behavior", "scaling"),
    [
        (None, DEFAULTS),
        ({}, DEFAULTS),
        (
            {"scaleUp": {**UP, "selectPolicy": "Disabled"}, "scaleDown": DOWN},
            {"up_select": "Disabled"},
        ),
        ({"scaleUp": UP, "scaleDown": {**DOWN, "selectPolicy": "Min"}}, {"down_select": "Min"}),
        ({"scaleUp": {**UP, "tolerance": "0"}, "scaleDown": DOWN}, {"up_tolerance": 0.0}),
    ],
    ids=["no-behavior", "empty-behavior", "disabled", "min", "tolerance"],
)
def test_what_an_hpa_may_ask_for_a_spec_can_say(behavior: Json | None, scaling: Json) -> None:
    held = SCALING.model_copy(update=scaling)
    finding = judge_policies(recording(hpa(0, behavior=behavior)), held)
    assert (finding.outcome, finding.observed) == (Outcome.PASSED, "as expected")


def test_without_a_window_the_controllers_flag_holds() -> None:
    flags = SCALING.controller.model_copy(update={"downscale_window_s": 60.0})
    scaling = SCALING.model_copy(update={"controller": flags})
    behavior = {"scaleUp": UP, "scaleDown": {"policies": DOWN["policies"]}}
    finding = judge_policies(recording(hpa(0, behavior=behavior)), scaling)
    assert finding.observed == "down: window 60 s, Percent 50 60"


def test_each_behavior_of_the_run_is_judged_and_no_other_autoscalers() -> None:
    late = {"scaleUp": {**UP, "stabilizationWindowSeconds": 60}, "scaleDown": DOWN}
    changes = [hpa(0, behavior=BEHAVIOR), hpa(1, name="another-hpa"), hpa(5, behavior=late)]
    finding = judge_policies(recording(*changes), SCALING)
    assert finding.observed == "up: window 60 s, Percent 100 30, Pods 2 30"


def _metrics(*targets: tuple[str, Json]) -> list[Json]:
    return [
        {"type": "Resource", "resource": {"name": name, "target": target}}
        for name, target in targets
    ]


def _utilization(*targets: tuple[str, int]) -> list[Json]:
    return _metrics(*((name, {"averageUtilization": percent}) for name, percent in targets))


OF_CONTAINER = {
    "type": "ContainerResource",
    "containerResource": {"name": "cpu", "container": "web", "target": {"averageUtilization": 70}},
}
QUEUE = {"type": "External", "external": {"metric": {"name": "queue_length"}}}


@pytest.mark.parametrize(
    ("metrics", "observed"),
    [
        (_utilization(CPU, MEMORY), "as expected"),
        (_utilization(MEMORY, CPU), "as expected"),
        ([OF_CONTAINER, *_utilization(MEMORY)], "as expected"),
        ([QUEUE, *_utilization(CPU, MEMORY)], "as expected"),
        (_utilization(("cpu", 99), MEMORY), "cpu 99 %, memory 80 %"),
        (_utilization(CPU), "cpu 70 %"),
        ([OF_CONTAINER, *_utilization(("cpu", 50), MEMORY)], "cpu 50 %, cpu 70 %, memory 80 %"),
        ([*_utilization(CPU), *_metrics(("memory", {"averageValue": "64Mi"}))], "cpu 70 %"),
        ([QUEUE], "no utilization"),
        (None, "cpu 80 %"),
    ],
)
def test_the_targets_are_the_specs(metrics: list[Json] | None, observed: str) -> None:
    """In any order, of Pods or of one container; without metrics the API's default."""
    changes = [hpa(0, metrics=metrics), hpa(5, metrics=metrics)]
    assert said(judge_targets(recording(*changes), SCALING)).splitlines() == [
        f"{'passed' if observed == 'as expected' else 'failed'}: hpa-targets of HPA policy",
        "expected HPA targets cpu 70 %, memory 80 %",
        f"observed {observed}",
    ]


def test_an_hpa_without_memory_can_be_said() -> None:
    scaling = Scaling.model_validate({**SCALING.model_dump(), "memory_target": None})
    changes = [hpa(0, metrics=_utilization(CPU)), hpa(5, metrics=_utilization(CPU, MEMORY))]
    assert judge_targets(recording(changes[0]), scaling).outcome is Outcome.PASSED
    finding = judge_targets(recording(*changes), scaling)
    assert finding.observed == "cpu 70 %, memory 80 %"


def test_an_hpa_by_other_metrics_alone_can_be_said() -> None:
    """Whether its ceiling was needed is then not known by the CPU."""
    scaling = SCALING.model_copy(update={"cpu_target": None, "memory_target": None})
    finding = judge_targets(recording(hpa(0, metrics=[QUEUE])), scaling)
    assert (finding.outcome, finding.expected) == (Outcome.PASSED, "HPA targets no utilization")
    demand = Demand(up_at=T0 + 30, down_at=None, until=T0 + 200)
    ceiling = judge_ceiling(timeline(desired=series((0, 3))), scaling, demand, None)
    assert (ceiling.outcome, ceiling.link) == (Outcome.INCONCLUSIVE, Link.HPA_DECISION)


def test_without_an_hpa_nothing_is_as_expected() -> None:
    nothing = Recording(T0, T0 + 100)
    for finding in (judge_targets(nothing, SCALING), judge_policies(nothing, SCALING)):
        assert (finding.outcome, finding.observed) == (Outcome.FAILED, "no HPA")
