"""List and watch against a real HTTP server on loopback that can break off, refuse and forget."""

import json
import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from clusterproof.wait import wait_until
from testbed.controllers.kube import Api, ApiError, Json
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
    pages: int = 1
    refusals: int = 0
    events: "queue.Queue[Json | str]" = field(default_factory=queue.Queue)
    asked: list[str] = field(default_factory=list)
    port: int = 0

    def answer(self, query: dict[str, list[str]]) -> tuple[int, Json]:
        """Status and body of a list."""
        if self.refusals:
            self.refusals -= 1
            return 500, {"message": "not now"}
        size = -(-len(self.items) // self.pages) if self.items else 0
        start = int(query.get("continue", ["0"])[0])
        metadata: Json = {"resourceVersion": str(self.version)}
        if start + size < len(self.items):
            metadata["continue"] = str(start + size)
        return 200, {"metadata": metadata, "items": self.items[start : start + size]}


def handler_of(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            if "watch" not in query:
                server.asked.append("list")
                status, body = server.answer(query)
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
        for _ in range(3):
            server.events.put("end")
        http.shutdown()
        thread.join()


@pytest.fixture
def api(server: Server, tmp_path: Path) -> Api:
    """A connection to it, by a kubeconfig."""
    path = tmp_path / "kubeconfig"
    path.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "here",
                "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
                "clusters": [
                    {"name": "here", "cluster": {"server": f"http://127.0.0.1:{server.port}"}}
                ],
                "users": [{"name": "me", "user": {"token": "t"}}],
            }
        )
    )
    return Api.from_kubeconfig(path)


@pytest.fixture
def mirror(api: Api) -> Iterator[Mirror[str]]:
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


def test_every_page_of_the_list_is_read(server: Server, api: Api) -> None:
    server.items, server.pages = [thing(f"t{n}", n) for n in range(7)], 3
    items, version = api.list_all(PATH)
    assert [item["metadata"]["name"] for item in items] == [f"t{n}" for n in range(7)]
    assert version == "1"


def test_events_change_the_copy(server: Server, mirror: Mirror[str]) -> None:
    until(lambda: mirror.synced, wanted=True)
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
    assert mirror.error == ""


def test_expired_version_is_listed_again(server: Server, mirror: Mirror[str]) -> None:
    until(lambda: mirror.synced, wanted=True)
    server.items, server.version = [thing("late", 50)], 60
    server.events.put({"type": "ERROR", "object": {"code": 410, "message": "too old"}})
    until(mirror.snapshot, ("late red",))
    until(lambda: server.asked, ["list", "watch 1", "list", "watch 60"])


def test_refused_list_is_tried_again(server: Server, api: Api) -> None:
    server.refusals = 2
    changed, stop = threading.Event(), threading.Event()
    mirror = Mirror(api, PATH, lambda raw: str(raw["color"]), changed)
    mirror.start(stop)
    until(lambda: mirror.synced, wanted=True)
    assert server.asked[:3] == ["list", "list", "list"]
    assert changed.is_set()
    stop.set()


def test_what_the_projection_does_not_show_wakes_nobody(server: Server, api: Api) -> None:
    server.items = [thing("a", 1)]
    changed, stop = threading.Event(), threading.Event()
    mirror = Mirror(api, PATH, lambda raw: str(raw["color"]), changed)
    mirror.start(stop)
    until(lambda: mirror.synced, wanted=True)
    until(changed.is_set, wanted=True)
    changed.clear()
    server.events.put({"type": "MODIFIED", "object": thing("a", 2)})
    server.events.put("end")
    until(lambda: server.asked[-1], "watch 2")
    assert not changed.is_set()
    stop.set()


def test_refusal_carries_status_and_words(server: Server, api: Api) -> None:
    server.refusals = 1
    with pytest.raises(ApiError, match="HTTP 500: not now") as refused:
        api.request("GET", PATH)
    assert refused.value.status == 500


def test_missing_kubeconfig_is_one_clear_sentence(tmp_path: Path) -> None:
    with pytest.raises(ApiError, match="expected a usable current context"):
        Api.from_kubeconfig(tmp_path / "absent")
