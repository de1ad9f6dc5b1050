"""Connections to PostgreSQL: a few, opened when first needed, replaced when broken."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from .errors import UnavailableError

_CONNECTIONS = 3
_WAIT_S = 2.0
_STATEMENT_TIMEOUT_MS = 3000

_SCHEMA = """
CREATE TABLE IF NOT EXISTS usage_records (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    request_id text NOT NULL UNIQUE,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    model_id text NOT NULL,
    user_id text NOT NULL,
    input_tokens integer NOT NULL,
    output_tokens integer NOT NULL,
    cost double precision NOT NULL,
    latency_ms double precision NOT NULL,
    success boolean NOT NULL
);
CREATE INDEX IF NOT EXISTS usage_records_recorded_at ON usage_records (recorded_at);
CREATE TABLE IF NOT EXISTS ab_tests (
    id text PRIMARY KEY,
    name text NOT NULL,
    assignment text NOT NULL,
    active boolean NOT NULL,
    variants jsonb NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now()
);
"""
# Ten routers may start at once, and CREATE ... IF NOT EXISTS is not safe against itself.
_SCHEMA_LOCK = 72_041


class Database:
    """The router's PostgreSQL."""

    def __init__(self, *, host: str, port: int, name: str, user: str, password: str) -> None:
        """Remember where it is; nothing is dialled yet."""
        self._parameters: dict[str, Any] = {
            "host": host,
            "port": port,
            "dbname": name,
            "user": user,
            "password": password,
            "connect_timeout": 2,
            "autocommit": True,
            "application_name": "model-router",
            "options": f"-c statement_timeout={_STATEMENT_TIMEOUT_MS}",
        }
        self._slots: asyncio.Queue[AsyncConnection[TupleRow] | None] = asyncio.Queue()
        for _ in range(_CONNECTIONS):
            self._slots.put_nowait(None)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection[TupleRow]]:
        """A connection for one use.

        Raises:
            UnavailableError: PostgreSQL does not answer, or every connection is busy.
        """
        try:
            connection = await asyncio.wait_for(self._slots.get(), _WAIT_S)
        except TimeoutError:
            raise UnavailableError(
                f"all {_CONNECTIONS} database connections were busy for {_WAIT_S:g} s"
            ) from None
        usable = False
        try:
            if connection is None or connection.closed:
                connection = await AsyncConnection.connect(**self._parameters)
            yield connection
            usable = True
        except (psycopg.OperationalError, psycopg.InterfaceError, OSError) as error:
            # The driver's message may repeat the connection string: only its kind is passed on.
            raise UnavailableError(f"PostgreSQL: {type(error).__name__}") from error
        finally:
            if connection is not None and not usable:
                await connection.close()
            self._slots.put_nowait(connection if usable else None)

    async def prepare(self) -> None:
        """Make the tables."""
        async with self.connection() as connection, connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock(%s)", (_SCHEMA_LOCK,))
            await connection.execute(_SCHEMA)

    async def ping(self) -> None:
        """Ask for nothing, to see that it answers.

        Raises:
            UnavailableError: It does not.
        """
        async with self.connection() as connection:
            await connection.execute("SELECT 1")

    async def close(self) -> None:
        """Close what is open and idle."""
        while not self._slots.empty():
            connection = self._slots.get_nowait()
            if connection is not None:
                await connection.close()
