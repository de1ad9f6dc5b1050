"""Run a command in a container through the API server's exec subresource.

Takes the right `create pods/exec` (v1.35 authorises the websocket as `create`; earlier servers as
`get`), leaves nothing behind. A command that says nothing for long is fine; a connection on which
not even a ping is answered is not.
Source: Kubernetes' v5.channel.k8s.io: a frame's first byte is its channel; RFC 6455, ping and pong.
"""

import json
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from websocket import (
    ABNF,
    WebSocket,
    WebSocketException,
    WebSocketTimeoutException,
    create_connection,
)

from clusterproof.errors import ObservationError
from clusterproof.observe.api import KubeApi

EXEC_TIMEOUT_S = 30.0
CONNECT_S = 10.0
PING_EVERY_S = 5.0
SILENT_S = 15.0
"""Three pings without an answer: whoever is at the other end is gone. Our choice."""
_STDOUT, _STDERR, _STATUS, _CLOSED = 1, 2, 3, 255
_NO_START = "could not start"


@dataclass(frozen=True, slots=True)
class ExecResult:
    """What the command printed and how it ended."""

    stdout: str
    stderr: str
    exit_code: int


def execute(
    api: KubeApi,
    namespace: str,
    pod: str,
    container: str,
    argv: list[str],
    *,
    within_s: float = EXEC_TIMEOUT_S,
) -> ExecResult:
    """Run `argv` (no shell) and wait for its end.

    Raises:
        ObservationError: Not permitted, no such container or program, no end within `within_s`, or
            a stream that broke off or ended without a status.
    """
    where = f"exec in {namespace}/{pod}/{container}"
    query = [("command", word) for word in argv]
    query += [("container", container), ("stdout", "true"), ("stderr", "true")]
    path = f"/api/v1/namespaces/{quote(namespace)}/pods/{quote(pod)}/exec"
    api.note_call("EXEC", path)
    stream = _open(api, f"{path}?{urlencode(query)}", where)
    try:
        channels = _read(stream, where, within_s)
    finally:
        stream.shutdown()  # type: ignore[no-untyped-call]
    out, err = (channels[one].decode("utf-8", "replace") for one in (_STDOUT, _STDERR))
    return ExecResult(out, err, _exit_code(channels[_STATUS].decode("utf-8", "replace"), where))


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
        message = f"{where}: refused by the API server: {str(error)[:200]}"
        raise ObservationError(message, status=status) from error


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
        if _STATUS not in channels:  # the status is the last word; some hang up after it
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


def _exit_code(status_text: str, where: str) -> int:
    if not status_text:
        raise ObservationError(f"{where}: the stream ended without a status")
    try:
        status = json.loads(status_text)
        if status.get("status") == "Success":
            return 0
        for cause in (status.get("details") or {}).get("causes") or []:
            if cause.get("reason") == "ExitCode":
                return int(cause["message"])
        said = status.get("message", _NO_START)
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        message = f"{where}: expected a Status at the end, got {status_text[:80]!r}"
        raise ObservationError(message) from error
    raise ObservationError(f"{where}: {said}")
