"""The catalogue of defects: data in testbed/defects/*.yaml, read and filled in from the spec.

A defect says how it is applied (`steps`), which rows it must turn red and by which difference
(`reds`), and which rows it may touch beside them (`touches`). A family (`for: KIND`) stands for one
defect per row of that kind; `{field}` in it is the row's field. A profile that shares rows with the
reference may take over the reference's entries about them (`inherited.yaml`).
"""

import re
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from clusterproof.errors import SpecError
from clusterproof.spec import Row, Spec
from clusterproof.spec.document import Document, read_document
from clusterproof.spec.row import Frozen
from testbed.prove.steps import Defect

FOLDER = Path(__file__).parent.parent / "defects"
REFERENCE = "self-hosted"
INHERITED = "inherited.yaml"
_FIELD = re.compile(r"\{([a-z_]+)(?:\.([a-z_]+))?\}")


class Inherited(Frozen):
    """How a profile takes over the reference's entries about the rows that both have.

    Attributes:
        namespaces: Alias to the namespace that the entries change, where it is another than that
            of the spec.
        renames: Name of an object to its name in this profile.
        also: Id of an entry to further `reds`, of rows that the reference has not.
        leave_out: Ids, in which `*` matches any text, to the reason.
    """

    namespaces: dict[str, str] = Field(default_factory=dict)
    renames: dict[str, str] = Field(default_factory=dict)
    also: dict[str, dict[str, Any]] = Field(default_factory=dict)
    leave_out: dict[str, str] = Field(default_factory=dict)

    def adapted(self, entry: Any) -> Any:  # noqa: ANN401 - YAML
        """The entry with the names of this profile's objects."""
        if isinstance(entry, dict):
            return {self.adapted(key): self.adapted(inner) for key, inner in entry.items()}
        if isinstance(entry, list):
            return [self.adapted(inner) for inner in entry]
        if isinstance(entry, str):
            for name, other in self.renames.items():
                entry = re.sub(rf"(?<![\w-]){re.escape(name)}(?![\w-])", other, entry)
        return entry

    def fields(self, fields: Mapping[str, Any], known: AbstractSet[str]) -> dict[str, Any] | None:
        """The fields of a defect, due in the rows of this profile; None where it is left out."""
        name = str(fields["id"])
        if any(fnmatch(name, pattern) for pattern in self.leave_out):
            return None
        due = fields.get("reds") or {}
        reds = {row: difference for row, difference in due.items() if row in known}
        reds |= self.also.get(name, {})
        return None if due and not reds else {**fields, "reds": reds}


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
    for document, index, fields in _entries(spec, folder, known):
        defect = _typed(fields, document, index)
        if defect.id in by_id:
            raise document.error(("defects", index), f"{defect.id!r} is given twice")
        strange = sorted(set(defect.reds) - known)
        if strange:
            raise document.error(("defects", index), f"there is no row {strange[0]!r}")
        by_id[defect.id] = defect
    return tuple(by_id.values())


def read_inherited(folder: Path) -> Inherited | None:
    """How the catalogue in `folder` takes over the reference's; None where it does not.

    Raises:
        SpecError: With the file: what is wrong in it.
    """
    path = folder / INHERITED
    if not path.exists():
        return None
    try:
        return Inherited.model_validate(read_document(path).data)
    except ValidationError as error:
        raise SpecError(f"{path}: {_first_mistake(error)[1]}") from error


def changed_namespaces(spec: Spec, folder: Path) -> Mapping[str, str]:
    """Alias to the namespace that the catalogue in `folder` changes."""
    return _names(spec, read_inherited(folder))


def _names(spec: Spec, inherited: Inherited | None) -> Mapping[str, str]:
    return {**spec.namespaces, **inherited.namespaces} if inherited else spec.namespaces


def _entries(
    spec: Spec, folder: Path, known: AbstractSet[str]
) -> Iterator[tuple[Document, int, dict[str, Any]]]:
    """Document, index and fields of each defect, those that are inherited first."""
    inherited = read_inherited(folder)
    names = _names(spec, inherited)
    if inherited is not None:
        for document, index, entry in _read(FOLDER):
            for fields in _filled_in(inherited.adapted(entry), spec, names):
                if (adapted := inherited.fields(fields, known)) is not None:
                    yield document, index, adapted
    for document, index, entry in _read(folder):
        filled = list(_filled_in(entry, spec, names))
        yield from ((document, index, fields) for fields in filled)
        if not filled:
            family = f"{entry.get('id')}: no row of kind {entry['for']!r}"
            raise document.error(("defects", index), f"{family} with {entry.get('where') or {}}")


def _read(folder: Path) -> Iterator[tuple[Document, int, dict[str, Any]]]:
    for path in sorted(folder.glob("*.yaml")):
        document = read_document(path)
        for index, entry in enumerate(document.data.get("defects") or []):
            yield document, index, entry


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
        place, words = _first_mistake(error)
        at = ("defects", index, *place)
        raise document.error(at, f"{fields.get('id')}: {words}") from error


def _first_mistake(error: ValidationError) -> tuple[tuple[int | str, ...], str]:
    """Where it is, and what it is."""
    first = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return first["loc"], f"{place}: {first['msg']}"


def _filled_in(
    entry: dict[str, Any], spec: Spec, names: Mapping[str, str]
) -> Iterator[dict[str, Any]]:
    """The entry with namespaces filled in; for a family, one for each row of its kind."""
    entry = dict(entry)
    kind = entry.pop("for", None)
    where = entry.pop("where", {})
    if kind is None:
        yield _substitute(entry, {}, names)
        return
    where = _substitute(where, {}, spec.namespaces)
    for row in (row for row in spec.of_kind(kind) if _has(row, where)):
        fields = {name: getattr(row, name) for name in type(row).model_fields}
        if "workload" in fields:  # row ids begin with a short name: router, posthog-web
            fields["short"] = row.id.removesuffix(f"-{kind}")
        yield _substitute(entry, fields, names)


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
