"""The API server, read as raw JSON: bounded in time, counted, and never silent about a refusal.

Raw JSON, because typed models drop the fields that they do not know. What is no answer of an API
server (a page to sign in, half a list, a list of something else) is refused, and never read as
"there is none". The bounds are those of `Patience`.
Source: Kubernetes API Concepts (v1.35): list, watch, resourceVersion, 429 and Retry-After.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from clusterproof.errors import ObservationError
from clusterproof.kube.answer import (
    Items,
    Json,
    NoAnswerError,
    TooLargeError,
    as_items,
    as_object,
    is_status,
)
from clusterproof.kube.clock import ServerClock
from clusterproof.kube.connection import Connection
from clusterproof.kube.patience import Patience

if TYPE_CHECKING:
    import httpx
    from websocket import WebSocket

RETRY_PAUSE_LIMIT_S = 5.0
"""A server that asks for more is not asked again: that is its answer. Our choice."""
READ_TIMEOUT_S = 10.0
"""One attempt: from the request to the last byte of its answer."""
PAGE = 500
"""Objects of the first page; kubectl's own. Those behind it are as large as PAGE_BYTES hold."""
PAGE_BYTES = 4 * 1024 * 1024
"""Of one page; a thousand Pods of a usual size. Our choice."""
LARGEST_PAGE = 5000
"""Objects of a page, however small they are. Our choice."""
SMALLER = 8
"""A page too large to be read is asked for again with an eighth of its objects: 500, 62, 7, 1."""
RESTARTS = 2
"""How often a list is begun anew when its snapshot expires between two pages."""
_TRY_AGAIN = frozenset({429, 500, 502, 503, 504})
_REPEATABLE = frozenset({"GET", "DELETE"})

__all__ = ["Json", "KubeApi", "Usage"]


@dataclass(frozen=True, slots=True)
class Usage:
    """What the looking cost: API calls made and bytes of answers read."""

    calls: int
    received_bytes: int


