"""Says what a run waits for, while it waits."""

import threading
import time
from collections.abc import Callable
from typing import Final

EVERY_S: Final = 5.0
"""The longest that a run says nothing while it waits. Our choice."""


class Teller:
    """Writes a line whenever nothing was said of what is under way for `every_s` seconds."""

    def __init__(self, write: Callable[[str], None], every_s: float = EVERY_S) -> None:
        """Nothing is under way yet.

        Args:
            write: Is given each line, in a thread of its own.
            every_s: Seconds between two lines, and before the first.
        """
        self._write, self._every_s = write, every_s
        self._what, self._since = "", time.monotonic()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._tell, name="teller", daemon=True)
        self._thread.start()

    def about(self, what: str) -> None:
        """What is waited for from now on; "" for nothing."""
        if what != self._what:
            self._what, self._since = what, time.monotonic()

    def close(self) -> None:
        """Say no more."""
        self._ended.set()
        self._thread.join()

    def _tell(self) -> None:
        while not self._ended.wait(self._every_s):
            if what := self._what:
                self._write(f"waiting for {what} ({time.monotonic() - self._since:.0f} s)")
