"""The kinds of rows: one module for each, registered by being there.

A module has the class of its rows, the fact that a look brings back, `look` and `judge`, and joins
them as `KIND`. See CONTRIBUTING.md, "A new kind of row".
"""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

from clusterproof.checks.kind import Kind
from clusterproof.judgement import Judgement
from clusterproof.spec import accepting, reading
from clusterproof.spec.reading import Rows, Spec
from clusterproof.spec.row import Row


@cache
def kinds() -> Mapping[str, Kind[Any, Any]]:
    """Every kind by its name, in the order of the names."""
    modules = (import_module(f"{__name__}.{file.name}") for file in iter_modules(__path__))
    here = [module.KIND for module in modules if hasattr(module, "KIND")]
    return {kind.name: kind for kind in sorted(here, key=lambda kind: kind.name)}


def kind_of(row: Row) -> Kind[Any, Any]:
    """The kind of a row."""
    return kinds()[row.check]


def judge(row: Row, fact: object) -> Judgement:
    """The judgement of a row by what was seen of it."""
    return kind_of(row).judge(row, fact)


@cache
def rows() -> Rows:
    """The rows that a spec can have."""
    return Rows({kind.row: frozenset(kind.codes) for kind in kinds().values()})


def read_spec(path: Path, namespaces: Mapping[str, str] | None = None) -> Spec:
    """The spec at `path`, with `namespaces` (alias to name) in place of its own.

    Raises:
        SpecError: With file, line, and what was expected there.
    """
    return reading.read_spec(path, rows(), namespaces)


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a row file, for editors."""
    return reading.json_schema(rows())


def accepted_schema() -> dict[str, Any]:
    """The JSON Schema of a file of accepted differences, for editors."""
    return accepting.json_schema(code for kind in kinds().values() for code in kind.codes)
