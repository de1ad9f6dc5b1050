"""One second of a run after the other, coarse: enough for a chart, never for a verdict."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

_CELL_WIDTH = math.log(1.05)


@dataclass(slots=True)
class Second:
    """One second of the run, for the timeline.

    Attributes:
        cells: Latency cells of 5 % width (index: count).
    """

    started: int = 0
    ok: int = 0
    failed: int = 0
    unanswered: int = 0
    cells: dict[int, int] = field(default_factory=dict)

    def merge(self, other: "Second") -> None:
        """Add all of `other`."""
        self.started += other.started
        self.ok += other.ok
        self.failed += other.failed
        self.unanswered += other.unanswered
        for cell, count in other.cells.items():
            self.cells[cell] = self.cells.get(cell, 0) + count


def cell_of(seconds: float) -> int:
    """The 5 %-wide latency cell that holds `seconds`."""
    return int(math.log(max(seconds, 1e-6) * 1e6) / _CELL_WIDTH)


def cell_quantile(cells: Mapping[int, int], q: float) -> float | None:
    """The q-quantile of the cells in seconds, within 5 %; None when they are empty."""
    wanted = q * sum(cells.values())
    seen = 0
    for cell in sorted(cells):
        seen += cells[cell]
        if seen >= wanted:
            return math.exp((cell + 0.5) * _CELL_WIDTH) / 1e6
    return None
