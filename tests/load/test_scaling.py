"""What was demanded of the autoscaler and what it did, to the letter, on both sides of limits."""

from dataclasses import replace

import pytest

from clusterproof.load.asked import held_by
from clusterproof.load.finding import Finding, Link
from clusterproof.load.hpa.replay import Replay, Step
from clusterproof.load.scaling import (
    Demand,
    judge_bounds_kept,
    judge_ceiling,
    judge_reaction,
    judge_scale_down,
)
from clusterproof.load.timeline import Series
from clusterproof.outcome import Outcome
from tests.load.saying import said
from tests.load.scaling_parts import HELD, SCALING, T0, hpa, recording, series, timeline

DEMAND = Demand(up_at=T0 + 30, down_at=T0 + 200, until=T0 + 640)
CAUSE = Finding("pods-created", Link.QUOTA, Outcome.FAILED, "created", "quota: seven")
TEN_READY = "expected 10 Ready within 120 s of the load that needs it"


@pytest.mark.parametrize(
    ("values", "outcome", "observed"),
    [
        ([3, 10], "passed", "3 to 10"),
        ([3, 11, 4], "failed", "3 to 11"),
        ([2, 10], "failed", "2 to 10"),
        ([], "inconclusive", "nothing seen"),
    ],
)
def test_replicas_stay_within_the_bounds(values: list[int], outcome: str, observed: str) -> None:
    """Both bounds belong to it."""
    replicas = series(*((10.0 * at, value) for at, value in enumerate(values)))
    assert said(judge_bounds_kept(timeline(replicas=replicas), HELD, DEMAND)).splitlines() == [
        f"{outcome}: replicas-bounds of HPA bounds",
        "expected spec.replicas within 3 to 10 at all times",
        f"observed {observed}",
    ]


@pytest.mark.parametrize(
    ("values", "outcome"),
    [
        ([(0, 0), (40, 10)], "passed"),
        ([(0, 0), (40, 2)], "failed"),
        ([(0, 10), (50, 0), (60, 10)], "failed"),
        ([(0, 0)], "failed"),
        ([(0, 10), (110, 0), (130, 10)], "passed"),
        ([(0, 10), (110, 0), (210, 10)], "failed"),
        ([(0, 10), (200, 0)], "passed"),
    ],
    ids=["woken", "too-few", "under-load", "never-woken", "pause", "asleep", "afterwards"],
)
def test_keda_takes_an_idle_target_to_none(values: list[tuple[int, int]], outcome: str) -> None:
    """Its operator does so beside the HPA, whose own minReplicas is 1 at least."""
    keda = hpa(0)
    keda.object["metadata"]["labels"] = {"app.kubernetes.io/managed-by": "keda-operator"}
    held = held_by(recording(keda), SCALING)
    assert held is not None
    demand = replace(DEMAND, busy=((T0 + 30, T0 + 100), (T0 + 120, T0 + 200)))
    seen = timeline(replicas=series(*values))
    lines = said(judge_bounds_kept(seen, held, demand)).splitlines()
    assert lines[0] == f"{outcome}: replicas-bounds of HPA bounds"
    assert lines[1] == (
        "expected spec.replicas within 3 to 10 at all times, or at 0 while no requests are due"
    )


def test_a_ceiling_that_was_reached_says_how() -> None:
    """From one second before the load to one after; at the limit is in time."""
    seen = timeline(
        ready=series((0, 3), (60, 6), (150, 10), (300, 5)),
        replicas=series((0, 3), (28.9, 5), (29, 4), (151, 10), (151.1, 9)),
        pressure=series((45, 140)),
        desired=series((45, 10)),
    )
    assert said(judge_ceiling(seen, HELD, DEMAND, CAUSE)).splitlines() == [
        "passed: ceiling of HPA decision",
        TEN_READY,
        "observed 120.0 s",
        "% of its target that the HPA saw: 140 at 15.0 s",
        "desired by the HPA: 10 at 15.0 s",
        "spec.replicas: 4 at -1.0 s, 10 at 121.0 s",
        "Ready: 6 at 30.0 s, 10 at 120.0 s",
        "endpoints: no change",
    ]


