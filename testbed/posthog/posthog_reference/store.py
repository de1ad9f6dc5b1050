"""ClickHouse over its HTTP interface (port 8123), version 18.16 or newer."""

import json
import re
from collections.abc import Sequence
from typing import Any, cast

import httpx

from .errors import StoreRejectedError, StoreUnavailableError

WRITER = "default"
READER = "hogql"
"""The two users of the configuration: the reader's profile forbids everything but SELECT."""

_CODE = re.compile(r"Code: (\d+)")
_TRANSIENT = frozenset({3, 159, 202, 209, 210, 241, 243, 252, 394, 425, 999})
"""Codes worth another try: timeouts, network, too many queries or parts, no memory, no space."""


class EventStore:
    """The `events` table."""

    def __init__(self, url: str, password: str, *, timeout_s: float = 15.0) -> None:
        """Connect lazily; close with `aclose`."""
        self._client = httpx.AsyncClient(
            base_url=url,
            timeout=httpx.Timeout(timeout_s, connect=2.0),
            limits=httpx.Limits(max_connections=8, keepalive_expiry=5.0),
            trust_env=False,
        )
        self._password = password

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _post(self, user: str, content: bytes, params: dict[str, str]) -> httpx.Response:
        headers = {"X-ClickHouse-User": user, "X-ClickHouse-Key": self._password}
        try:
            answer = await self._client.post("/", content=content, params=params, headers=headers)
        except httpx.HTTPError as error:
            message = f"ClickHouse did not answer: {type(error).__name__}: {error}"
            raise StoreUnavailableError(message) from error
        if answer.status_code == httpx.codes.OK:
            return answer
        text = answer.text.strip()[:500]
        code = _CODE.match(text)
        if code is None or int(code.group(1)) in _TRANSIENT:
            raise StoreUnavailableError(text)
        raise StoreRejectedError(text)

    async def execute(self, statement: str) -> str:
        """Run a statement as the writer; its output as text."""
        return (await self._post(WRITER, statement.encode(), {})).text

    async def insert(self, rows: Sequence[dict[str, Any]]) -> None:
        """Insert all rows in one block.

        Raises:
            StoreUnavailableError: Nothing is known to be stored; try again.
            StoreRejectedError: A row cannot be stored.
        """
        lines = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
        query = {"query": "INSERT INTO posthog.events FORMAT JSONEachRow"}
        await self._post(WRITER, lines.encode("utf-8", "replace"), query)

    async def select(self, sql: str) -> dict[str, Any]:
        """Run a SELECT as the reader; the parsed JSONCompact answer."""
        answer = await self._post(READER, f"{sql} FORMAT JSONCompact".encode(), {})
        return cast("dict[str, Any]", json.loads(answer.content))

    async def ping(self) -> bool:
        """Whether the server answers, the password fits and the table is there."""
        text = await self.execute("EXISTS TABLE posthog.events")
        return text.strip() == "1"
