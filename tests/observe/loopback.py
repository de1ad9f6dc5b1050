"""Small HTTP servers on loopback, for what our observers and scripts speak to."""

import email.utils
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from clusterproof.kube.client import KubeApi
from clusterproof.kube.connection import Connection
from clusterproof.spec.settings import KeyRef, PosthogSettings

PROJECT_KEY = "phc_" + "a" * 32  # made up for these tests
PERSONAL_KEY = "phx_" + "b" * 32


@dataclass(frozen=True)
class Request:
    """What a server was asked."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:  # noqa: ANN401 - JSON
        """The body as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """What it answers."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    after_s: float = 0.0


def listed(kind: str, *items: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """A list of `kind` as an API server writes it."""
    return {"kind": f"{kind}List", "apiVersion": "v1", "metadata": {}, "items": list(items)}


class _Server(ThreadingHTTPServer):
    """One that takes as many connections at once as our observers open."""

    request_queue_size = 64


@contextmanager
def served(answer: Callable[[Request], Reply]) -> Iterator[str]:
    """A server on a free port of loopback; its base URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def do_PUT(self) -> None:
            self._answer()

        def do_PATCH(self) -> None:
            self._answer()

        def do_DELETE(self) -> None:
            self._answer()

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = answer(Request(self.command, self.path, headers, body))
            threading.Event().wait(reply.after_s)
            text = reply.body if isinstance(reply.body, str) else json.dumps(reply.body)
            try:
                self.send_response_only(reply.status)
                headers = {"date": self.date_time_string(), **reply.headers}
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())
            except OSError:
                return  # the caller did not wait for the answer

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = _Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def api_server(answer: Callable[[Request], Reply]) -> Iterator[KubeApi]:
    """A KubeApi whose API server answers as told."""
    with served(answer) as url:
        api = KubeApi(Connection(url, "loopback"), sleep=lambda _: None)
        try:
            yield api
        finally:
            api.close()


