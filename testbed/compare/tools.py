"""The static tools that can be had from the registries, at pinned versions, ready to run."""

import hashlib
import subprocess
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from testbed.cluster import binaries, paths
from testbed.cluster.errors import TestbedError
from testbed.cluster.pins import required
from testbed.cluster.run import run
from testbed.compare.findings import Finding, read_checkov, read_kube_score, read_schema
from testbed.settings import patient

Say = Callable[[str], None]
Folders = Sequence[Path]
_T = TypeVar("_T")
MANIFESTS = "manifests.yaml"
"""In each folder."""

_SCANNERS = Path(__file__).with_name("scanners")
_MINOR = ".".join(binaries.ORACLE_VERSION.removeprefix("v").split(".")[:2])
"""The tools' schemas are released later than Kubernetes: not always that of the local cluster."""
_INSTALL_WITHIN_S = 900.0
_LOOK_WITHIN_S = 1800.0


@dataclass(frozen=True, slots=True)
class Tool:
    """A program that reads manifests.

    Attributes:
        version: As pinned.
        look: Folders to what it says of the manifests in each.
    """

    name: str
    version: str
    look: Callable[[Folders], list[list[Finding]]]


def tools(say: Say) -> Sequence[Tool]:
    """Every tool, built or installed where the cache lacks it.

    Raises:
        TestbedError: One could not be had.
    """
    binaries.ensure(say, (binaries.KUBE_SCORE,))
    scanners = _environment(say)
    pinned = _pinned(_SCANNERS / "pyproject.toml")
    score = required("kube-score", "github.com/zegl/kube-score")
    validate = scanners / "kubernetes-validate"
    return (
        Tool("kube-score", score, partial(_kube_score, binaries.program("kube-score"))),
        Tool("checkov", pinned["checkov"], partial(_checkov, scanners / "python")),
        Tool("kubernetes-validate", pinned["kubernetes-validate"], partial(_schema, validate)),
    )


def _kube_score(program: Path, folders: Folders) -> list[list[Finding]]:
    """One run for each folder; what its checks ask for by default, for our Kubernetes."""
    options = ("--output-format", "json", "--kubernetes-version", f"v{_MINOR}")
    command = [str(program), "score", *options, MANIFESTS]
    return [_read(read_kube_score, command, folder) for folder in folders]


def _checkov(python: Path, folders: Folders) -> list[list[Finding]]:
    script = str(Path(__file__).with_name("checkov_each.py"))
    return _read(read_checkov, [str(python), script, *map(str, folders)], folders[0])


def _schema(program: Path, folders: Folders) -> list[list[Finding]]:
    files = [str(folder / MANIFESTS) for folder in folders]
    options = ("--strict", "--quiet", "--kubernetes-version", _MINOR)
    command = [str(program), *options, *files]
    return _read(lambda text: read_schema(text, files), command, folders[0])


def _read(read: Callable[[str], _T], command: Sequence[str], folder: Path) -> _T:
    """What a command printed, read; its exit code only says that there are findings.

    Raises:
        TestbedError: It did not end in time, or printed what cannot be read.
    """
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=patient(_LOOK_WITHIN_S),
        )
    except subprocess.TimeoutExpired as error:
        raise TestbedError(
            f"{command[0]}: did not end within {patient(_LOOK_WITHIN_S):g} s"
        ) from error
    try:
        return read(done.stdout)
    except (ValueError, KeyError, TypeError) as error:
        last = done.stderr.strip()[-500:]
        raise TestbedError(
            f"{command[0]}: expected findings to read, observed exit {done.returncode}: {last}"
        ) from error


def _environment(say: Say) -> Path:
    """The folder of programs of the scanners' own environment, named by its lock file."""
    lock = (_SCANNERS / "uv.lock").read_bytes()
    folder = paths.cache() / "scanners" / hashlib.sha256(lock).hexdigest()[:20]
    if not (folder / "complete").is_file():
        say(f"installing checkov and kubernetes-validate (once; kept in {paths.cache()})")
        run(
            [str(paths.UV), "sync", "--frozen", "--quiet", "--project", str(_SCANNERS)],
            env={"UV_PROJECT_ENVIRONMENT": str(folder)},
            timeout_s=_INSTALL_WITHIN_S,
        )
        (folder / "complete").touch()
    return folder / "bin"


def _pinned(pyproject: Path) -> dict[str, str]:
    """Package to version, of a pyproject whose dependencies are all pinned."""
    data = tomllib.loads(pyproject.read_text(encoding="utf-8"))
    return dict(dependency.split("==") for dependency in data["project"]["dependencies"])
