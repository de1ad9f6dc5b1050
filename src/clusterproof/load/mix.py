"""What arrival i looks like: by the seed and i alone, on any number of workers."""

import random
from bisect import bisect_right
from collections.abc import Mapping
from itertools import accumulate

_STRIDE = 1_000_003
"""A prime: two seeds near one another have no arrival in common."""


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
