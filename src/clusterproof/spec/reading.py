"""Reads a spec: one file that names its row files, or that extends another spec.

A spec file:
    name, profile: words for the report.     namespaces: alias -> namespace, used as ${alias};
        $${text} is the text ${text} itself.
    extends: another spec file.               include: row files, relative to this file.
    rehearsals: row files of operations, read always and checked only when they are asked for.
    settings: see `settings.py`.              remove: ids.  override: id -> fields, `because`.
    accepted: files of known differences, see `accepting.py`.
A row file:
    area: one of `Area`.                      rows: a list of rows, each with its `check`.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cached_property, reduce
from operator import or_
from pathlib import Path
from typing import Annotated, Any, get_args

from pydantic import BeforeValidator, Field, StringConstraints, TypeAdapter

from clusterproof.errors import SpecError
from clusterproof.spec.accepting import LONGEST_DAYS, Accepted, AcceptedFile, utc_today
from clusterproof.spec.document import Document, Location, read_document, typed
from clusterproof.spec.row import Area, Frozen, Namespace, Row
from clusterproof.spec.settings import Settings

_ALIAS = re.compile(r"\$?\$\{([^}]*)\}?")
_RawRows = dict[str, tuple[dict[str, Any], Document, Location]]
_RawAccepted = tuple[dict[str, Any], Document, Location]


def _empty_for_none(value: object) -> object:
    return () if value is None else value


def _none_for_none(value: object) -> object:
    return {} if value is None else value


_Names = Annotated[tuple[str, ...], BeforeValidator(_empty_for_none)]
_Alias = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]*$")]


class _SpecFile(Frozen):
    """What a spec file may hold; what is in its parts is read from the document itself."""

    name: Any = None
    profile: Any = None
    namespaces: Annotated[dict[_Alias, Namespace], BeforeValidator(_none_for_none)] = Field(
        default_factory=dict
    )
    extends: str | None = None
    include: _Names = ()
    rehearsals: _Names = ()
    settings: Annotated[dict[str, Any], BeforeValidator(_none_for_none)] = Field(
        default_factory=dict
    )
    remove: _Names = ()
    accepted: _Names = ()
    override: Annotated[dict[str, dict[str, Any]], BeforeValidator(_none_for_none)] = Field(
        default_factory=dict
    )


class _RowFile(Frozen):
    """What a row file may hold."""

    area: Any = None
    rows: Annotated[tuple[Any, ...], BeforeValidator(_empty_for_none)] = ()


class Rows:
    """The classes of rows that a spec can have, told apart by their field `check`."""

    def __init__(self, classes: Mapping[type[Row], frozenset[str]]) -> None:
        """Build nothing yet: a validator of all of them takes a moment.

        Args:
            classes: Each with the codes of the differences that can be found of such a row.
        """
        self.codes = classes
        self.classes = tuple(classes)

    @cached_property
    def kinds(self) -> tuple[str, ...]:
        """The names of the kinds, as `check` has them."""
        return tuple(get_args(row.model_fields["check"].annotation)[0] for row in self.classes)

    @cached_property
    def adapter(self) -> TypeAdapter[Row]:
        """Validates a row by the class of its kind."""
        union: Any = reduce(or_, self.classes)
        return TypeAdapter(Annotated[union, Field(discriminator="check")])


@dataclass(frozen=True)
class Spec:
    """A deployment's expected state.

    Attributes:
        path: The file that was asked for.
        rows: Those that a run checks.
        places: Row id of each of `rows` to `file:line`.
        rehearsals: Those that a run checks only when it is asked to rehearse.
        rehearsal_places: Likewise, of `rehearsals`.
        accepted: Known differences of the rows that are accepted for a time.
    """

    name: str
    profile: str
    path: Path
    namespaces: Mapping[str, str]
    settings: Settings
    rows: tuple[Row, ...]
    places: Mapping[str, str]
    rehearsals: tuple[Row, ...] = ()
    rehearsal_places: Mapping[str, str] = field(default_factory=dict)
    accepted: tuple[Accepted, ...] = ()

    def rehearsed(self) -> "Spec":
        """The same, with the rehearsals among the rows, as the last of them."""
        return replace(
            self,
            rows=(*self.rows, *self.rehearsals),
            places={**self.places, **self.rehearsal_places},
            rehearsals=(),
            rehearsal_places={},
        )

    def of_kind(self, kind: str) -> tuple[Row, ...]:
        """The rows that the check of this kind judges."""
        return tuple(row for row in self.rows if row.check == kind)


@dataclass(frozen=True)
class _Raw:
    """A spec before its aliases are filled in and its rows are typed."""

    name: str
    profile: str
    namespaces: dict[str, str]
    settings: dict[str, Any]
    settings_at: tuple[Document, Location]
    rows: _RawRows
    rehearsals: _RawRows
    accepted: list[_RawAccepted]


def renamed(options: Iterable[str]) -> dict[str, str]:
    """Alias to namespace, of each `--namespace ALIAS=NAME`.

    Raises:
        SpecError: One is written otherwise.
    """
    names = {}
    for text in options:
        alias, equals, name = text.partition("=")
        if not (alias and equals and name):
            raise SpecError(f"--namespace: expected ALIAS=NAME, such as router=my-ns; got {text!r}")
        names[alias] = name
    return names


def read_spec(
    path: Path,
    known: Rows,
    namespaces: Mapping[str, str] | None = None,
    *,
    today: date | None = None,
) -> Spec:
    """The spec at `path`, with `namespaces` (alias to name) in place of its own.

    Args:
        path: The spec file.
        known: The rows that it can have.
        namespaces: Those that the caller names anew.
        today: By which an expiry is too far away; the date in UTC when None.

    Raises:
        SpecError: With file, line, and what was expected there.
    """
    raw = _read_raw(path, extending=())
    names = {**raw.namespaces, **(namespaces or {})}
    unknown = sorted(set(namespaces or {}) - set(raw.namespaces))
    if unknown:
        aliases = ", ".join(raw.namespaces)
        raise SpecError(f"--namespace: {unknown[0]!r} is no alias of {path}; it has: {aliases}")
    document, location = raw.settings_at
    settings = typed(
        TypeAdapter(Settings), _filled(raw.settings, names, document, location), document, location
    )
    rows, places = _typed_rows(raw.rows, known, names, path.parent)
    rehearsals, rehearsal_places = _typed_rows(raw.rehearsals, known, names, path.parent)
    every = {row.id: row for row in (*rows, *rehearsals)}
    return Spec(
        raw.name,
        raw.profile,
        path,
        names,
        settings,
        rows,
        places,
        rehearsals,
        rehearsal_places,
        tuple(_accepted(raw.accepted, every, known, today or utc_today())),
    )


def _accepted(
    raw: list[_RawAccepted], rows: Mapping[str, Row], known: Rows, today: date
) -> Iterator[Accepted]:
    """The accepted differences, each of a row and of a code that there is."""
    for fields, document, at in raw:
        entry: Accepted = typed(TypeAdapter(Accepted), fields, document, at)
        row = rows.get(entry.row)
        if row is None:
            raise document.error((*at, "row"), f"expected the id of a row, got {entry.row!r}")
        codes = known.codes[type(row)]
        for code in entry.codes:
            if code not in codes:
                offered = ", ".join(sorted(codes)) or "none"
                message = f"expected codes of {entry.row} ({row.check}): {offered}; got {code!r}"
                raise document.error((*at, "codes"), message)
        if (entry.expires - today).days > LONGEST_DAYS:
            latest = today + timedelta(days=LONGEST_DAYS)
            message = (
                f"expected an expiry within {LONGEST_DAYS} days, {latest} at the latest;"
                f" got {entry.expires}"
            )
            raise document.error((*at, "expires"), message)
        yield entry


def _typed_rows(
    raw: _RawRows, known: Rows, names: Mapping[str, str], folder: Path
) -> tuple[tuple[Row, ...], dict[str, str]]:
    rows, places = [], {}
    for row_id, (fields, source, at) in raw.items():
        text = _filled(fields, names, source, at)
        row: Row = typed(known.adapter, text, source, at, known.kinds)
        if (row.area is Area.REHEARSALS) != (row.check == "rehearsal"):
            # A suite that runs only with --rehearse must hold no other row: nobody would miss it.
            expected = f"expected rehearsals, and nothing else, in the area {Area.REHEARSALS}"
            raise source.error((*at, "area"), f"{expected}; got `check: {row.check}` in {row.area}")
        rows.append(row)
        place = os.path.relpath(source.path, folder)
        places[row_id] = f"{place}:{source.lines.get(at, 1)}"
    return tuple(rows), places


def json_schema(known: Rows) -> dict[str, Any]:
    """The JSON Schema of a row file, for editors."""
    row = known.adapter.json_schema(ref_template="#/$defs/{model}")
    definitions = row.pop("$defs", {})
    for definition in definitions.values():
        properties = definition.get("properties", {})
        if "check" in properties and "area" in properties:
            del properties["area"]
            definition["required"] = [name for name in definition["required"] if name != "area"]
    area = definitions.get("Area", {"type": "string"})
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "clusterproof row file",
        "type": "object",
        "additionalProperties": False,
        "required": ["area", "rows"],
        "properties": {"area": area, "rows": {"type": "array", "items": row}},
        "$defs": definitions,
    }


def _read_raw(path: Path, extending: tuple[Path, ...]) -> _Raw:
    if path.resolve() in extending:
        raise SpecError(f"{path}:1: expected a spec that does not extend itself")
    document = read_document(path)
    _refuse_unknown(document, _SpecFile)
    data = document.data
    file: _SpecFile = typed(TypeAdapter(_SpecFile), data, document, ())
    base = _base(document, file.extends, extending)
    rows = {"include": dict(base.rows), "rehearsals": dict(base.rehearsals)}
    for key, into in rows.items():
        for index, name in enumerate(getattr(file, key)):
            at: Location = (key, index)
            if not (path.parent / name).is_file():
                raise document.error(at, f"expected a row file, there is no {name}")
            _add_rows(read_document(path.parent / name), into, rows)
    for index, row_id in enumerate(file.remove):
        _holder(rows.values(), row_id, document, ("remove", index)).pop(row_id)
    for row_id, fields in file.override.items():
        at = ("override", row_id)
        holder = _holder(rows.values(), row_id, document, at)
        if not fields.get("because"):
            raise document.error(at, "expected fields with a `because` that says why they differ")
        if fields.get("id", row_id) != row_id:
            raise document.error((*at, "id"), "expected no other id: a row keeps its own")
        holder[row_id] = ({**holder[row_id][0], **fields}, document, at)
    accepted = [entry for entry in base.accepted if _is_held(rows.values(), entry[0])]
    accepted += _read_accepted(document, file.accepted)
    settings_at = (document, ("settings",)) if "settings" in data else base.settings_at
    return replace(
        base,
        name=str(data.get("name", base.name)),
        profile=str(data.get("profile", base.profile)),
        namespaces={**base.namespaces, **file.namespaces},
        settings={**base.settings, **file.settings},
        settings_at=settings_at,
        rows=rows["include"],
        rehearsals=rows["rehearsals"],
        accepted=accepted,
    )


def _is_held(holders: Iterable[_RawRows], fields: Any) -> bool:  # noqa: ANN401 - YAML
    """Whether the row of an accepted difference is still one of the spec's."""
    return any(fields.get("row") in rows for rows in holders)


