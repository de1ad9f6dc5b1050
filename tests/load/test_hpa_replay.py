"""The replay of a run, made by hand: from which figures each reconcile is decided again."""

from dataclasses import replace

import pytest

from clusterproof.load.hpa.replay import Replay, Step
from clusterproof.load.recording import Change, UsageRead
from tests.load.replay_parts import hpa, pod, read, replayed, steps
from tests.load.scaling_parts import T0, series

WITHIN = "DesiredWithinRange"

GROWTH = [hpa(15, 40), hpa(30, 100), hpa(45, 50), pod(0, 0), pod(0, 1), pod(31, 2), pod(31, 3)]
USAGE = [read(10, 40, 40), read(25, 100, 100), read(40, 50, 50, 50, 50)]


def test_a_run_is_decided_again_from_what_the_controller_saw() -> None:
    """Each status update was a reconcile, and shows which of the reads it was made from."""
    assert replayed(GROWTH, USAGE, series((0, 2), (31, 4))) == Replay(
        steps=(
            Step(T0 + 15, 2, 2, 2, 2, WITHIN, (40.0, 40.0)),
            Step(T0 + 30, 2, 4, 4, 4, WITHIN, (100.0, 100.0)),
            Step(T0 + 45, 4, 4, 4, 4, WITHIN, (50.0, 50.0)),
        ),
        free=series((15, 2), (15, 2), (30, 4), (45, 4)),
        agreement=1.0,
        within_sync=1.0,
    )


def test_a_controller_that_does_not_step_differs() -> None:
    """From its first step on: the model keeps its four for the window."""
    found = replayed(GROWTH[:5], [*USAGE[:2], read(40, 50, 50)])
    assert found is not None
    assert [step.predicted for step in found.steps] == [2, 4, 4]
    assert found.first_divergence == found.steps[1]
    assert found.agreement == pytest.approx(1 / 3)
    assert found.free == series((15, 2), (15, 2), (30, 4), (45, 4))
    assert found.within_sync == pytest.approx(30 / 31)


def test_the_hpa_of_another_workload_is_not_replayed() -> None:
    """Nor does it say when ours was reconciled."""
    others = [hpa(7, 90, name="another"), hpa(29, 90, name="another")]
    assert replayed([*others, *GROWTH], USAGE) == replayed(GROWTH, USAGE)
    assert replayed(others, USAGE) is None


def test_a_run_without_replicas_or_without_usage_is_not_replayed() -> None:
    """There is nothing to compare with, or nothing to decide from."""
    assert replayed(GROWTH, USAGE, ()) is None
    assert replayed(GROWTH, []) is None


def test_a_run_that_is_over_before_its_first_reconcile_is_not_replayed() -> None:
    """A second of load, and one status before the first usage was read."""
    assert replayed([hpa(1, 40)], [read(5, 40, 40)], until=14.5) is None


def test_the_model_on_its_own_begins_with_the_replicas_of_the_first_reconcile() -> None:
    """Whatever is set by hand later."""
    found = replayed(GROWTH, USAGE, series((0, 2), (20, 7)))
    assert found is not None
    assert found.free[0] == (T0 + 15, 2.0)


def test_a_reconcile_starts_from_the_replicas_just_before_it() -> None:
    """Half a second: the controller's own step is not yet seen then."""
    found = steps(GROWTH, USAGE, series((0, 5), (14, 2), (15, 3)))
    assert found[0].before == 2


@pytest.mark.parametrize(
    ("status_at", "before"),
    [(20.0, 2), (20.4, 2), (21.0, 2), (21.1, 4)],
    ids=["at-once", "soon", "at-the-latest", "too-late-to-be-of-this-step"],
)
def test_the_pods_of_a_step_were_not_there_when_it_was_decided(
    status_at: float, before: int
) -> None:
    """An unready one would count as idle; the status follows the scale by a second at most."""
    born = pod(20, 2)
    born.object["status"] = {"phase": "Pending", "startTime": "1970-01-01T00:17:00Z"}
    changes = [hpa(status_at, 80), pod(0, 0), pod(0, 1), born]
    found = steps(changes, [read(10, 80, 80)], series((0, 2), (20, 4)))
    step = next(step for step in found if step.at == T0 + status_at)
    assert (step.before, step.proposed) == (before, 4)


