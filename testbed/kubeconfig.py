"""Kubeconfigs of our own making, and other files that only their owner may read."""

import json
from collections.abc import Mapping
from pathlib import Path


def kubeconfig(name: str, cluster: Mapping[str, object], user: Mapping[str, str]) -> str:
    """A kubeconfig of one cluster, user and context of this name; JSON, which is YAML."""
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": name,
            "clusters": [{"name": name, "cluster": cluster}],
            "users": [{"name": name, "user": user}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        },
        indent=2,
    )


def write_private(path: Path, content: str | bytes) -> None:
    """Write a file that nobody but its owner can read, not even while it is written."""
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
