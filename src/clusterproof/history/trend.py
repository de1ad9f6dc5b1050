"""One row over many nights: since when it is bad, how often it flips, when it needed a retry."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from clusterproof.outcome import Outcome


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
