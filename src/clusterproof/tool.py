"""The tool itself: which version is at work."""

import tomllib
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"


@cache
def tool_version() -> str:
    """Of the installed package; of the project's file where it runs from a folder, as in its image.

    "" where neither says so.
    """
    try:
        return version("clusterproof")
    except PackageNotFoundError:
        pass
    try:
        with _PROJECT.open("rb") as file:
            return str(tomllib.load(file)["project"]["version"])
    except (OSError, KeyError, tomllib.TOMLDecodeError):
        return ""