def test_a_pod_that_a_rollout_makes_beside_the_others_is_no_ceiling() -> None:
    """Ten are Ready for a moment, of which nine were asked for."""
    surge = timeline(
        ready=series((0, 3), (60, 9), (120, 10), (121, 9)),
        replicas=series((0, 3), (45, 9)),
        desired=series((0, 3), (45, 9)),
        pressure=series((45, 140), (60, 80)),
    )
    judged = judge_ceiling(surge, HELD, DEMAND, None)
    assert (judged.outcome, judged.link) == (Outcome.INCONCLUSIVE, Link.DEMAND)
    later = replace(surge, desired=series((0, 3), (45, 9), (130, 10)))
    assert judge_ceiling(later, HELD, DEMAND, None).outcome is not Outcome.PASSED
    come = replace(later, ready=series((0, 3), (60, 9), (120, 10), (121, 9), (140, 10)))
    assert judge_ceiling(come, HELD, DEMAND, None).observed == "110.0 s"


def test_at_most_fourteen_steps_are_shown() -> None:
    """A line must stay readable."""
    many = series(*((30 + at, at) for at in range(20)), (100, 10))
    lines = said(judge_ceiling(timeline(ready=many), HELD, DEMAND, None)).splitlines()
    assert lines[6].count(" at ") == 12
    endless = series(*((30 + at / 10, 9 - at % 2) for at in range(40)), (100, 10))
    lines = said(judge_ceiling(timeline(ready=endless), HELD, DEMAND, None)).splitlines()
    assert lines[6].count(" at ") == 14


def late(ready: float, desired: float, cpu: float, until: float = 640) -> tuple[str, list[str]]:
    """The outcome's line and the others of a ceiling that was not reached."""
    seen = timeline(
        ready=series((0, 3), (60, ready), (160, 10)),
        desired=series((0, 3), (60, desired), (155, 10)),
        pressure=series((0, 500), (45, cpu), (160, 600)),
    )
    demand = replace(DEMAND, until=T0 + until)
    first, *rest = said(judge_ceiling(seen, HELD, demand, None)).splitlines()
    return first, rest


@pytest.mark.parametrize(
    ("values", "outcome"),
    [
        ([(0, 0), (40, 2)], "passed"),
        ([(0, 0)], "failed"),
        ([(0, 2), (50, 0), (60, 2)], "failed"),
        ([(0, 2), (110, 0)], "passed"),
    ],
    ids=["woken", "never-woken", "under-load", "afterwards"],
)
def test_an_autoscaler_of_no_minimum_takes_an_idle_target_to_none(
    values: list[tuple[int, int]], outcome: str
) -> None:
    """Its queue may be empty while requests are due, which nobody answers then."""
    held = held_by(recording(hpa(0, minReplicas=0)), SCALING)
    assert held is not None
    demand = replace(DEMAND, busy=((T0 + 30, T0 + 100),))
    found = judge_bounds_kept(timeline(replicas=series(*values)), held, demand)
    assert said(found).splitlines()[:2] == [
        f"{outcome}: replicas-bounds of HPA bounds",
        "expected spec.replicas within 0 to 10 at all times, at 0 only while no requests are due",
    ]


@pytest.mark.parametrize(
    ("ready", "desired", "cpu", "outcome"),
    [
        (6, 10, 111, "failed: ceiling of readiness"),
        (6, 8, 111, "failed: ceiling of HPA decision"),
        (6, 8, 110, "inconclusive: ceiling of demand"),
        (6, 8, 50, "inconclusive: ceiling of demand"),
        (6, 10, 50, "failed: ceiling of readiness"),
    ],
)
def test_a_ceiling_that_was_not_reached_names_its_link(
    ready: int, desired: int, cpu: int, outcome: str
) -> None:
    """Over 110 % of the target demands more; what came later does not count."""
    assert late(ready, desired, cpu) == (
        outcome,
        [
            TEN_READY,
            f"observed {ready} Ready, {desired} desired by the HPA after 120 s",
            f"highest figure that the HPA saw then: {cpu} % of its target",
        ],
    )


