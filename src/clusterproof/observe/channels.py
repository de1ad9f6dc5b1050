"""The websocket of an exec: opened, kept alive by pings, and read to the bytes of each channel.

Apart from `execute`, which imports it when something is executed: a run that only reads need not
pay for a websocket.
Source: Kubernetes' v5.channel.k8s.io: a frame's first byte is its channel; RFC 6455, ping and pong.
"""

import json
import time
from collections import defaultdict
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from websocket import (
    ABNF,
    WebSocket,
    WebSocketBadStatusException,
    WebSocketException,
    WebSocketTimeoutException,
    create_connection,
)

from clusterproof.errors import ObservationError
from clusterproof.observe.api import KubeApi

CONNECT_S = 10.0
PING_EVERY_S = 5.0
SILENT_S = 15.0
"""Three pings without an answer: whoever is at the other end is gone. Our choice."""
STDOUT, STDERR, STATUS = 1, 2, 3
_CLOSED = 255
_SHOWN = 200


def read_channels(api: KubeApi, target: str, where: str, within_s: float) -> dict[int, bytes]:
    """The bytes of each channel, once the other side closed the stream or said its status.

    Args:
        api: Whose server it is.
        target: Path and query of the exec.
        where: Begins each message.
        within_s: From the handshake to the end.

    Raises:
        ObservationError: Refused, no end within `within_s`, or a stream that broke off.
    """
    stream = _open(api, target, where)
    try:
        channels = _read(stream, where, within_s)
    finally:
        stream.shutdown()  # type: ignore[no-untyped-call]
    return {channel: bytes(said) for channel, said in channels.items()}


def _open(api: KubeApi, target: str, where: str) -> WebSocket:
    connection = api.connection
    settings = connection.configuration
    url = f"{connection.server}{target}".replace("http", "ws", 1)
    tls: dict[str, Any] = {}
    if url.startswith("wss"):
        tls["context"] = connection.tls()
        tls["server_hostname"] = settings.tls_server_name or urlsplit(url).hostname
    proxy: dict[str, Any] = {"http_no_proxy": ["*"]}  # never one from the environment
    if settings.proxy:
        place = urlsplit(settings.proxy)
        proxy = {"http_proxy_host": place.hostname, "http_proxy_port": place.port}
        proxy["proxy_type"] = place.scheme
    try:
        return create_connection(
            url,
            timeout=CONNECT_S,
            header=[f"{name}: {value}" for name, value in connection.headers().items()],
            subprotocols=["v5.channel.k8s.io", "v4.channel.k8s.io"],
            sslopt=tls,
            redirect_limit=0,
            **proxy,
        )
    except (WebSocketException, OSError, ValueError, AttributeError) as error:
        # AttributeError and ValueError: what the library makes of a handshake that is none.
        status = getattr(error, "status_code", None)
        message = f"{where}: refused by the API server: {_words(error)[:_SHOWN]}"
        raise ObservationError(message, status=status) from error


def _words(error: Exception) -> str:
    """What the API server itself said, where it did; the library would say every header too."""
    if not isinstance(error, WebSocketBadStatusException):
        return str(error)
    try:
        body = json.loads(error.resp_body or b"")
        said = str(body["message"])
    except (ValueError, KeyError, TypeError):
        return str(error)
    return f"{error.status_code}: {said}"


def _read(stream: WebSocket, where: str, within_s: float) -> dict[int, bytearray]:
    """Every channel's bytes, until the stream is closed."""
    channels: dict[int, bytearray] = defaultdict(bytearray)
    ends_at = time.monotonic() + within_s
    stream.settimeout(1.0)
    try:
        for opcode, data in _frames(stream):
            if time.monotonic() > ends_at:
                raise ObservationError(f"{where}: no end within {within_s:g} s")
            if opcode == ABNF.OPCODE_CLOSE:
                break
            # v5 says by a channel of its own that the other side will write no more on another.
            if opcode in {ABNF.OPCODE_BINARY, ABNF.OPCODE_TEXT} and data and data[0] != _CLOSED:
                channels[data[0]] += data[1:]
    except (WebSocketException, OSError, ValueError) as error:
        if STATUS not in channels:  # the status is the last word; some hang up after it
            message = f"{where}: the stream broke off: {type(error).__name__}: {str(error)[:160]}"
            raise ObservationError(message) from error
    return channels


def _frames(stream: WebSocket) -> Iterator[tuple[int, bytes]]:
    """Frames as they come; an empty one each second, so that the reader can look at the clock.

    Raises:
        WebSocketTimeoutException: Not even a ping was answered for SILENT_S.
    """
    heard = pinged = time.monotonic()
    while True:
        now = time.monotonic()
        if now - heard > SILENT_S:
            raise WebSocketTimeoutException(f"nothing came for {SILENT_S:g} s, pings unanswered")
        if now - max(heard, pinged) > PING_EVERY_S:
            stream.ping()
            pinged = now
        try:
            opcode, frame = stream.recv_data_frame(control_frame=True)
        except WebSocketTimeoutException:
            yield ABNF.OPCODE_PONG, b""
            continue
        heard = time.monotonic()
        yield opcode, frame.data or b""
