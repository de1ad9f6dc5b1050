"""Nights: which one a run belongs to, and which had no run."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta, tzinfo


def night_of(unix_s: float, zone: tzinfo = UTC) -> date:
    """The night that a moment belongs to: noon to noon, named by its morning.

    A run that is due at 23:30 and starts at 00:10 still belongs to the same night.
    """
    return (datetime.fromtimestamp(unix_s, zone) + timedelta(hours=12)).date()


def absent_nights(started: Iterable[float], *, now: float, zone: tzinfo = UTC) -> tuple[date, ...]:
    """The nights without a run, from the first run to the last night that is over at `now`."""
    seen = {night_of(moment, zone) for moment in started}
    if not seen:
        return ()
    first = min(seen)
    over = max(night_of(now, zone) - timedelta(days=1), *seen)
    nights = (first + timedelta(days=number) for number in range((over - first).days + 1))
    return tuple(night for night in nights if night not in seen)
