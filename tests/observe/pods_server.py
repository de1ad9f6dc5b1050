"""An API server on loopback that keeps Pods, and really runs what is executed in them.

It speaks as much of the API as our own Pods need: create, get, list, delete, the ephemeral
containers, and exec by websocket (v4.channel.k8s.io), whose command runs on this machine.
"""

import base64
import hashlib
import json
import re
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from clusterproof.kube.client import KubeApi
from clusterproof.kube.connection import Connection
from clusterproof.kube.limits import refusals
from clusterproof.kube.requests import bounds_of

Json = dict[str, Any]
_POD = re.compile(r"^/api/v1/namespaces/([^/]+)/pods(?:/([^/]+))?(?:/([a-z]+))?$")
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_CLOSE = b"\x88\x02\x03\xe8"


class World:
    """The Pods, and how the server treats us.

    Attributes:
        without_python: Containers of others in which there is no python3.
        forbidden: Verbs that are refused: `create`, `delete`, `exec`, `list`.
        waiting: The reason for which a new Pod does not run, or "".
        limit_ranges: By which a Pod is refused; None where we may not read them.
        unread_limit_ranges: Those then.
        lists: Path of another collection to its list; without one there are no Services.
        log: Every `METHOD path` that came.
    """

    def __init__(self) -> None:
        """No Pod."""
        self.pods: dict[tuple[str, str], Json] = {}
        self.without_python: set[str] = set()
        self.forbidden: set[str] = set()
        self.waiting = ""
        self.limit_ranges: list[Json] | None = []
        self.unread_limit_ranges: list[Json] = []
        self.lists: dict[str, Json] = {}
        self.log: list[str] = []

    def add(self, pod: Json) -> None:
        """A Pod that is there already."""
        self.pods[(pod["metadata"]["namespace"], pod["metadata"]["name"])] = pod

    def answer(self, method: str, path: str, body: Json | None) -> tuple[int, Json]:
        """One request."""
        self.log.append(f"{method} {path}")
        if path in self.lists or path.endswith(("/limitranges", "/services")):
            return self._listed(path)
        match = _POD.match(path)
        assert match, path
        namespace, name, part = match.groups()
        verb = {"POST": "create", "DELETE": "delete"}.get(method, "get" if name else "list")
        if verb in self.forbidden:
            return 403, {"message": f'pods is forbidden: User "u" cannot {verb} resource "pods"'}
        if method == "POST" and body is not None:
            return self._created(namespace, body)
        if name is None:
            items = [pod for (space, _), pod in self.pods.items() if space == namespace]
            ours = [pod for pod in items if "clusterproof.dev/run" in pod["metadata"]["labels"]]
            return 200, {"kind": "PodList", "items": ours}
        if (namespace, name) not in self.pods:
            return 404, {"message": "not found"}
        pod = self.pods[(namespace, name)]
        if method == "DELETE":
            del self.pods[(namespace, name)]
        if part == "ephemeralcontainers" and body is not None:
            (container,) = body["spec"]["ephemeralContainers"]
            state = {"name": container["name"], "state": {"running": {}}}
            pod["status"]["ephemeralContainerStatuses"] = [state]
        return 200, pod

    def _listed(self, path: str) -> tuple[int, Json]:
        if path in self.lists:
            return 200, self.lists[path]
        if path.endswith("/services"):
            return 200, {"kind": "ServiceList", "items": []}
        if self.limit_ranges is None:
            return 403, {"message": 'User "u" cannot list resource "limitranges"'}
        return 200, {"kind": "LimitRangeList", "items": self.limit_ranges}

    def _created(self, namespace: str, body: Json) -> tuple[int, Json]:
        name = body["metadata"]["name"]
        if (namespace, name) in self.pods:
            return 409, {"message": "exists"}
        for limit_range in self.limit_ranges or self.unread_limit_ranges:
            for refusal in refusals(limit_range, bounds_of(body["spec"])):
                why = f"{refusal.rule} {refusal.resource} is {refusal.bound}, got {refusal.has}"
                return 403, {"message": f'pods "{name}" is forbidden: [{why}]'}
        body["status"] = self._status(name)
        self.pods[(namespace, name)] = body
        return 201, body

    def _status(self, name: str) -> Json:
        state: Json = {"running": {}}
        if self.waiting:
            state = {"waiting": {"reason": self.waiting, "message": f"no image for {name}"}}
        return {"phase": "Running", "containerStatuses": [{"state": state}]}


