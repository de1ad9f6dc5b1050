"""What /health and /ready say: what was seen when the dependencies were asked just now.

/ready follows the moment. /health keeps 200 through a short absence of the database, or every
liveness probe would restart every router because of one restart of PostgreSQL; its body tells
the truth at once, and its status follows after the grace.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from .errors import UnavailableError

_FRESH_S = 1.0
_CHECK_WITHIN_S = 3.0

Check = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Seen:
    """The answer of one dependency: `error` is "" when it answered."""

    name: str
    error: str
    took_ms: float


@dataclass(frozen=True)
class Report:
    """All checks of one moment.

    Attributes:
        seen: One for each dependency.
        down_for_s: For how long at least one has been silent; 0 when all answered.
    """

    seen: tuple[Seen, ...]
    down_for_s: float

    @property
    def ok(self) -> bool:
        """Whether every dependency answered."""
        return not any(item.error for item in self.seen)

    def body(self, status: str) -> dict[str, Any]:
        """As JSON says it."""
        return {
            "status": status,
            "checks": {
                item.name: {
                    "ok": not item.error,
                    "took_ms": item.took_ms,
                    **({"error": item.error} if item.error else {}),
                }
                for item in self.seen
            },
            "down_for_s": round(self.down_for_s, 1),
        }


class Health:
    """Asks the dependencies, at most once a second."""

    def __init__(
        self, checks: dict[str, Check], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Ask by these checks, each of which raises UnavailableError."""
        self._checks = checks
        self._clock = clock
        self._down_since: float | None = None
        self._last: tuple[float, Report] | None = None
        self._asking = asyncio.Lock()
        self._unanswered: set[asyncio.Future[None]] = set()

    async def look(self) -> Report:
        """What the dependencies say, not older than a second."""
        async with self._asking:
            if self._last and self._clock() - self._last[0] < _FRESH_S:
                return self._last[1]
            seen = await asyncio.gather(*(self._ask(*item) for item in self._checks.items()))
            now = self._clock()
            if not any(item.error for item in seen):
                self._down_since = None
            elif self._down_since is None:
                self._down_since = now
            down_for_s = 0.0 if self._down_since is None else now - self._down_since
            report = Report(tuple(seen), down_for_s)
            self._last = (now, report)
            return report

    async def _ask(self, name: str, check: Check) -> Seen:
        started = self._clock()
        asking = asyncio.ensure_future(check())
        # Not wait_for: it waits for the end of what it cancels, and a query to a database that
        # stands still takes ten seconds to be cancelled.
        self._unanswered.add(asking)
        asking.add_done_callback(self._unanswered.discard)
        await asyncio.wait({asking}, timeout=_CHECK_WITHIN_S)
        problem = ""
        if not asking.done():
            asking.cancel()
            problem = f"no answer in {_CHECK_WITHIN_S:g} s"
        else:
            try:
                asking.result()
            except UnavailableError as error:
                problem = str(error)
        return Seen(name, problem, round((self._clock() - started) * 1000, 1))
