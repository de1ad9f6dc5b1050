"""Every difference that a judge can find has a code."""

import ast
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

from clusterproof import checks
from clusterproof.checks import kinds
from clusterproof.checks.kind import Kind

MODULES = sorted(Path(checks.__file__).parent.glob("*.py"))
CODE = re.compile(r"[a-z]+(-[a-z]+)*")


def differences_in(path: Path) -> list[ast.Call]:
    return [
        node
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Difference"
    ]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_every_difference_has_a_code(path: Path) -> None:
    for call in differences_in(path):
        codes = [keyword.value for keyword in call.keywords if keyword.arg == "code"]
        assert codes, f"{path.name}:{call.lineno}"
        if isinstance(codes[0], ast.Constant):
            assert CODE.fullmatch(str(codes[0].value)), f"{path.name}:{call.lineno}"


@pytest.mark.parametrize("kind", kinds().values(), ids=lambda kind: kind.name)
def test_a_kind_lists_every_code_that_its_judge_can_find(kind: Kind[Any, Any]) -> None:
    """What stands in its module as a code: where a difference is made, and in tables."""
    path = Path(inspect.getfile(kind.judge))
    names = set(kinds())
    literal = {
        node.value
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.fullmatch("[a-z]+(-[a-z]+)+", node.value)
        and node.value not in names
    }
    assert literal <= set(kind.codes)
    assert kind.codes == tuple(sorted(set(kind.codes)))
    assert all(CODE.fullmatch(code) for code in kind.codes)
