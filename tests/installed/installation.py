"""The wheel in an environment of its own, and commands of it in an empty folder."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from testbed.release import OLDEST, build_wheel, environment_with

_VERSION = re.compile(r"^Python (3)\.(\d+)\.\d+$")
_OLDEST_MINOR = int(OLDEST.removeprefix("3."))
_LEFT_OUT = ("VIRTUAL_ENV", "PYTHONPATH", "PYTEST_ADDOPTS", "PYTEST_CURRENT_TEST", "KUBECONFIG")
MANIFEST = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "example.com/web:1.2.3"}]}
"""


@dataclass(frozen=True)
class Installation:
    """An environment that has the wheel, and nothing that the wheel does not ask for."""

    python: Path
    wheel: Path

    def run(self, folder: Path, *words: str, home: Path | None = None) -> "Ended":
        """`clusterproof WORDS` in a folder."""
        return self.program(folder, "clusterproof", *words, home=home)

    def program(
        self,
        folder: Path,
        name: str,
        *words: str,
        home: Path | None = None,
        user: int | None = None,
    ) -> "Ended":
        """Another program of the environment; as the user of this number, where we are root."""
        environment = {key: text for key, text in os.environ.items() if key not in _LEFT_OUT}
        environment["PATH"] = f"{self.python.parent}{os.pathsep}{environment['PATH']}"
        environment["HOME"] = str(home or folder)
        ended = subprocess.run(  # noqa: S603 - our own wheel
            [self.python.with_name(name), *words],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
            user=user,
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr)


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


@cache
def known_pythons() -> Mapping[int, str]:
    """Minor version to the path of each Python from 3.11 on that this machine has, oldest first."""
    found: dict[int, str] = {}
    for path in _interpreters():
        ended = subprocess.run([path, "-V"], capture_output=True, text=True, check=False)  # noqa: S603
        match = _VERSION.match(ended.stdout.strip())
        if match and int(match[2]) >= _OLDEST_MINOR:
            found.setdefault(int(match[2]), path)
    return dict(sorted(found.items()))


def newest_python() -> str:
    """The path of the newest of them."""
    return known_pythons()[max(known_pythons())]


def pythons_between() -> Mapping[str, str]:
    """Those that are neither the oldest that the project supports nor the newest."""
    between = [minor for minor in known_pythons() if _OLDEST_MINOR < minor < max(known_pythons())]
    return {f"python3.{minor}": known_pythons()[minor] for minor in between}


def _interpreters() -> Iterator[str]:
    """Those on PATH, and those that pyenv and uv keep."""
    for minor in range(_OLDEST_MINOR, 20):
        if path := shutil.which(f"python3.{minor}"):
            yield path
    home = Path.home()
    for pattern in (".pyenv/versions/*/bin/python3", ".local/share/uv/python/*/bin/python3"):
        yield from map(str, home.glob(pattern))


@cache
def wheel_in(folder: Path) -> Path:
    """The wheel, built once."""
    return build_wheel(folder)


def pythons() -> Mapping[str, str]:
    """Name in a test's id to what `uv venv --python` takes."""
    return {f"python{OLDEST}": OLDEST, "newest": newest_python()}


def install(folder: Path, python: str, *, extra: str = "") -> Installation:
    """The wheel in a fresh environment."""
    wheel = wheel_in(folder.parent / "wheel")
    return Installation(environment_with(wheel, folder, python=python, extra=extra), wheel)
