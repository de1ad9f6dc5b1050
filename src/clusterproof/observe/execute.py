"""Run a command in a container through the API server's exec subresource.

Takes the right `create pods/exec` (v1.35 authorises the websocket as `create`; earlier servers as
`get`), leaves nothing behind.
"""

import json
import time
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from kubernetes.stream.ws_client import ERROR_CHANNEL, WSClient, get_websocket_url

from clusterproof.errors import ObservationError
from clusterproof.observe.api import KubeApi

EXEC_TIMEOUT_S = 30.0


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
        ObservationError: Not permitted, no such container or program, or no end within `within_s`.
    """
    where = f"exec in {namespace}/{pod}/{container}"
    query = [("command", word) for word in argv]
    query += [("container", container), ("stdout", "true"), ("stderr", "true")]
    path = f"/api/v1/namespaces/{quote(namespace)}/pods/{quote(pod)}/exec"
    url = get_websocket_url(f"{api.connection.server}{path}?{urlencode(query)}")
    headers = {
        **api.connection.headers(),
        "sec-websocket-protocol": "v5.channel.k8s.io,v4.channel.k8s.io",
    }
    api.note_call("EXEC", path)
    try:
        stream = WSClient(api.connection.configuration, url, headers, capture_all=True)
    except Exception as error:  # websocket-client, ssl and socket each have their own tree
        status = getattr(error, "status_code", None)
        message = f"{where}: refused by the API server: {str(error)[:200]}"
        raise ObservationError(message, status=status) from error
    out: list[str] = []
    err: list[str] = []
    ends_at = time.monotonic() + within_s
    try:
        while stream.is_open() and time.monotonic() < ends_at:
            stream.update(timeout=min(1.0, within_s))
            out.append(stream.read_channel(1))
            err.append(stream.read_channel(2))
        finished = not stream.is_open()
        out.append(stream.read_channel(1))
        err.append(stream.read_channel(2))
        status_text = stream.read_channel(ERROR_CHANNEL)
    finally:
        stream.close()
        stream.sock.shutdown()  # close() leaves the socket open once the server has closed
    if not finished:
        message = f"{where}: no end within {within_s:g} s"
        raise ObservationError(message)
    return ExecResult("".join(out), "".join(err), _exit_code(status_text, where))


def _exit_code(status_text: str, where: str) -> int:
    if not status_text:
        message = f"{where}: the stream ended without a status"
        raise ObservationError(message)
    status = json.loads(status_text)
    if status.get("status") == "Success":
        return 0
    for cause in (status.get("details") or {}).get("causes") or []:
        if cause.get("reason") == "ExitCode":
            return int(cause["message"])
    message = f"{where}: {status.get('message', 'could not start')}"
    raise ObservationError(message)
