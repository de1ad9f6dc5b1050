"""One request to the API server and the whole of its answer, bounded in time and in size.

Apart from `KubeApi`, which imports it when a connection is opened: who opens none (a plan, our own
tests) need not pay for httpx. What is noticed of the connection is told apart here, once.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import httpx

from clusterproof.observe.answer import NoAnswerError
from clusterproof.observe.connect import Connection

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
        self._client = httpx.Client(
            base_url=connection.server,
            verify=connection.tls(),
            headers={"accept": "application/json", "user-agent": "clusterproof"},
            limits=httpx.Limits(max_connections=_AT_ONCE, max_keepalive_connections=_AT_ONCE),
            trust_env=connection.configuration.proxy is not None,
            proxy=connection.configuration.proxy,
        )

    def ask(
        self, method: str, url: str, content: bytes | None, content_type: str, within_s: float
    ) -> httpx.Response:
        """One attempt, to the last byte; httpx bounds each read, and not how many there are.

        Raises:
            NoAnswerError: None came, or no whole one within `within_s`.
        """
        ends_at = time.monotonic() + within_s
        with _told_apart():
            request = self._client.build_request(
                method,
                url,
                content=content,
                headers={**self._connection.headers(), "content-type": content_type},
                timeout=httpx.Timeout(within_s, connect=min(CONNECT_S, within_s)),
                extensions=self._connection.extensions(),
            )
            began = time.monotonic()
            answer = self._client.send(request, stream=True)
            try:
                body = _whole(answer, ends_at, within_s)
            finally:
                answer.close()
        headers = [(name, value) for name, value in answer.headers.items() if name not in _UNDONE]
        whole = httpx.Response(answer.status_code, headers=headers, content=body, request=request)
        whole.elapsed = timedelta(seconds=time.monotonic() - began)
        return whole

    @contextmanager
    def streamed(self, url: str, within_s: float) -> Iterator[httpx.Response]:
        """A GET whose answer is read while it comes; for at most `within_s` of silence.

        Raises:
            NoAnswerError: It broke off.
        """
        with (
            _told_apart(),
            self._client.stream(
                "GET",
                url,
                headers=self._connection.headers(),
                timeout=httpx.Timeout(within_s, connect=CONNECT_S),
                extensions=self._connection.extensions(),
            ) as answer,
        ):
            yield answer

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def _whole(answer: httpx.Response, ends_at: float, within_s: float) -> bytes:
    body = bytearray()
    for piece in answer.iter_bytes():
        body += piece
        if time.monotonic() > ends_at:
            message = f"{len(body)} bytes of the answer within {within_s:g} s, and no end"
            raise httpx.ReadTimeout(message, request=answer.request)
        if len(body) > MOST_BYTES:
            raise httpx.ReadError(f"an answer of over {MOST_BYTES} bytes", request=answer.request)
    return bytes(body)


@contextmanager
def _told_apart() -> Iterator[None]:
    try:
        yield
    except httpx.HTTPError as error:
        said = f"{type(error).__name__}: {error}".rstrip(": ")
        raise NoAnswerError(
            said,
            timed_out=isinstance(error, httpx.TimeoutException),
            silent=isinstance(error, httpx.ReadTimeout),
        ) from error
