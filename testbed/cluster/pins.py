"""Versions that the Go modules under testbed/binaries are pinned to."""

import re
from pathlib import Path

from testbed.cluster.errors import TestbedError

BINARIES = Path(__file__).resolve().parents[1] / "binaries"


def required(folder: str, module: str) -> str:
    """The version of a Go module that the module in `folder` requires.

    Args:
        folder: Under testbed/binaries.
        module: Its path.

    Raises:
        TestbedError: It requires no such module.
    """
    text = (BINARIES / folder / "go.mod").read_text(encoding="utf-8")
    match = re.search(rf"^\s*(?:require )?{re.escape(module)} (v\S+)", text, re.MULTILINE)
    if match is None:
        raise TestbedError(f"{folder}/go.mod: expected {module} with a version, found none")
    return match[1]
