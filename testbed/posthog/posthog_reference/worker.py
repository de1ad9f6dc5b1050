"""The worker process: queue → ClickHouse, in batches, acknowledged only after the insert.

An event is stored at least once: when a worker dies between insert and acknowledgement, a peer
claims the entries and stores them again under the same uuid.
"""

import asyncio
import logging
import time
from datetime import UTC, datetime
from typing import Any

from redis.exceptions import RedisError

from .errors import ProjectsUnavailableError, StoreRejectedError, StoreUnavailableError
from .event_queue import Entry, EventQueue
from .events import CapturedEvent, parse_time, store_row
from .metrics import WorkerMetrics
from .projects import Projects
from .settings import Settings
from .store import EventStore
from .waits import pause

log = logging.getLogger("posthog.worker")

BLOCK_MS = 2000
BEAT_EVERY_S = 5.0
CLAIM_EVERY_S = 10.0
STALLED_AFTER_S = 60.0
"""A loop that made no turn for this long is stalled: 6 times its longest quiet turn."""

_BACKOFF_S = (0.2, 0.5, 1.0, 2.0, 5.0)


class Worker:
    """One consumer of the group."""

    def __init__(
        self,
        settings: Settings,
        queue: EventQueue,
        projects: Projects,
        store: EventStore,
        metrics: WorkerMetrics,
    ) -> None:
        """Use open connections; `run` does the work."""
        self.settings = settings
        self.queue = queue
        self.projects = projects
        self.store = store
        self.metrics = metrics
        self.stopping = asyncio.Event()
        self.last_turn = time.monotonic()
        self._failures = 0

    def stalled_s(self) -> float:
        """Seconds since the loop made a turn."""
        return time.monotonic() - self.last_turn

    def alive(self) -> bool:
        """Whether the loop turns (or a fault makes the worker say so)."""
        return self.stalled_s() < STALLED_AFTER_S or self.settings.faults.on("lying_worker")

    async def run(self) -> None:
        """Consume until `stopping` is set, then finish the batch in hand."""
        await asyncio.gather(self._consume(), self._keep_beating())

    async def _keep_beating(self) -> None:
        claimed_at = 0.0
        while not self.stopping.is_set():
            try:
                if self.alive():
                    await self.queue.beat(self.settings.worker_name)
                depth = await self.queue.depth()
                self.metrics.depth.labels("waiting").set(depth.waiting)
                self.metrics.depth.labels("pending").set(depth.pending)
                self.metrics.depth.labels("dead").set(depth.dead)
                if time.monotonic() - claimed_at > 60:  # noqa: PLR2004  # once a minute
                    claimed_at = time.monotonic()
                    await self.queue.forget_dead_consumers()
            except (RedisError, OSError) as error:
                log.warning("heartbeat not written: %s", error)
            await pause(self.stopping, BEAT_EVERY_S)
        try:
            await self.queue.stop_beating(self.settings.worker_name)
        except (RedisError, OSError) as error:
            log.warning("heartbeat not withdrawn: %s", error)

    async def _consume(self) -> None:
        faults = self.settings.faults
        if faults.on("stalled_worker") or faults.on("lying_worker"):
            self.last_turn -= STALLED_AFTER_S
            await self.stopping.wait()
            return
        prepared = False
        claim_due = 0.0
        while not self.stopping.is_set():
            self.last_turn = time.monotonic()
            try:
                if not prepared:
                    await self.queue.prepare()
                    await self._finish_own()
                    prepared = True
                if time.monotonic() >= claim_due:
                    await self._claim()
                    claim_due = time.monotonic() + min(CLAIM_EVERY_S, self.settings.claim_after_s)
                await self._turn()
            except (RedisError, OSError) as error:
                prepared = False
                log.warning("queue: %s", error)
                await self._back_off()

    async def _turn(self) -> None:
        """Take the first new entry, gather what follows it for a moment, store the batch."""
        name, size = self.settings.worker_name, self.settings.batch_size
        entries = await self.queue.read(name, count=size, block_ms=BLOCK_MS)
        if not entries:
            return
        if len(entries) < size:
            # Few large inserts instead of many small ones: every insert is a part to merge.
            await pause(self.stopping, self.settings.linger_s)
            entries += await self.queue.read(name, count=size - len(entries), block_ms=0)
        await self._store_until_done(entries)

    async def _finish_own(self) -> None:
        while entries := await self.queue.own_pending(
            self.settings.worker_name, count=self.settings.batch_size
        ):
            await self._store_until_done(entries)
            if self.stopping.is_set():
                return

    async def _claim(self) -> None:
        while entries := await self.queue.claim(
            self.settings.worker_name,
            idle_s=self.settings.claim_after_s,
            count=self.settings.batch_size,
        ):
            self.metrics.claimed.inc(len(entries))
            log.info("took over %d entries from a peer", len(entries))
            await self._store_until_done(entries)
            if self.stopping.is_set():
                return

    # -- one batch ---------------------------------------------------------------------------

    async def _store_until_done(self, entries: list[Entry]) -> None:
        """Store the batch; while a dependency is away, try again until asked to stop."""
        if self.settings.faults.on("late"):
            await pause(self.stopping, self.settings.faults.level("late"))
        while True:
            self.last_turn = time.monotonic()
            try:
                await self._store(entries)
            except (StoreUnavailableError, ProjectsUnavailableError) as error:
                self.metrics.batches.labels("retry").inc()
                log.warning("batch of %d not stored, trying again: %s", len(entries), error)
                if self.stopping.is_set():
                    return  # not acknowledged: a peer will claim it
                await self._back_off()
            else:
                self._failures = 0
                return

    async def _store(self, entries: list[Entry]) -> None:
        good: list[tuple[Entry, CapturedEvent, dict[str, Any]]] = []
        skipped: list[Entry] = []
        now = datetime.now(UTC)
        for entry in entries:
            try:
                event = CapturedEvent.from_json(entry.payload)
                project = await self.projects.by_token(event.token)
                if project is None:
                    self.metrics.unknown.inc()
                    skipped.append(entry)
                else:
                    good.append((entry, event, store_row(self._mangled(event), project.id, now)))
            except (ValueError, RecursionError) as error:
                await self._bury(entry, str(error))
        if good:
            await self._insert(good)
        await self.queue.done(skipped)

    async def _insert(self, good: list[tuple[Entry, CapturedEvent, dict[str, Any]]]) -> None:
        rows = [row for _, event, row in good for row in self._copies(event, row)]
        try:
            await self.store.insert(rows)
        except StoreRejectedError as error:
            if len(good) == 1:
                await self._bury(good[0][0], str(error))
                return
            middle = len(good) // 2
            await self._insert(good[:middle])
            await self._insert(good[middle:])
            return
        self.metrics.batches.labels("stored").inc()
        stored = datetime.now(UTC)
        for _, event, _ in good:
            queued = parse_time(event.now)
            self.metrics.lag.observe((stored - queued).total_seconds() if queued else 0)
        await self.queue.done([entry for entry, _, _ in good])
        self.metrics.stored.inc(len(good))

    def _mangled(self, event: CapturedEvent) -> CapturedEvent:
        if not self.settings.faults.hits("mangle_properties", event.uuid):
            return event
        kept = {k: v for k, v in event.properties.items() if not k.startswith("$feature")}
        return CapturedEvent(**{**vars(event), "properties": kept})

    def _copies(self, event: CapturedEvent, row: dict[str, Any]) -> list[dict[str, Any]]:
        if not self.settings.faults.hits("duplicate", event.uuid):
            return [row]
        # Another distinct_id, as after an alias between two tries: no merge ever collapses it.
        return [row, {**row, "distinct_id": f"{row['distinct_id']}-again"}]

    async def _bury(self, entry: Entry, reason: str) -> None:
        log.warning("entry %s moved to the dead letters: %s", entry.id, reason)
        self.metrics.dead.inc()
        await self.queue.bury(entry, reason)

    async def _back_off(self) -> None:
        seconds = _BACKOFF_S[min(self._failures, len(_BACKOFF_S) - 1)]
        self._failures += 1
        await pause(self.stopping, seconds)
