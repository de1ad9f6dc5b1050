"""The key that decides whether a program is built anew, and the search for a toolchain."""

from pathlib import Path

import pytest

from testbed.cluster import binaries, minor, paths
from testbed.cluster.binaries import ALL, Family, key_of, kubernetes
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


FAMILIES = (
    *map(kubernetes, minor.MINORS),
    *(family for family in ALL if family.name != "kubernetes"),
)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: f"{family.name}-{family.module}")
def test_each_family_has_a_committed_module(family: Family) -> None:
    assert (family.folder / "go.mod").is_file()
    assert (family.folder / "go.sum").is_file()


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: f"{family.name}-{family.module}")
def test_the_required_toolchain_builds_each_family(family: Family) -> None:
    text = (family.folder / "go.mod").read_text()
    [line] = [line for line in text.splitlines() if line.startswith("go ")]
    assert parse_version(line.replace("go ", "go", 1)) <= REQUIRED


def test_each_minor_is_built_into_a_place_of_its_own() -> None:
    keys = {kubernetes(each).key for each in minor.MINORS}
    assert len(keys) == len(minor.MINORS)


def test_only_the_chosen_minors_are_built() -> None:
    [alone] = binaries.chosen("1.36", "1.36")
    control, nodes = binaries.chosen("1.36", "1.35")
    assert (alone.module, control.module, nodes.module) == (
        "kubernetes/1.36",
        "kubernetes/1.36",
        "kubernetes/1.35",
    )
    assert {*control.commands} | {*nodes.commands} == {*alone.commands}
    assert "kubectl" in control.commands
    assert "kubelet" in nodes.commands
    assert not {*control.commands} & {*nodes.commands}


def test_another_minor_is_built_beside_the_chosen_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "cache", lambda: tmp_path)
    chosen = kubernetes(minor.KUBERNETES)
    other = kubernetes(next(each for each in minor.MINORS if each != minor.KUBERNETES))
    for family in (chosen, other):
        folder = tmp_path / "built" / f"kubernetes-{family.key}"
        folder.mkdir(parents=True)
        (folder / "kubernetes").touch()
    binaries.ensure(print, (chosen, other))
    assert (folder / "kubelet").resolve() == folder / "kubernetes"
    for name in ("kubelet", "kubectl"):
        assert (tmp_path / "bin" / name).readlink() == binaries.program(name)
        assert binaries.program(name).resolve().parent.name == f"kubernetes-{chosen.key}"


def test_every_pinned_minor_outlives_a_prune(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "cache", lambda: tmp_path)
    current = {f"kubernetes-{kubernetes(each).key}" for each in minor.MINORS}
    for name in (*current, "kubernetes-0123"):
        (tmp_path / "built" / name).mkdir(parents=True)
    binaries.prune()
    assert {path.name for path in (tmp_path / "built").iterdir()} == current


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