@pytest.mark.parametrize(
    ("status_at", "current", "before"),
    [(22.0, 2, 2), (29.9, 2, 2), (30.1, 2, 4), (22.0, 4, 4), (22.0, 9, 4), (20.5, 9, 2)],
    ids=["late", "at-the-latest", "too-late", "the-next", "of-no-step", "of-no-step-but-near"],
)
def test_a_status_says_from_how_many_replicas_its_reconcile_went(
    status_at: float, current: int, before: int
) -> None:
    """However late it comes on a machine with too much to do."""
    changes = [hpa(status_at, 80, current=current), pod(0, 0), pod(0, 1), pod(20, 2), pod(20, 3)]
    found = steps(changes, [read(10, 80, 80)], series((0, 2), (20, 4)))
    assert next(step.before for step in found if step.at == T0 + status_at) == before


def test_the_time_of_a_late_reconcile_is_that_of_its_step() -> None:
    """One more Pod is allowed in 17 s: since the step they have passed, since its status not."""
    up = {"type": "Pods", "value": 1, "periodSeconds": 17}
    changes = [hpa(23, 100, current=2, up=up), hpa(38, 100, current=3, up=up)]
    pods = [pod(0, 0), pod(0, 1), pod(20.1, 2)]
    usage = [read(10, 100, 100), read(36, 100, 100, 100)]
    found = steps([*changes, *pods], usage, series((0, 2), (20, 3), (38, 4)))
    assert [(step.predicted, step.observed) for step in found if step.at > T0 + 22][:2] == [
        (3, 3),
        (4, 4),
    ]


@pytest.mark.parametrize(
    ("statuses", "late"),
    [
        ([(9, 40), (24, 50), (39, 60)], {}),
        ([(5, 30), (29, 50), (35, 60)], {17: 9.0, 29: 9.0}),
        ([(5, 30), (29, 50), (35, 50), (44, 60)], {}),
        ([(10, 30), (18, 50), (26, 60), (34, 70), (42, 80)], {}),
        ([(14, 50), (20, 60), (35, 70)], {}),
    ],
    ids=["in-time", "late", "another-writes-something-else", "a-shorter-period", "the-first"],
)
def test_a_status_was_late_where_the_next_comes_sooner_than_a_reconcile_can(
    statuses: list[tuple[float, float]], late: dict[int, float]
) -> None:
    """And where it was waited for: a controller with another period is not late all the time."""
    changes = [hpa(0, 20, kind="LISTED"), *(hpa(at, shows) for at, shows in statuses), pod(0, 0)]
    found = steps(changes, [read(1, 40)], series((0, 1)))
    seen_late = {round(step.at - T0): step.late_s for step in found if step.late_s}
    assert seen_late == pytest.approx(late)


def test_an_hpa_that_was_made_anew_says_nothing_of_the_one_before() -> None:
    changes = [hpa(5, 30), hpa(29, 50), hpa(31, 50, kind="DELETED"), hpa(32, kind="ADDED")]
    found = steps([*changes, hpa(35, 60), pod(0, 0)], [read(1, 40)], series((0, 1)))
    assert not any(step.late_s for step in found)


def test_two_steps_of_which_one_status_was_late_are_a_period_apart() -> None:
    """The second may double the replicas again, as it came 15.1 s after the first."""
    up = {"type": "Percent", "value": 100, "periodSeconds": 15}
    changes = [hpa(20.9, 100, current=2, up=up), hpa(36.3, 100, current=4, up=up)]
    pods = [pod(0, 0), pod(0, 1), pod(20, 2), pod(20, 3)]
    usage = [read(10, 100, 100), read(34, 100, 100, 100, 100)]
    found = steps([*changes, *pods], usage, series((0, 2), (20, 4), (35.1, 8)))
    assert [
        (step.before, step.predicted, step.observed) for step in found if step.at > T0 + 20
    ] == [
        (2, 4, 4),
        (4, 8, 8),
        (8, 8, 8),
    ]


