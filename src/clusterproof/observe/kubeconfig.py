"""A kubeconfig read for its mistakes: file, line, and what was expected there.

The `kubernetes` client's loader decides what a kubeconfig means; it does not say where one is
wrong, and takes an exec plugin that failed for a user without credentials. No value of a
credential is ever in a message.
Source: client-go's kubeconfig v1 (read 2026-11-23).
"""

import base64
import binascii
import datetime as dt
import os
from collections.abc import Iterator
from pathlib import Path
from shutil import which
from typing import Any

from clusterproof.errors import SpecError
from clusterproof.spec.document import Document, Location, read_document

_FILES = {
    "cluster": ("certificate-authority",),
    "user": ("client-certificate", "client-key", "tokenFile"),
}
_DATA = {
    "cluster": ("certificate-authority-data",),
    "user": ("client-certificate-data", "client-key-data"),
}
_PEM = b"-----BEGIN"


def check_kubeconfig(path: Path, context: str | None) -> None:
    """Refuse a kubeconfig in which the chosen context cannot work.

    Raises:
        SpecError: With file, line, and what was expected there.
    """
    document = read_document(path)
    for kind in ("clusters", "contexts", "users"):
        entries = document.data.get(kind)
        if entries is None and kind == "users":
            continue
        if not isinstance(entries, list):
            raise document.error((kind,), f"expected a list of {kind}, {_got(entries)}")
        for index, entry in enumerate(entries):
            if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
                raise document.error((kind, index), "expected an entry with a name")
    name = context or document.data.get("current-context")
    if not name:
        raise document.error(("current-context",), "expected current-context, or give --context")
    at = _place(document, "contexts", str(name), ("current-context",), option=context is not None)
    chosen = _inner(document, at, "context")
    cluster_at = _place(document, "clusters", chosen.get("cluster"), (*at, "context", "cluster"))
    cluster = _inner(document, cluster_at, "cluster")
    server = cluster.get("server")
    if not isinstance(server, str) or not server.startswith(("https://", "http://")):
        where = (*cluster_at, "cluster", "server")
        raise document.error(where, f"expected server: https://HOST:PORT, {_got(server)}")
    _check_material(document, (*cluster_at, "cluster"), cluster, "cluster")
    if chosen.get("user"):
        user_at = _place(document, "users", chosen["user"], (*at, "context", "user"))
        user = _inner(document, user_at, "user")
        _check_material(document, (*user_at, "user"), user, "user")
        _check_expiry(document, (*user_at, "user"), user)
        _check_exec(document, (*user_at, "user"), user)


def _place(
    document: Document, kind: str, name: object, at: Location, *, option: bool = False
) -> Location:
    """Where the entry of that name is."""
    entries = document.data.get(kind) or []
    for index, entry in enumerate(entries):
        if entry["name"] == name:
            return (kind, index)
    known = ", ".join(sorted(entry["name"] for entry in entries)) or "none"
    if option:
        raise SpecError(f"--context: {name!r} is not in the kubeconfig; it has: {known}")
    raise document.error(at, f"expected a name of {kind} ({known}), got {name!r}")


def _inner(document: Document, at: Location, key: str) -> dict[str, Any]:
    index = at[1]
    found = document.data[str(at[0])][index].get(key) if isinstance(index, int) else None
    if not isinstance(found, dict):
        raise document.error((*at, key), f"expected a mapping {key}, {_got(found)}")
    return found


def _check_material(document: Document, at: Location, part: dict[str, Any], of: str) -> None:
    for key in _FILES[of]:
        if key in part and not (document.path.parent / str(part[key])).is_file():
            raise document.error((*at, key), f"expected a file, there is no {part[key]}")
    for key in _DATA[of]:
        if key in part and _PEM not in _decoded(part[key]):
            raise document.error((*at, key), "expected PEM in base64, got something else")


def _decoded(value: object) -> bytes:
    try:
        return base64.b64decode(str(value), validate=True)
    except binascii.Error:
        return b""


def _check_expiry(document: Document, at: Location, user: dict[str, Any]) -> None:
    """A server would only say Unauthorized."""
    from cryptography import x509  # noqa: PLC0415 - a quarter of a second that a plan need not pay

    for key, pem in _certificates(document, user):
        try:
            ended = x509.load_pem_x509_certificate(pem).not_valid_after_utc
        except ValueError as error:
            message = "expected a certificate in PEM, got something else"
            raise document.error((*at, key), message) from error
        if ended < dt.datetime.now(tz=dt.UTC):
            message = f"expected a client certificate that is valid, it expired {ended:%F %T} UTC"
            raise document.error((*at, key), message)


def _certificates(document: Document, user: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    if "client-certificate-data" in user:
        yield "client-certificate-data", _decoded(user["client-certificate-data"])
    elif "client-certificate" in user:
        path = document.path.parent / str(user["client-certificate"])
        yield "client-certificate", path.read_bytes()


def _check_exec(document: Document, at: Location, user: dict[str, Any]) -> None:
    plugin = user.get("exec")
    if plugin is None:
        return
    command = plugin.get("command") if isinstance(plugin, dict) else None
    if not isinstance(command, str) or not command:
        raise document.error((*at, "exec"), "expected exec.command")
    beside = document.path.parent / command
    if which(command) is None and not (os.sep in command and os.access(beside, os.X_OK)):
        raise document.error((*at, "exec", "command"), f"expected a program, got {command!r}")


def _got(value: object) -> str:
    return "got none" if value is None else f"got {type(value).__name__}"
