"""The HTTP client's edges: one request is sent once, and a streamed answer has a first token.

Nothing here is Locust's, whose import makes all of a process's sockets gevent's.
"""

import re
import socket
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from http.cookiejar import CookieJar
from typing import Any

import gevent
from gevent.ssl import SSLSocket
from geventhttpclient._parser import HTTPParseError
from geventhttpclient.client import HTTPClient, HTTPClientPool
from geventhttpclient.header import Headers
from geventhttpclient.response import HTTPSocketPoolResponse
from geventhttpclient.url import URL
from geventhttpclient.useragent import CompatRequest, CompatResponse

from clusterproof.errors import SpecError

_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
"""Their length is said even where it is 0. Source: RFC 9110, 8.6."""
_FRAMING = frozenset({"content-length", "transfer-encoding"})
_TARGET = re.compile(r"/(?!/)[\x21-\x7e]*|/")
_MOST_HEADS = 64
_FIELD = b"data:"
_LINE_ENDS = re.compile(r"\r\n|\n|\r")
"""No others, as str.splitlines has them: a model may write U+2028 within its JSON."""


class OnceClient(HTTPClient):
    """Sends a request once, in one write; the library's own sends an idempotent one again.

    A request that is silently repeated hides a cut connection, and is counted twice by the server.
    The header fields of a caller are the same for most of its requests, and are made once.
    """

    def __init__(self, host: str, **options: Any) -> None:  # noqa: ANN401 - the library's
        """As the library's."""
        super().__init__(host, **options)
        pool: Any = self._connection_pool
        # The only switches there are; the size is the number of retries of the library's own calls.
        pool.size, pool._is_socket_alive = -1, _is_idle  # noqa: SLF001
        self._fields: dict[tuple[tuple[str, str], ...], str] = {}

    def send(
        self, method: str, uri: str, body: str | None, headers: Mapping[str, str]
    ) -> HTTPSocketPoolResponse:
        """Send one request, and read the head of its answer.

        Raises:
            Exception: What a connection does: locust.contrib.fasthttp.FAILURE_EXCEPTIONS.
            ValueError: It is no method, URI or header of HTTP, or one that says how the body is
                sent.
        """
        method = method.upper()
        if not (method.isalpha() and _TARGET.fullmatch(uri)):
            raise ValueError(f"{method} {uri}: expected a method and a path")
        content = (body or "").encode()
        length = f"Content-Length: {len(content)}\r\n" if content or method in _WITH_BODY else ""
        head = f"{method} {uri} {self.version}\r\n{length}{self._fields_of(headers)}"
        message = head.encode("latin-1") + content
        pool = self._connection_pool
        sock = pool.get_socket()
        try:
            sent = sock.send(message)
            if sent < len(message):  # sendall asks for the size of the buffer each time
                sock.sendall(message[sent:])
            if not isinstance(sock, SSLSocket):
                # It reads before it waits, and nothing can be there yet. TLS may hold some back.
                sock._wait(sock._read_event)  # noqa: SLF001 - wait_read makes a watcher each time
        except (ConnectionResetError, BrokenPipeError):
            with suppress(OSError, HTTPParseError):
                return self._answer(sock, method)  # it may have been given before all was sent
            raise
        except BaseException:
            pool.release_socket(sock)
            raise
        return self._answer(sock, method)

    def _answer(self, sock: Any, method: str) -> HTTPSocketPoolResponse:  # noqa: ANN401 - gevent's
        return HTTPSocketPoolResponse(
            sock,
            self._connection_pool,
            block_size=self.block_size,
            method=method,
            headers_type=self.headers_type,
        )

    def _fields_of(self, headers: Mapping[str, str]) -> str:
        """All lines of the head after the first, as the library writes and checks them."""
        key = tuple(headers.items())
        fields = self._fields.get(key)
        if fields is None:
            if len(self._fields) >= _MOST_HEADS:  # each request has one of its own
                self._fields.clear()
            if framing := _FRAMING & {name.lower() for name in headers}:
                raise ValueError(f"header {min(framing)}: expected none, the body decides it")
            head = self._build_request("GET", "/", headers=dict(headers))
            fields = self._fields[key] = head.partition("\r\n")[2]
        return fields