def test_a_reconcile_whose_status_was_late_read_the_usage_of_its_step() -> None:
    """What was new from second 21 on it has not seen, though its status came at 26."""
    changes = [hpa(26, 80, current=2), pod(0, 0), pod(0, 1), pod(20, 2), pod(20, 3)]
    usage = [read(18, 80, 80), *(read(at, 40, 40, 40, 40) for at in (21, 23, 25, 27))]
    found = steps(changes, usage, series((0, 2), (20, 4)))
    step = next(step for step in found if step.at == T0 + 26)
    assert (step.before, step.predicted, step.observed) == (2, 4, 4)


def test_a_step_is_of_one_reconcile_though_somebody_writes_to_the_hpa_after_it() -> None:
    changes = [hpa(20.1, 150, current=2), hpa(26.1, 150, current=2), hpa(41, 50, current=6)]
    pods = [pod(0, 0), pod(0, 1), *(pod(20, number) for number in range(2, 6))]
    usage = [read(10, 150, 150), read(25, 50, 50, 50, 50, 50, 50)]
    found = steps([*changes, *pods], usage, series((0, 2), (20, 6)))
    assert [(step.before, step.observed) for step in found if step.at > T0 + 20][:2] == [
        (2, 6),
        (6, 6),
    ]


@pytest.mark.parametrize(
    ("stepped", "observed"),
    [(15.5, [4, 4]), (16, [4, 4]), (16.5, [2, 4]), (18, [2, 4]), (18.1, [2, 2])],
)
def test_a_step_is_looked_for_within_two_seconds_but_not_past_the_next_reconcile(
    stepped: float, observed: list[int]
) -> None:
    """Of two reconciles that are a second apart."""
    found = steps(GROWTH, USAGE, series((0, 2), (stepped, 4)), ticks=[15, 16])
    assert [step.observed for step in found] == observed


READS = [read(10.0 * n, 10 + 10 * n) for n in range(6)]
"""10 % at the beginning, 20 % after 10 s, and so on."""


@pytest.mark.parametrize(
    ("at", "shows", "taken"),
    [
        (25, 20, 20),
        (25, 30, 30),
        (25, 40, 40),
        (25, 10, 30),
        (25, 50, 30),
        (25, None, 30),
        (15, 10, 10),
        (5, 20, 20),
        (5, 10, 10),
        (5, None, 10),
    ],
    ids=[
        "the-one-before-last",
        "the-last",
        "the-next",
        "too-old",
        "too-late",
        "nothing-shown",
        "the-first",
        "the-second",
        "the-only-one-before",
        "nothing-shown-at-first",
    ],
)
def test_the_read_that_explains_the_status_is_the_one_it_was_made_from(
    at: float, shows: int | None, taken: int
) -> None:
    """Of the two before a reconcile and the one behind it; else the last one before it."""
    found = steps([hpa(at, shows), pod(0, 0)], READS, series((0, 1)), until=at + 10)
    (step,) = (one for one in found if one.at == T0 + at)
    assert step.shown == (taken, shows)


def test_a_known_reconcile_read_the_usage_of_its_moment() -> None:
    """In a laboratory nothing has to be inferred."""
    found = steps([hpa(0, 10), pod(0, 0)], READS, series((0, 1)), ticks=[20, 29])
    assert [step.shown[0] for step in found] == [30, 30]


@pytest.mark.parametrize(
    ("tick", "shows"), [(5, 10), (14.5, 10), (14.9, 20), (15, 20), (24.5, 20), (24.9, 30)]
)
def test_a_status_is_seen_a_little_after_its_reconcile(tick: float, shows: int) -> None:
    """Up to 0.2 s later it is still its own; before the first one the first one holds."""
    changes = [hpa(8, 10), hpa(15, 20), hpa(25, 30), pod(0, 0)]
    (step,) = steps(changes, READS, series((0, 1)), ticks=[tick])
    assert step.shown[1] == shows


