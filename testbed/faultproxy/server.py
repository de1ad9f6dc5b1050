"""The proxy itself: one thread with an event loop, one connection for each request."""

import asyncio
import json
import re
import secrets
import ssl
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from weakref import WeakSet

import httpx

from clusterproof.kube.connection import Connection
from clusterproof.observe.cluster import RUN_LABEL
from testbed.certificates import issued
from testbed.faultproxy import frames
from testbed.faultproxy.faults import Fault
from testbed.faultproxy.identity import DAY, server_context, write_kubeconfig
from testbed.settings import patient

HANG_S = 600.0
_OWN_HEADERS = frozenset(
    {"host", "connection", "content-length", "transfer-encoding", "accept-encoding"}
)
_DROPPED = frozenset({"content-encoding", "content-length", "transfer-encoding", "connection"})


@dataclass(frozen=True, slots=True)
class Request:
    """One request, read whole."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def verb(self) -> str:
        """The method, or EXEC for the upgrade of an exec."""
        path = self.target.partition("?")[0]
        return "EXEC" if path.endswith("/exec") and "upgrade" in self.headers else self.method

    @property
    def line(self) -> str:
        """What the rules match."""
        return f"{self.verb} {self.target}"


@dataclass(frozen=True, slots=True)
class Hit:
    """One request as it went by."""

    verb: str
    path: str
    faulted: bool


def _place(target: str) -> str:
    """The path; what a run asks of its own Pods, which no row rests on, is another place."""
    path, _, query = target.partition("?")
    own = is_of_the_runs_own(dict(parse_qsl(query)))
    return f"{path}?labelSelector={RUN_LABEL}" if own else path


def is_of_the_runs_own(query: Mapping[str, str]) -> bool:
    """True for a list of the Pods that runs made, which no row's verdict rests on."""
    return query.get("labelSelector") == RUN_LABEL


@dataclass
class Upstream:
    """The real API server.

    Attributes:
        token: What a caller shows to be let through as ourselves.
        kept: Where given, each target is asked for once, and its answer serves from then on: a
            cluster that changes meanwhile does not blur what a fault does.
    """

    connection: Connection
    token: str
    kept: dict[str, httpx.Response] | None = None
    clients: dict[bool, httpx.AsyncClient] = field(default_factory=dict)

    def tls(self, *, ourselves: bool) -> ssl.SSLContext:
        """TLS towards it, with our client certificate or with none."""
        if ourselves:
            return self.connection.tls()
        return self.connection.tls_settings.context()

    def headers(self, request: Request) -> tuple[dict[str, str], bool]:
        """The headers to send on, and whether the caller goes as ourselves."""
        ourselves = request.headers.get("authorization") == f"Bearer {self.token}"
        sent_on = {k: v for k, v in request.headers.items() if k not in _OWN_HEADERS}
        if ourselves:
            sent_on.pop("authorization")
            sent_on |= dict(self.connection.headers())
        return sent_on, ourselves

    async def forward(self, request: Request, target: str) -> httpx.Response:
        """The real answer."""
        key = f"{request.method} {target}"
        if self.kept is None or request.method != "GET":
            return await self._ask(request, target)
        if key not in self.kept:
            self.kept[key] = await self._ask(request, target)
        return self.kept[key]

    async def _ask(self, request: Request, target: str) -> httpx.Response:
        headers, ourselves = self.headers(request)
        if ourselves not in self.clients:
            self.clients[ourselves] = httpx.AsyncClient(
                verify=self.tls(ourselves=ourselves), timeout=patient(60.0), trust_env=False
            )
        url = f"{self.connection.server}{target}"
        return await self.clients[ourselves].request(
            request.method, url, headers=headers, content=request.body or None
        )


