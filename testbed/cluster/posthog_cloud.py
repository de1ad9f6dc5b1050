"""PostHog Cloud as the local cluster's outside world plays it: the reference, with Cloud's limits.

The reference runs in the namespace `posthog-cloud` of the same cluster, behind a fixed ClusterIP,
and is reached by the names of PostHog's two regions. What is added here is what a self-hosted
PostHog has not: limits of the rate of queries, queries that are answered later, a gateway that
gives up, events of others, and hosts that take events and answer no queries.
Source: PostHog docs, "API overview" and "API queries" (read 2026-11-27).
"""

import gzip
import http.client
import json
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from testbed.cluster.topology import CLOUD_PORT, CLOUD_SERVICE_IP
from testbed.settings import patient

Json = dict[str, Any]
INGESTION_HOSTS = frozenset({"us.i.posthog.com", "eu.i.posthog.com"})
APP_HOSTS = frozenset({"app.posthog.com", "us.posthog.com", "eu.posthog.com"})
HOSTS = INGESTION_HOSTS | APP_HOSTS
PUBLIC = ("/batch", "/capture", "/e", "/i/", "/flags", "/decide", "/track", "/engage")
LIMITS = ((60.0, 240), (3600.0, 1200))
"""Seconds, and the queries that are answered in them."""
OTHERS_FIRST, OTHERS_EACH = 2, 7
"""The second query, and each seventh after it, finds that others of the team used up the rate."""
RETRY_AFTER_S = 2
GATEWAY_EACH = 5
"""Each fifth query that is to be answered at once ends at the gateway."""
GATEWAY_AFTER_S = 1.0
LATER_AFTER_S = 1.0
OF_OTHERS = 20
"""Events of somebody else that come with each batch."""
TIMEOUT_S = 20.0
_HOP = frozenset(
    {"connection", "content-length", "transfer-encoding", "host", "keep-alive", "date"}
)


@dataclass(frozen=True)
class Asked:
    """One request."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Answered:
    """What it is answered."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


def as_json(status: int, body: Json, **headers: str) -> Answered:
    """An answer in JSON; `retry_after` is the header of that name."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Answered(
        status, json.dumps(body).encode(), {"content-type": "application/json", **named}
    )


def throttled(wait_s: int) -> Answered:
    """As PostHog says that a rate is used up."""
    detail = f"Request was throttled. Expected available in {wait_s} seconds."
    body = {"type": "throttled_error", "code": "throttled", "detail": detail, "attr": None}
    return as_json(429, body, retry_after=str(wait_s))


def at_reference(
    asked: Asked, host: str = str(CLOUD_SERVICE_IP), port: int = CLOUD_PORT
) -> Answered:
    """What the reference answers; 502 where it is not there."""
    connection = http.client.HTTPConnection(host, port, timeout=patient(TIMEOUT_S))
    headers = {name: text for name, text in asked.headers.items() if name.lower() not in _HOP}
    try:
        connection.request(asked.method, asked.path, asked.body or None, headers)
        reply = connection.getresponse()
        kept = {name: text for name, text in reply.getheaders() if name.lower() not in _HOP}
        return Answered(reply.status, reply.read(), kept)
    except (OSError, http.client.HTTPException) as error:
        return as_json(502, {"detail": f"the reference behind it: {type(error).__name__}: {error}"})
    finally:
        connection.close()


class Cloud:
    """Limits and delays in front of one reference. Safe to use from several threads."""

    def __init__(
        self,
        reference: Callable[[Asked], Answered] = at_reference,
        *,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], object] | None = None,
    ) -> None:
        """Nothing was asked yet."""
        self._reference, self._clock = reference, clock
        self._pause = pause or threading.Event().wait
        self._lock = threading.Lock()
        self._times: deque[float] = deque()
        self._asked = self._at_once = 0
        self._later: dict[str, tuple[float, Answered]] = {}

    def answer(self, host: str, asked: Asked) -> Answered:
        """One request to one of HOSTS."""
        path = asked.path.partition("?")[0]
        if path.startswith(PUBLIC):
            reply = self._reference(asked)
            if path.startswith("/batch") and reply.status == http.client.OK:
                self._others(asked)
            return reply
        if host in INGESTION_HOSTS:
            return as_json(404, {"detail": f"{host} takes events and answers flags only"})
        head, found, query = path.partition("/query/")
        if not found or not head.startswith(("/api/projects/", "/api/environments/")):
            return self._reference(asked)
        return self._query(asked) if asked.method == "POST" else self._outcome(query.strip("/"))

    def _query(self, asked: Asked) -> Answered:
        with self._lock:
            if (limit := self._limit()) is not None:
                return limit
        try:
            body = json.loads(asked.body)
            refresh = body["refresh"]
        except (ValueError, KeyError, TypeError):
            return self._reference(asked)
        if refresh in {"async", "force_async", "lazy_async"}:
            return self._begin(asked, body)
        with self._lock:
            self._at_once += 1
            gives_up = self._at_once % GATEWAY_EACH == 0
        if gives_up:
            self._pause(GATEWAY_AFTER_S)
            return Answered(504, b"<html>Gateway Time-out</html>", {"content-type": "text/html"})
        return self._reference(asked)

    def _limit(self) -> Answered | None:
        """What a query beyond the rate is answered."""
        now = self._clock()
        while self._times and now - self._times[0] > LIMITS[-1][0]:
            self._times.popleft()
        for seconds, most in LIMITS:
            within = [at for at in self._times if now - at <= seconds]
            if len(within) >= most:
                return throttled(int(seconds - (now - within[0])) + 1)
        self._asked += 1
        if self._asked % OTHERS_EACH == OTHERS_FIRST:
            return throttled(RETRY_AFTER_S)
        self._times.append(now)
        return None

    def _begin(self, asked: Asked, body: Json) -> Answered:
        at_once = json.dumps({**body, "refresh": "force_blocking"}).encode()
        reply = self._reference(Asked(asked.method, asked.path, asked.headers, at_once))
        if reply.status != http.client.OK:
            return reply
        name = uuid.uuid4().hex
        with self._lock:
            self._later[name] = (self._clock() + LATER_AFTER_S, reply)
        return as_json(202, {"query_status": {"id": name, "complete": False, "query_async": True}})

    def _outcome(self, name: str) -> Answered:
        with self._lock:
            ready_at, reply = self._later.get(name, (0.0, None))
            if reply is not None and self._clock() >= ready_at:
                del self._later[name]
        if reply is None:
            return as_json(404, {"detail": "Query not found."})
        status: Json = {"id": name, "complete": False, "error": False, "results": None}
        if self._clock() < ready_at:
            return as_json(202, {"query_status": status})
        results = json.loads(reply.body)
        return as_json(200, {"query_status": {**status, "complete": True, "results": results}})

    def _others(self, asked: Asked) -> None:
        """A batch of somebody else in the same project, as soon after ours."""
        token = _token(asked)
        if not token:
            return
        batch = [
            {"event": "$pageview", "distinct_id": f"someone-{number}", "uuid": str(uuid.uuid4())}
            for number in range(OF_OTHERS)
        ]
        body = json.dumps({"api_key": token, "batch": batch}).encode()
        headers = {"content-type": "application/json"}
        self._reference(Asked("POST", "/batch/", headers, body))


def _token(asked: Asked) -> str:
    """The project's token of a batch, packed or not."""
    packed = asked.body.startswith(b"\x1f\x8b")
    try:
        return str(json.loads(gzip.decompress(asked.body) if packed else asked.body)["api_key"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""
