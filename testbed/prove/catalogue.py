"""The catalogue of defects: data in testbed/defects/*.yaml, read and filled in from the spec.

A defect says how it is applied (`steps`), which rows it must turn red and by which difference
(`reds`), and which rows it may touch beside them (`touches`). A family (`for: KIND`) stands for one
defect per row of that kind; `{field}` in it is the row's field.
"""

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from clusterproof.errors import SpecError
from clusterproof.spec import Row, Spec
from clusterproof.spec.document import Document, read_document
from testbed.prove.steps import Defect

FOLDER = Path(__file__).parent.parent / "defects"
REFERENCE = "self-hosted"
_FIELD = re.compile(r"\{([a-z_]+)(?:\.([a-z_]+))?\}")


def folder_of(profile: str) -> Path:
    """Where the catalogue of a profile is."""
    return FOLDER if profile == REFERENCE else FOLDER / profile


def read_catalogue(spec: Spec, folder: Path = FOLDER) -> tuple[Defect, ...]:
    """Every defect of the catalogue for this spec, families filled in.

    Raises:
        SpecError: With file and line: a wrong defect, an id given twice, a row that is not there.
    """
    known = {row.id for row in spec.rows}
    by_id: dict[str, Defect] = {}
    for path in sorted(folder.glob("*.yaml")):
        document = read_document(path)
        for index, entry in enumerate(document.data.get("defects") or []):
            for fields in _filled_in(entry, spec):
                defect = _typed(fields, document, index)
                if defect.id in by_id:
                    raise document.error(("defects", index), f"{defect.id!r} is given twice")
                strange = sorted(set(defect.reds) - known)
                if strange:
                    raise document.error(("defects", index), f"there is no row {strange[0]!r}")
                by_id[defect.id] = defect
    return tuple(by_id.values())


def read_exceptions(folder: Path = FOLDER) -> dict[str, str]:
    """Rows that have defects of one kind only, with the reason."""
    path = folder / "exceptions.yaml"
    reasons: dict[str, str] = read_document(path).data["exceptions"] if path.exists() else {}
    return reasons


def read_unproven(folder: Path = FOLDER) -> dict[str, dict[str, str]]:
    """By kind of row, the codes that no defect calls for by itself, with the reason."""
    unproven: dict[str, dict[str, str]] = read_document(folder / "codes.yaml").data["codes"]
    return unproven


def _typed(fields: Mapping[str, Any], document: Document, index: int) -> Defect:
    try:
        return Defect.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        at = ("defects", index, *first["loc"])
        raise document.error(at, f"{fields.get('id')}: {place}: {first['msg']}") from error


def _filled_in(entry: dict[str, Any], spec: Spec) -> Iterator[dict[str, Any]]:
    """The entry with namespaces filled in; for a family, one for each row of its kind."""
    entry = dict(entry)
    kind = entry.pop("for", None)
    where = entry.pop("where", {})
    if kind is None:
        yield _substitute(entry, {}, spec.namespaces)
        return
    where = _substitute(where, {}, spec.namespaces)
    rows = [row for row in spec.of_kind(kind) if _has(row, where)]
    if not rows:
        raise SpecError(f"{entry.get('id')}: no row of kind {kind!r} with {where}")
    for row in rows:
        fields = {name: getattr(row, name) for name in type(row).model_fields}
        if "workload" in fields:  # row ids begin with a short name: router, posthog-web
            fields["short"] = row.id.removesuffix(f"-{kind}")
        yield _substitute(entry, fields, spec.namespaces)


def _has(row: Row, where: Mapping[str, Any]) -> bool:
    return all(fnmatch(str(getattr(row, name)), str(pattern)) for name, pattern in where.items())


def _substitute(content: Any, fields: Mapping[str, Any], names: Mapping[str, str]) -> Any:  # noqa: ANN401 - YAML
    if isinstance(content, dict):
        return {
            _text(key, fields, names): _substitute(inner, fields, names)
            for key, inner in content.items()
        }
    if isinstance(content, list):
        return [_substitute(inner, fields, names) for inner in content]
    return _text(content, fields, names) if isinstance(content, str) else content


def _text(text: str, fields: Mapping[str, Any], names: Mapping[str, str]) -> str:
    for alias, name in names.items():
        text = text.replace(f"${{{alias}}}", name)

    def field_of(match: re.Match[str]) -> str:
        if match[1] not in fields:
            return match[0]
        field = fields[match[1]]
        return str(getattr(field, match[2]) if match[2] else field)

    return _FIELD.sub(field_of, text) if fields else text
