"""The HTTP client's edges: one request is sent once, and a streamed answer has a first token."""

import re
import ssl
import time
from collections.abc import Mapping
from functools import lru_cache
from http.cookiejar import CookieJar
from typing import Any

from geventhttpclient.client import HTTPClient, HTTPClientPool
from geventhttpclient.header import Headers
from geventhttpclient.url import URL
from locust.contrib.fasthttp import FastRequest, FastResponse

from clusterproof.errors import SpecError

_FIELD = b"data:"
_LINE_ENDS = re.compile(r"\r\n|\n|\r")
"""No others, as str.splitlines has them: a model may write U+2028 within its JSON."""


class OncePool(HTTPClientPool):
    """Clients that send a request once: the library would send an idempotent one again.

    A request that is silently repeated hides a cut connection, and is counted twice by the server.
    """

    def get_client(self, url: str | URL) -> HTTPClient:
        """The client of that host; its pool's size is only its number of retries by now."""
        known = len(self.clients)
        client = super().get_client(url)
        if len(self.clients) > known:
            client._connection_pool.size = -1  # noqa: SLF001 - the only switch there is
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


def send_once(
    pool: OncePool, method: str, url: str, *, payload: str | None, headers: Mapping[str, str]
) -> FastResponse:
    """One request, whatever its answer: nothing is followed, sent again, or kept of it.

    Below the library's user agent, which parses the URL and merges headers and cookies anew for
    each request; that is a third of what one costs.

    Raises:
        Exception: What a connection does: locust.contrib.fasthttp.FAILURE_EXCEPTIONS.
    """
    target, uri = _parsed(url)
    response = pool.get_client(target).request(method, uri, body=payload, headers=dict(headers))
    return FastResponse(response, sent_request=response._sent_request)  # noqa: SLF001 - as Locust


@lru_cache(maxsize=4096)
def _parsed(url: str) -> tuple[URL, str]:
    target = URL(url)
    return target, target.quoted_uri


def cookies_for(url: str, jar: CookieJar) -> dict[str, str]:
    """The header with the cookies that go to this URL; nothing where there are none."""
    request = FastRequest(url, headers=Headers())
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
    return {"ssl_context_factory": lambda: context}


def read_events(answer: FastResponse) -> tuple[list[str], float]:
    """The data of each server-sent event, and perf_counter at the first; 0 without any.

    Source: WHATWG HTML, 9.2.6 "Interpreting an event stream": lines of `data:`, and an empty one
    that ends the event; comments and other fields are left out.
    """
    response: Any = answer._response  # noqa: SLF001 - Locust's own reads the whole body at once
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
