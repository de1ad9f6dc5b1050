"""The queue between web and worker: a Redis stream with one consumer group.

An event is accepted when XADD has answered; it leaves the stream only after it was stored.
Redis writes its append-only file before it answers, so an accepted event survives a restart.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from .errors import QueueUnavailableError
from .events import CapturedEvent

STREAM = "posthog:events"
DEAD_LETTERS = "posthog:events:dead_letter"
GROUP = "ingestion"
HEARTBEATS = "posthog:worker:"
DURATIONS = "posthog:hogql:milliseconds"
HEARTBEAT_LIFE_S = 15
_FIELD = b"event"
_DEAD_LETTERS_KEPT = 10_000
_DURATIONS_KEPT = 200
_IDLE_CONSUMER_MS = 3_600_000


@dataclass(frozen=True)
class Entry:
    """One entry of the stream."""

    id: str
    payload: str


@dataclass(frozen=True)
class Depth:
    """How much lies in the queue."""

    waiting: int
    pending: int
    dead: int


def connect(url: str) -> Redis:
    """A client with short timeouts: a queue that hangs must look like one that is away."""
    return Redis.from_url(
        url, socket_connect_timeout=2, socket_timeout=10, health_check_interval=30
    )


def _entries(raw: Sequence[tuple[bytes, dict[bytes, bytes] | None]]) -> list[Entry]:
    # A deleted entry that is still pending comes back without fields.
    return [
        Entry(key.decode(), fields.get(_FIELD, b"").decode("utf-8", "replace"))
        for key, fields in raw
        if fields
    ]


class EventQueue:
    """The stream as web and worker see it."""

    def __init__(self, client: Redis) -> None:
        """Use an open client; the caller closes it."""
        self._redis: Any = client  # redis-py's stream commands are typed too loosely to help

    async def put(self, events: Sequence[CapturedEvent]) -> None:
        """Append all events or none.

        Raises:
            QueueUnavailableError: Redis did not confirm.
        """
        try:
            async with self._redis.pipeline(transaction=True) as pipe:
                for event in events:
                    pipe.xadd(STREAM, {_FIELD: event.to_json()})
                await pipe.execute()
        except (RedisError, OSError, TimeoutError) as error:
            message = f"queue did not take {len(events)} events: {error}"
            raise QueueUnavailableError(message) from error

    async def prepare(self) -> None:
        """Create the consumer group when it is missing."""
        try:
            await self._redis.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    async def read(self, consumer: str, *, count: int, block_ms: int) -> list[Entry]:
        """New entries for this consumer; waits up to `block_ms` for the first."""
        answer = await self._redis.xreadgroup(
            GROUP, consumer, {STREAM: ">"}, count=count, block=block_ms or None
        )
        return _entries(answer[0][1]) if answer else []

    async def own_pending(self, consumer: str, *, count: int) -> list[Entry]:
        """Entries that this consumer took before it was restarted."""
        answer = await self._redis.xreadgroup(GROUP, consumer, {STREAM: "0"}, count=count)
        return _entries(answer[0][1]) if answer else []

    async def claim(self, consumer: str, *, idle_s: float, count: int) -> list[Entry]:
        """Entries that another consumer took and did not finish within `idle_s`."""
        answer = await self._redis.xautoclaim(
            STREAM, GROUP, consumer, min_idle_time=int(idle_s * 1000), count=count
        )
        return _entries(answer[1])

    async def done(self, entries: Sequence[Entry]) -> None:
        """Take stored entries out of the stream."""
        if not entries:
            return
        ids = [entry.id for entry in entries]
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.xack(STREAM, GROUP, *ids)
            pipe.xdel(STREAM, *ids)
            await pipe.execute()

    async def bury(self, entry: Entry, reason: str) -> None:
        """Move an entry that can never be stored to the dead letters."""
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.xadd(
                DEAD_LETTERS,
                {"event": entry.payload, "reason": reason, "id": entry.id},
                maxlen=_DEAD_LETTERS_KEPT,
                approximate=True,
            )
            pipe.xack(STREAM, GROUP, entry.id)
            pipe.xdel(STREAM, entry.id)
            await pipe.execute()

    async def forget_dead_consumers(self) -> None:
        """Remove consumers that hold nothing and were not seen for an hour."""
        for consumer in await self._redis.xinfo_consumers(STREAM, GROUP):
            if consumer["pending"] == 0 and consumer["idle"] > _IDLE_CONSUMER_MS:
                await self._redis.xgroup_delconsumer(STREAM, GROUP, consumer["name"])

    async def depth(self) -> Depth:
        """Entries in the stream, those among them that a worker holds, and dead letters."""
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.xlen(STREAM)
            pipe.xpending(STREAM, GROUP)
            pipe.xlen(DEAD_LETTERS)
            total, pending, dead = await pipe.execute(raise_on_error=False)
        held = pending["pending"] if isinstance(pending, dict) else 0
        return Depth(int(total) - held, held, int(dead))

    # -- small shared facts ------------------------------------------------------------------

    async def beat(self, worker: str) -> None:
        """Say that this worker is alive; the saying fades after some seconds."""
        await self._redis.set(HEARTBEATS + worker, f"{time.time():.3f}", ex=HEARTBEAT_LIFE_S)

    async def stop_beating(self, worker: str) -> None:
        """Withdraw the heartbeat: the worker ends on purpose."""
        await self._redis.delete(HEARTBEATS + worker)

    async def workers(self) -> dict[str, float]:
        """Live workers by name, each with the age of its heartbeat in seconds."""
        now = time.time()
        keys = [key async for key in self._redis.scan_iter(match=HEARTBEATS + "*", count=100)]
        values = await self._redis.mget(keys) if keys else []
        return {
            key.decode().removeprefix(HEARTBEATS): max(0.0, now - float(value))
            for key, value in zip(keys, values, strict=True)
            if value is not None
        }

    async def note_duration(self, milliseconds: float) -> None:
        """Remember how long a HogQL query took, for the system status."""
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.lpush(DURATIONS, f"{milliseconds:.3f}")
            pipe.ltrim(DURATIONS, 0, _DURATIONS_KEPT - 1)
            await pipe.execute()

    async def durations(self) -> list[float]:
        """Durations of the latest HogQL queries of all web processes, in milliseconds."""
        return [float(value) for value in await self._redis.lrange(DURATIONS, 0, -1)]

    async def cached(self, key: str) -> bytes | None:
        """An answer that was kept under this key."""
        return cast("bytes | None", await self._redis.get(key))

    async def keep(self, key: str, value: bytes, *, seconds: int) -> None:
        """Keep an answer for some seconds."""
        await self._redis.set(key, value, ex=seconds)

    async def ping(self) -> bool:
        """Whether Redis answers."""
        return bool(await self._redis.ping())

    async def info(self) -> dict[str, Any]:
        """Redis' own INFO."""
        return cast("dict[str, Any]", await self._redis.info())
