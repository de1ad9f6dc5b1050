"""The key that decides whether a program is built anew, and the search for a toolchain."""

from pathlib import Path

import pytest

from testbed.cluster import paths
from testbed.cluster.binaries import ALL, key_of
from testbed.cluster.go import REQUIRED, parse_version


@pytest.fixture
def module(tmp_path: Path) -> Path:
    """A Go module of three files."""
    (tmp_path / "go.mod").write_text("module x\n")
    (tmp_path / "go.sum").write_text("a v1 h1:x\n")
    (tmp_path / "main.go").write_text("package main\n")
    return tmp_path


def test_key_stays_when_nothing_changes(module: Path) -> None:
    assert key_of(module, "-s") == key_of(module, "-s")


@pytest.mark.parametrize("name", ["go.mod", "go.sum", "main.go"])
def test_key_changes_with_each_file(module: Path, name: str) -> None:
    before = key_of(module, "-s")
    (module / name).write_text("changed\n")
    assert key_of(module, "-s") != before


def test_key_changes_with_the_flags(module: Path) -> None:
    assert key_of(module, "-s") != key_of(module, "-w")


def test_key_does_not_confuse_two_files_with_one(module: Path) -> None:
    before = key_of(module, "-s")
    (module / "go.mod").write_text("module x\na v1")
    (module / "go.sum").write_text(" h1:x\n")
    assert key_of(module, "-s") != before


@pytest.mark.parametrize("family", ALL, ids=lambda family: family.name)
def test_each_family_has_a_committed_module(family: object) -> None:
    folder = paths.BINARIES / getattr(family, "name", "")
    assert (folder / "go.mod").is_file()
    assert (folder / "go.sum").is_file()


@pytest.mark.parametrize("family", ALL, ids=lambda family: family.name)
def test_the_required_toolchain_builds_each_family(family: object) -> None:
    text = (paths.BINARIES / getattr(family, "name", "") / "go.mod").read_text()
    [line] = [line for line in text.splitlines() if line.startswith("go ")]
    assert parse_version(line.replace("go ", "go", 1)) <= REQUIRED


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("go version go1.26.8 linux/amd64", (1, 26, 8)),
        ("go version go1.27 linux/amd64", (1, 27, 0)),
        ("", ()),
        ("command not found", ()),
    ],
)
def test_version_is_read_from_what_go_says(text: str, version: tuple[int, ...]) -> None:
    assert parse_version(text) == version
