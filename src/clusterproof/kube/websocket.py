"""A websocket to the API server, opened as any other request is: same proxy, TLS and credentials.

httpx makes the handshake, websocket-client reads and writes the frames.
Source: RFC 6455, 4.1 and 4.2.2.
"""

import base64
import hashlib
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import httpcore
import httpx
from websocket import WebSocket

from clusterproof.kube.answer import NoAnswerError
from clusterproof.kube.transport import Transport

_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_SHOWN = 200


class HandshakeError(Exception):
    """No websocket was opened.

    Attributes:
        status: The HTTP status of the answer, or None when there was none.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        """Keep the status beside the sentence."""
        super().__init__(message)
        self.status = status


class _Stream:
    """A connection that httpx opened, with the methods of a socket that websocket-client calls."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        """Wait for ever until a timeout is set."""
        self._stream = stream
        self._timeout: float | None = None

    def settimeout(self, timeout: float | None) -> None:
        self._timeout = timeout

    def gettimeout(self) -> float | None:
        return self._timeout

    def recv(self, size: int) -> bytes:
        try:
            return self._stream.read(size, timeout=self._timeout)
        except httpcore.ReadTimeout as error:
            raise TimeoutError(str(error)) from error
        except httpcore.NetworkError as error:
            raise ConnectionError(str(error)) from error

    def send(self, content: bytes) -> int:
        try:
            self._stream.write(bytes(content), timeout=self._timeout)
        except httpcore.WriteTimeout as error:
            raise TimeoutError(str(error)) from error
        except httpcore.NetworkError as error:
            raise ConnectionError(str(error)) from error
        return len(content)

    def close(self) -> None:
        self._stream.close()


@contextmanager
def opened(
    transport: Transport, target: str, protocols: Sequence[str], *, within_s: float
) -> Iterator[WebSocket]:
    """A websocket at `target` (path and query), closed in the end.

    Raises:
        HandshakeError: Refused, or not opened within `within_s`.
    """
    key = base64.b64encode(secrets.token_bytes(16)).decode()
    headers = {
        # From v1.37 on a kubelet may answer itself, and 406 to who asks for JSON.
        "accept": "*/*",
        "connection": "Upgrade",
        "upgrade": "websocket",
        "sec-websocket-key": key,
        "sec-websocket-version": "13",
        "sec-websocket-protocol": ", ".join(protocols),
    }
    try:
        with transport.streamed(target, within_s, headers) as answer:
            _check(answer, key)
            stream = WebSocket(skip_utf8_validation=True)
            own: Any = _Stream(answer.extensions["network_stream"])
            stream.sock, stream.connected = own, True
            stream.settimeout(within_s)
            yield stream
    except NoAnswerError as error:
        raise HandshakeError(str(error)) from error


def _check(answer: httpx.Response, key: str) -> None:
    """Refuse an answer that is no websocket of ours."""
    if answer.status_code != httpx.codes.SWITCHING_PROTOCOLS:
        answer.read()
        raise HandshakeError(f"{answer.status_code}: {_words(answer)}", answer.status_code)
    digest = hashlib.sha1((key + _GUID).encode(), usedforsecurity=False).digest()
    if answer.headers.get("sec-websocket-accept", "") != base64.b64encode(digest).decode():
        raise HandshakeError("the answer to the handshake is not one to ours")


def _words(answer: httpx.Response) -> str:
    """What the API server itself said, where it did."""
    try:
        return str(answer.json()["message"])[:_SHOWN]
    except (ValueError, KeyError, TypeError):
        return answer.reason_phrase or answer.text[:_SHOWN]