class FaultProxy:
    """Serves one fault."""

    def __init__(self, upstream: Upstream, fault: Fault) -> None:
        """Serve nothing yet."""
        self.upstream, self.fault = upstream, fault
        self.hits: list[Hit] = []
        self._on = re.compile(fault.on)
        self._seen: Counter[str] = Counter()
        # A closed one lives on until TLS has said goodbye, which a caller may leave unanswered.
        self._writers: WeakSet[asyncio.StreamWriter] = WeakSet()

    async def end(self) -> None:
        """Let go of every connection that is still open, without waiting for who is behind it."""
        for writer in list(self._writers):
            writer.transport.abort()
            with suppress(OSError, ssl.SSLError):
                await writer.wait_closed()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, one request."""
        self._writers.add(writer)
        with suppress(OSError, asyncio.IncompleteReadError, ssl.SSLError):
            try:
                request = await _read(reader)
                if self.fault.serves == "plain":
                    return
                faulted = self._is_hit(request)
                self.hits.append(Hit(request.verb, _place(request.target), faulted))
                if request.verb == "EXEC" and faulted and self.fault.act == "delay":
                    await asyncio.sleep(self.fault.delay_s)
                    await self._exec(request, reader, writer, faulted=False)
                elif request.verb == "EXEC" and (not faulted or self.fault.act == "exec"):
                    await self._exec(request, reader, writer, faulted=faulted)
                elif faulted:
                    await self._hurt(request, writer)
                else:
                    await _say(writer, await self._forward(request))
            except asyncio.CancelledError:
                return  # the proxy ends; a hang is what it was doing
            except httpx.HTTPError as error:
                writer.write(_answer(502, {}, f"faultproxy: upstream: {error}".encode()))
                await writer.drain()
            finally:
                writer.close()

    def _is_hit(self, request: Request) -> bool:
        if self.fault.act == "nothing" or not self._on.search(request.line):
            return False
        key = request.target.partition("?")[0] if self.fault.per_path else ""
        self._seen[key] += 1
        turn = self._seen[key] - self.fault.skip
        return turn >= 1 and (self.fault.times is None or turn <= self.fault.times)

    async def _forward(self, request: Request) -> httpx.Response:
        target = request.target
        if self.fault.limit is not None:
            target = re.sub(r"([?&]limit=)\d+", rf"\g<1>{self.fault.limit}", target)
        return await self.upstream.forward(request, target)

    async def _hurt(self, request: Request, writer: asyncio.StreamWriter) -> None:
        fault = self.fault
        if fault.act == "answer":
            writer.write(_answer(fault.status, fault.headers, fault.body.encode()))
            await writer.drain()
        elif fault.act == "reset":
            writer.transport.abort()
        elif fault.act == "hang":
            await asyncio.sleep(HANG_S)
        elif fault.act == "delay":
            await asyncio.sleep(fault.delay_s)
            await _say(writer, await self._forward(request))
        elif fault.act in {"half", "drip", "mangle"}:
            answer = await self._forward(request)
            await _spoil(writer, answer, fault)

    async def _exec(
        self,
        request: Request,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        faulted: bool,
    ) -> None:
        headers, ourselves = self.upstream.headers(request)
        place = urlsplit(self.upstream.connection.server)
        tls = self.upstream.tls(ourselves=ourselves) if place.scheme == "https" else None
        up_reader, up_writer = await asyncio.open_connection(
            place.hostname, place.port or 443, ssl=tls
        )
        self._writers.add(up_writer)
        lines = [f"GET {request.target} HTTP/1.1", f"host: {place.netloc}", "connection: Upgrade"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        up_writer.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
        try:
            head = await up_reader.readuntil(b"\r\n\r\n")
            writer.write(head)
            await writer.drain()
            up = asyncio.ensure_future(_pipe(reader, up_writer))
            try:
                if faulted:
                    await frames.spoil(up_reader, writer, self.fault.how, HANG_S)
                else:
                    await _pipe(up_reader, writer)
            finally:
                up.cancel()
        finally:
            up_writer.close()


async def _read(reader: asyncio.StreamReader) -> Request:
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {
        name.strip().lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)
    }
    headers.pop("", None)
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(method, target, headers, body)


def _answer(status: int, headers: dict[str, str], body: bytes, length: int | None = None) -> bytes:
    lines = [f"HTTP/1.1 {status} {httpx.codes.get_reason_phrase(status) or 'Unknown'}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines += [f"content-length: {len(body) if length is None else length}", "connection: close"]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def _kept(answer: httpx.Response) -> dict[str, str]:
    return {k: v for k, v in answer.headers.items() if k.lower() not in _DROPPED}


async def _say(writer: asyncio.StreamWriter, answer: httpx.Response) -> None:
    writer.write(_answer(answer.status_code, _kept(answer), answer.content))
    await writer.drain()


async def _spoil(writer: asyncio.StreamWriter, answer: httpx.Response, fault: Fault) -> None:
    body, headers = answer.content, _kept(answer)
    if fault.act == "half":
        part = body[: len(body) // 2]
        writer.write(_answer(answer.status_code, headers, part, length=len(body)))
        await writer.drain()
    elif fault.act == "drip":
        writer.write(_answer(answer.status_code, headers, b"", length=len(body)))
        for place in range(len(body)):
            writer.write(body[place : place + 1])
            await writer.drain()
            await asyncio.sleep(fault.delay_s)
    else:
        writer.write(_answer(answer.status_code, headers, _mangled(body, fault.how)))
        await writer.drain()


def _mangled(body: bytes, how: str) -> bytes:
    if how == "cut":
        return body[: len(body) // 2]
    if how == "not-utf8":
        return b"\xff\xfe" + body
    try:
        document: dict[str, Any] = json.loads(body)
    except ValueError:
        return body
    if how == "null-items":
        document["items"] = [None] * len(document.get("items") or [None])
    else:
        document.pop("items", None)
    return json.dumps(document).encode()


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError, ssl.SSLError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()


@dataclass(frozen=True, slots=True)
class Running:
    """A proxy that runs: where it is, and what went by."""

    kubeconfig: Path
    proxy: FaultProxy
    port: int

    @property
    def hits(self) -> tuple[Hit, ...]:
        """Every request so far."""
        return tuple(self.proxy.hits)


@contextmanager
def running(
    connection: Connection, fault: Fault, kept: dict[str, httpx.Response] | None = None
) -> Iterator[Running]:
    """A proxy in front of `connection`'s API server, for as long as the block lasts."""
    token = secrets.token_urlsafe(24)
    authority = issued("faultproxy", is_authority=True, since=3 * DAY, lasts=DAY)
    proxy = FaultProxy(Upstream(connection, token, kept), fault)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="faultproxy", daemon=True)
    thread.start()
    with tempfile.TemporaryDirectory(prefix="faultproxy-") as name:
        folder = Path(name)
        tls = None
        if fault.serves != "plain":
            tls = server_context(folder, authority, fault.serves)

        async def start() -> asyncio.Server:
            # The request line of an exec carries a whole script.
            return await asyncio.start_server(
                proxy.serve, "127.0.0.1", 0, ssl=tls, limit=1024 * 1024
            )

        server = asyncio.run_coroutine_threadsafe(start(), loop).result(10)
        port = server.sockets[0].getsockname()[1]
        try:
            yield Running(write_kubeconfig(folder, authority, port, token), proxy, port)
        finally:
            asyncio.run_coroutine_threadsafe(_stop(server, proxy), loop).result(10)
            loop.call_soon_threadsafe(loop.stop)
            thread.join(patient(10))
            loop.close()


async def _stop(server: asyncio.Server, proxy: FaultProxy) -> None:
    server.close()
    mine = asyncio.current_task()
    others = [task for task in asyncio.all_tasks() if task is not mine]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await proxy.end()
    # What is still in its handshake is no connection to us yet; Python 3.13 can let go of it too.
    if abort := getattr(server, "abort_clients", None):
        abort()
        await asyncio.sleep(0)
    for client in proxy.upstream.clients.values():
        await client.aclose()
