"""A whole run of the autoscaler: to and fro, against its model, and which claims are made."""

from dataclasses import replace

import pytest

from clusterproof.load.finding import Link
from clusterproof.load.hpa.replay import Replay, Step
from clusterproof.load.scaling import Demand, judge_flapping, judge_model, judge_scaling, turns_of
from clusterproof.outcome import Outcome
from tests.load.saying import said
from tests.load.scaling_parts import MUST_HOLD, SCALING, T0, hpa, pod, recording, series, timeline

DEMAND = Demand(up_at=T0 + 30, down_at=T0 + 200, until=T0 + 640)


@pytest.mark.parametrize(
    ("values", "turns", "outcome", "observed"),
    [
        ([3, 6, 10, 5, 3], 1, "passed", "1: 3 -> 6 -> 10 -> 5 -> 3"),
        ([3, 6, 5, 10, 5], 1, "failed", "3: 3 -> 6 -> 5 -> 10 -> 5"),
        ([3, 10, 3, 10, 3], 3, "passed", "3: 3 -> 10 -> 3 -> 10 -> 3"),
        ([3, 6, 6, 10], 0, "passed", "0: 3 -> 6 -> 6 -> 10"),
        ([3, 6, 6, 5], 0, "failed", "1: 3 -> 6 -> 6 -> 5"),
        ([10, 5, 3], 0, "passed", "0: 10 -> 5 -> 3"),
        ([], 0, "passed", "0: "),
    ],
)
def test_replicas_turn_no_more_often_than_the_load(
    values: list[int], turns: int, outcome: str, observed: str
) -> None:
    """A load of two peaks turns three times; what was before the load does not count."""
    before = [(0, 9), (10, 3), (28.5, 9)]
    replicas = series(*before, *((29 + 30 * at, value) for at, value in enumerate(values)))
    found = judge_flapping(timeline(replicas=replicas), replace(DEMAND, turns=turns))
    assert said(found).splitlines() == [
        f"{outcome}: no-flapping of HPA policy",
        f"expected at most {turns} change{'s' * (turns > 1)} of direction, as the load",
        f"observed {observed}",
    ]


@pytest.mark.parametrize(
    ("values", "turns"), [((), 0), ((1, 1, 2), 0), ((2, 1, 1, 2), 1), ((1, 2, 1, 2), 2)]
)
def test_a_turn_is_a_change_of_direction(values: tuple[float, ...], turns: int) -> None:
    assert turns_of(values) == turns


@pytest.mark.parametrize(
    ("values", "turns"),
    [
        ((0, 100, 90, 100), 0),
        ((0, 100, 89, 100), 2),
        ((0, 100, 95, 89, 95), 1),
        ((0, 9, 99, 90), 0),
    ],
)
def test_a_way_within_the_tolerance_is_none(values: tuple[float, ...], turns: int) -> None:
    """Also one in small steps: it counts from where the series turned."""
    assert turns_of(values, apart=0.1) == turns


def step(predicted: int, observed: int) -> Step:
    """One reconcile."""
    return Step(1234.4, 3, predicted, observed, None, "cpu at 140 %", (None, None))


AGREES = (
    "expected the model sets the same in at least 90% of the reconciles, and of those that change"
    " something; alone it is within one sync period for 75% of the time; at most 4 in a row left"
    " the HPA's status as it was, though the utilization had moved by more than a point"
)
UNSHOWN = (
    "most reconciles in a row that left the HPA's status as it was, though the utilization had"
    " moved by more than a point:"
)