@pytest.mark.parametrize(
    ("until", "outcome", "after"), [(150, "failed", 120), (149, "inconclusive", 119)]
)
def test_a_run_that_ended_too_early_says_nothing(until: float, outcome: str, after: int) -> None:
    """The limit had not passed."""
    first, rest = late(6, 10, 120, until)
    assert first == f"{outcome}: ceiling of readiness"
    assert rest[1] == f"observed 6 Ready, 10 desired by the HPA after {after} s"


@pytest.mark.parametrize(("at", "best"), [(29.9, 6), (30, 8), (150, 8), (150.1, 6)])
def test_what_counts_is_seen_within_the_time(at: float, best: int) -> None:
    """From the beginning of the load to its limit, both included."""
    ready = series((0, 3), (at, 8), (at + 0.01, 6), (160, 6))
    ready = tuple(sorted({*ready, (T0 + 30.0, 8.0 if at == 30 else 6.0)}))
    seen = timeline(ready=ready, desired=series((0, 9)))
    found = judge_ceiling(seen, HELD, DEMAND, None)
    within = 30 <= at <= 150
    assert found.observed.startswith(f"{best if within else 6} Ready")


@pytest.mark.parametrize(
    ("at", "down_at", "highest"),
    [
        (118, 200, 50),
        (119.5, 200, 200),
        (120, 200, 200),
        (150, 200, 200),
        (150.5, 200, 50),
        (69.5, 100, 200),
        (68, 100, 50),
        (101, 100, 50),
        (29.5, 40, 200),
        (28, 40, 50),
    ],
)
def test_the_utilization_of_the_last_30_seconds_demands_replicas(
    at: float, down_at: float, highest: int
) -> None:
    """Before the limit or the end of the load; that of fewer replicas says nothing by then."""
    cpu = series((0, 50), (at, 200), (at + 1, 50))
    seen = timeline(ready=series((0, 6)), desired=series((0, 9)), pressure=cpu)
    demand = replace(DEMAND, down_at=T0 + down_at)
    found = judge_ceiling(seen, HELD, demand, None)
    assert found.evidence == (f"highest figure that the HPA saw then: {highest} % of its target",)
    assert found.link is (Link.HPA_DECISION if highest == 200 else Link.DEMAND)


@pytest.mark.parametrize(("tolerance", "link"), [(0.1, Link.HPA_DECISION), (0.2, Link.DEMAND)])
def test_the_tolerance_is_the_clusters(tolerance: float, link: Link) -> None:
    """115 % of the target is beyond a tenth, and within a fifth."""
    held = replace(HELD, up_tolerance=tolerance)
    seen = timeline(ready=series((0, 6)), desired=series((0, 9)), pressure=series((0, 115)))
    assert judge_ceiling(seen, held, DEMAND, None).link is link


@pytest.mark.parametrize(("sync_s", "highest"), [(15, 50), (20, 200)])
def test_lately_is_two_sync_periods(sync_s: float, highest: int) -> None:
    """What was seen before them says nothing of the replicas that there are."""
    held = replace(HELD, flags=HELD.flags.model_copy(update={"sync_s": sync_s}))
    cpu = series((0, 50), (115, 200), (116, 50))
    seen = timeline(ready=series((0, 6)), desired=series((0, 9)), pressure=cpu)
    evidence = judge_ceiling(seen, held, DEMAND, None).evidence
    shown = f"highest figure that the HPA saw then: {highest} % of its target"
    assert evidence == (shown,)


def test_load_that_lasts_demands_replicas_until_the_limit() -> None:
    """There is no end of the load to look before."""
    seen = timeline(desired=series((0, 9)), pressure=series((0, 50), (150, 200)))
    found = judge_ceiling(seen, HELD, replace(DEMAND, down_at=None), None)
    assert found.link is Link.HPA_DECISION


