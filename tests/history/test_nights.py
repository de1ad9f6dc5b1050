"""Nights, and those without a run."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterproof.history.trend import absent_nights, night_of
from tests.history.nights import DAY_S, FIRST


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("moment", "night"),
    [
        ("2026-11-23T02:00:00", date(2026, 11, 23)),
        ("2026-11-22T23:30:00", date(2026, 11, 23)),
        ("2026-11-23T00:10:00", date(2026, 11, 23)),
        ("2026-11-23T11:59:59", date(2026, 11, 23)),
        ("2026-11-23T12:00:00", date(2026, 11, 24)),
    ],
)
def test_a_night_is_noon_to_noon_by_its_morning(moment: str, night: date) -> None:
    assert night_of(at(moment)) == night


def test_nights_are_those_of_the_zone() -> None:
    assert night_of(at("2026-11-23T14:00:00"), ZoneInfo("America/New_York")) == date(2026, 11, 23)


def test_a_change_of_clocks_makes_no_night_absent() -> None:
    zone = ZoneInfo("Europe/Berlin")
    runs = [datetime(2026, 10, day, 2, 30, tzinfo=zone).timestamp() for day in range(20, 31)]
    assert absent_nights(runs, now=runs[-1] + 60, zone=zone) == ()


@pytest.mark.parametrize("clock", [(7, 30), (6, 45), (8, 0)])
def test_runs_at_about_noon_of_the_zone_follow_one_another(clock: tuple[int, int]) -> None:
    """In New York 07:30 is 11:30 UTC before 1 November, and 12:30 from then on."""
    zone = ZoneInfo("America/New_York")
    for month, days in ((10, range(25, 32)), (3, range(5, 15))):
        runs = [datetime(2026, month, day, *clock, tzinfo=zone).timestamp() for day in days]
        if month == 10:
            runs += [datetime(2026, 11, day, *clock, tzinfo=zone).timestamp() for day in (1, 2, 3)]
        assert absent_nights(runs, now=runs[-1] + 25 * 3600) == ()


def test_absent_nights_are_those_of_the_zone() -> None:
    """What is noon there is the next night elsewhere."""
    zone = ZoneInfo("America/New_York")
    runs = [datetime(2026, 11, day, 8, 30, tzinfo=zone).timestamp() for day in (20, 22)]
    assert absent_nights(runs, now=runs[-1], zone=zone) == (date(2026, 11, 21),)
    now = datetime(2026, 11, 23, 11, tzinfo=zone).timestamp()
    assert absent_nights(runs, now=now, zone=zone) == (date(2026, 11, 21),)


def test_absent_nights_are_named_up_to_now() -> None:
    runs = [FIRST, FIRST + DAY_S, FIRST + 3 * DAY_S]
    now = FIRST + 5 * DAY_S + 3600
    assert absent_nights(runs, now=now) == (date(2026, 1, 3), date(2026, 1, 5))


def test_the_night_that_is_not_over_is_not_absent_yet() -> None:
    assert absent_nights([FIRST], now=FIRST + DAY_S - 3600) == ()


def test_no_run_at_all_names_no_night() -> None:
    assert absent_nights([], now=FIRST) == ()


@given(st.sets(st.integers(0, 60), min_size=1))
def test_every_night_has_a_run_or_is_absent(days: set[int]) -> None:
    absent = absent_nights([FIRST + day * DAY_S for day in days], now=FIRST + 60.5 * DAY_S)
    first = date(2026, 1, 1)
    ran = {first + timedelta(days=day) for day in days}
    assert not ran & set(absent)
    span = {first + timedelta(days=day) for day in range(min(days), 61)}
    assert ran | set(absent) == span
