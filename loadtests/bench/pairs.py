"""What one generator costs over another, from pairs of rounds: pure."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from clusterproof.load.latency import interval_ranks


@dataclass(frozen=True, slots=True)
class Cost:
    """More CPU per request, as a share: 0.05 for 5 % more.

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


def cost_of_pairs(cheaper: Sequence[float], dearer: Sequence[float]) -> Cost:
    """From the requests per CPU-second of each round.

    On a virtual machine one round differs from the next by a tenth and more, and neighbours differ
    less than strangers: so each pair is compared by itself.

    Raises:
        ValueError: Not as many of the one as of the other.
    """
    costs = [one / other - 1 for one, other in zip(cheaper, dearer, strict=True)]
    ordered = sorted(costs)
    lower, upper = interval_ranks(len(ordered), 0.5, 0.95)
    return Cost(
        median=round(statistics.median(costs), 4),
        lower=None if lower is None else round(ordered[lower - 1], 4),
        upper=None if upper is None else round(ordered[upper - 1], 4),
        pairs=tuple(round(cost, 3) for cost in costs),
    )
