"""Projects, personal API keys and feature flags in PostgreSQL, read through a short cache."""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import psycopg

from .errors import ProjectsUnavailableError
from .flags import FlagDefinition

T = TypeVar("T")

CACHE_S = 5.0
"""How long an answer of PostgreSQL is used again; so long a changed flag may be unseen."""

TIMEOUT_S = 5.0
"""Bound on one statement, the connecting included."""

_CACHE_SIZE = 10_000
_ATTEMPTS = (1, 2)


@dataclass(frozen=True)
class Project:
    """A PostHog project (a team, in its older word)."""

    id: int
    name: str
    api_token: str = field(repr=False)


@dataclass(frozen=True)
class PersonalKey:
    """A personal API key: what it may do, and where."""

    label: str
    scopes: frozenset[str]
    project_ids: frozenset[int]

    def allows(self, scope: str) -> bool:
        """Whether the key carries the scope; write includes read, `*` includes all."""
        write = scope.removesuffix(":read") + ":write"
        return bool({"*", scope, write} & self.scopes)


def hashed(key: str) -> str:
    """The form in which PostHog keeps a personal API key."""
    return "sha256$" + hashlib.sha256(key.encode()).hexdigest()


class Projects:
    """One connection, opened when needed and again after a failure."""

    def __init__(self, conninfo: str) -> None:
        """Connect lazily; close with `aclose`."""
        self._conninfo = conninfo
        self._connection: psycopg.AsyncConnection[Any] | None = None
        self._lock = asyncio.Lock()
        self._cache: dict[tuple[str, object], tuple[float, Any]] = {}

    async def aclose(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    async def rows(self, sql: str, *params: object) -> list[tuple[Any, ...]]:
        """Run one statement.

        Raises:
            ProjectsUnavailableError: PostgreSQL did not answer within its bounds.
        """
        async with self._lock:
            for attempt in _ATTEMPTS:
                try:
                    async with asyncio.timeout(TIMEOUT_S):
                        return await self._rows(sql, params)
                except (psycopg.OperationalError, psycopg.InterfaceError, TimeoutError) as error:
                    # The server may have been restarted since the last statement: one fresh try.
                    await self._drop()
                    if attempt == _ATTEMPTS[-1]:
                        message = f"PostgreSQL did not answer: {error or 'timeout'}"
                        raise ProjectsUnavailableError(message) from error
                except psycopg.Error as error:
                    message = f"PostgreSQL refused the statement; is it migrated? {error}"
                    raise ProjectsUnavailableError(message) from error
        raise AssertionError

    async def _rows(self, sql: str, params: tuple[object, ...]) -> list[tuple[Any, ...]]:
        if self._connection is None or self._connection.closed:
            self._connection = await psycopg.AsyncConnection.connect(
                self._conninfo, autocommit=True
            )
        async with self._connection.cursor() as cursor:
            await cursor.execute(sql.encode(), params)
            return await cursor.fetchall() if cursor.description else []

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                await connection.close()
            except psycopg.Error:
                return

    async def _cached(self, kind: str, key: object, load: Callable[[], Awaitable[T]]) -> T:
        now = time.monotonic()
        known = self._cache.get((kind, key))
        if known is not None and now - known[0] < CACHE_S:
            return cast("T", known[1])
        value = await load()
        if len(self._cache) >= _CACHE_SIZE:
            self._cache.clear()
        self._cache[kind, key] = (now, value)
        return value

    async def by_token(self, token: str) -> Project | None:
        """The project that an API token belongs to."""

        async def load() -> Project | None:
            found = await self.rows(
                "SELECT id, name, api_token FROM posthog_project WHERE api_token = %s", token
            )
            return Project(*found[0]) if found else None

        return await self._cached("token", token, load)

    async def by_id(self, project_id: int) -> Project | None:
        """The project with this id."""

        async def load() -> Project | None:
            found = await self.rows(
                "SELECT id, name, api_token FROM posthog_project WHERE id = %s", project_id
            )
            return Project(*found[0]) if found else None

        return await self._cached("id", project_id, load)

    async def personal_key(self, key: str) -> PersonalKey | None:
        """What a personal API key may do; None when it is unknown."""
        secure = hashed(key)

        async def load() -> PersonalKey | None:
            found = await self.rows(
                "SELECT label, scopes, project_ids FROM posthog_personalapikey "
                "WHERE secure_value = %s",
                secure,
            )
            if not found:
                return None
            label, scopes, project_ids = found[0]
            return PersonalKey(label, frozenset(scopes), frozenset(project_ids))

        return await self._cached("key", secure, load)

    async def flags(self, project_id: int) -> list[FlagDefinition]:
        """The project's feature flags, oldest first."""

        async def load() -> list[FlagDefinition]:
            found = await self.rows(
                "SELECT id, key, name, active, version, has_experiment, filters "
                "FROM posthog_featureflag WHERE project_id = %s ORDER BY id",
                project_id,
            )
            return [FlagDefinition(*row) for row in found]

        return await self._cached("flags", project_id, load)

    async def server_version(self) -> str:
        """PostgreSQL's version, e.g. `15.18`."""
        found = await self.rows("SHOW server_version")
        return str(found[0][0]).split()[0]

    async def migrated_to(self) -> int:
        """The number of the last applied migration."""
        found = await self.rows("SELECT coalesce(max(number), 0) FROM posthog_migration")
        return int(found[0][0])
