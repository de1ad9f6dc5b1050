"""Writes the rows as a spec that `pytest suites --spec` reads."""

import textwrap
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import yaml

from clusterproof.checks import read_spec
from clusterproof.errors import SpecError
from clusterproof.generate.rows import Rows, aliases_of
from clusterproof.generate.settings import printable
from clusterproof.generate.sources import Source
from clusterproof.report.files import replace_file
from clusterproof.spec import Area, Spec

SPEC_FILE: Final = "spec.yaml"
_NO_ROW: Final = "no row for "
_NOT_CHECKED: Final = "not checked: "
_BY_DEFAULT: Final = "not checked (default, or set by Kubernetes): "
_WIDTH: Final = 96
_HEAD: Final = """\
# Written by `clusterproof init`: what was {words}, as rows that must stay so.
# Yours from here on: reword the claims, name your own sources, take out what may change freely.
"""


def write_spec(source: Source, folder: Path, name: str) -> tuple[Spec, tuple[str, ...]]:
    """The spec as it is read again, and what it does not check: a line for each.

    Raises:
        SpecError: There is a spec in the folder: nothing of yours is overwritten.
    """
    if (folder / SPEC_FILE).exists():
        raise SpecError(f"{folder / SPEC_FILE}: expected no spec yet, there is one; take another")
    aliases = dict(aliases_of(source.namespaces))
    rows = Rows(source, aliases)
    areas = [area.value for area in Area if area.value in rows.areas]
    documents: dict[str, dict[str, Any]] = {
        f"{area}.yaml": {"area": area, "rows": rows.areas[area]} for area in areas
    }
    documents[SPEC_FILE] = {
        "name": name,
        "profile": name,
        "namespaces": {alias: namespace for namespace, alias in aliases.items()},
        "include": [f"{area}.yaml" for area in areas],
    }
    lines = (
        *(f"{_NO_ROW}{words}" for words in rows.left_out),
        *(f"{_NOT_CHECKED}{words}" for words in rows.remarks.of_objects),
        *(f"{_BY_DEFAULT}{words}" for words in rows.remarks.by_default),
    )
    texts = {file: _text(source, document) for file, document in documents.items()}
    texts[SPEC_FILE] += "".join(map(_comment, lines))
    with TemporaryDirectory(prefix="clusterproof-init-") as scratch:
        for file, text in texts.items():
            replace_file(Path(scratch) / file, text.encode())
        read_spec(Path(scratch) / SPEC_FILE)  # nothing is left of a spec that is none
    folder.mkdir(parents=True, exist_ok=True)
    try:
        for file, text in texts.items():
            replace_file(folder / file, text.encode())
    except OSError:
        for file in texts:
            (folder / file).unlink(missing_ok=True)
        raise
    return read_spec(folder / SPEC_FILE), lines


def _text(source: Source, document: Mapping[str, Any]) -> str:
    body = yaml.safe_dump(dict(document), sort_keys=False, width=_WIDTH, allow_unicode=True)
    return _HEAD.format(words=source.words) + body


def _comment(line: str) -> str:
    """A line of the spec file's end, over as many as it takes."""
    wrapped = textwrap.wrap(
        printable(line),
        _WIDTH,
        initial_indent="# ",
        subsequent_indent="#     ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join(wrapped) + "\n"
