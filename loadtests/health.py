"""What a generator's process watches of itself while it sends: CPU, event loop, and the breaker."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path

import gevent
import psutil  # type: ignore[import-untyped] # no stubs installed

from clusterproof.load.account import CpuShare
from clusterproof.load.seconds import Second
from clusterproof.load.sections import CircuitBreaker
from loadtests.lane import Lane

_SCHEDSTAT = Path("/proc/self/schedstat")
"""Of the main thread, which is the event loop's."""
_LOOK_EVERY_S = 1.0
_LAG_EVERY_S = 0.05
_CPU_EVERY_S = 5.0
_SHORTEST_S = 0.5
FROZEN_S = 2.0
"""Locust's master takes a worker for lost that was silent for three heartbeats of a second."""


def waited_for_cpu_s() -> float:
    """Seconds in which this thread was ready to run and did not; 0 where no Linux tells it.

    Source: the kernel's "Scheduler Statistics", schedstat of a process. A quota shows in it too.
    """
    try:
        return int(_SCHEDSTAT.read_text(encoding="ascii").split()[1]) / 1e9
    except FileNotFoundError:
        return 0.0


def mostly_failing(breaker: CircuitBreaker, now_s: int, *counts: Mapping[int, Second]) -> str:
    """Why the target is to be left alone, by the seconds before `now_s` of all processes; or ""."""
    seconds = range(now_s - breaker.window_s, now_s)
    window = [each[number] for each in counts for number in seconds if number in each]
    over = sum(second.failed + second.unanswered for second in window)
    ended = over + sum(second.ok for second in window)
    if ended < breaker.fewest or over / ended <= breaker.failure_ratio:
        return ""
    return f"{over} of {ended} requests failed within {breaker.window_s} s"


class Health:
    """Of one process in one test; its figures go into the lane's account."""

    def __init__(
        self,
        lane: Lane,
        breaker: CircuitBreaker,
        *,
        goes_on: Callable[[], bool],
        trip: Callable[[str], None],
        thaw: Callable[[], None] | None = None,
    ) -> None:
        """Begin to count the CPU time.

        Args:
            lane: What is watched.
            breaker: When most requests fail.
            goes_on: Whether this test is still running.
            trip: Called with the reason when most requests fail, once.
            thaw: Called when the process had stood still for so long that its master may have
                handed its lane to others.
        """
        self.thaw = thaw
        self.lane, self.breaker, self.goes_on, self.trip = lane, breaker, goes_on, trip
        self._process = psutil.Process()
        self._process.cpu_percent()
        self._read_at, self._waited_s = time.monotonic(), waited_for_cpu_s()

    def watch(self) -> None:
        """Until the test ends."""
        for task in (self._watch_cpu, self._watch_breaker, self._watch_lag):
            gevent.spawn(task).link_exception(self._note_death)

    def _note_death(self, watch: gevent.Greenlet) -> None:
        why = f"our own watch died: {type(watch.exception).__name__}: {watch.exception}"
        self.lane.account.faults[why] += 1

    def read_cpu(self) -> None:
        """One reading, of the time since the last; the kernel counts in ticks of 10 ms."""
        now, waited_s = time.monotonic(), waited_for_cpu_s()
        if self.lane.account.cpu and now - self._read_at < _SHORTEST_S:
            return
        share = CpuShare(
            at=round(time.time(), 1),
            used=self._process.cpu_percent() / 100,
            waited=(waited_s - self._waited_s) / max(now - self._read_at, 0.001),
        )
        self.lane.account.cpu.append(share)
        self._read_at, self._waited_s = now, waited_s

    def _watch_cpu(self) -> None:
        while self.goes_on() and self._left_s > 0:
            gevent.sleep(_CPU_EVERY_S if self._left_s > 2 * _CPU_EVERY_S else self._left_s)
            self.read_cpu()

    @property
    def _left_s(self) -> float:
        """Until the plan ends: a run that is shorter than one reading has one too."""
        return self.lane.origin + self.lane.plan.duration_s - time.perf_counter()

    def _watch_breaker(self) -> None:
        breaker, seconds = self.breaker, self.lane.account.seconds
        while self.goes_on():
            gevent.sleep(_LOOK_EVERY_S)
            now = int(time.perf_counter() - self.lane.origin)
            if why := mostly_failing(breaker, now, seconds):
                self.trip(why)
                return

    def _watch_lag(self) -> None:
        while self.goes_on():
            before = time.perf_counter()
            gevent.sleep(_LAG_EVERY_S)
            lag = time.perf_counter() - before - _LAG_EVERY_S
            self.lane.account.lag.record(max(0.0, lag))
            if lag > FROZEN_S and self.thaw is not None:
                self.thaw()
