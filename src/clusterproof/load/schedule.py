"""When each request is due, and what it looks like: an open model.

A slow target never lowers the offered load.

Arrival i is due when the integral of the rate reaches i + 1/2, so the plan is the same on every
run and on every machine; lane k of K takes the arrivals with i = k (mod K).
"""

import math
import random
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from clusterproof.errors import SpecError

_STRIDE = 1_000_003
"""A prime: two seeds near one another have no arrival in common."""


@dataclass(frozen=True, slots=True)
class Stage:
    """The rate goes linearly from `rate` to `to_rate` (requests per second) in `for_s`."""

    rate: float
    to_rate: float
    for_s: float

    @property
    def count(self) -> float:
        """Arrivals within the stage."""
        return (self.rate + self.to_rate) / 2 * self.for_s

    def offered(self, since_s: float) -> float:
        """Arrivals within the first `since_s` of the stage."""
        slope = (self.to_rate - self.rate) / self.for_s
        return since_s * (self.rate + slope * since_s / 2)

    def reached(self, count: float) -> float:
        """Seconds into the stage at which `count` arrivals were offered."""
        slope = (self.to_rate - self.rate) / self.for_s
        root = math.sqrt(max(self.rate * self.rate + 2 * slope * count, 0.0))
        speed = self.rate + root
        if speed == 0.0:  # so slow a ramp that its arrivals are not within reach of a float
            return self.for_s if count > 0 else 0.0
        return min(2 * count / speed, self.for_s)


class Plan:
    """The arrivals of one run.

    Attributes:
        stages: Without gaps, from second 0.
    """

    def __init__(self, stages: Sequence[Stage]) -> None:
        """Check the stages once; the plan never changes.

        Raises:
            SpecError: No stage, no time, or a negative rate.
        """
        if not stages or any(s.for_s <= 0 or s.rate < 0 or s.to_rate < 0 for s in stages):
            raise SpecError(f"a plan needs stages with for_s > 0 and rates >= 0, got {stages}")
        self.stages = tuple(stages)
        self._starts = [0.0, *accumulate(stage.for_s for stage in stages)]
        self._counts = [0.0, *accumulate(stage.count for stage in stages)]

    @property
    def duration_s(self) -> float:
        """The whole plan."""
        return self._starts[-1]

    @property
    def total(self) -> int:
        """Arrivals of the whole plan."""
        return math.floor(self._counts[-1] + 0.5)

    @property
    def peak_rate(self) -> float:
        """The highest rate asked for."""
        return max(max(stage.rate, stage.to_rate) for stage in self.stages)

    def rate(self, at_s: float) -> float:
        """The rate asked for at `at_s`; 0 outside the plan."""
        if not 0 <= at_s < self.duration_s:
            return 0.0
        index = bisect_right(self._starts, at_s) - 1
        stage = self.stages[index]
        share = (at_s - self._starts[index]) / stage.for_s
        return stage.rate + (stage.to_rate - stage.rate) * share

    def stage_at(self, at_s: float) -> int:
        """The number of the stage that second `at_s` of the plan is in, from 0."""
        return min(max(bisect_right(self._starts, at_s) - 1, 0), len(self.stages) - 1)

    def offered(self, at_s: float) -> float:
        """The integral of the rate from 0 to `at_s`."""
        if at_s <= 0:
            return 0.0
        if at_s >= self.duration_s:
            return self._counts[-1]
        index = bisect_right(self._starts, at_s) - 1
        return self._counts[index] + self.stages[index].offered(at_s - self._starts[index])

    def due_until(self, at_s: float) -> int:
        """How many arrivals are due by `at_s`."""
        return min(math.floor(self.offered(at_s) + 0.5), self.total)

    def due(self, index: int) -> float:
        """The second at which arrival `index` is due.

        Raises:
            IndexError: The plan has no such arrival.
        """
        if not 0 <= index < self.total:
            raise IndexError(f"arrival {index} of {self.total}")
        wanted = min(index + 0.5, self._counts[-1])
        stage = min(bisect_right(self._counts, wanted) - 1, len(self.stages) - 1)
        while self.stages[stage].count <= 0:
            stage -= 1
        return self._starts[stage] + self.stages[stage].reached(wanted - self._counts[stage])

    def lane(self, number: int, of: int, *, from_s: float = 0.0) -> Iterator[tuple[int, float]]:
        """The arrivals (index, due second) of one lane that are due at or after `from_s`."""
        index = max(math.ceil(self.offered(from_s) - 0.5), 0)
        index += (number - index) % of
        ends = [*(math.ceil(count - 0.5) for count in self._counts[1:-1]), self.total]
        for stage, start, before, end in zip(
            self.stages, self._starts, self._counts, ends, strict=False
        ):
            if stage.rate == stage.to_rate and stage.rate:
                # The usual stage, without a root per arrival: this runs for each request.
                offset = start + (0.5 - before) / stage.rate
                while index < end:
                    yield index, offset + index / stage.rate
                    index += of
            while index < end:
                yield index, self.due(index)
                index += of

    def cut(self, most_s: float) -> "Plan":
        """The same until `most_s`, where it is longer."""
        stages = []
        for stage, start in zip(self.stages, self._starts, strict=False):
            left = min(stage.for_s, most_s - start)
            if left > 0:
                slope = (stage.to_rate - stage.rate) / stage.for_s
                stages.append(Stage(stage.rate, stage.rate + slope * left, left))
        return Plan(stages)

    def scaled(self, rate_factor: float = 1.0, time_factor: float = 1.0) -> "Plan":
        """The same shape at another rate or pace."""
        return Plan(
            [
                Stage(s.rate * rate_factor, s.to_rate * rate_factor, s.for_s * time_factor)
                for s in self.stages
            ]
        )


def chance_of(seed: int, index: int) -> random.Random:
    """The random numbers of one arrival."""
    return random.Random(seed * _STRIDE + index)  # noqa: S311 - reproducible data, no secret


class Mix:
    """Names that are drawn by their weights.

    The order in which a file has them is no part of what a mix means, and decides nothing.
    """

    def __init__(self, weights: Mapping[str, float]) -> None:
        """Take names and weights; the weights need no particular sum."""
        self._names = tuple(sorted(weights))
        self._ends = tuple(accumulate(weights[name] for name in self._names))

    def draw(self, chance: random.Random) -> str:
        """One name, by the next random number."""
        return self._names[bisect_right(self._ends, chance.random() * self._ends[-1])]
