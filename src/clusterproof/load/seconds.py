"""One second of a run after the other, coarse: for charts, and for what comes in clusters."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

_CELL_WIDTH = math.log(1.05)
_BLOCK_S, _FEWEST_BLOCKS = 10, 5
"""Longer than a stall that a run survives; under five blocks there is no variance. Our choice."""


@dataclass(slots=True)
class Second:
    """One second of the run, for the timeline.

    Attributes:
        cells: Latency cells of 5 % width (index: count).
        sent: In which second each of the unanswered was sent (second: count).
    """

    started: int = 0
    ok: int = 0
    failed: int = 0
    unanswered: int = 0
    cells: Counter[int] = field(default_factory=Counter)
    sent: Counter[int] = field(default_factory=Counter)

    def merge(self, other: "Second") -> None:
        """Add all of `other`."""
        self.started += other.started
        self.ok += other.ok
        self.failed += other.failed
        self.unanswered += other.unanswered
        self.cells.update(other.cells)
        self.sent.update(other.sent)


def cell_of(seconds: float) -> int:
    """The 5 %-wide latency cell that holds `seconds`."""
    return int(math.log(max(seconds, 1e-6) * 1e6) / _CELL_WIDTH)


def cell_middle_s(cell: int) -> float:
    """The latency in the middle of a cell."""
    return math.exp((cell + 0.5) * _CELL_WIDTH) / 1e6


def cell_quantile(cells: Mapping[int, int], q: float) -> float | None:
    """The q-quantile of the cells in seconds, within 5 %; None when they are empty."""
    wanted = q * sum(cells.values())
    counted = 0
    for cell in sorted(cells):
        counted += cells[cell]
        if counted >= wanted:
            return cell_middle_s(cell)
    return None


def slow_together(seconds: Mapping[int, Second], limit_s: float) -> float:
    """How many samples are worth one, where those over the limit come in clusters: at least 1.

    The design effect of the share over the limit, its variance over blocks of time against that of
    independent samples. Source: Cochran, Sampling Techniques (3rd edition), 9A (ratio estimator).
    """
    blocks: dict[int, list[int]] = {}
    border = cell_of(limit_s)
    for number, second in seconds.items():
        block = blocks.setdefault(number // _BLOCK_S, [0, 0])
        block[0] += sum(second.cells.values())
        block[1] += sum(count for cell, count in second.cells.items() if cell > border)
    samples = sum(count for count, _ in blocks.values())
    slow = sum(over for _, over in blocks.values())
    if len(blocks) < _FEWEST_BLOCKS or not 0 < slow < samples:
        return 1.0
    share = slow / samples
    spread = sum((over - share * count) ** 2 for count, over in blocks.values())
    clustered = spread * len(blocks) / (len(blocks) - 1)
    return max(1.0, clustered / (samples * share * (1 - share)))