class OncePool(HTTPClientPool):
    """Clients that send a request once."""

    def get_client(self, url: str | URL) -> OnceClient:
        """The client of that host."""
        target = url if isinstance(url, URL) else URL(url)
        return self.client_of((target.host, target.port), target)

    def client_of(self, key: tuple[str, int | None], target: URL) -> OnceClient:
        """The same, where host and port of the URL are known."""
        client = self.clients.get(key)
        if client is None:
            client = self.clients[key] = OnceClient.from_url(target, **self.client_args)
        assert isinstance(client, OnceClient)  # noqa: S101 - it makes no others
        return client

    def discard(self) -> None:
        """Forget the connections: one of them is in the middle of an answer."""
        self.drop_idle()
        self.clients.clear()

    def drop_idle(self) -> None:
        """Close the kept connections, so that the next request opens one."""
        for client in self.clients.values():
            sockets = client._connection_pool._socket_queue  # noqa: SLF001
            while not sockets.empty():
                sockets.get(block=False).close()


class Deadline:
    """Bounds one request after the other of one caller: gevent.Timeout makes a timer for each."""

    def __init__(self, seconds: float) -> None:
        """Bound nothing yet."""
        self._timer = gevent.get_hub().loop.timer(0.0, repeat=seconds)

    def start(self) -> None:
        """Raise gevent.Timeout in this greenlet after the whole time, unless it is stopped."""
        # Not start(): after a stop libev goes on with what was left.
        self._timer.again(self._expire, gevent.getcurrent(), update=True)

    def stop(self) -> None:
        """It was in time."""
        self._timer.stop()

    def _expire(self, caller: gevent.Greenlet) -> None:
        self._timer.stop()
        caller.throw(gevent.Timeout())


def _is_idle(kept: Any) -> bool:  # noqa: ANN401 - gevent's socket
    """Whether a kept connection is open, with nothing to read.

    The library asks select(2), which knows no descriptor over 1023: a process with a thousand
    callers would open a connection for each request.
    """
    try:
        # Below gevent and TLS: it does not wait, and takes nothing.
        kept._sock.recv(1, socket.MSG_PEEK)  # noqa: SLF001
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def send_once(
    pool: OncePool, method: str, url: str, *, payload: str | None, headers: Mapping[str, str]
) -> HTTPSocketPoolResponse:
    """One request, whatever its answer: nothing is followed, sent again, or kept of it.

    Below the library's user agent, which parses the URL and merges headers and cookies anew for
    each request; that is a third of what one costs.

    Raises:
        Exception: What a connection does: locust.contrib.fasthttp.FAILURE_EXCEPTIONS.
    """
    key, target, uri = _parsed(url)
    return pool.client_of(key, target).send(method, uri, payload, headers)


@lru_cache(maxsize=4096)
def _parsed(url: str) -> tuple[tuple[str, int | None], URL, str]:
    target = URL(url)
    return (target.host, target.port), target, "/" + target.quoted_uri.removeprefix("/")


def cookies_for(url: str, jar: CookieJar) -> dict[str, str]:
    """The header with the cookies that go to this URL; nothing where there are none."""
    request = CompatRequest(url, headers=Headers())
    jar.add_cookie_header(request)
    return dict(request.headers.items())


def tls_options(authority: str, certificate: str) -> dict[str, Any]:
    """What the HTTP client needs for a target of https, beyond the system's authorities.

    Args:
        authority: PEM file; the certificates that it has signed are trusted, and no others. "" for
            the system's.
        certificate: PEM file with a certificate of our own and its key, or "".

    Raises:
        SpecError: One cannot be read, or holds no certificate.
    """
    if not authority and not certificate:
        return {}
    option, path = "--ca", authority
    try:
        context = ssl.create_default_context(cafile=authority or None)
        if certificate:
            option, path = "--cert", certificate
            context.load_cert_chain(certificate)
    except (OSError, ssl.SSLError) as error:
        raise SpecError(f"{option} {path}: {error}") from error
    # Called with the authorities of certifi, which are not asked for.
    return {"ssl_context_factory": lambda **_: context}


def read_events(answer: CompatResponse) -> tuple[list[str], float]:
    """The data of each server-sent event, and perf_counter at the first; 0 without any.

    Source: WHATWG HTML, 9.2.6 "Interpreting an event stream": lines of `data:`, and an empty one
    that ends the event; comments and other fields are left out.
    """
    response: Any = answer._response  # noqa: SLF001 - its content is the whole body at once
    line, first_at = response.readline(b"\n"), 0.0
    while line and not line.startswith(_FIELD):
        line = response.readline(b"\n")
    if line:
        first_at = time.perf_counter()
    events: list[list[str]] = [[]]
    whole = (bytes(line) + bytes(response.read())).decode(errors="replace")
    for text in _LINE_ENDS.split(whole):
        if not text:
            events.append([])
        elif text.startswith("data:"):
            events[-1].append(text.removeprefix("data:").removeprefix(" "))
    return ["\n".join(event) for event in events if event], first_at
