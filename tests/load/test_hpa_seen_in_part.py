"""A controller that follows its algorithm is not accused for what we saw late, or not at all.

And one that does not is no better off for it.
"""

import random
from typing import Any

import pytest

from clusterproof.load.hpa.normalise import History, Recommendation
from clusterproof.load.hpa.replay import Replay, Step, replay
from clusterproof.load.recording import Change, Recording
from clusterproof.load.scaling import judge_model
from clusterproof.load.timeline import build_timeline
from clusterproof.outcome import Outcome
from tests.load.hpa_world import PASSED, STEPS, UP_BY_TWO, World, rising, target_at
from tests.load.replay_parts import FLAGS, hpa, pod, read
from tests.load.scaling_parts import T0


def test_a_healthy_controller_is_not_accused() -> None:
    world = World(STEPS, up=UP_BY_TWO)
    assert world.outcome() == PASSED
    assert world.run()[1].acted == (4, 4)


@pytest.mark.parametrize("late_s", [1, 3, 6, 7.6, 8, 9, 9.9])
def test_a_status_that_comes_late_is_of_its_own_step(late_s: float) -> None:
    """Up to two thirds of a period: what is later is taken for the next reconcile."""
    assert World(STEPS, up=UP_BY_TWO, late={45: late_s}).outcome() == PASSED


def test_what_was_set_while_we_could_not_read_is_remembered() -> None:
    """It went up meanwhile, and does not go down for five minutes after it."""
    load = rising((0, 100), (25, 400), (64, 160))
    world = World(load, failed=((23, 65),), until=300)
    assert world.outcome() == PASSED
    assert len(world.run()[1].steps) < 19


def test_an_error_of_a_point_in_our_reads_is_none_of_the_controller() -> None:
    """Twice the target is four Pods; a point more would be five, for five minutes."""
    load = rising((0, 100), (40, 202), (100, 404))
    assert World(load, misread={45: 1, 105: 1}, until=500).outcome() == PASSED


@pytest.mark.parametrize("average", [None, 50], ids=["by-utilization", "by-average-value"])
def test_one_read_of_ours_that_failed_is_no_lack_of_metrics(average: int | None) -> None:
    load = rising((0, 100), (40, 200))
    world = World(load, average=average, failed=((42.5, 43.5),), misread={45: 0}, until=90)
    assert world.outcome() == PASSED


def test_a_time_in_which_nothing_was_read_says_nothing_of_a_reconcile() -> None:
    """We stood still for half a minute, in which the load rose, and the controller saw it."""
    load = rising((0, 100), (70, 200))
    world = World(load, unread=((60, 95),), until=300)
    assert world.outcome() == PASSED
    assert not any(step.at == T0 + 75 for step in world.run()[1].steps)


def test_replicas_that_are_seen_after_the_status_are_of_its_step() -> None:
    """By a watch that is slower than that of the HPA."""
    world = World(STEPS, up=UP_BY_TWO, target_late={45: 2.6, 105: 3.5})
    assert world.outcome() == PASSED
    assert world.run()[1].agreement == 1.0


@pytest.mark.parametrize("up", [None, UP_BY_TWO], ids=["no-behavior", "behavior"])
def test_a_run_may_begin_while_the_window_of_an_earlier_load_is_open(
    up: dict[str, Any] | None,
) -> None:
    """The replicas of then were asked for long before: nobody knows when the window ends."""
    before = History((Recommendation(2, T0),))
    held = {float(at): 8 for at in range(15, 120, 15)}
    world = World(rising((0, 100)), replicas=8, up=up, history=before, wrong=held, until=400)
    assert world.outcome() == PASSED
    assert world.run()[1].acted == (1, 1)


def test_what_the_controller_recommended_in_the_run_holds_for_the_window() -> None:
    """Eight were asked for a minute ago."""
    world = World(rising((0, 400), (50, 100)), replicas=8, wrong={120: 2}, until=400)
    assert world.run()[1].first_divergence == Step(
        T0 + 120, 8, 8, 2, 2, "DesiredWithinRange", (12.0, 12.0)
    )
    assert world.outcome()[0] is not Outcome.PASSED


@pytest.mark.parametrize("touched", [(), tuple(range(62, 600, 60)), tuple(range(37, 600, 15))])
def test_a_controller_that_is_dead_is_named_whoever_else_writes_to_the_hpa(
    touched: tuple[float, ...],
) -> None:
    """As Argo CD, Flux, KEDA and `kubectl annotate` do."""
    world = World(rising((0, 100), (40, 108)), dies_at=31, touched=touched)
    assert world.run()[1].unshown > 4
    assert world.outcome()[0] is Outcome.FAILED


