"""The websocket of an exec: opened, kept alive by pings, and read to the bytes of each channel.

Apart from `execute`, which imports it when something is executed: a run that only reads need not
pay for a websocket.
Source: Kubernetes' v5.channel.k8s.io: a frame's first byte is its channel; RFC 6455, ping and pong.
"""

import time
from collections import defaultdict
from collections.abc import Iterator

from websocket import ABNF, WebSocket, WebSocketException, WebSocketTimeoutException

from clusterproof.errors import ObservationError
from clusterproof.kube.client import KubeApi
from clusterproof.kube.websocket import HandshakeError

PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")

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
    try:
        with api.websocket(target, PROTOCOLS, within_s=CONNECT_S) as stream:
            channels = _read(stream, where, within_s)
    except HandshakeError as error:
        message = f"{where}: refused by the API server: {str(error)[:_SHOWN]}"
        raise ObservationError(message, status=error.status) from error
    return {channel: bytes(content) for channel, content in channels.items()}


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
    heard_at = pinged = time.monotonic()
    while True:
        now = time.monotonic()
        if now - heard_at > SILENT_S:
            raise WebSocketTimeoutException(f"nothing came for {SILENT_S:g} s, pings unanswered")
        if now - max(heard_at, pinged) > PING_EVERY_S:
            stream.ping()
            pinged = now
        try:
            opcode, frame = stream.recv_data_frame(control_frame=True)
        except WebSocketTimeoutException:
            yield ABNF.OPCODE_PONG, b""
            continue
        heard_at = time.monotonic()
        yield opcode, frame.data or b""
