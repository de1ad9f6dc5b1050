"""One request to the API server and the whole of its answer, bounded in time and in size.

Apart from `KubeApi`, which imports it when a connection is opened: who opens none (a plan, our own
tests) does not wait for httpx. Proxies, TLS and credentials are applied here for every kind of
request, websockets among them.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import httpx

from clusterproof.errors import SpecError
from clusterproof.kube.answer import NoAnswerError, TooLargeError
from clusterproof.kube.connection import Connection
from clusterproof.kube.exec_plugin import Credential

CONNECT_S = 5.0
MOST_BYTES = 64 * 1024 * 1024
"""One answer; a page of 500 large objects is a tenth of it. Our choice."""
_AT_ONCE = 16
_UNDONE = frozenset({"content-encoding", "content-length", "transfer-encoding"})


class Transport:
    """The connections to one API server. Safe to share between threads."""

    def __init__(self, connection: Connection) -> None:
        """Open none yet: the first request does."""
        self._connection = connection
        self._lock = threading.Lock()
        self._certificate: tuple[str, str] | None = None
        self._client: httpx.Client | None = None
        self._clients: list[httpx.Client] = []

    def _client_for(self, credential: Credential) -> httpx.Client:
        """The client that shows this credential's certificate; a new one when it has changed."""
        certificate = credential.certificate, credential.key
        with self._lock:
            if self._client is None or self._certificate != certificate:
                # A request may still run on the one before; all are closed in the end.
                self._client, self._certificate = self._new_client(credential), certificate
                self._clients.append(self._client)
            return self._client

    def _new_client(self, credential: Credential) -> httpx.Client:
        connection = self._connection
        tls = connection.tls(credential)
        proxy = connection.proxy and httpx.Proxy(
            connection.proxy, ssl_context=tls if connection.proxy.startswith("https:") else None
        )
        client = httpx.Client(
            base_url=connection.server,
            verify=tls,
            headers={"accept": "application/json", "user-agent": "clusterproof"},
            limits=httpx.Limits(max_connections=_AT_ONCE, max_keepalive_connections=_AT_ONCE),
            trust_env=False,
            proxy=proxy or None,
        )
        del client.headers["accept-encoding"]
        if connection.compressed:
            client.headers["accept-encoding"] = "gzip"
        return client

    def ask(
        self,
        method: str,
        url: str,
        content: bytes | None,
        headers: dict[str, str],
        within_s: float,
    ) -> httpx.Response:
        """One attempt, to the last byte; httpx bounds each read, and not how many there are.

        A 401 is asked again once, where there is another credential by then.

        Raises:
            NoAnswerError: None came, or no whole one within `within_s`.
            TooLargeError: It has over MOST_BYTES.
        """
        began = time.monotonic()
        with self._opened(method, url, headers, content, within_s) as answer:
            body = _whole(answer, began + within_s, within_s)
        headers_of_content = [
            (name, value) for name, value in answer.headers.items() if name not in _UNDONE
        ]
        whole = httpx.Response(
            answer.status_code, headers=headers_of_content, content=body, request=answer.request
        )
        whole.elapsed = timedelta(seconds=time.monotonic() - began)
        return whole

    @contextmanager
    def streamed(
        self, url: str, within_s: float, headers: dict[str, str] | None = None
    ) -> Iterator[httpx.Response]:
        """A GET whose answer is read while it comes; for at most `within_s` of silence.

        Raises:
            NoAnswerError: It broke off.
        """
        with self._opened("GET", url, headers or {}, None, within_s) as answer:
            yield answer

    @contextmanager
    def _opened(
        self,
        method: str,
        url: str,
        headers: dict[str, str],
        content: bytes | None,
        within_s: float,
    ) -> Iterator[httpx.Response]:
        """The answer to a request, its body not read yet."""
        credentials = self._connection.credentials
        with _told_apart():
            credential = credentials.now()
            answer = self._send(credential, method, url, headers, content, within_s)
            try:
                if answer.status_code == httpx.codes.UNAUTHORIZED and credentials.renewed(
                    credential
                ):
                    answer.close()
                    credential = credentials.now()
                    answer = self._send(credential, method, url, headers, content, within_s)
                yield answer
            finally:
                answer.close()

    def _send(
        self,
        credential: Credential,
        method: str,
        url: str,
        headers: dict[str, str],
        content: bytes | None,
        within_s: float,
    ) -> httpx.Response:
        client = self._client_for(credential)
        own = [
            # What HTTP has no room for (a token's last space) Go's client drops as well.
            (name.encode(), value.strip().encode("utf-8", "surrogateescape"))
            for name, value in (*self._connection.credentials.headers(credential), *headers.items())
        ]
        request = client.build_request(
            method,
            url,
            content=content,
            headers=own,
            timeout=httpx.Timeout(within_s, connect=min(CONNECT_S, within_s)),
        )
        return client.send(request, stream=True)

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            for client in self._clients:
                client.close()


def _whole(answer: httpx.Response, ends_at: float, within_s: float) -> bytes:
    body = bytearray()
    for piece in answer.iter_bytes():
        body += piece
        if time.monotonic() > ends_at:
            message = f"{len(body)} bytes of the answer within {within_s:g} s, and no end"
            raise httpx.ReadTimeout(message, request=answer.request)
        if len(body) > MOST_BYTES:
            raise TooLargeError(f"an answer of over {MOST_BYTES} bytes")
    return bytes(body)


@contextmanager
def _told_apart() -> Iterator[None]:
    try:
        yield
    except httpx.HTTPError as error:
        failure = f"{type(error).__name__}: {error}".rstrip(": ")
        raise NoAnswerError(
            failure,
            timed_out=isinstance(error, httpx.TimeoutException),
            silent=isinstance(error, httpx.ReadTimeout),
        ) from error
    except SpecError as error:  # an exec plugin in the middle of a run; it is not asked thrice
        raise NoAnswerError(str(error), timed_out=True, silent=False) from error