@pytest.mark.parametrize(
    ("agreement", "steps", "outcome", "acted"),
    [
        (0.9, (step(6, 6), step(6, 5)), "inconclusive", "1 of 2"),
        (0.89, (step(6, 5), step(7, 5)), "failed", "0 of 2"),
        (0.95, (step(6, 5), *(step(6, 6) for _ in range(9))), "passed", "9 of 10"),
        (0.99, (step(6, 5), step(3, 3)), "failed", "0 of 1"),
        (0.95, (step(6, 5), step(7, 5), *(step(6, 6) for _ in range(4))), "failed", "4 of 6"),
    ],
)
def test_the_model_agrees_in_nine_of_ten_and_of_those_that_act(
    agreement: float, steps: tuple[Step, ...], outcome: str, acted: str
) -> None:
    """A wrong model agrees in all that change nothing. The first difference is shown."""
    found = judge_model(Replay(steps, (), agreement, within_sync=0.975))
    assert said(found).splitlines() == [
        f"{outcome}: hpa-model of HPA decision",
        AGREES,
        f"observed {agreement:.1%} of {len(steps)} reconciles; {acted} that change something",
        "on its own replicas: observed within one sync period of predicted for 97.5% of the time",
        f"{UNSHOWN} 0",
        "first difference at 1234: from 3 the model sets 6 (cpu at 140 %), the controller 5",
    ]


def test_a_step_that_came_a_reconcile_later_is_the_same_step() -> None:
    """Their times are inferred from outside."""
    later = Replay((step(6, 3), step(3, 6), step(3, 3)), (), 1.0, 1.0)
    assert later.acted == (2, 2)
    other = Replay((step(6, 3), step(3, 5)), (), 1.0, 1.0)
    assert other.acted == (0, 2)


@pytest.mark.parametrize("replayed", [None, Replay((), (), 1.0, 1.0)])
def test_what_was_not_replayed_is_not_judged(replayed: Replay | None) -> None:
    """Nor is a run without a reconcile."""
    assert said(judge_model(replayed)).splitlines() == [
        "inconclusive: hpa-model of HPA decision",
        AGREES,
        "observed no reconcile could be replayed",
    ]


def test_a_model_that_agrees_shows_no_difference() -> None:
    """Two lines of evidence are left."""
    assert len(judge_model(Replay((step(6, 6),), (), 1.0, 1.0)).evidence) == 2


@pytest.mark.parametrize(("unshown", "outcome"), [(4, Outcome.PASSED), (5, Outcome.FAILED)])
def test_a_controller_that_looks_no_more_fails_where_its_last_step_was_right(
    unshown: int, outcome: Outcome
) -> None:
    """A minute of its own sync period."""
    found = judge_model(Replay((step(6, 6),), (), 1.0, 1.0, unshown))
    assert (found.outcome, found.link) == (outcome, Link.HPA_DECISION)
    assert f"{UNSHOWN} {unshown}" in found.evidence


@pytest.mark.parametrize(
    ("in_time", "late_s", "unshown", "outcome", "link"),
    [
        ((6, 6), 5.0, 0, Outcome.INCONCLUSIVE, Link.HPA_DECISION),
        ((6, 6), 5.1, 0, Outcome.INCONCLUSIVE, Link.OBSERVER),
        ((6, 7), 5.1, 0, Outcome.FAILED, Link.HPA_DECISION),
        ((6, 6), 5.1, 5, Outcome.FAILED, Link.HPA_DECISION),
    ],
    ids=["in-time", "late", "wrong-at-other-times-too", "and-never-again"],
)
def test_a_controller_is_not_accused_for_what_was_seen_late_alone(
    in_time: tuple[int, int], late_s: float, unshown: int, outcome: Outcome, link: Link
) -> None:
    """Of four reconciles the last differs, whose status came late."""
    steps = [*(step(*in_time) for _ in range(3)), replace(step(6, 7), late_s=late_s)]
    found = judge_model(Replay(tuple(steps), (), 0.75, 1.0, unshown))
    assert (found.outcome, found.link) == (outcome, link)
    said_so = any("seen at least 5 s late" in line for line in found.evidence)
    assert said_so == (link is Link.OBSERVER)


