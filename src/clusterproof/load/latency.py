"""Latencies at full resolution: an HDR histogram of three digits, 1 µs to one hour.

Locust keeps two digits (up to 33 % error below 10 ms); here the error is at most 0.1 % and the
histograms of all workers merge without loss. Quantiles come with order-statistic confidence
intervals, which assume nothing of the distribution; samples that are slow together (a collection of
garbage, a node that pauses) count as fewer (`seconds.slow_together`).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from hdrh.histogram import HdrHistogram

from clusterproof.load.distributions import binomial_at_most
from clusterproof.outcome import Outcome

_LOWEST_US = 1
_HIGHEST_US = 3_600_000_000
_DIGITS = 3
_CELL_BITS = 11
"""Of a value that is kept whole: 2 x 10^3, rounded up to a power of 2."""
_RANK_DIGITS = 6
_US = 1_000_000
LONGEST_S = _HIGHEST_US / _US
"""What is longer counts as this."""
CONFIDENCE = 0.95
"""Two-sided; our choice, the usual one."""
SHOWN = (0.5, 0.9, 0.95, 0.99, 0.999)


@dataclass(frozen=True, slots=True)
class Quantile:
    """A quantile with its confidence interval, in seconds.

    Attributes:
        upper_s: None when there are too few samples for an upper bound.
    """

    q: float
    value_s: float
    lower_s: float
    upper_s: float | None
    samples: int


class Latencies:
    """A histogram of durations."""

    def __init__(self) -> None:
        """Start empty."""
        self._histogram = HdrHistogram(_LOWEST_US, _HIGHEST_US, _DIGITS)
        self.sum_s = 0.0

    @property
    def count(self) -> int:
        """How many durations were recorded."""
        return int(self._histogram.total_count)

    @property
    def max_s(self) -> float:
        """The largest one."""
        return float(self._histogram.get_max_value()) / _US if self.count else 0.0

    def record(self, seconds: float) -> None:
        """Record one; what is under 1 µs counts as 1 µs, over an hour as an hour."""
        self.sum_s += seconds
        micros = int(seconds * _US + 0.5)
        if not 0 < micros < _HIGHEST_US:
            micros = _LOWEST_US if micros < _LOWEST_US else _HIGHEST_US
        # As HdrHistogram.record_value, which takes three times as long: of each request we record
        # three. A test compares them.
        histogram, shift = self._histogram, max(0, micros.bit_length() - _CELL_BITS)
        histogram.counts[(shift << _CELL_BITS - 1) + (micros >> shift)] += 1
        histogram.total_count += 1
        histogram.max_value = max(histogram.max_value, micros)
        histogram.min_value = min(histogram.min_value, micros)

    def merge(self, other: "Latencies") -> None:
        """Add all of `other`."""
        self._histogram.add(other._histogram)  # noqa: SLF001 - same class
        self.sum_s += other.sum_s

    def value_s(self, q: float) -> float:
        """The nearest-rank quantile, in seconds; 0 without samples."""
        if not self.count:
            return 0.0
        # What a float adds to 0.07 x 100 is no rank more.
        return self._at_rank(max(1, math.ceil(round(q * self.count, _RANK_DIGITS))))

    def quantile(self, q: float, confidence: float = CONFIDENCE, together: float = 1.0) -> Quantile:
        """The quantile with its interval.

        Args:
            q: From 0 to 1.
            confidence: Of the interval.
            together: The design effect: how many samples are worth one, as they are slow together.
                It counts for the lower end alone: a stall is no breach of a limit that holds in the
                long run, and none that the run showed is a reason to doubt what held.
        """
        count = self.count
        _, upper = interval_ranks(count, q, confidence)
        lower, _ = interval_ranks(math.ceil(count / together), q, confidence)
        return Quantile(
            q=q,
            value_s=self.value_s(q),
            lower_s=0.0 if lower is None else self._at_rank(max(1, math.floor(lower * together))),
            upper_s=None if upper is None else self._at_rank(upper),
            samples=count,
        )

    def curve(self) -> list[tuple[float, int]]:
        """(seconds, cumulative count) at each recorded value, for a distribution chart."""
        points, total = [], 0
        for item in self._histogram.get_recorded_iterator():
            total += item.count_added_in_this_iter_step
            points.append((item.value_iterated_to / _US, total))
        return points

    def encode(self) -> dict[str, object]:
        """As JSON: the histogram in HdrHistogram's own base64 form."""
        return {"hdr": self._histogram.encode().decode("ascii"), "sum_s": self.sum_s}

    @classmethod
    def decode(cls, encoded: dict[str, object]) -> "Latencies":
        """What `encode` wrote."""
        made = cls()
        made._histogram.decode_and_add(str(encoded["hdr"]))
        made.sum_s = float(str(encoded["sum_s"]))
        return made

    def _at_rank(self, rank: float) -> float:
        return float(self._histogram.get_value_at_percentile(100.0 * rank / self.count)) / _US


def interval_ranks(
    samples: int, q: float, confidence: float = CONFIDENCE
) -> tuple[int | None, int | None]:
    """Ranks (1-based) of the order statistics that bound the q-quantile, or None.

    Each side misses with at most half of 1 - confidence.
    """
    if samples <= 0:
        return None, None
    miss = (1 - confidence) / 2
    lower = _last(lambda k: binomial_at_most(k - 1, samples, q) <= miss, samples)
    upper = _last(lambda k: 1 - binomial_at_most(k - 1, samples, q) > miss, samples) + 1
    return (lower or None), (upper if upper <= samples else None)


def judge_limit(quantile: Quantile, limit_s: float) -> Outcome:
    """PASSED only when the whole interval is within the limit, FAILED only when all is above."""
    if quantile.upper_s is not None and quantile.upper_s <= limit_s:
        return Outcome.PASSED
    if quantile.samples and quantile.lower_s > limit_s:
        return Outcome.FAILED
    return Outcome.INCONCLUSIVE


def _last(holds: Callable[[int], bool], most: int) -> int:
    """The largest k in 0..most for which `holds(k)`; it holds up to some k and not after."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if holds(middle):
            low = middle
        else:
            high = middle - 1
    return low
