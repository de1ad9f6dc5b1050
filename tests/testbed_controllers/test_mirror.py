"""List and watch against a real HTTP server on loopback that can break off, refuse and forget."""

import json
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from clusterproof.kube.client import KubeApi
from clusterproof.kube.connection import Connection
from clusterproof.kube.objects import Json
from clusterproof.wait import wait_until
from testbed.controllers.mirror import Mirror

PATH = "/api/v1/things"


def thing(name: str, version: int, color: str = "red") -> Json:
    return {
        "metadata": {"namespace": "shop", "name": name, "resourceVersion": str(version)},
        "color": color,
    }


@dataclass
class Server:
    """What is listed, what watches tell next, and what was asked."""

    items: list[Json] = field(default_factory=list)
    version: int = 1
    refusals: int = 0
    events: "queue.Queue[Json | str]" = field(default_factory=queue.Queue)
    asked: list[str] = field(default_factory=list)
    port: int = 0

    def answer(self) -> tuple[int, Json]:
        """Status and body of a list."""
        if self.refusals:
            self.refusals -= 1
            return 403, {"kind": "Status", "message": "not now"}
        metadata = {"resourceVersion": str(self.version)}
        return 200, {"kind": "ThingList", "metadata": metadata, "items": self.items}


def handler_of(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            if "watch" not in query:
                server.asked.append("list")
                status, body = server.answer()
                content = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
                return
            server.asked.append(f"watch {query['resourceVersion'][0]}")
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            while (event := server.events.get()) != "end":
                if event == "break":
                    self.close_connection = True
                    return
                line = json.dumps(event).encode() + b"\n"
                # In two chunks, as a long line may well come.
                for part in (line[:20], line[20:]):
                    self.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
                self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401
            """Keep quiet."""

    return Handler


@pytest.fixture
def server() -> Iterator[Server]:
    """A server with nothing in it yet."""
    server = Server()
    with ThreadingHTTPServer(("127.0.0.1", 0), handler_of(server)) as http:
        server.port = http.server_port
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        yield server
        http.shutdown()
        thread.join()


@pytest.fixture
def api(server: Server) -> Iterator[KubeApi]:
    """A connection to it, until the mirrors that were told to stop have ended."""
    with closing(KubeApi(Connection(f"http://127.0.0.1:{server.port}"))) as api:
        yield api
        for _ in range(3):  # the handler of a watch that broke off takes one as well
            server.events.put("end")
        for thread in [each for each in threading.enumerate() if each.name == PATH]:
            thread.join(10)


@pytest.fixture
def mirror(api: KubeApi) -> Iterator[Mirror[str]]:
    """The names and colours of the things."""
    stop = threading.Event()
    mirror = Mirror(
        api, PATH, lambda raw: f"{raw['metadata']['name']} {raw['color']}", threading.Event()
    )
    mirror.start(stop)
    yield mirror
    stop.set()


def until(read: Callable[[], object], wanted: object) -> None:
    wait_until(
        read, lambda seen: seen == wanted, waiting_for=str(wanted), within_s=10, every_s=0.01
    )


def test_events_change_the_copy(server: Server, mirror: Mirror[str]) -> None:
    until(mirror.synced.is_set, wanted=True)
    server.events.put({"type": "ADDED", "object": thing("a", 2)})
    server.events.put({"type": "ADDED", "object": thing("b", 3)})
    until(mirror.snapshot, ("a red", "b red"))
    server.events.put({"type": "MODIFIED", "object": thing("a", 4, "blue")})
    server.events.put({"type": "DELETED", "object": thing("b", 5)})
    until(mirror.snapshot, ("a blue",))


def test_watch_goes_on_where_it_ended(server: Server, mirror: Mirror[str]) -> None:
    server.events.put({"type": "ADDED", "object": thing("a", 7)})
    server.events.put({"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "9"}}})
    server.events.put("end")
    until(lambda: server.asked, ["list", "watch 1", "watch 9"])
    assert mirror.snapshot() == ("a red",)


def test_broken_connection_loses_nothing(server: Server, mirror: Mirror[str]) -> None:
    server.events.put({"type": "ADDED", "object": thing("a", 7)})
    server.events.put("break")
    until(lambda: server.asked, ["list", "watch 1", "watch 7"])
    server.events.put({"type": "ADDED", "object": thing("b", 8)})
    until(mirror.snapshot, ("a red", "b red"))


def test_expired_version_is_listed_again(server: Server, mirror: Mirror[str]) -> None:
    until(mirror.synced.is_set, wanted=True)
    server.items, server.version = [thing("late", 50)], 60
    server.events.put({"type": "ERROR", "object": {"code": 410, "message": "too old"}})
    until(mirror.snapshot, ("late red",))
    until(lambda: server.asked, ["list", "watch 1", "list", "watch 60"])


def test_refused_list_is_tried_again(server: Server, api: KubeApi) -> None:
    server.refusals = 2
    changed, stop = threading.Event(), threading.Event()
    mirror = Mirror(api, PATH, lambda raw: str(raw["color"]), changed)
    mirror.start(stop)
    until(mirror.synced.is_set, wanted=True)
    assert server.asked[:3] == ["list", "list", "list"]
    assert changed.is_set()
    stop.set()


def test_what_the_projection_does_not_show_wakes_nobody(server: Server, api: KubeApi) -> None:
    server.items = [thing("a", 1)]
    changed, stop = threading.Event(), threading.Event()
    mirror = Mirror(api, PATH, lambda raw: str(raw["color"]), changed)
    mirror.start(stop)
    until(mirror.synced.is_set, wanted=True)
    until(changed.is_set, wanted=True)
    changed.clear()
    server.events.put({"type": "MODIFIED", "object": thing("a", 2)})
    server.events.put("end")
    until(lambda: server.asked[-1], "watch 2")
    assert not changed.is_set()
    stop.set()
