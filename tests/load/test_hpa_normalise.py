"""Stabilization, rate policies and bounds against the facts of upstream's tables.

Source: k8s.io/kubernetes v1.35.4, pkg/controller/podautoscaler/horizontal_test.go
(TestConvertDesiredReplicasWithRules, TestNormalizeDesiredReplicas*, TestScalingWithRules).
"""

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clusterproof.load.hpa.controller import reconcile
from clusterproof.load.hpa.normalise import (
    History,
    Recommendation,
    ScaleEvent,
    down_limit,
    limit,
    remember_step,
    stabilise,
    up_limit,
)
from clusterproof.load.hpa.proposal import ContainerView, PodView, Sample, Seen
from clusterproof.load.hpa.rules import (
    DEFAULT_DOWN,
    DEFAULT_UP,
    Behavior,
    ControllerFlags,
    HpaSpec,
    Policy,
    ResourceTarget,
    Rules,
    spec_from_object,
)

NOW = 100_000.0
FLAGS = ControllerFlags()
CPU = (ResourceTarget("cpu", utilization=70),)


def _rules(pods: int, pods_s: int, percent: int, percent_s: int, window: int) -> Rules:
    policies = []
    if pods:
        policies.append(Policy("Pods", pods, pods_s))
    if percent:
        policies.append(Policy("Percent", percent, percent_s))
    return Rules(window, "Max", tuple(policies))


def _spread(changes: list[int], period: int) -> tuple[ScaleEvent, ...]:
    """Events in the middle of equal segments of the last `period` seconds, as upstream makes."""
    segment = period / len(changes)
    return tuple(
        ScaleEvent(change, NOW - int(period - segment * (index + 1) + segment / 2))
        for index, change in enumerate(changes)
    )


@dataclass(frozen=True)
class Row:
    """One row of TestScalingWithRules."""

    name: str
    current: int
    desired: int
    low: int
    high: int
    expected: int
    reason: str
    up: Rules = DEFAULT_UP
    down: Rules = DEFAULT_DOWN
    ups: tuple[ScaleEvent, ...] = ()
    downs: tuple[ScaleEvent, ...] = ()


