"""Types of expressions, so that every comparison is translated into one that means the same."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a value is; `ANY` is NULL, which compares with everything."""

    TEXT = "String"
    UUID = "UUID"
    TIME = "DateTime"
    NUMBER = "Number"
    BOOL = "Bool"
    PROPERTY = "Property"
    SPAN = "Interval"
    ANY = "Null"


@dataclass(frozen=True)
class Sql:
    """A piece of ClickHouse SQL, its type, and the literal it came from if it was one."""

    text: str
    kind: Kind
    literal: str | int | float | bool | None = None


def quote(text: str) -> str:
    """A string literal that ClickHouse reads back as exactly this text."""
    escaped = (
        text.replace("\\", "\\\\")
        .replace("'", "\\'")
        .replace("\n", "\\n")
        .replace("\r", "\\r")
        .replace("\t", "\\t")
        .replace("\0", "\\0")
        .replace("\b", "\\b")
        .replace("\f", "\\f")
    )
    return f"'{escaped}'"