def _read_accepted(spec: Document, names: Iterable[str]) -> Iterator[_RawAccepted]:
    """The entries of the files of accepted differences that a spec file names."""
    for place, name in enumerate(names):
        path = spec.path.parent / name
        if not path.is_file():
            message = f"expected a file of accepted differences, there is no {name}"
            raise spec.error(("accepted", place), message)
        document = read_document(path)
        _refuse_unknown(document, AcceptedFile)
        file: AcceptedFile = typed(TypeAdapter(AcceptedFile), document.data, document, ())
        for index, fields in enumerate(file.accepted):
            at: Location = ("accepted", index)
            typed(TypeAdapter(Accepted), fields, document, at)
            yield fields, document, at


def _holder(holders: Iterable[_RawRows], row_id: str, document: Document, at: Location) -> _RawRows:
    """Those of the rows among which `row_id` is."""
    for rows in holders:
        if row_id in rows:
            return rows
    raise document.error(at, f"expected the id of a row, got {row_id!r}")


def _base(document: Document, extends: str | None, extending: tuple[Path, ...]) -> _Raw:
    path = document.path
    if extends is None:
        return _Raw(path.stem, path.stem, {}, {}, (document, ()), {}, {}, [])
    if not (path.parent / extends).is_file():
        raise document.error(("extends",), f"expected a spec file, there is no {extends}")
    return _read_raw(path.parent / extends, (*extending, path.resolve()))