def test_who_else_writes_to_the_hpa_makes_no_reconcile() -> None:
    touched = World(STEPS, up=UP_BY_TWO, touched=(22, 68, 97)).run()[1]
    assert [step.at for step in touched.steps] == [
        step.at for step in World(STEPS, up=UP_BY_TWO).run()[1].steps
    ]


def test_without_an_hpa_there_is_nothing_to_reconcile() -> None:
    """It is deleted at 80, and made anew at 200."""
    recording, _ = World(rising((0, 100)), until=300).run()
    recording.changes = [c for c in recording.changes if c.kind != "hpa" or c.at < T0 + 80]
    recording.changes += [hpa(80, 50, kind="DELETED"), hpa(200, kind="ADDED"), hpa(215, 50)]
    found = replay(recording, build_timeline(recording, hpa="web"), hpa="web", flags=FLAGS)
    assert found is not None
    assert not any(T0 + 80 <= step.at < T0 + 200 for step in found.steps)
    assert any(step.at >= T0 + 215 for step in found.steps)


def test_a_controller_of_another_period_is_not_late() -> None:
    """Statuses that stay as they are are not written: 24 s, and then 8 s."""
    changes = [hpa(0, 20, kind="LISTED"), pod(0, 0)]
    changes += [hpa(at, shows) for at, shows in ((16, 30), (40, 50), (48, 60), (72, 70), (80, 50))]
    recording = Recording(T0, T0 + 100, [*changes, target_at(0, 1)], [read(1, 40)])
    found = replay(recording, build_timeline(recording, hpa="web"), hpa="web", flags=FLAGS)
    assert found is not None
    assert not any(step.late_s for step in found.steps)


def test_a_status_that_is_not_of_its_reconcile_excuses_no_other() -> None:
    """The controller goes half of the way twice; a status in which nothing happens is late."""
    load = rising((0, 100), (295, 200), (595, 200))
    wrong = {300.0: 3, 315.0: 3, 330.0: 3, 345.0: 3, 360.0: 3}
    assert World(load, wrong=wrong, until=900).outcome()[0] is Outcome.FAILED
    assert World(load, wrong=wrong, until=900, late={75: 6}).outcome()[0] is Outcome.FAILED


def test_replicas_that_stay_are_no_recommendation() -> None:
    """A controller that is stuck is not taken at its word where its status tells of no figure."""
    load = rising((0, 400), (20, 100))
    blind = ((193, 216), (418, 441), (643, 666), (868, 891))
    stuck = {float(at): 8 for at in range(15, 900, 15)}
    world = World(load, replicas=8, average=50, wrong=stuck, until=900, failed=blind)
    assert world.outcome()[0] is Outcome.FAILED
    assert World(load, replicas=8, average=50, until=900, failed=((193, 212),)).outcome() == PASSED
    idle = World(rising((0, 400), (20, 3)), replicas=8, until=900, misread={210: -1})
    assert idle.outcome() == PASSED
    held = World(idle.load, replicas=8, wrong=stuck, until=420, misread={210: -1})
    assert held.outcome()[0] is Outcome.FAILED


def test_a_controller_that_is_late_each_time_differs() -> None:
    """One step may be of the reconcile beside it, not each."""
    load = rising((0, 100), (40, 200), (100, 300), (160, 400))
    wrong = {45.0: 2, 60.0: 4, 105.0: 4, 120.0: 6, 165.0: 6, 180.0: 8}
    assert World(load, wrong=wrong, until=300).outcome()[0] is Outcome.FAILED


def test_what_the_first_reconcile_recommended_holds_for_the_window() -> None:
    """Eight were needed at 15 s, and no more from 20 s on."""
    wrong = {float(at): 2 for at in range(45, 400, 15)}
    world = World(rising((0, 400), (20, 100)), replicas=8, wrong=wrong, until=400)
    assert world.outcome()[0] is Outcome.FAILED


def test_the_windows_of_two_earlier_loads_may_be_open() -> None:
    before = History((Recommendation(8, T0 - 200), Recommendation(5, T0 - 100)))
    world = World(rising((0, 100)), replicas=8, history=before, until=500)
    assert world.outcome() == PASSED
    assert world.run()[1].acted == (2, 2)


def test_a_run_of_which_much_was_not_seen_is_inconclusive() -> None:
    """Stuck at two under four times the load, while we read nothing."""
    wrong = {float(at): 2 for at in range(75, 545, 15)}
    world = World(
        lambda at: 100 if at < 70 else 400 + at // 15 % 2 * 8, unread=((60, 560),), wrong=wrong
    )
    assert world.outcome() == (Outcome.INCONCLUSIVE, "observer")


