"""Which PyPI releases uv.lock pins for a set of distributions, and all that they need."""

import platform
import re
import sys
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from packaging.markers import Marker

from testbed.cluster.errors import TestbedError

_REQUIREMENT = re.compile(r"^(?P<name>[A-Za-z0-9_.-]+)(\[(?P<extras>[^]]+)\])?$")


class NotLockedError(TestbedError):
    """A recipe asks for a distribution that uv.lock does not hold."""


def pins(lock: Path, wanted: tuple[str, ...]) -> tuple[str, ...]:
    """The pins (`name==version`) of `wanted` and of everything below them, sorted.

    The project itself, which is a folder and not a release, stands only for what it needs.

    Raises:
        NotLockedError: A name is not in the lock: `uv lock` after adding it to pyproject.toml.
    """
    packages = _packages(lock.read_text())
    environment = {
        "python_full_version": "3.11.2",
        "python_version": "3.11",
        "sys_platform": "linux",
        "platform_machine": platform.machine(),
        "platform_python_implementation": "CPython",
        "implementation_name": sys.implementation.name,
        "os_name": "posix",
        "extra": "",
    }
    todo = [_split(name) for name in wanted]
    seen: set[tuple[str, str]] = set()
    found: set[str] = set()
    while todo:
        name, extras = todo.pop()
        package = packages.get(name)
        if package is None:
            raise NotLockedError(f"expected {name} in {lock.name}, observed no such package")
        if "editable" not in package["source"]:
            found.add(f"{name}=={package['version']}")
        for extra in ("", *extras):
            if (name, extra) not in seen:
                seen.add((name, extra))
                todo.extend(_needs(package, extra, environment))
    return tuple(sorted(found))


@cache
def _packages(text: str) -> dict[str, dict[str, Any]]:
    return {entry["name"]: entry for entry in tomllib.loads(text)["package"]}


def _needs(
    package: dict[str, Any], extra: str, environment: dict[str, str]
) -> list[tuple[str, tuple[str, ...]]]:
    listed = (
        package.get("optional-dependencies", {}).get(extra, [])
        if extra
        else package.get("dependencies", [])
    )
    return [
        (entry["name"], tuple(entry.get("extra", ())))
        for entry in listed
        if "marker" not in entry or Marker(entry["marker"]).evaluate(environment)
    ]


def _split(requirement: str) -> tuple[str, tuple[str, ...]]:
    match = _REQUIREMENT.match(requirement)
    if match is None:
        raise NotLockedError(f"expected NAME or NAME[EXTRA], observed {requirement!r}")
    extras = match["extras"]
    return match["name"], tuple(extras.split(",")) if extras else ()
