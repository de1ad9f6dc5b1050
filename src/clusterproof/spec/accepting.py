"""Known differences that are accepted for a time: of one row, by code, with a reason and an owner.

A file of them stands beside the spec, which names it under `accepted`:
    version: 1.     accepted: a list, each with `row`, `codes`, `reason`, `owner` and `expires`.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, StringConstraints

from clusterproof.spec.row import Frozen, RowId

LONGEST_DAYS: Final = 90
"""An expiry further away is refused: a difference that lasts belongs into the spec. Our choice."""
_DATE = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"


def utc_today() -> date:
    """The date in UTC."""
    return datetime.now(tz=UTC).date()


def _parse_date(value: object) -> object:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        return datetime.strptime(str(value), "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError as error:
        raise ValueError(f"expected a date such as 2026-12-31, got {value!r}") from error


Code = Annotated[str, StringConstraints(pattern="^[a-z]+(-[a-z]+)*$")]
Date = Annotated[date, BeforeValidator(_parse_date, json_schema_input_type=str)]


class Accepted(Frozen):
    """A known difference of a row, accepted for a time; every other one of the row stays red.

    Attributes:
        row: The id of the row.
        codes: Those of the differences that are accepted.
        reason: Why it may be so for a time, as a sentence.
        owner: Who sees to it that it ends.
        expires: The last day, in UTC, on which it is accepted; at most LONGEST_DAYS away.
    """

    row: RowId
    codes: tuple[Code, ...] = Field(min_length=1)
    reason: str = Field(min_length=8)
    owner: str = Field(min_length=1)
    expires: Date


class AcceptedFile(Frozen):
    """What a file of accepted differences holds."""

    version: Literal[1] = 1
    accepted: tuple[Any, ...] = ()


def json_schema(codes: Iterable[str]) -> dict[str, Any]:
    """The JSON Schema of a file of accepted differences.

    Args:
        codes: Of every difference that any kind of row can have.
    """
    entry = Accepted.model_json_schema()
    entry["properties"]["codes"]["items"] = {"enum": sorted(set(codes))}
    entry["properties"]["expires"] = {"type": "string", "pattern": _DATE}
    file: Mapping[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "clusterproof accepted differences, version 1",
        "type": "object",
        "additionalProperties": False,
        "required": ["accepted"],
        "properties": {
            "version": {"const": 1, "default": 1},
            "accepted": {"type": "array", "items": entry},
        },
    }
    return dict(file)