def ids(demand: Demand, *, behind: bool = False) -> list[str]:
    """The claims of a whole run; with a Pod that never became Ready, or without."""
    changes = [hpa(0, **MUST_HOLD), *([pod(0, ready="False")] if behind else [])]
    seen = timeline(replicas=series((0, 3)), ready=series((0, 3)), desired=series((0, 10)))
    replayed = Replay((step(6, 6),), (), 1.0, 1.0)
    found = judge_scaling(recording(*changes), seen, SCALING, demand, replayed)
    model = next(one for one in found if one.id == "hpa-model")
    assert model.outcome is Outcome.PASSED
    return [f"{one.id} {one.link}" for one in found]


def test_a_run_is_held_to_what_it_demanded() -> None:
    """No ceiling without a load that needs it, no floor without its end."""
    always = [
        "hpa-steady HPA policy",
        "hpa-bounds HPA bounds",
        "hpa-targets HPA policy",
        "hpa-policy HPA policy",
    ]
    always += ["hpa-metrics metrics", "replicas-bounds HPA bounds"]
    behind = ["no-flapping HPA policy", "hpa-model HPA decision"]
    up = ["ceiling readiness", "reaction demand"]
    assert ids(Demand(None, None, T0 + 640)) == [*always, *behind]
    assert ids(DEMAND) == [*always, *up, "floor HPA decision", *behind]
    assert ids(Demand(None, None, T0 + 640), behind=True) == [
        *always,
        *behind,
        "pods-ready readiness",
    ]
    named = ["ceiling readiness", "reaction readiness"]
    assert ids(replace(DEMAND, down_at=None), behind=True) == [*always, *named, *behind]


def test_the_scale_down_of_a_run_is_held_to_its_reconciles() -> None:
    """The last one that needed ten was 10 s before the end of the load."""
    seen = timeline(replicas=series((0, 3), (60, 10), (500, 5)))
    needs_ten = replace(step(10, 10), at=T0 + 190, proposed=10)
    replayed = Replay((needs_ten,), (), 1.0, 1.0)
    found = judge_scaling(recording(hpa(0, **MUST_HOLD)), seen, SCALING, DEMAND, replayed)
    window = next(one for one in found if one.id == "down-window")
    assert window.observed.startswith("10 to 5, 310 s after it")


@pytest.mark.parametrize(
    ("change", "claims"),
    [
        ({"maxReplicas": 15}, {"replicas-bounds": "passed", "no-flapping": "inconclusive"}),
        ({"maxReplicas": 11}, {"replicas-bounds": "failed", "no-flapping": "inconclusive"}),
        ({}, {"replicas-bounds": "failed", "no-flapping": "failed"}),
    ],
    ids=["raised", "raised-too-little", "not-changed"],
)
def test_an_autoscaler_that_was_changed_is_not_held_to_its_first_words(
    change: dict[str, int], claims: dict[str, str]
) -> None:
    """12 replicas are within the bounds that it had by then."""
    seen = timeline(replicas=series((0, 3), (40, 10), (60, 12), (90, 3)), ready=series((0, 3)))
    changes = recording(hpa(0, **MUST_HOLD), hpa(50, **{**MUST_HOLD, **change}))
    demand = replace(DEMAND, down_at=None)
    found = {f.id: f for f in judge_scaling(changes, seen, SCALING, demand, None)}
    assert {claim: str(found[claim].outcome) for claim in claims} == claims
    if change:
        assert found["no-flapping"].evidence == ("hpa-steady: maxReplicas changed after 50 s",)


def test_a_policy_that_is_disabled_is_to_blame_for_what_it_keeps_away() -> None:
    """The controller decided as it was told."""
    behavior = {way: {"selectPolicy": "Disabled"} for way in ("scaleUp", "scaleDown")}
    told = hpa(0, **{**MUST_HOLD, "behavior": behavior})
    busy = timeline(
        replicas=series((0, 3), (10, 5)), desired=series((0, 3)), pressure=series((0, 300))
    )
    found = {f.id: f for f in judge_scaling(recording(told), busy, SCALING, DEMAND, None)}
    failed = {row: (found[row].outcome, found[row].link) for row in ("ceiling", "floor")}
    assert failed == dict.fromkeys(failed, (Outcome.FAILED, Link.HPA_POLICY))
