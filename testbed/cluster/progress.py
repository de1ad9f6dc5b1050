"""What the person at the terminal sees: one line per step, with the elapsed time."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TextIO


@dataclass(frozen=True, slots=True)
class Progress:
    """Prints steps as they begin and end.

    Attributes:
        out: Where to.
        started: Monotonic time that elapsed times are counted from.
    """

    out: TextIO = field(default_factory=lambda: sys.stderr)
    started: float = field(default_factory=time.monotonic)

    @property
    def elapsed_s(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.started

    def say(self, text: str) -> None:
        """One line."""
        self.out.write(f"[{self.elapsed_s:6.1f} s] {text}\n")
        self.out.flush()

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Say that a step begins, and how long it took."""
        self.say(f"{text} ...")
        begun = time.monotonic()
        yield
        self.say(f"{text}: {time.monotonic() - begun:.1f} s")