class KubeApi:
    """One API server. Safe to share between threads.

    Attributes:
        connection: Where it is and how we authenticate.
        proxied: Patience with what is asked of Pods through the API server; a Pod's silence says
            nothing of the API server's own answers.
    """

    def __init__(
        self, connection: Connection, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        """Open no connection yet: the first read does."""
        from clusterproof.kube.transport import Transport  # noqa: PLC0415 - see there

        self.connection = connection
        self.proxied = Patience("the pod proxy of the API server")
        self._sleep = sleep
        self._transport = Transport(connection)
        self._patience = Patience()
        self._clock = ServerClock()
        self._lock = threading.Lock()
        self._calls: list[tuple[str, str]] = []
        self._received_bytes = 0

    @property
    def usage(self) -> Usage:
        """Calls and bytes so far."""
        with self._lock:
            return Usage(len(self._calls), self._received_bytes)

    @property
    def calls(self) -> tuple[tuple[str, str], ...]:
        """Every request so far, as (method, path without its query)."""
        with self._lock:
            return tuple(self._calls)

    def now(self) -> datetime:
        """The time by the API server's clock, as far as its answers so far tell it."""
        return self._clock.now()

    @property
    def clock_ahead_s(self) -> tuple[float, float]:
        """By how much the API server's clock is ahead of ours: at the least, at the most."""
        return self._clock.bounds_s

    def cluster_uid(self) -> str:
        """The UID of namespace kube-system: a cluster keeps it, whatever a context calls it.

        Raises:
            ObservationError: It may not be read, or was not answered.
        """
        return str(self.get("/api/v1/namespaces/kube-system")["metadata"]["uid"])

    def get(self, path: str, **query: str) -> Json:
        """The object at `path`.

        Raises:
            ObservationError: No answer, or an answer that is not 2xx (its `status` says which).
        """
        return as_object(self.request("GET", path, query=query), path)

    def find(self, path: str, **query: str) -> Json | None:
        """The object at `path`, or None when the API server says that there is none."""
        try:
            return self.get(path, **query)
        except ObservationError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise

    def list(
        self, path: str, *, label_selector: str = "", keep: Callable[[Json], Json] | None = None
    ) -> list[Json]:
        """All objects of a collection, read in pages of one consistent snapshot.

        A snapshot that expires between two pages is begun anew, RESTARTS times.

        Args:
            path: Of the collection.
            label_selector: Only what it selects; everything without it.
            keep: What to keep of an object, as soon as its page is read; the object without it.

        Raises:
            ObservationError: As `get` does, or the answer is no list of that collection.
        """
        for _ in range(RESTARTS):
            try:
                return self._pages(path, label_selector, keep)
            except ObservationError as error:
                if error.status != HTTPStatus.GONE:
                    raise
        return self._pages(path, label_selector, keep)

    def first_page(self, path: str) -> Items | None:
        """All objects of a collection where one page holds them, PAGE at most; None where not.

        Raises:
            ObservationError: As `list` does.
        """
        try:
            page = self.get(path, limit=str(PAGE))
        except ObservationError as error:
            if isinstance(error.__cause__, TooLargeError):
                return None
            raise
        more = (page.get("metadata") or {}).get("continue")
        return None if more else as_items(page, path)

    def _pages(self, path: str, label_selector: str, keep: Callable[[Json], Json] | None) -> Items:
        items: Items = []
        limit, most = PAGE, LARGEST_PAGE
        query = {"limit": str(limit)}
        if label_selector:
            query["labelSelector"] = label_selector
        while True:
            try:
                answer = self.request("GET", path, query=query)
            except ObservationError as error:
                if not isinstance(error.__cause__, TooLargeError) or limit == 1:
                    raise
                limit = most = max(1, limit // SMALLER)
                query["limit"] = str(limit)
                continue
            page = as_object(answer, path)
            objects = as_items(page, path)
            items.extend(map(keep, objects) if keep else objects)
            following = (page.get("metadata") or {}).get("continue")
            if not following:
                return items
            if following == query.get("continue"):
                raise ObservationError(f"GET {path}: the same page again and again")
            if objects:
                each = len(answer.content) / len(objects)
                limit = max(1, min(most, int(PAGE_BYTES / each)))
            query |= {"continue": following, "limit": str(limit)}

    def text(self, path: str, **query: str) -> str:
        """The answer at `path` as text (a /metrics page, a log)."""
        return self.request("GET", path, query=query).text

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: object = None,
        content_type: str = "application/json",
        accept: str = "",
        expect_ok: bool = True,
        timeout_s: float | None = None,
        patience: Patience | None = None,
    ) -> "httpx.Response":
        """One request; a GET or DELETE is asked again after a refusal that may pass.

        Args:
            method: In capitals.
            path: Without its query.
            query: Added to the path.
            body: Sent as JSON.
            content_type: Of the body.
            accept: What a Pod behind a proxy is asked for; JSON without it.
            expect_ok: Refuse an answer outside 2xx.
            timeout_s: One attempt; READ_TIMEOUT_S without it.
            patience: With whom; with the API server without it.

        Raises:
            ObservationError: No answer, or (with `expect_ok`) a status outside 2xx.
        """
        url = f"{path}?{urlencode(query)}" if query else path
        content = None if body is None else json.dumps(body).encode()
        patience = patience or self._patience
        headers = {"content-type": content_type, **({"accept": accept} if accept else {})}
        attempts = patience.attempts(f"{method} {path}")
        if method not in _REPEATABLE:
            attempts = 1
        for attempt in range(1, attempts + 1):
            try:
                within_s = timeout_s or READ_TIMEOUT_S
                answer = self._transport.ask(method, url, content, headers, within_s)
            except NoAnswerError as error:
                self._count(method, path, 0)
                if attempt == attempts or error.timed_out:
                    if not isinstance(error, TooLargeError):
                        patience.unanswered()
                    message = f"{method} {path}: no answer from the API server: {error}"
                    raise ObservationError(message) from error
                self._sleep(0.2 * attempt)
                continue
            self._count(method, path, len(answer.content))
            if "/proxy/" not in path:  # what a Pod says of the time is not the API server's
                self._clock.saw(answer.headers.get("date", ""), answer.elapsed.total_seconds())
            if answer.status_code in _TRY_AGAIN and expect_ok:
                pause_s = _pause_s(answer, attempt)
                if attempt < attempts and pause_s <= RETRY_PAUSE_LIMIT_S:
                    self._sleep(pause_s)
                    continue
                patience.refused()
            else:
                patience.answered()
            if expect_ok and not answer.is_success:
                raise _refusal(method, path, answer)
            return answer
        raise AssertionError(attempts)  # the loop always returns or raises

    def watch(
        self, path: str, *, resource_version: str, label_selector: str = "", for_s: float = 300.0
    ) -> Iterator[Json]:
        """Watch events `{type, object}` from `resource_version` on, for at most `for_s` seconds.

        Ends when the server ends the watch; an expired version raises with status 410, and the
        caller lists again.
        """
        query = {
            "watch": "true",
            "resourceVersion": resource_version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(max(1, int(for_s))),
        }
        if label_selector:
            query["labelSelector"] = label_selector
        self._count("WATCH", path, 0)
        try:
            with self._transport.streamed(f"{path}?{urlencode(query)}", for_s + 10) as answer:
                if not answer.is_success:
                    answer.read()
                    raise _refusal("WATCH", path, answer)
                for line in answer.iter_lines():
                    event = json.loads(line)
                    if event.get("type") == "ERROR":
                        status = event.get("object") or {}
                        message = f"WATCH {path}: {status.get('message')}"
                        raise ObservationError(message, status=status.get("code"))
                    yield event
        except (NoAnswerError, ValueError) as error:
            message = f"WATCH {path}: the watch broke off: {error}"
            raise ObservationError(message) from error

    @contextmanager
    def websocket(
        self, target: str, protocols: Sequence[str], *, within_s: float
    ) -> "Iterator[WebSocket]":
        """A websocket at `target` (path and query), closed in the end; count it by `note_call`.

        Raises:
            HandshakeError: Refused, or not opened within `within_s`.
        """
        from clusterproof.kube.websocket import opened  # noqa: PLC0415 - only some runs need it

        with opened(self._transport, target, protocols, within_s=within_s) as stream:
            yield stream

    def note_call(self, method: str, path: str) -> None:
        """Count a call that another transport made (exec is a websocket)."""
        self._count(method, path, 0)

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def _count(self, method: str, path: str, received_bytes: int) -> None:
        with self._lock:
            self._calls.append((method, path))
            self._received_bytes += received_bytes


def _pause_s(answer: "httpx.Response", attempt: int) -> float:
    asked = answer.headers.get("retry-after", "")
    return float(asked) if asked.isdigit() else 0.2 * attempt


def _refusal(method: str, path: str, answer: "httpx.Response") -> ObservationError:
    """The refusal; its status counts only where an API server said it."""
    words = answer.text[:200]
    status: int | None = answer.status_code
    if is_status(answer):
        words = str(answer.json().get("message", ""))
    elif answer.status_code == HTTPStatus.NOT_FOUND:
        words, status = f"by something that is no API server: {words!r}", None
    message = f"{method} {path}: {answer.status_code} {answer.reason_phrase}: {words}"
    return ObservationError(message.rstrip(": "), status=status)
