"""Dependency checks behind /_readyz, by role.

Source: posthog/health.py (read 2026-11-23). `role=web` leaves out ClickHouse and the queue: a
green web readiness says nothing about ingestion, there and here.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import httpx
from redis.exceptions import RedisError

from .errors import StandInError
from .event_queue import EventQueue
from .migrations import NEWEST
from .projects import Projects
from .store import EventStore

CHECK_TIMEOUT_S = 2.5

ROLES: Mapping[str, tuple[str, ...]] = {
    "events": ("http", "kafka_connected"),
    "web": ("http", "postgres", "cache"),
    "worker": ("http", "postgres", "clickhouse", "celery_broker"),
    "decide": ("http", "cache", "postgres_flags"),
    "query": ("http", "postgres", "cache"),
    "report": ("http", "kafka_connected"),
}

Check = Callable[[], Awaitable[bool]]


class Dependencies:
    """What a process depends on, each with a check that answers within its bound."""

    def __init__(self, projects: Projects, queue: EventQueue, store: EventStore) -> None:
        """Use the process's own connections: a check that passes elsewhere proves nothing."""
        self._projects = projects
        self.checks: Mapping[str, Check] = {
            "clickhouse": store.ping,
            "postgres": self._postgres,
            "postgres_flags": self._postgres,
            "postgres_migrations_uptodate": self._migrated,
            "kafka_connected": queue.ping,
            "celery_broker": queue.ping,
            "cache": queue.ping,
        }

    async def _postgres(self) -> bool:
        return bool(await self._projects.rows("SELECT 1"))

    async def _migrated(self) -> bool:
        return await self._projects.migrated_to() >= NEWEST

    async def state(self, names: tuple[str, ...]) -> dict[str, bool]:
        """Each named check and whether it holds; `http` is this process, which is answering."""
        known = [name for name in names if name in self.checks]
        held = await asyncio.gather(*(_holds(self.checks[name]) for name in known))
        found = dict(zip(known, held, strict=True))
        return {"http": True, **found} if "http" in names else found

    async def everything(self) -> dict[str, bool]:
        """All checks."""
        return await self.state(("http", *self.checks))


async def _holds(check: Check) -> bool:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_S):
            return await check()
    except (StandInError, RedisError, httpx.HTTPError, OSError, TimeoutError):
        return False
