"""Arrival plans: the lanes together are the plan, and the plan is the integral of the rate."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clusterproof.errors import SpecError
from clusterproof.load.schedule import Plan, Stage

rates = st.floats(0, 50, allow_nan=False)
stages = st.lists(
    st.builds(Stage, rates, rates, st.floats(0.1, 20, allow_nan=False)), min_size=1, max_size=5
)


@settings(deadline=None)
@given(stages, st.integers(1, 7))
def test_lanes_partition_the_plan(stage_list: list[Stage], lanes: int) -> None:
    plan = Plan(stage_list)
    taken = sorted(a for number in range(lanes) for a in plan.lane(number, lanes))
    assert [index for index, _ in taken] == list(range(plan.total))
    dues = [due for _, due in taken]
    assert dues == sorted(dues)
    assert all(0 <= due <= plan.duration_s + 1e-6 for due in dues)


def test_a_ramp_that_hardly_rises_ends_with_its_stage() -> None:
    stage = Stage(0.0, 5e-324, 1.0)
    assert [stage.reached(count) for count in (0.0, 0.1, 0.5)] == [0.0, 1.0, 1.0]


@settings(deadline=None)
@given(stages, st.floats(0, 1))
def test_arrivals_follow_the_integral_of_the_rate(stage_list: list[Stage], share: float) -> None:
    plan = Plan(stage_list)
    at_s = share * plan.duration_s
    before = sum(1 for _, due in plan.lane(0, 1) if due <= at_s)
    assert abs(before - plan.offered(at_s)) <= 0.5 + 1e-6


@settings(deadline=None)
@given(stages, st.floats(0, 1), st.integers(1, 5), st.integers(0, 4))
def test_a_late_lane_takes_only_what_is_still_due(
    stage_list: list[Stage], share: float, lanes: int, number: int
) -> None:
    plan = Plan(stage_list)
    from_s = share * plan.duration_s
    late = list(plan.lane(number % lanes, lanes, from_s=from_s))
    whole = [a for a in plan.lane(number % lanes, lanes) if a[1] >= from_s]
    assert [i for i, due in late if due >= from_s + 1e-9] == [
        i for i, due in whole if due >= from_s + 1e-9
    ]
    assert all(due >= from_s - 1e-6 for _, due in late)


def test_a_steady_plan_is_evenly_spaced() -> None:
    plan = Plan([Stage(100, 100, 2)])
    dues = [due for _, due in plan.lane(0, 1)]
    assert len(dues) == 200
    assert dues[0] == pytest.approx(0.005)
    assert dues[1] - dues[0] == pytest.approx(0.01)


def test_each_stage_goes_at_its_own_pace() -> None:
    plan = Plan([Stage(1, 1, 2), Stage(2, 2, 2), Stage(4, 4, 1)])
    dues = [0.5, 1.5, 2.25, 2.75, 3.25, 3.75, 4.125, 4.375, 4.625, 4.875]
    assert [due for _, due in plan.lane(0, 1)] == pytest.approx(dues)


@pytest.mark.parametrize(
    ("from_s", "taken"), [(0, [1, 4]), (1.5, [1, 4]), (1.6, [4]), (2, [4]), (4.6, [])]
)
def test_the_second_of_three_lanes_takes_every_third(from_s: float, taken: list[int]) -> None:
    plan = Plan([Stage(1, 1, 7)])
    assert list(plan.lane(1, 3, from_s=from_s)) == [(index, index + 0.5) for index in taken]


def test_a_plan_can_pause() -> None:
    plan = Plan([Stage(2, 2, 1), Stage(0, 0, 5), Stage(2, 2, 1)])
    assert [due for _, due in plan.lane(0, 1)] == pytest.approx([0.25, 0.75, 6.25, 6.75])
    assert plan.rate(3) == 0
    assert plan.rate(100) == 0


@pytest.mark.parametrize("bad", [[], [Stage(1, 1, 0)], [Stage(-1, 1, 1)]])
def test_a_plan_that_makes_no_sense_is_refused(bad: list[Stage]) -> None:
    with pytest.raises(SpecError):
        Plan(bad)


@pytest.mark.parametrize("index", [-1, 3])
def test_there_is_no_arrival_before_the_first_or_after_the_last(index: int) -> None:
    with pytest.raises(IndexError, match=f"^arrival {index} of 3$"):
        Plan([Stage(1, 1, 3)]).due(index)


@pytest.mark.parametrize("pauses", [0, 1, 2, 3])
def test_the_last_arrival_is_due_before_what_is_only_waiting(pauses: int) -> None:
    plan = Plan([Stage(1, 1, 2.5), *[Stage(0, 0, 5)] * pauses])
    assert [plan.due(index) for index in range(plan.total)] == pytest.approx([0.5, 1.5, 2.5])


@pytest.mark.parametrize(("count", "seconds"), [(0, 0), (0.125, 0.5), (0.5, 1), (2, 2), (3, 2)])
def test_a_ramp_from_nothing_offers_half_the_square_of_its_time(
    count: float, seconds: float
) -> None:
    assert Stage(0, 2, 2).reached(count) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("at_s", "rate"), [(-0.1, 0), (0, 10), (0.5, 15), (2, 30), (3, 25), (5.5, 12.5), (6, 0)]
)
def test_the_rate_goes_evenly_from_one_to_the_other(at_s: float, rate: float) -> None:
    plan = Plan([Stage(10, 30, 2), Stage(30, 10, 4)])
    assert plan.rate(at_s) == pytest.approx(rate)
    assert plan.peak_rate == 30


def test_a_plan_can_be_scaled() -> None:
    plan = Plan([Stage(10, 30, 2)])
    assert plan.scaled(2, 3).stages == (Stage(20, 60, 6),)
    assert plan.scaled().stages == plan.stages


def test_a_plan_that_makes_no_sense_says_why() -> None:
    with pytest.raises(SpecError, match="needs stages with for_s > 0 and rates >= 0, got"):
        Plan([Stage(1, -1, 1)])
    assert Plan([Stage(0, 0, 1)]).total == 0


def test_the_offered_load_is_nothing_before_and_all_of_it_after() -> None:
    plan = Plan([Stage(10, 30, 2), Stage(30, 10, 4)])
    offered = [plan.offered(at_s) for at_s in (-1, 0, 1, 2, 4, 6, 7)]
    assert offered == pytest.approx([0, 0, 15, 40, 90, 120, 120])


@pytest.mark.parametrize(
    ("most_s", "stages"),
    [
        (5, [Stage(10, 10, 5)]),
        (10, [Stage(10, 10, 10)]),
        (15, [Stage(10, 10, 10), Stage(10, 15, 5)]),
        (20, [Stage(10, 10, 10), Stage(10, 20, 10)]),
        (99, [Stage(10, 10, 10), Stage(10, 20, 10)]),
    ],
)
def test_a_plan_is_cut_where_it_is_told_to(most_s: float, stages: list[Stage]) -> None:
    """In the middle of a ramp at the rate that it has there."""
    plan = Plan([Stage(10, 10, 10), Stage(10, 20, 10)])
    assert plan.cut(most_s).stages == tuple(stages)
