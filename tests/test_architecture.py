"""Imports go one way: run, checks, what they look with, kube; and no test runner in src."""

import ast
from pathlib import Path

import pytest

SRC = Path(__file__).parents[1] / "src" / "clusterproof"
FLOORS = (
    (
        "errors",
        "wait",
        "outcome",
        "tool",
        "production",
        "hosts",
        "decoding",
        "project",
        "options",
    ),
    ("kube",),
    ("redact", "usage"),
    ("spec", "judgement"),
    ("compare",),
    ("act", "observe", "product"),
    ("checks",),
    ("causes",),
    ("report",),
    ("bundle", "diagnose"),
    ("load", "history", "generate", "notify"),
    ("run",),
    ("nightly", "doctor", "fleet", "completion", "undo_cli", "verify", "cli", "door", "__main__"),
)
"""From the ground up: a module imports from its own floor and those below it."""


def floor_of(module: str) -> int:
    """The floor of `clusterproof.MODULE...`; fails for a package that has no place yet."""
    name = module.removeprefix("clusterproof.").partition(".")[0]
    return next(number for number, floor in enumerate(FLOORS) if name in floor)


def imported(path: Path) -> set[str]:
    """The modules that a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


@pytest.mark.parametrize(
    "name",
    sorted(
        path.stem
        for path in SRC.iterdir()
        if path.stem != "__init__" and (path.suffix == ".py" or (path / "__init__.py").exists())
    ),
)
def test_imports_go_down(name: str) -> None:
    place = SRC / name
    paths = place.rglob("*.py") if place.is_dir() else [SRC / f"{name}.py"]
    upward = {
        f"{path.relative_to(SRC)} imports {module}"
        for path in paths
        for module in imported(path)
        if module.startswith("clusterproof.")
        and floor_of(module) > floor_of(f"clusterproof.{name}")
    }
    assert upward == set()


def test_kube_knows_kubernetes_and_nothing_else_of_ours() -> None:
    allowed = ("clusterproof.kube", "clusterproof.errors")
    known = {
        f"{path.relative_to(SRC)} imports {name}"
        for path in (SRC / "kube").rglob("*.py")
        for name in imported(path)
        if name.startswith("clusterproof") and not name.startswith(allowed)
    }
    assert known == set()


def test_nothing_in_src_knows_a_test_runner_or_what_stands_outside() -> None:
    outside = (
        "pytest",
        "_pytest",
        "locust",
        "gevent",
        "fixtures",
        "suites",
        "loadtests",
        "testbed",
    )
    known = {
        f"{path.relative_to(SRC)} imports {name}"
        for path in SRC.rglob("*.py")
        for name in imported(path)
        if name.partition(".")[0] in outside
    }
    assert known == set()


def test_only_one_module_of_src_sleeps_and_none_prints() -> None:
    offending = {
        f"{path.relative_to(SRC)}:{node.lineno}"
        for path in SRC.rglob("*.py")
        if path.name != "wait.py" and "scripts" not in path.parts  # scripts run inside Pods
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"time.sleep", "print"}
    }
    assert offending == set()


def test_only_act_changes_a_cluster() -> None:
    """Elsewhere the API server is asked by GET alone; a method that is not plain to see counts."""
    changing = {
        f"{path.relative_to(SRC)}:{node.lineno}"
        for path in SRC.rglob("*.py")
        if path.relative_to(SRC).parts[0] not in {"act", "kube"} and "scripts" not in path.parts
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "request"
        and not (
            node.args and isinstance(node.args[0], ast.Constant) and node.args[0].value == "GET"
        )
    }
    assert changing == set()


def test_kube_itself_changes_nothing_but_what_it_is_told() -> None:
    """Exec is a GET of a stream; what a review asks is stored nowhere."""
    written = {
        (path.name, node.args[0].value)
        for path in (SRC / "kube").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "request"
        and node.args
        and isinstance(node.args[0], ast.Constant)
    }
    assert {method for _, method in written - {("access.py", "POST")}} <= {"GET"}
