"""Writes the rows as a spec that `pytest suites --spec` reads."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import yaml

from clusterproof.checks import read_spec
from clusterproof.errors import SpecError
from clusterproof.generate.rows import Rows, aliases_of
from clusterproof.generate.sources import Source
from clusterproof.report.files import replace_file
from clusterproof.spec import Area, Spec

SPEC_FILE: Final = "spec.yaml"
_HEAD: Final = """\
# Written by `clusterproof init`: what was {words}, as rows that must stay so.
# Yours from here on: reword the claims, name your own sources, take out what may change freely.
"""


def write_spec(source: Source, folder: Path, name: str) -> tuple[Spec, tuple[str, ...]]:
    """The spec as it is read again, and what no row was made of.

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
    with TemporaryDirectory(prefix="clusterproof-init-") as scratch:
        for file, document in documents.items():
            _write(Path(scratch) / file, source, document)
        read_spec(Path(scratch) / SPEC_FILE)  # nothing is left of a spec that is none
    folder.mkdir(parents=True, exist_ok=True)
    try:
        for file, document in documents.items():
            _write(folder / file, source, document)
    except OSError:
        for file in documents:
            (folder / file).unlink(missing_ok=True)
        raise
    return read_spec(folder / SPEC_FILE), (*rows.left_out, *rows.passed_over)


def _write(path: Path, source: Source, document: Mapping[str, Any]) -> None:
    text = yaml.safe_dump(dict(document), sort_keys=False, width=96, allow_unicode=True)
    replace_file(path, (_HEAD.format(words=source.words) + text).encode())