@pytest.mark.parametrize(
    ("change", "at", "shown"),
    [
        (pod(20, 2, "DELETED"), 19, 60),
        (pod(20, 2, "DELETED"), 20, 30),
        (pod(20, 2, "DELETED"), 21, 30),
        (pod(20, 9, "DELETED"), 21, 60),
        (pod(20, 3), 19, 60),
        (pod(20, 3), 20, 90),
    ],
    ids=["before", "at-once", "after", "never-seen", "before-one-more", "one-more"],
)
def test_pods_are_those_of_the_moment(change: Change, at: float, shown: int) -> None:
    """The metrics API goes on with a Pod that is gone, and begins before it is seen."""
    changes = [hpa(0), pod(0, 0), pod(0, 1), pod(0, 2), change]
    (step,) = steps(changes, [read(0, 20, 40, 120, 180)], series((0, 3)), ticks=[at])
    assert step.shown[0] == shown


@pytest.mark.parametrize(
    ("usage", "replicas", "expected"),
    [
        (read(10, 40), 12, Step(T0 + 15, 12, 10, 12, None, "TooManyReplicas", (None, 40.0))),
        (
            replace(read(10), error="503"),
            2,
            Step(T0 + 15, 2, 2, 2, None, "unable to get metrics for resource cpu", (None, 40.0)),
        ),
    ],
    ids=["outside-the-bounds", "no-metrics"],
)
def test_a_reconcile_without_a_proposal_shows_no_utilization(
    usage: UsageRead, replicas: int, expected: Step
) -> None:
    """Of the model; the HPA's status still shows its last one."""
    found = steps([hpa(0, 40), pod(0, 0)], [usage], series((0, replicas)), ticks=[15])
    assert found == (expected,)


@pytest.mark.parametrize(
    ("status", "usage", "unshown"),
    [
        ([hpa(5, 40)], (40, 90, 90, 50, 40, 90), 3),
        ([hpa(5, 40), hpa(35, 41)], (40, 90, 90, 50, 60, 60), 3),
        ([hpa(5, 40)], (40, 40, 40, 40, 40, 40), 0),
        ([hpa(5)], (40, 40, 40, 40, 40, 40), 6),
        ([hpa(5, 40)], (41, 41, 41, 41, 41, 41), 0),
        ([hpa(5, 40)], (45, 45, 45, 45, 45, 45), 0),
        ([hpa(5, 40)], (40, 41, 41, 41, 41, 41), 0),
        ([hpa(5, 40)], (38, 41, 41, 41, 41, 41), 0),
        ([hpa(5, 40)], (45, 46, 46, 46, 46, 46), 0),
        ([hpa(5, 40)], (40, 42, 42, 42, 42, 42), 5),
        ([hpa(5, 40)], (45, 47, 47, 47, 47, 47), 5),
        ([hpa(5, 40), hpa(35, 42)], (41, 41, 41, 41, 44, 44), 0),
    ],
    ids=[
        "as-it-was",
        "written-anew",
        "nothing-new-to-show",
        "nothing-ever",
        "an-error-of-a-point-that-stays",
        "a-greater-error-that-stays",
        "a-point-is-no-news",
        "a-first-figure-that-was-wrong",
        "an-error-that-moves-a-point",
        "two-points-are",
        "two-points-beside-an-error",
        "an-error-under-each-status",
    ],
)
def test_reconciles_that_left_the_status_as_it_was_are_counted(
    status: list[Change], usage: tuple[int, ...], unshown: int
) -> None:
    """Each would have written what it read, where that is something else."""
    reads = [read(10.0 * n, percent) for n, percent in enumerate(usage)]
    ticks = [10.0 * n + 1 for n in range(6)]
    found = replayed([*status, pod(0, 0)], reads, series((0, 1)), ticks=ticks)
    assert found is not None
    assert found.unshown == unshown


def test_the_figure_is_that_of_a_metric_which_has_one() -> None:
    """Memory by its average, or another container's CPU, may come before it."""
    changes = [hpa(15, 40), pod(0, 0)]
    average = {"name": "memory", "target": {"averageValue": "1Gi"}}
    metrics = changes[0].object["spec"]["metrics"]
    metrics.insert(0, {"type": "Resource", "resource": average})
    (step,) = steps(changes, [read(10, 40)], series((0, 1)), ticks=[15])
    assert step.shown == (40, 40)


