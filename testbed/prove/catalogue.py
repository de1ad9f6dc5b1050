"""The catalogue of defects: data in testbed/defects/*.yaml, read and filled in from the spec.

A defect says how it is applied (`steps`), which rows it must turn red and with which words
(`reds`), and which rows it may touch beside them (`touches`). A family (`for: KIND`) stands for one
defect per row of that kind; `{field}` in it is the row's field.
"""

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from clusterproof.errors import SpecError
from clusterproof.spec import Row, Spec
from clusterproof.spec.document import Document, read_document
from clusterproof.spec.row import Frozen, ObjectRef, Ref

FOLDER = Path(__file__).parent.parent / "defects"
_FIELD = re.compile(r"\{([a-z_]+)(?:\.([a-z_]+))?\}")


class Patch(Frozen):
    """A strategic merge patch of an object, or a JSON patch when it is a list."""

    of: Ref
    with_: dict[str, Any] | list[Any] = Field(alias="with")


class Step(Frozen):
    """One change; exactly one field is given.

    Attributes:
        patch: Change an object; undone by putting the object back as it was.
        pause: Change a workload's template without a rollout: it is paused first.
        delete: Delete an object; undone by creating it as it was.
        create: Create an object; undone by deleting it.
        stop: Stop a component of the local cluster; undone by starting it.
        rollout: Wait until the workload has rolled out what was changed before.
        settle_s: Wait this long, for what only time shows.
    """

    patch: Patch | None = None
    pause: Patch | None = None
    delete: Ref | None = None
    create: dict[str, Any] | None = None
    stop: str | None = None
    rollout: Ref | None = None
    settle_s: float | None = Field(default=None, gt=0, le=120)

    def model_post_init(self, _context: object, /) -> None:
        """Refuse none and refuse two."""
        if len(self.model_fields_set) != 1:
            raise ValueError(f"expected exactly one action, got {sorted(self.model_fields_set)}")

    @property
    def objects(self) -> tuple[ObjectRef, ...]:
        """The objects that the step changes."""
        if self.create is not None:
            metadata = self.create["metadata"]
            namespace = metadata.get("namespace", "")
            return (
                ObjectRef(kind=self.create["kind"], namespace=namespace, name=metadata["name"]),
            )
        patch = self.patch or self.pause
        return (patch.of,) if patch else (self.delete,) if self.delete else ()


class Defect(Frozen):
    """One defect, or one equivalent: a change that must turn nothing red.

    Attributes:
        kind: `wrong` value, `absent` thing, `lying` (declared right, behaves wrong), or
            `equivalent`.
        reds: Row id to a regular expression that its differences match.
        touches: Rows that may be red or inconclusive with it; `*` matches any text.
        after: Steps at the end of the restoring (a rollout restart).
        alone: Shares no batch with another defect.
    """

    id: str
    kind: Literal["wrong", "absent", "lying", "equivalent"]
    title: str
    reds: dict[str, str] = Field(default_factory=dict)
    touches: tuple[str, ...] = ()
    steps: tuple[Step, ...] = Field(min_length=1)
    restart: tuple[Ref, ...] = ()
    alone: bool = False

    def may_touch(self, row_id: str) -> bool:
        """True when the row may be something else than green with this defect."""
        return row_id in self.reds or any(fnmatch(row_id, pattern) for pattern in self.touches)


def read_catalogue(spec: Spec, folder: Path = FOLDER) -> tuple[Defect, ...]:
    """Every defect of the catalogue for this spec, families filled in.

    Raises:
        SpecError: With file and line: a wrong defect, an id given twice, a row that is not there.
    """
    known = {row.id for row in spec.rows}
    found: dict[str, Defect] = {}
    for path in sorted(folder.glob("*.yaml")):
        document = read_document(path)
        for index, entry in enumerate(document.data.get("defects") or []):
            for fields in _filled_in(entry, spec):
                defect = _typed(fields, document, index)
                if defect.id in found:
                    raise document.error(("defects", index), f"{defect.id!r} is given twice")
                strange = sorted(set(defect.reds) - known)
                if strange:
                    raise document.error(("defects", index), f"there is no row {strange[0]!r}")
                found[defect.id] = defect
    return tuple(found.values())


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
    rows = [row for row in spec.of_kind(kind) if _has(row, where)]
    if not rows:
        raise SpecError(f"{entry.get('id')}: no row of kind {kind!r} with {where}")
    for row in rows:
        fields = {name: getattr(row, name) for name in type(row).model_fields}
        yield _substitute(entry, fields, spec.namespaces)


def _has(row: Row, where: Mapping[str, Any]) -> bool:
    return all(str(getattr(row, name)) == str(value) for name, value in where.items())


def _substitute(value: Any, fields: Mapping[str, Any], names: Mapping[str, str]) -> Any:  # noqa: ANN401 - YAML
    if isinstance(value, dict):
        return {
            _text(key, fields, names): _substitute(inner, fields, names)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [_substitute(inner, fields, names) for inner in value]
    return _text(value, fields, names) if isinstance(value, str) else value


def _text(text: str, fields: Mapping[str, Any], names: Mapping[str, str]) -> str:
    for alias, name in names.items():
        text = text.replace(f"${{{alias}}}", name)

    def field_of(match: re.Match[str]) -> str:
        if match[1] not in fields:
            return match[0]
        found = fields[match[1]]
        return str(getattr(found, match[2]) if match[2] else found)

    return _FIELD.sub(field_of, text) if fields else text
