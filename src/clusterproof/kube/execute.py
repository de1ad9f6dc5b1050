"""Run a command in a container through the API server's exec subresource.

Takes the rights `get` and, since v1.35, `create pods/exec` (see `rights`); leaves nothing behind.
A command that says nothing for long is fine; a connection that answers no ping is not.
Source: Kubernetes' v5.channel.k8s.io: the last channel to speak says how the command ended.
"""

import json
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from clusterproof.errors import ObservationError
from clusterproof.kube.client import KubeApi

EXEC_TIMEOUT_S = 30.0
URL_LIMIT = 65_000
"""httpx takes 65,536 with the server's address."""
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
    from clusterproof.kube import channels  # noqa: PLC0415 - see there

    where = f"exec in {namespace}/{pod}/{container}"
    query = [("command", word) for word in argv]
    query += [("container", container), ("stdout", "true"), ("stderr", "true")]
    path = f"/api/v1/namespaces/{quote(namespace)}/pods/{quote(pod)}/exec"
    asked = f"{path}?{urlencode(query)}"
    if len(asked) > URL_LIMIT:
        raise ObservationError(f"{where}: the command takes {len(asked)} characters of a URL")
    api.note_call("EXEC", path)
    streams = channels.read_channels(api, asked, where, within_s)
    out, err, status = (
        streams.get(channel, b"").decode("utf-8", "replace")
        for channel in (channels.STDOUT, channels.STDERR, channels.STATUS)
    )
    return ExecResult(out, err, _exit_code(status, where))


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
        refusal = status.get("message", _NO_START)
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        message = f"{where}: expected a Status at the end, got {status_text[:80]!r}"
        raise ObservationError(message) from error
    raise ObservationError(f"{where}: {refusal}")
