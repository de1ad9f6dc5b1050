"""Every difference that a judge can find has a code."""

import ast
import re
from pathlib import Path

import pytest

from clusterproof import checks

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