class PosthogStandIn:
    """Takes batches, answers HogQL by uuid; each fault is a field.

    Attributes:
        lose, twice, spoil: Which events (by their `index`) are lost, stored twice or altered.
        slow_s: An event can be read this long after it came.
        query_status: What the query endpoint answers.
        capture_status: What the capture endpoint answers.
        instead: What is answered in place of the query of this number, from 1; None: the query.
        counts: What is answered in place of the first counts of copies.
        partly: What the first counts of copies know of the events that are stored.
        captured_s: How late the first batches are answered; they are taken at once.
        polls: Queries that are asked to be answered later end at the so manieth poll; 0: never.
        gives_up: Of so many polls, the first, the gateway gives up.
        other: How an event is stored the second time.
        refuse: A query that has these words is answered 500.
        ahead_s: How far its clock is ahead; None: it tells no date.
        after_s: How late each answer is.
        depth: Events in the queue by its status page; None: it has no such page.
        ids: Of the flags of the token's project, by name.
        project_ids: Of the flags of the project that is read.
    """

    def __init__(self) -> None:
        """Nothing is stored."""
        self.lose: Callable[[int], bool] = lambda _: False
        self.twice: Callable[[int], bool] = lambda _: False
        self.spoil: Callable[[dict[str, Any]], None] = lambda _: None
        self.slow_s = 0.0
        self.query_status = 200
        self.capture_status = 200
        self.flag: dict[str, Any] | None = None
        self.cached = False
        self.stored: list[tuple[float, dict[str, Any]]] = []
        self.queries: list[str] = []
        self.instead: Callable[[int], Reply | None] = lambda _: None
        self.refreshes: list[str] = []
        self.counts: list[Reply] = []
        self.partly: list[Callable[[list[dict[str, Any]]], list[dict[str, Any]]]] = []
        self.captured_s: list[float] = []
        self.polls = 1
        self.gives_up = 0
        self.polled = 0
        self.later: dict[str, Any] | None = None
        self.other: Callable[[dict[str, Any]], dict[str, Any]] = lambda event: event
        self.ahead_s: float | None = 0.0
        self.after_s = 0.0
        self.refuse = "?"
        self.depth: int | None = None
        self.ids: dict[str, int] = {}
        self.project_ids: list[int] = []
        self.paths: list[str] = []

    def answer(self, request: Request) -> Reply:
        """One request, by a clock of its own."""
        self.paths.append(request.path)
        reply = self._answer(request)
        if self.ahead_s is None:
            date = ""
        else:
            date = email.utils.formatdate(time.time() + self.ahead_s, usegmt=True)
        after_s = max(self.after_s, reply.after_s)
        return replace(reply, headers={"date": date, **reply.headers}, after_s=after_s)

    def _answer(self, request: Request) -> Reply:
        if request.path.startswith("/batch"):
            return self._capture(request.json())
        if request.path.startswith("/flags/"):
            flags = {} if self.flag is None else {"the-flag": self.flag}
            flags |= {name: {"metadata": {"id": number}} for name, number in self.ids.items()}
            return Reply(body={"flags": flags, "errorsWhileComputingFlags": False})
        if request.headers.get("authorization") != f"Bearer {PERSONAL_KEY}":
            return Reply(401, {"detail": "no key"})
        if request.path.startswith("/api/instance_status"):
            lines: list[dict[str, Any]] = [{"key": "db_alive", "value": True}]
            if self.depth is not None:
                lines.append({"key": "queue_depth", "value": self.depth})
            return Reply(body={"results": {"overview": lines}})
        return self._asked(request)

    def _asked(self, request: Request) -> Reply:
        if "/feature_flags/" in request.path:
            return Reply(body={"next": None, "results": [{"id": one} for one in self.project_ids]})
        if request.method == "GET":
            return self._poll()
        asked = request.json()
        self.refreshes.append(asked["refresh"])
        reply = self.instead(len(self.refreshes)) or self._query(asked)
        if reply.status != 200 or asked["refresh"] != "force_async":
            return reply
        self.later, self.polled = reply.body, 0
        return Reply(202, {"query_status": {"id": "q/1", "complete": False}})

    def _poll(self) -> Reply:
        self.polled += 1
        if self.polled <= self.gives_up:
            return Reply(504, "<html>")
        if not self.polls or self.polled < self.polls:
            return Reply(202, {"query_status": {"id": "q/1", "complete": False}})
        status = {"id": "q/1", "complete": True, "error": False, "results": self.later}
        return Reply(200, {"query_status": status})

    def _capture(self, body: dict[str, Any]) -> Reply:
        if self.capture_status != 200:
            return Reply(self.capture_status, {"error": f"refused for {body['api_key']}"})
        for event in body["batch"]:
            index = event["properties"].get("index", 0)
            if self.lose(index):
                continue
            self.spoil(event)
            self.stored.append((time.monotonic(), event))
            if self.twice(index):
                self.stored.append((time.monotonic(), self.other(event)))
        after_s = self.captured_s.pop(0) if self.captured_s else 0.0
        return Reply(body={"status": "Ok"}, after_s=after_s)

    def _query(self, body: dict[str, Any]) -> Reply:
        text = body["query"]["query"]
        self.queries.append(text)
        if "GROUP BY" in text and self.counts:
            return self.counts.pop(0)
        if self.refuse in text:
            return Reply(500, {})
        if self.query_status != 200:
            return Reply(self.query_status, {"detail": "as told"})
        wanted = set(re.findall(r"'([0-9a-f-]{36})'", text))
        now = time.monotonic()
        found = [e for at, e in self.stored if e["uuid"] in wanted and now - at >= self.slow_s]
        if "GROUP BY uuid" in text:
            if self.partly:
                found = self.partly.pop(0)(found)
            keys = [(event["uuid"], event["event"], event["distinct_id"]) for event in found]
            rows: list[list[Any]] = [[*key, keys.count(key)] for key in dict.fromkeys(keys)]
        elif text.startswith("SELECT count()"):
            rows = [[len(self.stored)]]
        else:
            rows = [self._row(event, with_time="timestamp, properties" in text) for event in found]
        return Reply(body={"results": rows, "is_cached": self.cached})

    @staticmethod
    def _row(event: dict[str, Any], *, with_time: bool) -> list[Any]:
        properties = json.dumps(event["properties"])
        row = [event["uuid"], event["event"], event["distinct_id"]]
        return [*row, event["timestamp"], properties] if with_time else [*row, properties]


@contextmanager
def settings_of(
    posthog: PosthogStandIn, *, events: int, late_after_s: float
) -> Iterator[PosthogSettings]:
    """Settings that lead to the stand-in, while it listens."""
    with served(posthog.answer) as url:
        yield PosthogSettings(
            host=url,
            query_host=url,
            namespace="posthog",
            api_key=KeyRef(name="s", key="k"),
            personal_api_key=KeyRef(name="s", key="p"),
            events=events,
            within_s=2.0,
            late_after_s=late_after_s,
        )


def with_keys(arguments: list[str], within_s: float) -> str:
    """As `here`, with the installed packages, and the keys in the environment only."""
    ended = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, "-I", "-c", *arguments],
        env={
            **os.environ,
            "POSTHOG_API_KEY": PROJECT_KEY,
            "POSTHOG_PERSONAL_API_KEY": PERSONAL_KEY,
        },
        capture_output=True,
        text=True,
        timeout=within_s,
        check=True,
    )
    return ended.stdout


def here(arguments: list[str], within_s: float) -> str:
    """What a script of ours prints when this process's own Python runs it, as a Pod's would."""
    ended = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, "-I", "-S", "-c", *arguments],
        capture_output=True,
        text=True,
        timeout=within_s,
        check=True,
    )
    return ended.stdout
