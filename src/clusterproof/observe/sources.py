"""The scripts that are sent into Pods, as text."""

import ast
import base64
import io
import json
import threading
import tokenize
import zlib
from functools import cache
from importlib.resources import files

# Python 3.11 cannot build two syntax trees at once: "AST constructor recursion depth mismatch"
# (github.com/python/cpython/issues/106905).
_ONE_AT_A_TIME = threading.Lock()

_UNPACK = (
    "import base64,json,sys,zlib;"
    "script,*sys.argv[1:]=json.loads(zlib.decompress(base64.urlsafe_b64decode(sys.argv[1])));"
    "exec(script)"
)


def packed(script: str, *arguments: str) -> list[str]:
    """The arguments of a `python3 -c` that runs a script with its arguments.

    A command travels in the URL of an exec, where each sign that is no letter takes three, and
    httpx takes no URL over 65,536 characters: a script and 1,500 uuids are in 50,000 so.
    """
    text = json.dumps([script, *arguments], ensure_ascii=False).encode()
    return [_UNPACK, base64.urlsafe_b64encode(zlib.compress(text, 9)).decode()]


@cache
def source_of(script: str) -> str:
    """The text of a script without its docstrings: it travels in the URL of an exec.

    Lines are left out, and none is written anew: `ast.unparse` of Python 3.12 and later writes
    f-strings that an older Python in a Pod cannot read (PEP 701).

    Args:
        script: `PACKAGE.NAME` below `clusterproof`, or the name alone of one of observe/scripts.
    """
    package, _, name = script.rpartition(".")
    folder = files(f"clusterproof.{package or 'observe.scripts'}")
    source = folder.joinpath(f"{name}.py").read_text("utf-8")
    with _ONE_AT_A_TIME:
        tree = ast.parse(source)
    lines = source.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and token.line.lstrip().startswith("#"):
            lines[token.start[0] - 1] = ""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module)
            and ast.get_docstring(node) is not None
        ):
            first, last = node.body[0].lineno, node.body[0].end_lineno or node.body[0].lineno
            indent = " " * node.body[0].col_offset
            lines[first - 1 : last] = [""] * (last - first + 1)
            if len(node.body) == 1:
                lines[first - 1] = f"{indent}pass"
    return "\n".join(line for line in lines if line.strip())