def test_a_known_cause_is_the_link() -> None:
    """With what was seen meanwhile."""
    seen = timeline(ready=series((0, 7), (10, 4), (60, 5)), desired=series((45, 10)))
    assert said(judge_ceiling(seen, HELD, DEMAND, CAUSE)).splitlines() == [
        "failed: ceiling of quota",
        TEN_READY,
        "observed 5 Ready, 10 desired by the HPA after 120 s",
        "pods-created: quota: seven",
        "% of its target that the HPA saw: no change",
        "desired by the HPA: 10 at 15.0 s",
        "spec.replicas: no change",
        "Ready: 5 at 30.0 s",
        "endpoints: no change",
    ]


def test_nothing_seen_of_the_cpu_demands_nothing() -> None:
    """And the best of before the load counts as well."""
    seen = timeline(ready=series((0, 7), (60, 5)))
    assert said(judge_ceiling(seen, HELD, DEMAND, None)).splitlines() == [
        "inconclusive: ceiling of demand",
        TEN_READY,
        "observed 7 Ready, 0 desired by the HPA after 120 s",
        "highest figure that the HPA saw then: 0 % of its target",
    ]


@pytest.mark.parametrize(
    ("replicas", "cause", "outcome", "observed"),
    [
        (series((0, 3), (90, 4)), None, "passed: reaction of HPA decision", "60.0 s"),
        (series((0, 3), (91, 6)), None, "failed: reaction of HPA decision", "61.0 s"),
        (series((0, 3), (91, 6)), CAUSE, "failed: reaction of quota", "61.0 s"),
        (series((0, 9), (31, 10)), None, "passed: reaction of HPA decision", "1.0 s"),
        (
            series((0, 3), (20, 5)),
            None,
            "passed: reaction of HPA decision",
            "from 3 to 5 before the load was at its highest",
        ),
        (
            series((0, 10)),
            CAUSE,
            "inconclusive: reaction of demand",
            "the run began with 10 replicas: there was nothing to step up to",
        ),
    ],
)
def test_the_first_step_up_comes_in_time(
    replicas: Series, cause: Finding | None, outcome: str, observed: str
) -> None:
    """One replica more is a step."""
    assert said(judge_reaction(timeline(replicas=replicas), HELD, DEMAND, cause)).splitlines() == [
        outcome,
        "expected first step up within 60 s",
        f"observed {observed}",
    ]


@pytest.mark.parametrize(
    ("highest", "outcome"),
    [
        (120, "failed: reaction of HPA decision"),
        (110, "inconclusive: reaction of demand"),
        (0, "inconclusive: reaction of demand"),
    ],
)
def test_without_a_step_up_it_counts_whether_the_metrics_asked_for_any(
    highest: float, outcome: str
) -> None:
    """Without it, what asks for nothing would be called a controller that does nothing."""
    still = timeline(replicas=series((0, 3)), pressure=series((60, highest)))
    assert said(judge_reaction(still, HELD, DEMAND, None)).splitlines() == [
        outcome,
        "expected first step up within 60 s",
        "observed no step up",
        f"highest figure that the HPA saw then: {highest} % of its target",
    ]


def test_a_controller_that_does_nothing_is_accused_though_it_was_late_to_see_the_load() -> None:
    """The first reconcile has old figures, one has none, and later ones are after the load."""
    proposals = [(30, 1), (45, None), (60, 9), (180, None), (190, 9), (400, 1)]
    steps = tuple(Step(T0 + at, 3, 3, 3, proposed, "", (None, None)) for at, proposed in proposals)
    still = timeline(replicas=series((0, 3)), pressure=series((60, 300), (200, 10)))
    finding = judge_reaction(still, HELD, DEMAND, None, Replay(steps, (), 1.0, 1.0))
    assert (finding.outcome, finding.link) == (Outcome.FAILED, Link.HPA_DECISION)


