"""Writes the rows as a spec that `pytest suites --spec` reads."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from clusterproof.errors import SpecError
from clusterproof.generate.rows import Rows, aliases_of
from clusterproof.generate.sources import Source
from clusterproof.spec import Area, Spec, read_spec

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
    folder.mkdir(parents=True, exist_ok=True)
    areas = [area.value for area in Area if area.value in rows.areas]
    for area in areas:
        _write(folder / f"{area}.yaml", source, {"area": area, "rows": rows.areas[area]})
    document = {
        "name": name,
        "profile": name,
        "namespaces": {alias: namespace for namespace, alias in aliases.items()},
        "include": [f"{area}.yaml" for area in areas],
    }
    _write(folder / SPEC_FILE, source, document)
    return read_spec(folder / SPEC_FILE), tuple(rows.left_out)


def _write(path: Path, source: Source, document: Mapping[str, Any]) -> None:
    text = yaml.safe_dump(dict(document), sort_keys=False, width=96, allow_unicode=True)
    path.write_text(_HEAD.format(words=source.words) + text, encoding="utf-8")