def test_an_hpa_may_go_by_two_targets_of_one_resource() -> None:
    """The entry of the average stands first, and shows no utilization."""
    changes = [hpa(15, 40), pod(0, 0)]
    average = {"name": "cpu", "target": {"averageValue": "100m"}}
    used = {"name": "cpu", "current": {"averageValue": "40m"}}
    changes[0].object["spec"]["metrics"].insert(0, {"type": "Resource", "resource": average})
    changes[0].object["status"]["currentMetrics"].insert(0, {"resource": used})
    found = replayed(changes, [read(10, 40)], series((0, 1)), until=150)
    assert found is not None
    assert {step.shown for step in found.steps} == {(40, 40)}
    assert found.unshown == 0


def unread(at: float) -> UsageRead:
    """A read of ours that came to nothing."""
    return UsageRead(T0 + at, {}, "no answer")


def active(at: float, status: str) -> Change:
    """The HPA at a reconcile, and whether it could read its metrics."""
    change = hpa(at, 80)
    change.object["status"]["conditions"] = [{"type": "ScalingActive", "status": status}]
    change.object["status"]["observedGeneration"] = at  # each reconcile of these writes something
    return change


@pytest.mark.parametrize(
    ("status", "reads", "replayed_at"),
    [
        ("True", [read(10, 80, 80), unread(19), unread(20), unread(21)], [15, 35, 50]),
        ("True", [read(10, 80, 80), unread(19), read(20, 80, 80), unread(21)], [15, 20, 35, 50]),
        ("False", [read(10, 80, 80), unread(19), unread(20), unread(21)], [15, 20, 35, 50]),
    ],
    ids=["we-were-blind", "one-read-is-enough", "both-were-blind"],
)
def test_a_reconcile_that_saw_what_we_did_not_is_not_decided_again(
    status: str, reads: list[UsageRead], replayed_at: list[float]
) -> None:
    """Our own blindness is no disagreement."""
    changes = [active(15, "True"), active(20, status), active(35, "True"), pod(0, 0), pod(0, 1)]
    found = steps(changes, [*reads, *(read(at, 80, 80) for at in (30, 34, 36, 48, 52))])
    assert [step.at - T0 for step in found] == replayed_at


@pytest.mark.parametrize(
    ("reads", "replayed_at"),
    [
        ([10, 20, 30, 40, 46, 52], [15, 30, 45]),
        ([10, 20, 30, 40, 44], [15, 30]),
        ([10, 20, 30], [15, 30]),
    ],
    ids=["in-time", "no-more", "long-since-no-more"],
)
def test_the_last_reconcile_is_not_decided_again_by_what_we_read_before_it(
    reads: list[int], replayed_at: list[float]
) -> None:
    """Its status shows 70 where we read 40, and nothing after it."""
    changes = [active(15, "True"), active(45, "True"), pod(0, 0), pod(0, 1)]
    for status, shows in zip(changes, (40, 70), strict=False):
        used = {"resource": {"name": "cpu", "current": {"averageUtilization": shows}}}
        status.object["status"]["currentMetrics"] = [used]
    found = steps(changes, [read(at, 40, 40) for at in reads], until=55)
    assert [step.at - T0 for step in found] == replayed_at


def test_other_reconciles_are_decided_again_however_seldom_we_read() -> None:
    """A controller that stands still is not excused by a slow metrics API, whose stamps are new."""
    changes = [active(15, "True"), active(30, "True"), pod(0, 0), pod(0, 1)]
    usage = [read(10, 40, 40), *(read(at, 400, 400) for at in range(20, 300, 20))]
    found = steps(changes, usage, until=300)
    assert sum(step.predicted != step.observed for step in found) > 15


def test_a_run_of_which_we_saw_nothing_agrees_in_nothing() -> None:
    """It is not taken for a model that was right."""
    found = replayed([active(15, "True"), pod(0, 0), pod(0, 1)], [unread(0)], until=20)
    assert found is not None
    assert (found.steps, found.agreement) == ((), 0.0)


def test_where_reconciles_are_known_a_step_before_them_is_not_theirs() -> None:
    """A laboratory says when it reconciled: 0.7 s earlier somebody else has scaled."""
    found = steps(GROWTH, USAGE, series((0, 2), (14.3, 4)), ticks=[15])
    assert found[0].before == 4
