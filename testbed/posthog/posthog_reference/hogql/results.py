"""Rows of ClickHouse into rows as PostHog shows them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from .kinds import Kind


def _shown(value: Any, kind: Kind) -> Any:  # noqa: ANN401  # JSON
    if value is None:
        return None
    if kind is Kind.TIME:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(value))
        return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return value


def present(rows: list[list[Any]], kinds: tuple[Kind, ...]) -> list[list[Any]]:
    """The rows with times as ISO 8601 in UTC."""
    return [[_shown(value, kind) for value, kind in zip(row, kinds, strict=True)] for row in rows]