def test_an_error_of_our_reads_that_stays_is_no_dead_controller() -> None:
    misread = {15.0: 1, **{float(at): 2 for at in range(30, 300, 15)}}
    world = World(rising((0, 102), (20, 104)), misread=misread, until=300)
    assert world.run()[1].unshown == 0
    assert world.outcome() == PASSED


def test_an_hpa_that_was_not_reconciled_yet_goes_from_no_replicas() -> None:
    """Its status is there, without a figure."""
    recording, _ = World(rising((0, 100)), until=300).run()
    made = hpa(20, kind="ADDED")
    made.object["status"] = {"desiredReplicas": 0, "currentMetrics": None}
    later = [c for c in recording.changes if c.kind != "hpa" or c.at > T0 + 40]
    none = Change(T0 - 1, "target", "LISTED", target_at(0, 0).object)
    recording.changes = [none, *(c for c in later if c.kind != "hpa"), made]
    recording.changes += [c for c in later if c.kind == "hpa"]
    found = replay(recording, build_timeline(recording, hpa="web"), hpa="web", flags=FLAGS)
    assert found is not None
    assert judge_model(found).outcome is Outcome.PASSED


def test_the_usage_of_another_resource_is_not_the_errors_of_this_one() -> None:
    """Memory is at its target; one point of CPU is half of it."""
    world = World(rising((0, 2)), until=400, misread={105: -1}, memory=50)
    assert world.outcome() == PASSED


def drawn(seed: int) -> World:
    """A world in which much is seen in part: the load, the HPA and what we miss are drawn."""
    chance = random.Random(seed)  # noqa: S311 - a reproducible draw
    points, at = [(0.0, float(chance.choice((80, 100, 150))))], 0
    while at < 500:
        at = (at + chance.randint(30, 150)) // 15 * 15 + chance.choice((5, 7, 9))
        points.append((at, chance.choice((60, 100, 150, 200, 300, 400, 600, 900))))
    doubled = {"type": "Percent", "value": 100, "periodSeconds": 15}
    halved = {"type": "Percent", "value": 50, "periodSeconds": 60}
    up = chance.choice((None, None, UP_BY_TWO, doubled, halved))
    world = World(rising(*points), up=up, replicas=chance.choice((1, 2, 4)))
    for reconcile_at in range(15, 600, 15):
        if chance.random() < 0.1:
            world.late[reconcile_at] = chance.uniform(0, 3)
        if chance.random() < 0.1:
            world.target_late[reconcile_at] = chance.uniform(0, 4)
        if chance.random() < 0.1:
            world.misread[reconcile_at] = chance.choice((-1, 1))
    world.touched = tuple(chance.uniform(10, 590) for _ in range(chance.randint(0, 20)))
    blind, failing = chance.uniform(0, 550), chance.uniform(0, 550)
    world.unread = ((blind, blind + chance.uniform(0, 40)),)
    world.failed = ((failing, failing + chance.uniform(0, 44)),)
    return world


def test_of_healthy_controllers_that_are_seen_in_part_next_to_none_is_accused() -> None:
    """Of those of 40 seeds 11 were: all of that at once is more than a run has."""
    accused = [seed for seed in range(40) if drawn(seed).outcome()[0] is Outcome.FAILED]
    assert len(accused) <= 1


def step(predicted: int, observed: int, late_s: float = 0.0) -> Step:
    """One reconcile, from three replicas."""
    return Step(T0, 3, predicted, observed, None, "", (None, None), late_s)


@pytest.mark.parametrize(
    ("steps", "within_sync", "outcome", "link"),
    [
        ([step(6, 3)] * 3 + [step(3, 3)] * 57 + [step(3, 3, 5.1)], 1.0, "failed", "HPA decision"),
        ([step(3, 3)] * 59 + [step(3, 3, 5.1)], 0.1, "failed", "HPA decision"),
        ([step(3, 3)] * 59 + [step(6, 3, 5.1)], 0.1, "inconclusive", "observer"),
        ([step(3, 3)] * 9 + [step(6, 7)] + [step(6, 3, 5.1)], 0.1, "failed", "HPA decision"),
        ([step(6, 6), step(6, 3), *[step(3, 3)] * 6], 1.0, "inconclusive", "HPA decision"),
        ([step(6, 7), *[step(3, 3)] * 6], 1.0, "failed", "HPA decision"),
    ],
    ids=[
        "others-differ",
        "alone-it-goes-elsewhere",
        "from-there-on-alone",
        "another-before-it",
        "one-of-few",
        "the-only-one",
    ],
)
def test_what_excuses_a_controller(
    steps: list[Step], within_sync: float, outcome: str, link: str
) -> None:
    """Its own late status, or that one may be chance."""
    found = judge_model(Replay(tuple(steps), (), 0.9, within_sync))
    assert (found.outcome.value, found.link.value) == (outcome, link)
