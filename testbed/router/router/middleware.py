"""Around every request: identity, counting, one log line, and a way out while draining."""

import json
import sys
import time
import uuid
from collections.abc import Callable
from typing import TextIO

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .config import Settings
from .metrics import Metrics
from .state import Phase

REQUEST_ID = "x-request-id"
_LONGEST_ID = 128
_NOT_FOUND = "unmatched"
_CLIENT_GONE = 499


class Observe:
    """The outermost layer of the application."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        metrics: Metrics,
        phase: Phase,
        settings: Settings,
        endpoint_of: Callable[[Scope], str | None],
        log: TextIO = sys.stdout,
    ) -> None:
        """Watch `app`; `endpoint_of` names the route that a request matched."""
        self._app = app
        self._metrics = metrics
        self._phase = phase
        self._settings = settings
        self._endpoint_of = endpoint_of
        self._log = log
        self._served = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["path"].startswith("/api/"):
            await self._api(scope, receive, send)
            return
        await self._app(scope, receive, self._closing_when_draining(send))

    async def _api(self, scope: Scope, receive: Receive, send: Send) -> None:
        started, wall = time.perf_counter(), time.time()
        request_id = (Headers(scope=scope).get(REQUEST_ID) or uuid.uuid4().hex)[:_LONGEST_ID]
        scope["state"] = {"request_id": request_id}
        status = _CLIENT_GONE
        counted = False

        def count() -> None:
            nonlocal counted
            if not counted:
                counted = True
                endpoint = self._endpoint_of(scope) or _NOT_FOUND
                seconds = time.perf_counter() - started
                self._metrics.answered(scope["method"], endpoint, status, seconds)
                self._write_line(scope, request_id, status, wall, seconds)

        async def observed_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[REQUEST_ID] = request_id
            elif not message.get("more_body"):
                # Before the caller can have the answer: whoever has it finds it counted.
                count()
            await send(message)

        self._served += 1
        self._phase.in_flight += 1
        try:
            self._stall_when_due()
            if self._phase.in_flight > self._settings.max_in_flight:
                busy = JSONResponse(
                    {"error": "too many requests in flight"}, 503, {"retry-after": "1"}
                )
                await busy(scope, receive, self._closing_when_draining(observed_send))
                return
            await self._app(scope, receive, self._closing_when_draining(observed_send))
        finally:
            self._phase.in_flight -= 1
            count()

    def _closing_when_draining(self, send: Send) -> Send:
        """Ask the caller to connect anew, elsewhere, once the end was announced."""

        async def closing_send(message: Message) -> None:
            if message["type"] == "http.response.start" and self._phase.draining:
                MutableHeaders(scope=message)["connection"] = "close"
            await send(message)

        return closing_send

    def _write_line(
        self, scope: Scope, request_id: str, status: int, wall: float, seconds: float
    ) -> None:
        every = self._settings.access_log_every
        if not every or self._served % every:
            return
        line = {
            "log": "access",
            "at": round(wall, 6),
            "request_id": request_id,
            "method": scope["method"],
            "path": scope["path"],
            "status": status,
            "duration_ms": round(seconds * 1000, 3),
            "pod": self._settings.pod_name,
        }
        self._log.write(json.dumps(line) + "\n")

    def _stall_when_due(self) -> None:
        faults = self._settings.faults
        if faults.on("stall") and self._served == int(faults.level("stall_after", 100)):
            # The whole process stands still on purpose, as in a long garbage collection.
            time.sleep(faults.level("stall"))
