"""Verifying somebody's cluster takes neither Linux nor root: only the local cluster does."""

import ast
import re
import tomllib
from pathlib import Path

import pytest
from packaging.tags import compatible_tags, cpython_tags, mac_platforms
from packaging.utils import parse_wheel_filename

PROJECT = Path(__file__).parents[1]
FOLDERS = ("src", "fixtures", "suites")
LINUX_ONLY = re.compile(
    r"\b(?:os\.(?:memfd_create|eventfd|pidfd_open|unshare|setns|sched_\w+|splice|getrandom"
    r"|posix_fadvise|copy_file_range|geteuid|setuid|setgid|chroot)"
    r"|socket\.(?:AF_NETLINK|AF_PACKET|AF_VSOCK|SO_BINDTODEVICE|TCP_USER_TIMEOUT)"
    r"|select\.epoll|signal\.sigtimedwait|ctypes\.)"
)
"""What Python's documentation marks "Availability: Linux", and what asks who we are."""

COMPILED = {
    "linux-aarch64": {(3, 11): {"hdrhistogram"}, (3, 14): {"hdrhistogram"}},
    "macos-arm64": {(3, 11): {"gevent"}},
}
"""Of the extra `load`: the image has a compiler for the first; pip takes an older gevent."""

INSIDE_PODS = "scripts"
"""The folder of programs that run in a Pod, which is Linux."""


def sources() -> list[Path]:
    return [
        path
        for folder in FOLDERS
        for path in (PROJECT / folder).rglob("*.py")
        if INSIDE_PODS not in path.parts
    ]


def test_there_are_sources() -> None:
    assert len(sources()) > 150


@pytest.mark.parametrize("folder", FOLDERS)
def test_nothing_of_the_local_cluster_is_imported(folder: str) -> None:
    found = {
        f"{path.relative_to(PROJECT)}:{node.lineno}"
        for path in (PROJECT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if (isinstance(node, ast.ImportFrom) and (node.module or "").startswith("testbed"))
        or (
            isinstance(node, ast.Import)
            and any(name.name.startswith("testbed") for name in node.names)
        )
    }
    assert found == set()


def test_nothing_that_only_linux_has_is_called() -> None:
    found = [
        f"{path.relative_to(PROJECT)}: {match}"
        for path in sources()
        for match in LINUX_ONLY.findall(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_no_file_of_a_kernel_is_read() -> None:
    found = {
        f"{path.relative_to(PROJECT)}:{node.lineno}"
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.match(r"/(?:proc|sys|dev/shm)/", node.value)
    }
    assert found == set()


def wanted(extra: str = "load") -> set[str]:
    """The distributions that an installation has with an extra, or with none, by the lock."""
    lock = tomllib.loads((PROJECT / "uv.lock").read_text(encoding="utf-8"))["package"]
    packages = {package["name"]: package for package in lock}
    ours = packages["clusterproof"]
    todo = [*ours["dependencies"], *(ours["optional-dependencies"][extra] if extra else ())]
    found: set[str] = set()
    while todo:
        need = todo.pop()
        if need["name"] not in found and "win32" not in need.get("marker", ""):
            found.add(need["name"])
            package = packages[need["name"]]
            todo += package.get("dependencies", [])
            for part in need.get("extra", []):
                todo += package["optional-dependencies"][part]
    return found


@pytest.mark.parametrize("python", [(3, 11), (3, 14)], ids=["3.11", "3.14"])
@pytest.mark.parametrize("machine", ["linux-x86_64", "linux-aarch64", "macos-arm64"])
def test_every_dependency_is_locked_with_a_wheel(python: tuple[int, int], machine: str) -> None:
    system, _, processor = machine.partition("-")
    if system == "macos":
        platforms = list(mac_platforms((14, 0), processor))
    else:
        platforms = [f"manylinux_2_{minor}_{processor}" for minor in range(36, 4, -1)]
        platforms += [f"manylinux2014_{processor}", f"manylinux2010_{processor}"]
        platforms += [f"manylinux1_{processor}", f"linux_{processor}"]
    tags = {*cpython_tags(python, platforms=platforms), *compatible_tags(python, None, platforms)}
    lock = tomllib.loads((PROJECT / "uv.lock").read_text(encoding="utf-8"))["package"]
    names = wanted()
    without = {
        package["name"]
        for package in lock
        if package["name"] in names
        and not any(
            parse_wheel_filename(wheel["url"].rpartition("/")[2])[3] & tags
            for wheel in package.get("wheels", [])
        )
    }
    assert without == COMPILED.get(machine, {}).get(python, set())