def _add_rows(document: Document, into: _RawRows, rows: Mapping[str, _RawRows]) -> None:
    _refuse_unknown(document, _RowFile)
    file: _RowFile = typed(TypeAdapter(_RowFile), document.data, document, ())
    for index, fields in enumerate(file.rows):
        at: Location = ("rows", index)
        if not isinstance(fields, dict) or not isinstance(fields.get("id"), str):
            raise document.error(at, "expected a row with an `id`")
        if (fields.get("check") == "rehearsal") != (into is rows["rehearsals"]):
            raise document.error(at, "expected rehearsals, and nothing else, under `rehearsals`")
        row_id = fields["id"]
        for _, other, place in (held[row_id] for held in rows.values() if row_id in held):
            beside = os.path.relpath(other.path, document.path.parent)
            first = f"{beside}:{other.lines.get(place, 1)}"
            raise document.error(at, f"expected an id of its own, {row_id!r} stands in {first}")
        into[row_id] = ({"area": file.area, **fields}, document, at)


def _refuse_unknown(document: Document, file: type[Frozen]) -> None:
    for key in document.data:
        if key not in file.model_fields:
            expected = ", ".join(sorted(file.model_fields))
            raise document.error((key,), f"expected one of: {expected}; got {key!r}")


def _filled(value: Any, names: Mapping[str, str], document: Document, at: Location) -> Any:  # noqa: ANN401 - YAML
    if isinstance(value, str):

        def name_of(match: re.Match[str]) -> str:
            if match[0].startswith("$$"):
                return match[0][1:]
            if match[1] not in names or not match[0].endswith("}"):
                known, text = ", ".join(names) or "none", f"${match[0]}"
                message = f"expected an alias of: {known}; got {match[0]}; for the text: {text}"
                raise document.error(at, message)
            return names[match[1]]

        return _ALIAS.sub(name_of, value)
    if isinstance(value, dict):
        return {key: _filled(inner, names, document, (*at, key)) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, names, document, (*at, index)) for index, inner in enumerate(value)]
    return value
