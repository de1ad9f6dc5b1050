"""How one generator compares with another, from pairs of rounds: pure."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from clusterproof.load.latency import interval_ranks


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many times the one is the other.

    Attributes:
        median: Of the pairs.
        lower: Of its 95 % order-statistic interval; None when there are too few pairs for one.
        upper: Likewise.
        pairs: Of each pair, in the order in which they ran.
    """

    median: float
    lower: float | None
    upper: float | None
    pairs: tuple[float, ...]


def ratio_of_pairs(figures: Sequence[float], beside: Sequence[float]) -> Ratio:
    """From the figures of each round.

    On a virtual machine one round differs from the next by a tenth and more, and neighbours differ
    less than strangers: so each pair is compared by itself.

    Raises:
        ValueError: Not as many of the one as of the other.
    """
    ratios = [figure / other for figure, other in zip(figures, beside, strict=True)]
    ordered = sorted(ratios)
    lower, upper = interval_ranks(len(ordered), 0.5, 0.95)
    return Ratio(
        median=round(statistics.median(ratios), 4),
        lower=None if lower is None else round(ordered[lower - 1], 4),
        upper=None if upper is None else round(ordered[upper - 1], 4),
        pairs=tuple(round(ratio, 3) for ratio in ratios),
    )
