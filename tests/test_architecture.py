"""The house's one direction: spec, observe, judge, report; and no test runner in src."""

import ast
from pathlib import Path

import pytest

SRC = Path(__file__).parents[1] / "src" / "clusterproof"
FLOORS = ("spec", "observe", "judge", "report")
"""From the ground up: a floor knows those below it, and nothing of those above."""


def imported(path: Path) -> set[str]:
    """The modules that a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


@pytest.mark.parametrize("floor", FLOORS)
def test_a_floor_knows_nothing_of_those_above(floor: str) -> None:
    above = FLOORS[FLOORS.index(floor) + 1 :]
    upward = {
        f"{path.relative_to(SRC)} imports {name}"
        for path in (SRC / floor).rglob("*.py")
        for name in imported(path)
        if any(name.startswith(f"clusterproof.{other}") for other in above)
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
