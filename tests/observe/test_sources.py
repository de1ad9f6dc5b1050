"""A script is sent into a Pod as it was written: an older Python than ours has to read it."""

import ast
from pathlib import Path

import pytest

from clusterproof.observe import scripts
from clusterproof.observe.sources import source_of

SCRIPTS = sorted(Path(scripts.__path__[0]).glob("[!_]*.py"))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_each_line_that_is_sent_was_written_so(path: Path) -> None:
    written = {line.strip() for line in path.read_text(encoding="utf-8").splitlines()}
    sent = source_of(path.stem)
    assert {line.strip() for line in sent.splitlines()} - {"pass"} <= written
    ast.parse(sent, feature_version=(3, 8))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_no_docstring_is_sent(path: Path) -> None:
    for node in ast.walk(ast.parse(source_of(path.stem))):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module):
            assert ast.get_docstring(node) is None