WITHIN, UP, DOWN = "DesiredWithinRange", "ScaleUpLimit", "ScaleDownLimit"
ROWS = [
    Row("within range", 5, 7, 3, 8, 7, WITHIN),
    Row("below min", 3, 1, 2, 8, 2, "TooFewReplicas"),
    Row("min 0", 1, 0, 0, 10, 0, WITHIN),
    Row("no change above max is no change", 20, 20, 1, 10, 20, WITHIN),
    Row("no change below min is no change", 1, 1, 3, 10, 1, WITHIN),
    Row("at max", 5, 10, 1, 10, 10, WITHIN),
    Row("rate limit at max is max", 5, 50, 1, 10, 10, "TooManyReplicas"),
    Row(
        "rate limit at min is min", 10, 1, 5, 100, 5, "TooFewReplicas", down=_rules(0, 0, 50, 60, 0)
    ),
    Row("100 % of 1000 is 1000", 1000, 5000, 1, 9000, 2000, UP, up=_rules(0, 0, 100, 60, 0)),
    Row("20 % of 1000 is 200", 1000, 1, 1, 9000, 800, DOWN, down=_rules(0, 0, 20, 60, 0)),
    Row("above max, current above max", 20, 1000, 1, 10, 10, "TooManyReplicas"),
    Row("above max", 100, 1000, 100, 150, 150, "TooManyReplicas"),
    Row("1 % of 3 is 1", 3, 1000, 1, 2000, 4, UP, up=_rules(0, 0, 1, 60, 0)),
    Row("default behaviour up", 10, 50, 1, 1000, 20, UP),
    Row("pods larger", 10, 500, 1, 1000, 110, UP, up=_rules(100, 60, 100, 60, 0)),
    Row("percent larger", 10, 500, 1, 1000, 20, UP, up=_rules(2, 60, 100, 60, 0)),
    Row("large pods policy", 10, 50, 1, 1000, 50, WITHIN, up=_rules(100, 60, 0, 0, 0)),
    Row("pods limit", 10, 50, 1, 1000, 40, UP, up=_rules(30, 60, 0, 0, 0)),
    Row("percent limit", 10, 50, 1, 1000, 30, UP, up=_rules(0, 0, 200, 60, 0)),
    Row("down pods", 100, 2, 1, 1000, 80, DOWN, down=_rules(20, 60, 1, 60, 300)),
    Row("down small", 100, 2, 1, 1000, 98, DOWN, down=_rules(2, 60, 1, 60, 300)),
    Row(
        "down percent with events",
        100,
        0,
        1,
        1000,
        56,
        DOWN,
        down=_rules(0, 0, 50, 120, 300),
        downs=_spread([2, 4, 6], 120),
    ),
    Row(
        "down with both kinds of events",
        10,
        1,
        1,
        1000,
        6,
        DOWN,
        down=_rules(0, 0, 50, 180, 0),
        ups=_spread([2], 120),
        downs=_spread([4], 120),
    ),
    Row(
        "events forbid more",
        100,
        0,
        1,
        1000,
        100,
        DOWN,
        down=_rules(0, 0, 10, 120, 300),
        downs=_spread([10, 10, 10], 120),
    ),
    Row(
        "events still allow",
        10,
        5,
        1,
        1000,
        5,
        WITHIN,
        down=_rules(0, 0, 1000, 120, 300),
        downs=_spread([10, 10, 10], 120),
    ),
    Row(
        "up events within a wide policy",
        100,
        200,
        1,
        1000,
        200,
        WITHIN,
        up=_rules(1000, 120, 100, 60, 0),
        ups=_spread([8, 12, 9, 11], 120),
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_limits_equal_upstream(row: Row) -> None:
    spec = HpaSpec(row.low, row.high, CPU, Behavior(row.up, row.down))
    found = limit(row.desired, row.current, History((), row.ups, row.downs), spec, now=NOW)
    assert (found.replicas, found.reason) == (row.expected, row.reason)


@pytest.mark.parametrize(
    ("current", "desired", "low", "high", "expected", "reason"),
    [
        (5, 7, 3, 8, 7, WITHIN),
        (3, 1, 2, 8, 2, "TooFewReplicas"),
        (1, 0, 0, 10, 0, WITHIN),
        (20, 1000, 1, 10, 10, "TooManyReplicas"),
        (5, 10, 1, 10, 10, WITHIN),
        (5, 50, 1, 10, 10, "TooManyReplicas"),
        (3, 1000, 1, 2000, 6, UP),
        (1, 1000, 1, 2000, 4, UP),
    ],
)
def test_limits_without_a_behavior_block(
    current: int, desired: int, low: int, high: int, expected: int, reason: str
) -> None:
    found = limit(desired, current, History(), HpaSpec(low, high, CPU), now=NOW)
    assert (found.replicas, found.reason) == (expected, reason)


def _ago(*entries: tuple[int, float]) -> History:
    return History(tuple(Recommendation(r, NOW - minutes * 60) for r, minutes in entries))


@pytest.mark.parametrize(
    ("history", "expected", "kept"),
    [
        (_ago(), 5, 1),
        (_ago((4, 2), (5, 1)), 5, 3),
        (_ago((1, 2), (2, 1)), 3, 3),
        (_ago((10, 10), (9, 9)), 3, 2),
        (_ago((10, 10), (4, 1), (5, 2), (9, 9)), 5, 4),
    ],
)
def test_stabilization_without_a_behavior_block(history: History, expected: int, kept: int) -> None:
    proposed = 5 if not history.recommendations else 3
    found, after = stabilise(proposed, 9, history, HpaSpec(1, 100, CPU), now=NOW, flags=FLAGS)
    assert (found, len(after.recommendations)) == (expected, kept)


@pytest.mark.parametrize(
    ("history", "current", "proposed", "up_s", "down_s", "expected", "after"),
    [
        (_ago(), 100, 5, 0, 0, 5, [5]),
        (_ago((4, 2), (5, 1)), 100, 3, 0, 180, 5, [4, 5, 3]),
        (_ago((4, 2), (5, 1)), 1, 7, 300, 0, 4, [4, 5, 7]),
        (_ago((1, 2), (2, 1)), 100, 3, 300, 0, 3, [1, 2, 3]),
        (_ago((4, 2), (5, 1)), 1, 3, 0, 300, 3, [4, 5, 3]),
        (_ago((10, 10), (9, 9)), 100, 3, 0, 0, 3, [10, 3]),
        (_ago((10, 10), (9, 9)), 1, 100, 0, 0, 100, [10, 100]),
        (_ago((10, 10), (4, 1), (5, 2), (9, 9)), 100, 3, 0, 180, 5, [10, 4, 5, 3]),
        (_ago((10, 100), (6, 1), (5, 2), (9, 3)), 1, 100, 300, 0, 5, [100, 6, 5, 9]),
        (_ago((2, 100), (3, 3)), 2, 1, 300, 300, 2, None),
        (_ago((2, 100), (1, 3)), 2, 3, 300, 300, 2, None),
    ],
)
def test_stabilization_with_a_behavior_block(
    history: History,
    current: int,
    proposed: int,
    up_s: int,
    down_s: int,
    expected: int,
    after: list[int] | None,
) -> None:
    behavior = Behavior(Rules(up_s, "Max", ()), Rules(down_s, "Max", ()))
    spec = HpaSpec(1, 1000, CPU, behavior)
    found, kept = stabilise(proposed, current, history, spec, now=NOW, flags=FLAGS)
    assert found == expected
    if after is not None:
        assert [r.replicas for r in kept.recommendations] == after


def test_select_min_takes_the_smaller_change() -> None:
    rules = Rules(300, "Min", (Policy("Pods", 2, 60), Policy("Percent", 50, 60)))
    assert up_limit(1, History(), rules, now=NOW) == 2
    assert down_limit(5, History(), rules, now=NOW) == 3


def test_select_disabled_holds() -> None:
    rules = Rules(0, "Disabled", ())
    assert up_limit(4, History(), rules, now=NOW) == 4
    assert down_limit(4, History(), rules, now=NOW) == 4


def test_an_outdated_event_is_overwritten() -> None:
    behavior = Behavior()
    history = remember_step(History(), 3, 7, behavior, now=NOW - 100)
    history = remember_step(history, 7, 10, behavior, now=NOW)
    assert [(e.change, e.at) for e in history.ups] == [(3, NOW)]


SPEC_OBJECT = {
    "spec": {
        "minReplicas": 3,
        "maxReplicas": 10,
        "metrics": [
            {"type": "Resource", "resource": {"name": "cpu", "target": {"averageUtilization": 70}}},
            {
                "type": "Resource",
                "resource": {"name": "memory", "target": {"averageUtilization": 80}},
            },
        ],
        "behavior": {
            "scaleUp": {
                "stabilizationWindowSeconds": 0,
                "selectPolicy": "Max",
                "policies": [
                    {"type": "Percent", "value": 100, "periodSeconds": 30},
                    {"type": "Pods", "value": 2, "periodSeconds": 30},
                ],
            },
            "scaleDown": {
                "stabilizationWindowSeconds": 300,
                "policies": [{"type": "Percent", "value": 50, "periodSeconds": 60}],
            },
        },
    }
}


def test_a_spec_is_read_as_the_api_serves_it() -> None:
    spec = spec_from_object(SPEC_OBJECT)
    assert (spec.min_replicas, spec.max_replicas) == (3, 10)
    assert spec.metrics[1] == ResourceTarget("memory", utilization=80)
    assert spec.behavior is not None
    assert spec.behavior.down == Rules(300, "Max", (Policy("Percent", 50, 60),))


def _world(replicas: int, total_milli: int) -> tuple[tuple[PodView, ...], dict[str, Sample]]:
    each = total_milli // replicas
    names = [f"pod-{index}" for index in range(replicas)]
    requests = {"cpu": 100, "memory": 512_000}
    pods = tuple(
        PodView(n, started_at=0.0, containers=(ContainerView("c", requests),)) for n in names
    )
    return pods, {n: Sample({"c": {"cpu": each, "memory": 100}}, NOW, 10) for n in names}


def _run(spec: HpaSpec, totals: list[int], start: int = 3) -> list[int]:
    """Replicas after each 15 s reconcile, when pods follow at once."""
    replicas, history, timeline = start, History(), []
    for index, total in enumerate(totals):
        pods, samples = _world(replicas, total)
        seen = Seen(NOW + 15 * index, replicas, pods, samples)
        decision, history = reconcile(spec, seen, history, FLAGS)
        replicas = decision.replicas
        timeline.append(replicas)
    return timeline


def test_the_ladder_without_a_behavior_block_is_3_6_10() -> None:
    assert _run(HpaSpec(3, 10, CPU), [2000] * 3) == [6, 10, 10]


def test_the_ladder_with_default_rules_is_3_7_10() -> None:
    assert _run(HpaSpec(3, 10, CPU, Behavior()), [2000] * 3) == [7, 10, 10]


def test_the_spec_goes_3_6_10_and_back_by_halves_after_the_window() -> None:
    spec = spec_from_object(SPEC_OBJECT)
    timeline = _run(spec, [2000] * 4 + [30] * 30)
    assert timeline[:4] == [6, 6, 10, 10]
    first_down = next(i for i, n in enumerate(timeline) if i > 4 and n < 10)
    assert (first_down - 3) * 15 >= 300
    assert timeline[first_down : first_down + 5] == [5, 5, 5, 5, 3]


@settings(deadline=None)
@given(
    totals=st.lists(st.integers(0, 5000), min_size=1, max_size=60),
    low=st.integers(1, 4),
    span=st.integers(0, 12),
    with_behavior=st.booleans(),
)
def test_bounds_are_never_left(
    totals: list[int], low: int, span: int, *, with_behavior: bool
) -> None:
    spec = HpaSpec(low, low + span, CPU, Behavior() if with_behavior else None)
    assert all(low <= n <= low + span for n in _run(spec, totals, start=low))


def test_a_failed_metric_forbids_scaling_down_only() -> None:
    spec = HpaSpec(
        1, 10, (ResourceTarget("cpu", utilization=70), ResourceTarget("disk", utilization=70))
    )
    assert _run(spec, [10] * 30, start=5) == [5] * 30
    assert _run(spec, [2000], start=5) == [10]
