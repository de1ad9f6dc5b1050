"""Random secrets of the right shape, made once for each cluster and never printed."""

import base64
import json
import os
import secrets
import string
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from testbed.deploy.profiles import Profile

_LETTERS = string.ascii_letters + string.digits
SHAPES: Mapping[str, tuple[str, int]] = {
    "POSTHOG_API_KEY": ("phc_", 43),
    "POSTHOG_PERSONAL_API_KEY": ("phx_", 43),
    "OPENAI_API_KEY": ("sk-", 48),
    "ANTHROPIC_API_KEY": ("sk-ant-", 80),
    "DB_PASSWORD": ("", 32),
    "POSTHOG_DB_PASSWORD": ("", 32),
    "CLICKHOUSE_PASSWORD": ("", 32),
    "SECRET_KEY": ("", 64),
    "SHOP_TOKEN": ("shop_", 40),
    "SHOP_PAYMENTS": ("", 24),
}
"""Name to prefix and number of random characters after it."""
BINARY: Mapping[str, int] = {"SHOP_SESSION_KEY": 32}
"""Name to number of random bytes; no such value is a text."""


def load_or_make(path: Path) -> dict[str, str]:
    """The values in `path`, binary ones in base64; what is missing there is made and written.

    Only its owner can read the file.
    """
    known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    values = {
        name: known.get(name) or prefix + "".join(secrets.choice(_LETTERS) for _ in range(length))
        for name, (prefix, length) in SHAPES.items()
    }
    values |= {
        name: known.get(name) or base64.b64encode(_no_text(length)).decode()
        for name, length in BINARY.items()
    }
    if values != known:
        write_private(path, json.dumps(values, indent=2).encode())
    return values


def write_private(path: Path, content: bytes) -> None:
    """Write a file that nobody else may read, all at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.part")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    unfinished.rename(path)


def _no_text(length: int) -> bytes:
    """Random bytes that are no UTF-8: 0xff stands in none."""
    return b"\xff" + secrets.token_bytes(length - 1)


def objects(values: Mapping[str, str], profile: Profile) -> list[dict[str, Any]]:
    """The Secrets of a profile."""
    return [
        secret(
            wanted.namespace,
            wanted.name,
            {key: _content(name, values[name]) for key, name in wanted.keys.items()},
        )
        for wanted in profile.secrets
    ]


def _content(name: str, value: str) -> bytes:
    return base64.b64decode(value) if name in BINARY else value.encode()


def secret(
    namespace: str, name: str, values: Mapping[str, bytes], kind: str = "Opaque"
) -> dict[str, Any]:
    """One Secret object."""
    data = {key: base64.b64encode(value).decode() for key, value in values.items()}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"namespace": namespace, "name": name},
        "type": kind,
        "data": data,
    }
