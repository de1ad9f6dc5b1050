"""HTTP for the live ingress tests: servers on Pods' addresses, and a client beside the cluster."""

import http.client
import json
import socket
import ssl
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from testbed.cluster.topology import INGRESS, LOAD
from testbed.oracles.policies.dials import in_netns
from tests.testbed_controllers.live import LivePod, listen

CLIENT_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class Answer:
    """What came back through the ingress."""

    status: int
    body: str
    headers: Mapping[str, str]

    @property
    def told(self) -> dict[str, Any]:
        """What the Pod says of itself and of the request it got."""
        told: dict[str, Any] = json.loads(self.body)
        return told


@contextmanager
def serving(pod: LivePod, port: int, asked: Counter[str]) -> Iterator[None]:
    """An HTTP server on the Pod's address that tells who it is and what it was asked.

    Args:
        pod: Where it is.
        port: Where it listens.
        asked: Requests by path, counted here.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", "0")))
            asked[self.path] += 1
            told = {"pod": pod.name, "path": self.path, "headers": dict(self.headers)}
            content = json.dumps(told).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET  # noqa: N815 - the base class's name

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401
            """Keep quiet."""

    listener = listen(pod.netns, port)
    with ThreadingHTTPServer(("", 0), Handler, bind_and_activate=False) as server:
        server.socket.close()
        server.socket = listener
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


class Caller(http.client.HTTPConnection):
    """A connection from the load station to the ingress; kept open between requests."""

    def __init__(self, host: str, context: ssl.SSLContext | None = None) -> None:
        """Name the host to ask for; with a context, by TLS with that name as SNI."""
        super().__init__(host, 443 if context else 80, timeout=CLIENT_TIMEOUT_S)
        self._context = context

    def connect(self) -> None:
        """Open the connection inside the load station's network namespace."""
        opened = in_netns(LOAD.netns, socket.socket)
        opened.settimeout(CLIENT_TIMEOUT_S)
        opened.connect((str(INGRESS.address), self.port))
        self.sock = (
            self._context.wrap_socket(opened, server_hostname=self.host)
            if self._context
            else opened
        )

    def ask(
        self,
        path: str,
        method: str = "GET",
        body: bytes | None = None,
        more: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request, its Host without the port, with `more` headers."""
        headers = {"Host": self.host, **(more or {})}
        self.request(method, path, body=body, headers=headers)
        answer = self.getresponse()
        answered = {name.lower(): text for name, text in answer.getheaders()}
        return Answer(answer.status, answer.read().decode(), answered)


def get(host: str, path: str, context: ssl.SSLContext | None = None) -> Answer:
    """One request on a connection of its own."""
    caller = Caller(host, context)
    try:
        return caller.ask(path)
    finally:
        caller.close()
