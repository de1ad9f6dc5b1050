"""Random secrets of the right shape, made once for each checkout and never printed."""

import base64
import json
import os
import secrets
import string
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from testbed.deploy.profiles import POSTHOG, ROUTER, Profile

_LETTERS = string.ascii_letters + string.digits
# Name → prefix and number of random characters after it.
_SHAPES: Mapping[str, tuple[str, int]] = {
    "POSTHOG_API_KEY": ("phc_", 43),
    "POSTHOG_PERSONAL_API_KEY": ("phx_", 43),
    "OPENAI_API_KEY": ("sk-", 48),
    "ANTHROPIC_API_KEY": ("sk-ant-", 80),
    "DB_PASSWORD": ("", 32),
    "POSTHOG_DB_PASSWORD": ("", 32),
    "CLICKHOUSE_PASSWORD": ("", 32),
    "SECRET_KEY": ("", 64),
}


def load_or_make(path: Path) -> dict[str, str]:
    """The values in `path`; what is missing there is made and written, readable by its owner."""
    known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    values = {
        name: known.get(name) or prefix + "".join(secrets.choice(_LETTERS) for _ in range(length))
        for name, (prefix, length) in _SHAPES.items()
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


def objects(values: Mapping[str, str], profile: Profile) -> list[dict[str, Any]]:
    """The Secrets of a profile."""
    router = ("POSTHOG_API_KEY", "DB_PASSWORD", "OPENAI_API_KEY", "ANTHROPIC_API_KEY")
    found = [
        secret(ROUTER, profile.router_secret, {name: values[name] for name in router}),
        secret(ROUTER, "postgres-secret", {"POSTGRES_PASSWORD": values["DB_PASSWORD"]}),
    ]
    if POSTHOG in profile.namespaces:
        names = (
            "POSTHOG_DB_PASSWORD", "CLICKHOUSE_PASSWORD", "SECRET_KEY", "POSTHOG_API_KEY",
            "POSTHOG_PERSONAL_API_KEY",
        )  # fmt: skip
        found.append(secret(POSTHOG, "posthog-secret", {name: values[name] for name in names}))
    return found


def secret(
    namespace: str, name: str, values: Mapping[str, str], kind: str = "Opaque"
) -> dict[str, Any]:
    """One Secret object."""
    data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"namespace": namespace, "name": name},
        "type": kind,
        "data": data,
    }
