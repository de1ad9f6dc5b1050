"""Nights: which one a run belongs to, and which had no run."""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import pairwise
from typing import Final


def night_of(unix_s: float, zone: tzinfo = UTC) -> date:
    """The night that a moment belongs to: noon to noon, named by its morning.

    A run that is due at 23:30 and starts at 00:10 still belongs to the same night.
    """
    return (datetime.fromtimestamp(unix_s, zone) + timedelta(hours=12)).date()


LATE_S: Final = 26 * 3600.0
"""A night and two hours: of two runs no farther apart none is absent, whatever the clocks did."""


def absent_nights(started: Iterable[float], *, now: float, zone: tzinfo = UTC) -> tuple[date, ...]:
    """The nights without a run, from the first run to the last night that is over at `now`.

    A schedule at about noon of the zone may have two runs on both sides of a night; they follow one
    another all the same.
    """
    moments = sorted(started)
    nights = {night_of(moment, zone) for moment in moments}
    if not nights:
        return ()
    for before, after in pairwise(moments):
        if after - before <= LATE_S:
            nights |= set(_nights(night_of(before, zone), night_of(after, zone)))
    if now - moments[-1] <= LATE_S:
        nights |= set(_nights(night_of(moments[-1], zone), night_of(now, zone)))
    first = min(nights)
    over = max(night_of(now, zone) - timedelta(days=1), *nights)
    return tuple(night for night in _nights(first, over) if night not in nights)


def _nights(first: date, last: date) -> Iterator[date]:
    return (first + timedelta(days=number) for number in range((last - first).days + 1))
