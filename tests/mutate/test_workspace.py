"""The copy that is mutated means what the project means."""

import ast
import os
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from testbed.mutate.workspace import FOLDERS, mutated_modules, prepare, undecorated

PROJECT = Path(__file__).parents[2]
SRC = PROJECT / "src" / "clusterproof"
DECORATED = '''"""A module."""

from functools import cache


@cache
def twice(number: int) -> int:
    """Twice."""
    return number * 2


class Pair:
    """Two."""

    @property
    def left(self) -> int:
        """One."""
        return twice(1)

    @classmethod
    def made(cls) -> "Pair":
        """A pair."""
        return cls()
'''


def test_a_decorator_becomes_a_statement_behind_its_function() -> None:
    """Except for the two that mutmut can handle."""
    found = undecorated(DECORATED)
    assert any(line.startswith("twice = cache(twice); ") for line in found.splitlines())
    assert "    left = property(left)" in found.splitlines()
    assert "    @classmethod" in found.splitlines()
    assert "@cache" not in found
    names: dict[str, type] = {}
    exec(compile(found, "m", "exec"), names)  # noqa: S102 - our own text
    assert getattr(names["Pair"](), "left", None) == 2


def test_a_fork_begins_without_what_was_kept() -> None:
    """Or the mutant of a function that was called before would never be seen."""
    names: dict[str, Any] = {}
    exec(compile(undecorated(DECORATED), "m", "exec"), names)  # noqa: S102 - our own text
    assert (names["twice"](1), names["twice"].cache_info().currsize) == (2, 1)
    pid = os.fork()
    if pid == 0:
        os._exit(names["twice"].cache_info().currsize)
    assert os.waitpid(pid, 0) == (pid, 0)
    assert names["twice"].cache_info().currsize == 1


def test_two_decorators_stay() -> None:
    """Their order means something."""
    source = "@a\n@b\ndef f():\n    pass\n"
    assert undecorated(source) == source


@pytest.mark.parametrize("module", sorted(str(path.relative_to(SRC)) for path in SRC.rglob("*.py")))
def test_every_module_of_ours_is_still_python(module: str) -> None:
    """And has the same functions."""
    source = (SRC / module).read_text("utf-8")
    before, after = ast.parse(source), ast.parse(undecorated(source))
    assert functions(before) == functions(after)


def functions(tree: ast.Module) -> list[str]:
    """The names of all functions, in order."""
    return [node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]


def project(folder: Path) -> Path:
    """A project of one module."""
    for name in ("src/clusterproof", "tests", "spec", "suites"):
        (folder / name).mkdir(parents=True)
    for name in ("pyproject.toml", "uv.lock"):
        (folder / name).touch()
    (folder / "src/clusterproof/a.py").write_text(DECORATED, "utf-8")
    (folder / "tests/test_a.py").write_text("@mark\ndef test_a():\n    pass\n", "utf-8")
    return folder


def test_the_copy_follows_the_project(tmp_path: Path) -> None:
    """What did not change keeps its time, and what is gone is gone with its mutants."""
    origin, copy = project(tmp_path / "origin"), tmp_path / "copy"
    prepare(origin, copy)
    module, test = copy / "src/clusterproof/a.py", copy / "tests/test_a.py"
    assert "twice = cache(twice)" in module.read_text("utf-8")
    assert test.read_text("utf-8").startswith("@mark")
    written = module.stat().st_mtime_ns
    mutants = copy / "mutants/tests/test_a.py"
    mutants.parent.mkdir(parents=True)
    mutants.touch()
    (origin / "tests/test_a.py").unlink()
    prepare(origin, copy)
    assert module.stat().st_mtime_ns == written
    assert not test.exists()
    assert not mutants.exists()


def test_every_pattern_of_the_configuration_means_a_module() -> None:
    """A module that was renamed would silently be mutated no more."""
    assert [name for name in mutated_modules(PROJECT) if not list(SRC.glob(name))] == []


def test_what_the_selected_tests_import_is_copied() -> None:
    """A package that is missing ends the whole run before its first mutant."""
    settings = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    mutmut = settings["tool"]["mutmut"]
    chosen = [PROJECT / one for one in mutmut["pytest_add_cli_args_test_selection"]]
    files = {file for one in chosen if one.exists() for file in (one, *one.rglob("*.py"))}
    wanted = {
        top
        for file in files
        if file.suffix == ".py"
        for top in _imported(ast.parse(file.read_text(encoding="utf-8")))
        if (PROJECT / top).is_dir()
    }
    assert wanted - {"tests"} <= set(mutmut["also_copy"])
    assert wanted <= set(FOLDERS)
    assert "loadtests" in wanted


def _imported(module: ast.Module) -> Iterator[str]:
    """The top-level packages that a module imports."""
    for node in ast.walk(module):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]
        if isinstance(node, ast.Import):
            yield from (name.name.partition(".")[0] for name in node.names)
