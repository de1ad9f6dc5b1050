"""The static tools that can be had from the registries, at pinned versions, ready to run."""

import hashlib
import json
import re
import subprocess
import time
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path

from testbed.cluster import binaries, paths
from testbed.cluster.errors import TestbedError
from testbed.cluster.run import run
from testbed.cluster.topology import KUBERNETES_VERSION
from testbed.compare.findings import Finding, Tool, read_checkov, read_kube_score, read_schema

Say = Callable[[str], None]
MANIFESTS = "manifests.yaml"
"""One name for every version of the manifests: some tools repeat it in what they say."""

_SCANNERS = Path(__file__).with_name("scanners")
_MINOR = ".".join(KUBERNETES_VERSION.removeprefix("v").split(".")[:2])
_INSTALL_WITHIN_S = 900.0
_LOOK_WITHIN_S = 180.0


def tools(say: Say) -> Sequence[Tool]:
    """Every tool, built or installed where the cache lacks it.

    Raises:
        TestbedError: One could not be had.
    """
    binaries.ensure(say, (binaries.KUBE_SCORE,))
    scanners = _environment(say)
    pinned = _pinned(_SCANNERS / "pyproject.toml")
    kube_score = str(binaries.program("kube-score"))
    as_json = ("--output-format", "json", "--kubernetes-version", f"v{_MINOR}")
    return (
        Tool(
            "kube-score",
            _required("kube-score", "github.com/zegl/kube-score"),
            (kube_score, "score", *as_json, MANIFESTS),
            lambda text: read_kube_score(json.loads(text)),
        ),
        Tool(
            "checkov",
            pinned["checkov"],
            (
                str(scanners / "checkov"),
                *("--framework", "kubernetes", "--output", "json", "--compact", "--quiet"),
                *("--skip-download", "--file", MANIFESTS),
            ),
            lambda text: read_checkov(json.loads(text)),
        ),
        Tool(
            "kubernetes-validate",
            pinned["kubernetes-validate"],
            (
                str(scanners / "kubernetes-validate"),
                *("--strict", "--quiet", "--kubernetes-version", _MINOR, MANIFESTS),
            ),
            read_schema,
        ),
    )


def look(tool: Tool, folder: Path) -> tuple[list[Finding], float]:
    """What a tool says of the manifests in a folder, and how long it took (s).

    Raises:
        TestbedError: It did not end in time, or said what cannot be read.
    """
    began = time.monotonic()
    try:
        done = subprocess.run(
            tool.command,
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=_LOOK_WITHIN_S,
        )
    except subprocess.TimeoutExpired as error:
        raise TestbedError(f"{tool.name}: did not end within {_LOOK_WITHIN_S:g} s") from error
    took_s = time.monotonic() - began
    try:
        return tool.read(done.stdout), took_s
    except (ValueError, KeyError, TypeError) as error:
        last = done.stderr.strip()[-500:]
        raise TestbedError(
            f"{tool.name}: expected findings to read, observed exit {done.returncode}: {last}"
        ) from error


def _environment(say: Say) -> Path:
    """The folder of programs of the scanners' own environment, named by its lock file."""
    lock = (_SCANNERS / "uv.lock").read_bytes()
    folder = paths.cache() / "scanners" / hashlib.sha256(lock).hexdigest()[:20]
    if not (folder / "complete").is_file():
        say(f"installing checkov and kubernetes-validate (once; kept in {paths.cache()})")
        run(
            ["uv", "sync", "--frozen", "--quiet", "--project", str(_SCANNERS)],
            env={"UV_PROJECT_ENVIRONMENT": str(folder)},
            timeout_s=_INSTALL_WITHIN_S,
        )
        (folder / "complete").touch()
    return folder / "bin"


def _required(family: str, module: str) -> str:
    """The version of a Go module that a family requires."""
    text = (paths.BINARIES / family / "go.mod").read_text(encoding="utf-8")
    found = re.search(rf"^\s*(?:require )?{re.escape(module)} (v\S+)", text, re.MULTILINE)
    if found is None:
        raise TestbedError(f"{family}/go.mod: expected {module} with a version, found none")
    return found[1]


def _pinned(pyproject: Path) -> dict[str, str]:
    """Package to version, of a pyproject whose dependencies are all pinned."""
    data = tomllib.loads(pyproject.read_text(encoding="utf-8"))
    return dict(one.split("==") for one in data["project"]["dependencies"])
