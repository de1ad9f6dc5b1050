"""The scripts that are sent into Pods, as text."""

import ast
import threading
from functools import cache
from importlib.resources import files

# Python 3.11 cannot build two syntax trees at once: "AST constructor recursion depth mismatch"
# (github.com/python/cpython/issues/106905).
_ONE_AT_A_TIME = threading.Lock()


@cache
def source_of(script: str) -> str:
    """The text of a script without its docstrings: it travels in the URL of an exec.

    Args:
        script: `PACKAGE.NAME` below `clusterproof`, or the name alone of one of observe/scripts.
    """
    package, _, name = script.rpartition(".")
    folder = files(f"clusterproof.{package or 'observe.scripts'}")
    source = folder.joinpath(f"{name}.py").read_text("utf-8")
    with _ONE_AT_A_TIME:
        tree = ast.parse(source)
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module)
                and ast.get_docstring(node) is not None
            ):
                node.body = node.body[1:] or [ast.Pass()]
        return ast.unparse(ast.fix_missing_locations(tree))
