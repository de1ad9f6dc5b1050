"""The API server's clock, by the `Date` header of its answers.

Ages of Pods, deadlines and a Lease's renewal are times that the cluster wrote; this machine's clock
may be minutes away from them. `Date` has whole seconds (RFC 9110, 6.6.1) and is older than the
answer's arrival, so each answer bounds the difference, and several narrow it.
"""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime


class ServerClock:
    """Of one API server. Safe to share between threads."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        """As this machine's, until an answer says otherwise."""
        self._now = now
        self._lock = threading.Lock()
        self._low, self._high = float("-inf"), float("inf")

    def saw(self, date: str, within_s: float) -> None:
        """An answer came just now, `within_s` after its request; no date tells nothing."""
        try:
            server_s = parsedate_to_datetime(date).timestamp()
        except ValueError:
            return
        arrived = self._now()
        low, high = server_s - arrived, server_s + 1.0 - (arrived - within_s)
        with self._lock:
            narrower = max(self._low, low), min(self._high, high)
            # A clock that was set meanwhile: what was known of it before is worth nothing.
            self._low, self._high = narrower if narrower[0] <= narrower[1] else (low, high)

    @property
    def bounds_s(self) -> tuple[float, float]:
        """By how much it is ahead of ours, at the least and at the most; infinite when unknown."""
        with self._lock:
            return self._low, self._high

    @property
    def ahead_s(self) -> float:
        """By how much it is ahead of ours, at the least; 0 where they may well agree."""
        with self._lock:
            return min(max(0.0, self._low), self._high)

    def now(self) -> datetime:
        """The time by it."""
        return datetime.fromtimestamp(self._now(), tz=UTC) + timedelta(seconds=self.ahead_s)


APART_S = 60.0
"""Clocks that are farther apart are said. Our choice."""


def apart(ahead_s: float, clock: str, other: str) -> str:
    """How far two clocks are apart, in words; "" where that is little."""
    if abs(ahead_s) < APART_S:
        return ""
    return f"{clock} was {abs(ahead_s):.0f} s {'ahead of' if ahead_s > 0 else 'behind'} {other}"
