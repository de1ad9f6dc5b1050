"""A copy of the project in which mutmut works, so that the checkout stays as it is.

mutmut leaves decorated functions alone, and every judge is one. In the copy a decorator is applied
by a statement behind its function instead, which means the same, so that judges are mutated too.
Each mutant is tried in a fork, which begins without what `cache` has kept: else a function that is
called once in a process would have been called before its mutant was there.
"""

import ast
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

FOLDERS = ("src", "tests", "spec", "loadtests", "suites", "testbed", "deploy", "reports/schema")
_FILES = ("pyproject.toml", "uv.lock")
_KNOWN_TO_MUTMUT = ("staticmethod", "classmethod")
_FORGET = '__import__("os").register_at_fork(after_in_child={}.cache_clear)'


def prepare(project: Path, folder: Path) -> None:
    """Bring `folder` to what the project is; files that are the same keep their times.

    mutmut mutates a file anew only when it is younger than its mutants.
    """
    wanted = {path.relative_to(project): path for path in _sources(project)}
    for relative, path in wanted.items():
        content = path.read_bytes()
        if relative.parts[0] == "src" and path.suffix == ".py":
            content = undecorated(content.decode()).encode()
        _write(folder / relative, content)
    for path in list(_files(folder / name for name in FOLDERS)):
        relative = path.relative_to(folder)
        if relative not in wanted:
            path.unlink()
            (folder / "mutants" / relative).unlink(missing_ok=True)


def _sources(project: Path) -> Iterator[Path]:
    yield from (project / name for name in _FILES)
    yield from _files(project / name for name in FOLDERS)


def _files(folders: Iterable[Path]) -> Iterator[Path]:
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path


def _write(path: Path, content: bytes) -> None:
    if not path.is_file() or path.read_bytes() != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def undecorated(source: str) -> str:
    """The module with each function's only decorator applied by a statement behind it."""
    lines = source.splitlines()
    for function in sorted(_decorated(source), key=lambda node: node.lineno, reverse=True):
        (decorator,) = function.decorator_list
        applied = f"{function.name} = {ast.unparse(decorator)}({function.name})"
        if ast.unparse(decorator) == "cache":
            applied += f"; {_FORGET.format(function.name)}"
        lines.insert(function.end_lineno or 0, " " * function.col_offset + applied)
        del lines[decorator.lineno - 1 : decorator.end_lineno]
    return "\n".join(lines) + "\n"


def _decorated(source: str) -> Iterator[ast.FunctionDef]:
    tree = ast.parse(source)
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    for node in (*tree.body, *(inner for of_class in classes for inner in of_class.body)):
        if not isinstance(node, ast.FunctionDef) or len(node.decorator_list) != 1:
            continue
        if ast.unparse(node.decorator_list[0]) not in _KNOWN_TO_MUTMUT:
            yield node


def mutated_modules(project: Path) -> list[str]:
    """Patterns of the modules that are mutated, below src/clusterproof, as configured."""
    text = (project / "pyproject.toml").read_text(encoding="utf-8")
    patterns: list[str] = tomllib.loads(text)["tool"]["mutmut"]["only_mutate"]
    return [pattern.removeprefix("src/clusterproof/") for pattern in patterns]