@pytest.mark.parametrize(
    ("downs", "window", "floor"),
    [
        (
            [(500, 5), (560, 3)],
            "passed|10 to 5, 300 s after it, 300 s after the end of the high load",
            "passed|10 (0 s) -> 5 (300 s) -> 3 (360 s)",
        ),
        (
            [(498, 5), (620, 3)],
            "passed|10 to 5, 298 s after it, 298 s after the end of the high load",
            "passed|10 (0 s) -> 5 (298 s) -> 3 (420 s)",
        ),
        (
            [(497, 5), (621, 2)],
            "failed|10 to 5, 297 s after it, 297 s after the end of the high load",
            "failed|10 (0 s) -> 5 (297 s) -> 2 (421 s)",
        ),
        (
            [(500, 4)],
            "passed|10 to 4, 300 s after it, 300 s after the end of the high load",
            "failed|10 (0 s) -> 4 (300 s)",
        ),
        ([(210, 10)], "", "failed|10 (0 s)"),
    ],
)
def test_the_scale_down_waits_and_arrives(
    downs: list[tuple[float, float]], window: str, floor: str
) -> None:
    """Not before 300 s, give or take how late one sees it, and at the floor after 420 s."""
    replicas = series((0, 3), (100, 10), *downs)
    found = judge_scale_down(timeline(replicas=replicas), HELD, DEMAND, None)
    outcome, path = floor.split("|")
    expected = [
        f"{outcome}: floor of HPA decision\nexpected back to 3 within 420 s\nobserved {path}"
    ]
    if window:
        first, observed = window.split("|")
        wait = "expected no scale-down within 300 s of the last reconcile that needs 10"
        expected.insert(0, f"{first}: down-window of HPA policy\n{wait}\nobserved {observed}")
    assert [said(one) for one in found] == expected


@pytest.mark.parametrize(
    ("proposals", "outcome", "waited"),
    [
        ([(190, 10), (205, 7)], "passed", 310),
        ([(190, 12), (205, 9), (499, None)], "passed", 310),
        ([(190, 10), (205, 10)], "failed", 295),
        ([(190, 9), (500, 10)], "passed", 300),
        ([], "passed", 300),
    ],
    ids=["before-the-end", "more-than-the-peak", "after-the-end", "never-seen", "no-reconcile"],
)
def test_the_window_counts_from_the_last_reconcile_that_needs_the_peak(
    proposals: list[tuple[float, int | None]], outcome: str, waited: int
) -> None:
    """It may be before the end of the high load; where none was seen, that end counts."""
    steps = tuple(
        Step(T0 + at, 10, 10, 10, proposed, "", (None, None)) for at, proposed in proposals
    )
    replicas = series((0, 3), (100, 10), (500, 5))
    replayed = Replay(steps, (), 1.0, 1.0)
    window, _ = judge_scale_down(timeline(replicas=replicas), HELD, DEMAND, replayed)
    assert window.outcome == Outcome(outcome)
    assert window.observed.startswith(f"10 to 5, {waited} s after it, 300 s after the end")


@pytest.mark.parametrize(("until", "outcomes"), [(620, ["failed"]), (619, [])])
def test_a_run_that_does_not_wait_for_the_floor_claims_nothing_of_it(
    until: float, outcomes: list[str]
) -> None:
    """420 s have to have passed: a spike with a minute after it has never failed to come down."""
    demand = replace(DEMAND, until=T0 + until)
    found = judge_scale_down(timeline(replicas=series((0, 10))), HELD, demand, None)
    assert [claim.outcome for claim in found] == [Outcome(outcome) for outcome in outcomes]


def test_a_controller_that_looks_no_more_is_no_load_that_demands_too_little() -> None:
    """Its status shows what it saw before the load; by the model the metrics ask for ten."""
    seen = timeline(ready=series((0, 3)), desired=series((0, 3)), pressure=series((0, 40)))
    step = Step(T0 + 95, 3, 10, 3, 10, "ScaleUpLimit", (None, None))
    demand = replace(DEMAND, up_at=T0, down_at=T0 + 100)
    found = judge_ceiling(seen, HELD, demand, None, Replay((step,), (), 0.0, 0.0))
    assert (found.outcome, found.link) == (Outcome.FAILED, Link.HPA_DECISION)
    without = judge_ceiling(seen, HELD, demand, None)
    assert (without.outcome, without.link) == (Outcome.INCONCLUSIVE, Link.DEMAND)