def _frame(channel: int, text: str) -> bytes:
    data = bytes([channel]) + text.encode()
    return b"\x82" + bytes([127]) + struct.pack(">Q", len(data)) + data


def _run(world: World, path: str, container: str, argv: list[str]) -> tuple[str, str, Json]:
    is_ours = "/pods/clusterproof-" in path  # of an image that has one
    if container in world.without_python and not is_ours:
        why = 'exec: "python3": executable file not found in $PATH'
        return "", "", {"status": "Failure", "message": f"Internal error occurred: {why}"}
    command = [sys.executable, *argv[1:]]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)  # noqa: S603 - our own script
    status: Json = {"status": "Success"}
    if ended.returncode:
        cause = {"reason": "ExitCode", "message": str(ended.returncode)}
        status = {"status": "Failure", "details": {"causes": [cause]}}
    return ended.stdout, ended.stderr, status


class Handler(BaseHTTPRequestHandler):
    """Answers for the server's self.server.world."""

    server: "PodsServer"
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Read, or exec."""
        if self.headers.get("upgrade", "").lower() == "websocket":
            self._exec()
        else:
            self._answer()

    def do_POST(self) -> None:
        """Create."""
        self._answer()

    def do_PATCH(self) -> None:
        """Add an ephemeral container."""
        self._answer()

    def do_DELETE(self) -> None:
        """Delete."""
        self._answer()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        path = urlsplit(self.path).path
        status, reply = self.server.world.answer(
            self.command, path, json.loads(body) if body else None
        )
        self._reply(status, reply)

    def _reply(self, status: int, reply: Json) -> None:
        text = json.dumps(reply).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def _exec(self) -> None:
        parts = urlsplit(self.path)
        self.server.world.log.append(f"EXEC {parts.path}")
        query = parse_qs(parts.query, keep_blank_values=True)
        _, namespace, name, _ = re.split(r"/namespaces/|/pods/|/exec", parts.path)
        self.close_connection = True
        if "exec" in self.server.world.forbidden:
            self._reply(403, {"message": "pods/exec is forbidden"})
            return
        if (namespace, name) not in self.server.world.pods:
            self._reply(404, {"message": "not found"})
            return
        if self.headers["accept"] != "*/*":  # as a kubelet of v1.37 has it, which answers itself
            self._reply(406, {"message": "406: Not Acceptable"})
            return
        digest = hashlib.sha1(self.headers["sec-websocket-key"].encode() + _GUID).digest()  # noqa: S324 - RFC 6455
        self.send_response(101)
        self.send_header("upgrade", "websocket")
        self.send_header("connection", "Upgrade")
        self.send_header("sec-websocket-accept", base64.b64encode(digest).decode())
        self.send_header("sec-websocket-protocol", "v4.channel.k8s.io")
        self.end_headers()
        out, err, status = _run(
            self.server.world, self.path, query["container"][0], query["command"]
        )
        frames = [_frame(1, out), _frame(2, err), _frame(3, json.dumps(status)), _CLOSE]
        self.wfile.write(b"".join(frames))

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class PodsServer(ThreadingHTTPServer):
    """A server on a free port of loopback, with a world."""

    def __init__(self, world: World) -> None:
        """Listen."""
        super().__init__(("127.0.0.1", 0), Handler)
        self.world = world


@contextmanager
def pods_server(world: World) -> Iterator[KubeApi]:
    """A KubeApi whose server keeps `world`."""
    server = PodsServer(world)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    api = KubeApi(Connection(f"http://127.0.0.1:{server.server_port}", "loopback"))
    try:
        yield api
    finally:
        api.close()
        server.shutdown()
        thread.join()
        server.server_close()
