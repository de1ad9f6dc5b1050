"""Runs over many nights: which had none, since when a row is bad, and how often it flips."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import pairwise
from typing import Final

from clusterproof.outcome import Outcome

LATE_S: Final = 26 * 3600.0
"""A night and two hours: of two runs no farther apart none is absent, whatever the clocks did."""


@dataclass(frozen=True, slots=True)
class Point:
    """One row in one run.

    Attributes:
        run: Position of the run in the series, 0 the oldest.
        outcome: What the row came to.
        duration_s: How long it took.
        attempts: How often it was tried.
    """

    run: int
    outcome: Outcome
    duration_s: float = 0.0
    attempts: int = 1

    @property
    def flaky(self) -> bool:
        """True for a pass that needed more than one attempt."""
        return self.outcome is Outcome.PASSED and self.attempts > 1


@dataclass(frozen=True, slots=True)
class Since:
    """Since when a row fails: the break lies after `last_good` and not after `first_bad`.

    Attributes:
        first_bad: Position of the first run that saw it fail.
        last_good: Position of the last run before that saw it pass, or None if none did.
        blind: Runs between the two that could not say.
    """

    first_bad: int
    last_good: int | None
    blind: int


def failing_since(points: Sequence[Point]) -> Since | None:
    """Since when the row fails, or None when its last word is not a failure.

    Runs that could not say do not end a spell of failures, nor begin one. A difference that was
    accepted is part of the spell that follows it, and a row whose last word is that does not fail.
    """
    first_bad: int | None = None
    last_good: int | None = None
    blind = 0
    for point in reversed(points):
        if point.outcome is Outcome.PASSED:
            if first_bad is None:
                return None
            last_good = point.run
            break
        if point.outcome is Outcome.ACCEPTED and first_bad is None:
            return None
        if point.outcome in {Outcome.FAILED, Outcome.ACCEPTED}:
            first_bad = point.run
            blind = 0
        elif first_bad is not None:
            blind += 1
    return None if first_bad is None else Since(first_bad, last_good, blind)


def flakes(points: Sequence[Point]) -> tuple[Point, ...]:
    """The passes that needed a retry: they stay on record, however long ago."""
    return tuple(point for point in points if point.flaky)


def flips(points: Sequence[Point]) -> tuple[Point, ...]:
    """Where the row went from pass to failure or back; blind runs are left out."""
    judged = [point for point in points if point.outcome in {Outcome.PASSED, Outcome.FAILED}]
    pairs = pairwise(judged)
    return tuple(after for before, after in pairs if before.outcome is not after.outcome)


def changes(points: Sequence[Point]) -> tuple[Point, ...]:
    """The runs in which the outcome was another than in the run before, and every flake."""
    before: Outcome | None = None
    changed = []
    for point in points:
        if point.outcome is not before or point.flaky:
            changed.append(point)
        before = point.outcome
    return tuple(changed)


def spells(points: Sequence[Point], runs: int) -> tuple[tuple[Outcome | None, int, int], ...]:
    """The row's outcomes as (outcome, first run, number of runs); None where it was absent."""
    by_run = {point.run: point.outcome for point in points}
    stretches: list[tuple[Outcome | None, int, int]] = []
    for run in range(runs):
        outcome = by_run.get(run)
        if stretches and stretches[-1][0] is outcome:
            stretches[-1] = (outcome, stretches[-1][1], stretches[-1][2] + 1)
        else:
            stretches.append((outcome, run, 1))
    return tuple(stretches)


def night_of(unix_s: float, zone: tzinfo = UTC) -> date:
    """The night that a moment belongs to: noon to noon, named by its morning.

    A run that is due at 23:30 and starts at 00:10 still belongs to the same night.
    """
    return (datetime.fromtimestamp(unix_s, zone) + timedelta(hours=12)).date()


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
