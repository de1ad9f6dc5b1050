"""A controller that saw, or remembers, other things than we do; and one that is not the only one.

It follows its algorithm, and is not accused; one that does not is found all the same.
"""

from dataclasses import replace
from typing import Any

import pytest

from clusterproof.load.hpa.normalise import History, Recommendation, ScaleEvent
from clusterproof.load.scaling import judge_model
from clusterproof.outcome import Outcome
from tests.load.hpa_world import PASSED, STEPS, UP_BY_TWO, World, rising
from tests.load.scaling_parts import T0

DOWN_BY_ONE = {"policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}]}
FALLING = rising((0, 400), (60, 100))
KINDS: dict[str, dict[str, Any]] = {
    "utilization": {},
    "average-value": {"average": 50},
    "container": {"container": "app"},
}


def ramp(at: float) -> float:
    """From 40 s to 160 s six times the load; from 300 s on as before."""
    return 100 + min(max(at - 40, 0), 120) / 120 * 500 if at < 300 else 100


@pytest.mark.parametrize("up", [None, UP_BY_TWO], ids=["default", "policy"])
@pytest.mark.parametrize("kind", KINDS)
def test_metrics_that_change_between_our_read_and_the_controllers(
    kind: str, up: dict[str, Any] | None
) -> None:
    """Both look each 15 s, so that it is so in each step of a run."""
    for half_seconds in range(30):
        world = World(STEPS, up=up, scraped_at=half_seconds / 2, **KINDS[kind])
        assert world.outcome() == PASSED, half_seconds


@pytest.mark.parametrize("up", [None, UP_BY_TWO], ids=["default", "policy"])
def test_a_metrics_server_of_two_replicas_shows_us_the_same_sooner_or_later(
    up: dict[str, Any] | None,
) -> None:
    """What the HPA's status shows is decided from; what we read may be of the scrape before."""
    for theirs in range(15):
        for ours in range(0, 15, 2):
            world = World(STEPS, up=up, scraped_at=theirs + 0.3, ours_scraped_at=ours + 0.3)
            assert world.outcome() == PASSED, (theirs, ours)


def test_a_load_that_never_stands_still_is_seen_in_part_by_the_other_replica() -> None:
    outcomes = [
        World(ramp, scraped_at=theirs + 0.3, ours_scraped_at=ours + 0.3).outcome()
        for theirs in range(15)
        for ours in range(1, 15, 2)
    ]
    assert {outcome for outcome, _ in outcomes} <= {Outcome.PASSED, Outcome.INCONCLUSIVE}
    assert outcomes.count(PASSED) > 0.9 * len(outcomes)


@pytest.mark.parametrize("gone_s", [0.3, 1.0, 5.0, 20.0])
@pytest.mark.parametrize("read_at", [0.5, 0.9, 1.3, 1.7, 2.1])
def test_pods_that_end_at_once_were_there_when_the_step_was_decided(
    gone_s: float, read_at: float
) -> None:
    """The read after it has only those that are left; its figure is the same."""
    world = World(FALLING, replicas=8, until=700, scraped_at=7.3, gone_s=gone_s, read_at=read_at)
    assert world.outcome() == PASSED


@pytest.mark.parametrize("kind", KINDS)
def test_a_controller_that_is_dead_is_found_by_whatever_metric(kind: str) -> None:
    """It went up, and never down: five reconciles would have shown the load of then."""
    load = rising((0, 100), (30, 400), (120, 20))
    world = World(load, dies_at=91, until=380, gone_s=20, scraped_at=7, **KINDS[kind])
    assert world.run()[1].unshown > 4
    assert world.outcome()[0] is Outcome.FAILED


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ours", [None, 4.3], ids=["one-replica", "two-replicas"])
def test_a_controller_that_shows_what_it_saw_and_does_nothing_is_found(
    kind: str, ours: float | None
) -> None:
    stuck = {float(at): 2 for at in range(45, 400, 15)}
    world = World(ramp, wrong=stuck, until=400, scraped_at=14.3, ours_scraped_at=ours)
    assert replace(world, **KINDS[kind]).outcome() == (Outcome.FAILED, "HPA decision")


def test_a_controller_whose_figures_are_never_ours_is_not_told_right() -> None:
    """It decides well from figures that nobody else reads: that is no evidence for it."""
    misread = {float(at): 60 for at in range(45, 600, 15)}
    world = World(lambda at: 100 if at < 40 else 220 + at // 15 % 2 * 6, misread=misread)
    assert world.run()[1].unread > 10
    assert world.outcome() == (Outcome.INCONCLUSIVE, "observer")


@pytest.mark.parametrize(
    ("up", "at"),
    [(UP_BY_TWO, 60), (UP_BY_TWO, 120), (None, 60)],
    ids=["policy", "policy-later", "default"],
)
def test_a_step_that_fails_once_is_one_difference_and_shifts_no_policy(
    up: dict[str, Any] | None, at: float
) -> None:
    """On a conflict the controller remembers none (horizontal.go, storeScaleEvent)."""
    world = World(STEPS, up=up, refused=(float(at),), scraped_at=7)
    assert world.outcome() == (Outcome.INCONCLUSIVE, "HPA decision")
    assert len([step for step in world.run()[1].steps if step.predicted != step.observed]) == 1


@pytest.mark.parametrize(
    ("down", "since"),
    [
        ({**DOWN_BY_ONE, "stabilizationWindowSeconds": 0}, 5),
        ({**DOWN_BY_ONE, "stabilizationWindowSeconds": 0}, 55),
        (
            {
                "stabilizationWindowSeconds": 60,
                "policies": [{"type": "Percent", "value": 10, "periodSeconds": 300}],
            },
            5,
        ),
    ],
)
def test_a_step_just_before_the_run_holds_the_next_one(down: dict[str, Any], since: float) -> None:
    before = History((Recommendation(2, T0),), (), (ScaleEvent(1, T0 - since),))
    world = World(rising((0, 100)), replicas=8, down=down, history=before, until=900)
    assert world.outcome() == PASSED


def test_what_may_have_been_before_the_run_holds_for_one_period() -> None:
    """Two more are allowed each minute, of which it sets none for two."""
    wrong = {float(at): 2 for at in range(45, 165, 15)}
    world = World(rising((0, 100), (20, 400)), up=UP_BY_TWO, wrong=wrong, until=400)
    assert world.outcome()[0] is Outcome.FAILED


TEN_PERCENT = {
    "stabilizationWindowSeconds": 0,
    "policies": [{"type": "Percent", "value": 10, "periodSeconds": 300}],
}


@pytest.mark.parametrize(
    ("world", "outcome"),
    [
        (World(rising((0, 100), (40, 400)), up={**UP_BY_TWO, "periodSeconds": 300}), "failed"),
        (World(rising((0, 400), (40, 50)), replicas=8, down=TEN_PERCENT), "inconclusive"),
    ],
    ids=["more-than-there-can-have-been", "nothing-else-was-done"],
)
def test_a_controller_that_never_steps_is_not_right_for_what_nobody_saw(
    world: World, outcome: str
) -> None:
    """Stuck for a whole period: no step before the run is evidence."""
    stuck = {float(at): world.replicas for at in range(45, 300, 15)}
    assert replace(world, wrong=stuck, until=300).outcome()[0].value == outcome


def test_a_step_before_the_run_does_not_grow_in_it() -> None:
    """Each time it goes down by one, of four that are allowed in a minute."""
    wrong = {15.0: 7, 30.0: 6, 45.0: 5, 60.0: 4, 75.0: 3, 90.0: 2}
    down = {"policies": [{"type": "Pods", "value": 4, "periodSeconds": 60}]}
    world = World(rising((0, 100)), replicas=8, wrong=wrong, until=300)
    world.down = {**down, "stabilizationWindowSeconds": 0}
    assert world.outcome()[0] is not Outcome.PASSED


@pytest.mark.parametrize("reconciles", [4, 6, 10])
def test_figures_that_are_far_from_all_that_we_read_are_no_evidence(reconciles: int) -> None:
    """For a minute or more the HPA shows a quarter of what its Pods use, and does not scale."""
    misread = {45.0 + 15 * n: 150 for n in range(reconciles)}
    world = World(lambda at: 100 if at < 40 else 400 + at // 15 % 2 * 4, misread=misread)
    assert replace(world, scraped_at=7.3).outcome() == (Outcome.INCONCLUSIVE, "observer")


@pytest.mark.parametrize(
    ("world", "acted"),
    [
        (World(rising((0, 100), (20, 400)), up=UP_BY_TWO, others={125: 2}, until=300), 5),
        (World(rising((0, 100), (20, 400)), up=UP_BY_TWO, others={125: 2, 245: 2}, until=400), 7),
        (World(rising((0, 100)), down=DOWN_BY_ONE, others={65: 6}, until=400), 4),
    ],
    ids=["a-manifest-is-applied", "and-again", "kubectl-scale"],
)
def test_replicas_that_somebody_else_sets_are_not_the_controllers(world: World, acted: int) -> None:
    """Each of its reconciles goes on from there, and the model on its own does too."""
    found = world.run()[1]
    assert found.acted == (acted, acted)
    assert judge_model(found).outcome is Outcome.PASSED


def test_a_first_reconcile_for_which_we_read_nothing_leaves_the_window_unknown() -> None:
    before = History((Recommendation(8, T0 - 180),))
    world = World(rising((0, 100)), replicas=8, history=before, failed=((-1, 20),))
    assert world.outcome() == PASSED


def test_memory_that_drives_is_told_by_its_own_figure() -> None:
    """Another read has the same figure of CPU, which stands still, and another of memory."""
    for phase in (0.5, 7.0, 14.3):
        world = World(rising((0, 20)), until=400, memory=80, scraped_at=phase)
        found = world.run()[1]
        assert judge_model(found).outcome is Outcome.PASSED
        assert found.acted[0] == found.acted[1] > 0


@pytest.mark.parametrize("times", [(60,), (60, 120)], ids=["once", "twice"])
def test_replicas_that_are_seen_half_a_period_late_are_of_the_step_that_the_status_tells(
    times: tuple[int, ...],
) -> None:
    world = World(STEPS, up=UP_BY_TWO, target_late=dict.fromkeys(map(float, times), 6.0))
    assert world.outcome() == PASSED
