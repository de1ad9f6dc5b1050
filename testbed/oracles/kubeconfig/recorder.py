"""API servers and proxies on loopback that write down how they were asked.

Two API servers over http and two over https, an HTTP proxy with and without TLS, and a SOCKS5
proxy. A proxy leads to these servers only, whatever name it is asked for: only the port counts.
"""

import base64
import json
import select
import socket
import socketserver
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any, ClassVar

from testbed.settings import patient

_VERSION = json.dumps({"major": "1", "minor": "35", "gitVersion": "v1.35.4"}).encode()
_WITHIN_S = 10.0


@dataclass(frozen=True, order=True)
class Asked:
    """One request that reached an API server.

    Attributes:
        server: Which one, e.g. `https-1`.
        headers: Those that say who asks, in order.
        server_name: Of the TLS handshake.
        client: Common name of the client certificate, or "".
        proxies: The way that it came: kind, credentials and target of each proxy.
    """

    server: str
    path: str
    headers: tuple[tuple[str, str], ...]
    server_name: str
    client: str
    proxies: tuple[str, ...]


@dataclass
class Log:
    """What was written down. Safe to share between threads.

    Attributes:
        refuse: The `Authorization` that is answered 401.
    """

    asked: list[Asked] = field(default_factory=list)
    proxies: list[str] = field(default_factory=list)
    refuse: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def clear(self) -> None:
        """Forget all of it."""
        with self.lock:
            self.asked.clear()
            self.proxies.clear()

    def note(self, server: str, path: str, headers: Any, connection: Any) -> None:  # noqa: ANN401 - http's own
        """A request came."""
        # Go's default transport knows nothing of disable-compression: it is compared over TLS.
        names = {"authorization", *(("accept-encoding",) if server.startswith("https") else ())}
        identifying = [
            (name.lower(), content)
            for name, content in headers.items()
            if name.lower() in names or name.lower().startswith("impersonate-")
        ]
        shown: dict[str, Any] = getattr(connection, "getpeercert", dict)() or {}
        subject = dict(pair for part in shown.get("subject", ()) for pair in part)
        with self.lock:
            self.asked.append(
                Asked(
                    server,
                    path.partition("?timeout=")[0],  # of kubectl's --request-timeout
                    tuple(sorted(identifying)),
                    getattr(connection, "asked_name", "") or "",
                    subject.get("commonName", ""),
                    tuple(self.proxies),
                )
            )


class _Server(socketserver.ThreadingTCPServer):
    """One that speaks TLS in the thread of each connection, so that none waits for another."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False

    def __init__(self, name: str, handler: Any, log: Log, tls: ssl.SSLContext | None) -> None:  # noqa: ANN401
        super().__init__(("127.0.0.1", 0), handler)
        self.name, self.log, self.tls = name, log, tls
        self.others: dict[int, str] = {}

    def finish_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - socketserver's
        request.settimeout(patient(_WITHIN_S))
        if self.tls is not None:
            try:
                request = self.tls.wrap_socket(request, server_side=True)
            except OSError:
                return  # a caller that does not believe us: no request
        try:
            super().finish_request(request, client_address)
        finally:
            with suppress(OSError):
                request.close()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - socketserver's
        """A caller that hangs up is no error."""


class _Api(BaseHTTPRequestHandler):
    """An API server that knows its version."""

    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        """Write down, and answer."""
        self.server.log.note(self.server.name, self.path, self.headers, self.connection)
        refused = self.server.log.refuse
        if refused and self.headers.get("authorization") == refused:
            self._answer(401, b'{"kind":"Status","message":"Unauthorized","code":401}')
            return
        self._answer(200, _VERSION)

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _HttpProxy(_Api):
    """Leads CONNECT on, and is the API server itself for plain http."""

    def do_CONNECT(self) -> None:
        """A tunnel to one of the servers."""
        self._note(self.path)
        port = int(self.path.rpartition(":")[2])
        if port not in self.server.others:
            self._answer(502, b"")
            return
        self.send_response(200)
        self.end_headers()
        _tunnel(self.connection, port)
        self.close_connection = True

    def do_GET(self) -> None:
        """A whole URL: answered in the server's place."""
        scheme, _, rest = self.path.partition("://")
        place, _, path = rest.partition("/")
        self._note(f"{scheme} {place}")
        name = self.server.others.get(int(place.rpartition(":")[2] or 0), "")
        if not name:
            self._answer(502, b"")
            return
        self.server.log.note(name, f"/{path}", self.headers, None)
        self._answer(200, _VERSION)

    def _note(self, target: str) -> None:
        credentials = self.headers.get("proxy-authorization", "")
        with self.server.log.lock:
            self.server.log.proxies.append(f"{self.server.name} {credentials} {target}")


