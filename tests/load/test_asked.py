"""What the HPA asks for against the load spec: to the letter, with the API's defaults."""

from typing import Any

import pytest

from clusterproof.load.asked import judge_asked, judge_policies, judge_steady, judge_targets
from clusterproof.load.recording import Change, Recording
from clusterproof.load.sections import Scaling
from clusterproof.outcome import Outcome
from tests.load.saying import said
from tests.load.scaling_parts import MUST_HOLD, SCALING, T0, hpa, recording

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
DEFAULTS: Json = {"scaleUp": {}, "scaleDown": {}}
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


def _holding(**fields: Any) -> Scaling:  # noqa: ANN401 - JSON
    """What must hold, with other fields in place of some."""
    return Scaling.model_validate({"hpa": "web-hpa", "must_hold": {**MUST_HOLD, **fields}})


@pytest.mark.parametrize(
    ("behavior", "must"),
    [
        (None, DEFAULTS),
        ({}, DEFAULTS),
        (
            {"scaleUp": {**UP, "selectPolicy": "Disabled"}, "scaleDown": DOWN},
            {"scaleUp": {"selectPolicy": "Disabled"}, "scaleDown": DOWN},
        ),
        (
            {"scaleUp": UP, "scaleDown": {**DOWN, "selectPolicy": "Min"}},
            {"scaleUp": UP, "scaleDown": {**DOWN, "selectPolicy": "Min"}},
        ),
        (
            {"scaleUp": {**UP, "tolerance": "0"}, "scaleDown": DOWN},
            {"scaleUp": {**UP, "tolerance": 0}, "scaleDown": DOWN},
        ),
        ({"scaleUp": UP, "scaleDown": DOWN}, {"scaleDown": DOWN}),
    ],
    ids=["no-behavior", "empty-behavior", "disabled", "min", "tolerance", "one-direction"],
)
def test_what_an_hpa_may_ask_for_a_spec_can_say(behavior: Json | None, must: Json) -> None:
    finding = judge_policies(recording(hpa(0, behavior=behavior)), _holding(behavior=must))
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


OF_CONTAINER: Json = {
    "type": "ContainerResource",
    "containerResource": {"name": "cpu", "container": "web", "target": {"averageUtilization": 70}},
}
QUEUE: Json = {
    "type": "External",
    "external": {
        "metric": {"name": "queue_length"},
        "target": {"type": "AverageValue", "averageValue": "30"},
    },
}
PODS: Json = {
    "type": "Pods",
    "pods": {"metric": {"name": "in_flight"}, "target": {"averageValue": "1500m"}},
}
OBJECT: Json = {
    "type": "Object",
    "object": {
        "metric": {"name": "requests"},
        "describedObject": {"kind": "Ingress", "name": "web"},
        "target": {"type": "Value", "value": "2k"},
    },
}


@pytest.mark.parametrize(
    ("metrics", "observed"),
    [
        (_utilization(CPU, MEMORY), "as expected"),
        (_utilization(MEMORY, CPU), "as expected"),
        (
            [OF_CONTAINER, *_utilization(MEMORY)],
            "cpu of container web 70 %, memory 80 %",
        ),
        (
            [QUEUE, *_utilization(CPU, MEMORY)],
            "External metric queue_length 30, cpu 70 %, memory 80 %",
        ),
        (_utilization(("cpu", 99), MEMORY), "cpu 99 %, memory 80 %"),
        (_utilization(CPU), "cpu 70 %"),
        (
            [*_utilization(CPU), *_metrics(("memory", {"averageValue": "64Mi"}))],
            "cpu 70 %, memory 67108864",
        ),
        (None, "cpu 80 %"),
    ],
)
def test_the_targets_are_the_specs(metrics: list[Json] | None, observed: str) -> None:
    """In any order, each to the letter, and none that the spec does not name."""
    changes = [hpa(0, metrics=metrics), hpa(5, metrics=metrics)]
    assert said(judge_targets(recording(*changes), SCALING)).splitlines() == [
        f"{'passed' if observed == 'as expected' else 'failed'}: hpa-targets of HPA policy",
        "expected HPA targets cpu 70 %, memory 80 %",
        f"observed {observed}",
    ]


@pytest.mark.parametrize(
    ("must", "other"),
    [
        (OF_CONTAINER, {**OF_CONTAINER["containerResource"], "target": {"averageValue": "1"}}),
        (QUEUE, {**QUEUE["external"], "target": {"averageValue": "31"}}),
        (PODS, {**PODS["pods"], "target": {"averageValue": "1.5", "type": "AverageValue"}}),
        (OBJECT, {**OBJECT["object"], "describedObject": {"kind": "Ingress", "name": "shop"}}),
    ],
    ids=["ContainerResource", "External", "Pods", "Object"],
)
def test_metrics_of_every_type_are_compared(must: Json, other: Json) -> None:
    """By their value, not by how it is written: 1500m is 1.5."""
    scaling = _holding(metrics=[must])
    field = next(name for name in must if name != "type")
    same = recording(hpa(0, metrics=[must]))
    assert judge_targets(same, scaling).outcome is Outcome.PASSED
    another = recording(hpa(0, metrics=[{**must, field: other}]))
    alike = must is PODS
    assert judge_targets(another, scaling).outcome is (Outcome.PASSED if alike else Outcome.FAILED)


def test_what_is_not_said_of_an_hpa_may_be_anything() -> None:
    """Ten lines of load spec need no second copy of the manifest."""
    scaling = Scaling(hpa="web-hpa")
    found = judge_asked(recording(hpa(0, maxReplicas=77, metrics=[QUEUE])), scaling)
    assert [(claim.id, claim.outcome) for claim in found] == [("hpa-steady", Outcome.PASSED)]


@pytest.mark.parametrize(
    ("changes", "outcome", "observed"),
    [
        ([hpa(0), hpa(30)], Outcome.PASSED, "as expected"),
        (
            [hpa(0), hpa(30, maxReplicas=12, minReplicas=4), hpa(40)],
            Outcome.INCONCLUSIVE,
            "maxReplicas, minReplicas changed after 30 s",
        ),
        (
            [hpa(0), Change(T0 + 20, "hpa", "DELETED", hpa(0).object)],
            Outcome.FAILED,
            "deleted after 20 s",
        ),
        ([], Outcome.FAILED, "no HPA"),
    ],
    ids=["stays", "changed-in-the-middle", "deleted", "never-there"],
)
def test_an_hpa_is_one_thing_for_the_whole_run(
    changes: list[Change], outcome: Outcome, observed: str
) -> None:
    finding = judge_steady(recording(*changes), "web-hpa")
    assert (finding.outcome, finding.observed) == (outcome, observed)


def test_without_an_hpa_nothing_is_as_expected() -> None:
    nothing = Recording(T0, T0 + 100)
    for finding in (judge_targets(nothing, SCALING), judge_policies(nothing, SCALING)):
        assert (finding.outcome, finding.observed) == (Outcome.FAILED, "no HPA")
