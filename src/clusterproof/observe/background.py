"""What others added to a counter while we sent, from two quiet times around our batch.

Requests of others are taken to come independently of one another, so that their number varies by
its root (Poisson). Where the two quiet times differ by more than that, their difference counts
instead: a load that grows or shrinks is known less well.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

SIGMAS = 4.0
"""A false alarm in 16,000 looks. Our choice."""


@dataclass(frozen=True, slots=True)
class Others:
    """What others added in the time of our batch.

    Attributes:
        expected: How much.
        slack: Give or take so much: a miscount of ours that is smaller cannot be told.
        window_s: The time of our batch, from one reading of the counters to the next.
    """

    expected: float
    slack: float
    window_s: float


def others(quiet: Sequence[tuple[float, float]], window_s: float) -> Others:
    """What to expect of others in `window_s`, from two (rise, seconds) in which we sent nothing."""
    (first, first_s), (last, last_s) = quiet
    risen, seconds = first + last, first_s + last_s
    share = window_s / seconds
    drift = (first / first_s - last / last_s) / 2 * window_s
    variance = risen * share + max(risen * share**2, drift**2)
    return Others(risen * share, SIGMAS * math.sqrt(variance), window_s)