class _Socks(socketserver.BaseRequestHandler):
    """SOCKS5 (RFC 1928), with a password (RFC 1929) where the caller offers one."""

    server: _Server
    _PASSWORD: ClassVar[int] = 2

    def handle(self) -> None:
        """Greet, write down, and lead on."""
        count = self._read(2)[1]
        credentials = ""
        if self._PASSWORD in self._read(count):
            self.request.sendall(b"\x05\x02")
            username = self._read(self._read(2)[1])
            password = self._read(self._read(1)[0])
            credentials = base64.b64encode(username + b":" + password).decode()
            self.request.sendall(b"\x01\x00")
        else:
            self.request.sendall(b"\x05\x00")
        kind = self._read(4)[3]
        if kind == 3:  # noqa: PLR2004 - a name
            host = self._read(self._read(1)[0]).decode()
        else:
            host = socket.inet_ntop(
                socket.AF_INET if kind == 1 else socket.AF_INET6, self._read(4 if kind == 1 else 16)
            )
        (port,) = struct.unpack("!H", self._read(2))
        with self.server.log.lock:
            self.server.log.proxies.append(f"{self.server.name} {credentials} {host}:{port}")
        if port not in self.server.others:
            self.request.sendall(b"\x05\x04\x00\x01" + bytes(6))
            return
        self.request.sendall(b"\x05\x00\x00\x01" + bytes(6))
        _tunnel(self.request, port)

    def _read(self, count: int) -> bytes:
        content = b""
        while len(content) < count:
            more = self.request.recv(count - len(content))
            if not more:
                raise ConnectionError
            content += more
        return content


def _tunnel(caller: Any, port: int) -> None:  # noqa: ANN401 - a socket, with TLS or without
    with (
        socket.create_connection(("127.0.0.1", port), timeout=patient(_WITHIN_S)) as server,
        suppress(OSError),
    ):
        while True:
            waiting = getattr(caller, "pending", int)()
            ready = (
                [caller]
                if waiting
                else select.select([caller, server], [], [], patient(_WITHIN_S))[0]
            )
            if not ready:
                return
            for end in ready:
                content = end.recv(65536)
                if not content:
                    return
                (server if end is caller else caller).sendall(content)


@dataclass(frozen=True)
class Recorder:
    """The servers, while they run.

    Attributes:
        ports: Name to port: `http-1`, `http-2`, `https-1`, `https-2`, `http-proxy`, `tls-proxy`,
            `socks`.
    """

    ports: dict[str, int]
    log: Log


@contextmanager
def recording(certificate: str, key: str, authority: str) -> Iterator[Recorder]:
    """All servers, with this certificate; clients may show one of `authority`."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    tls.load_verify_locations(authority)
    tls.verify_mode = ssl.CERT_OPTIONAL
    tls.sni_callback = lambda connection, name, _: setattr(connection, "asked_name", name)
    log = Log()
    servers = [
        *(_Server(f"http-{number}", _Api, log, None) for number in (1, 2)),
        *(_Server(f"https-{number}", _Api, log, tls) for number in (1, 2)),
        _Server("http-proxy", _HttpProxy, log, None),
        _Server("tls-proxy", _HttpProxy, log, tls),
        _Server("socks", _Socks, log, None),
    ]
    ports = {server.name: int(server.server_address[1]) for server in servers}
    threads = []
    for server in servers:
        server.others = {
            port: name
            for name, port in ports.items()
            if name.startswith("http") and name != "http-proxy"
        }
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        threads.append(thread)
    try:
        yield Recorder(ports, log)
    finally:
        for server, thread in zip(servers, threads, strict=True):
            server.shutdown()
            thread.join()
            server.server_close()
