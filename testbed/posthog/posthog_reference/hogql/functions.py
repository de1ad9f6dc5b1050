"""The functions of the subset: how each is called and what it becomes in ClickHouse 18.16.

Times are microseconds since 1970 in an Int64 (that version has no DateTime64), so the functions
of time are arithmetic here.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .errors import HogQLQueryError
from .kinds import Kind, Sql, quote

_SECOND, _MINUTE, _HOUR, _DAY = 1_000_000, 60_000_000, 3_600_000_000, 86_400_000_000
_DIFFERENCES = {
    "microsecond": 1,
    "millisecond": 1_000,
    "second": _SECOND,
    "minute": _MINUTE,
    "hour": _HOUR,
    "day": _DAY,
}


def as_text(sql: Sql) -> str:
    """The expression as a String."""
    if sql.kind in {Kind.TEXT, Kind.PROPERTY, Kind.ANY}:
        return sql.text
    if sql.kind is Kind.TIME:
        return f"toString(toDateTime(intDiv({sql.text}, {_SECOND}), 'UTC'))"
    return f"toString({sql.text})"


def as_number(sql: Sql) -> str:
    """The expression as a number, NULL where a text holds none."""
    if sql.kind in {Kind.TEXT, Kind.PROPERTY}:
        return f"toFloat64OrNull({sql.text})"
    if sql.kind in {Kind.NUMBER, Kind.BOOL, Kind.ANY}:
        return sql.text
    message = f"Illegal type {sql.kind} of argument, expected a number"
    raise HogQLQueryError(message)


def _need(sql: Sql, *kinds: Kind) -> str:
    if sql.kind not in {*kinds, Kind.ANY}:
        message = f"Illegal type {sql.kind} of argument, expected {' or '.join(kinds)}"
        raise HogQLQueryError(message)
    return sql.text


def _date_diff(args: tuple[Sql, ...]) -> Sql:
    unit = str(args[0].literal).lower().removesuffix("s")
    if unit not in _DIFFERENCES:
        message = f"dateDiff: unsupported unit {unit!r}; one of {', '.join(_DIFFERENCES)}"
        raise HogQLQueryError(message)
    early, late = _need(args[1], Kind.TIME), _need(args[2], Kind.TIME)
    # ClickHouse counts the unit boundaries between the two, so each side is cut to the unit.
    step = _DIFFERENCES[unit]
    return Sql(f"(intDiv({late}, {step}) - intDiv({early}, {step}))", Kind.NUMBER)


def _start_of(step: int) -> "Callable[[tuple[Sql, ...]], Sql]":
    def cut(args: tuple[Sql, ...]) -> Sql:
        return Sql(f"(intDiv({_need(args[0], Kind.TIME)}, {step}) * {step})", Kind.TIME)

    return cut


def _to_unix(step: int) -> "Callable[[tuple[Sql, ...]], Sql]":
    def cut(args: tuple[Sql, ...]) -> Sql:
        return Sql(f"intDiv({_need(args[0], Kind.TIME)}, {step})", Kind.NUMBER)

    return cut


def _span(step: int) -> "Callable[[tuple[Sql, ...]], Sql]":
    def span(args: tuple[Sql, ...]) -> Sql:
        if not isinstance(args[0].literal, int):
            raise HogQLQueryError("INTERVAL takes a whole number here")
        return Sql(str(args[0].literal * step), Kind.SPAN)

    return span


def _text(template: str, kind: Kind = Kind.TEXT) -> "Callable[[tuple[Sql, ...]], Sql]":
    def fill(args: tuple[Sql, ...]) -> Sql:
        return Sql(template.format(*(as_text(arg) for arg in args)), kind)

    return fill


def _if(args: tuple[Sql, ...]) -> Sql:
    kinds = {arg.kind for arg in args[1:]} - {Kind.ANY}
    if len(kinds) > 1:
        return Sql(f"if({args[0].text}, {as_text(args[1])}, {as_text(args[2])})", Kind.TEXT)
    kind = kinds.pop() if kinds else Kind.ANY
    return Sql(f"if({args[0].text}, {args[1].text}, {args[2].text})", kind)


def _concat(args: tuple[Sql, ...]) -> Sql:
    return Sql(f"concat({', '.join(map(as_text, args))})", Kind.TEXT)


@dataclass(frozen=True)
class Function:
    """A scalar function: how many arguments it takes and what it becomes."""

    least: int
    most: int
    build: Callable[[tuple[Sql, ...]], Sql]


SCALARS: Mapping[str, Function] = {
    "dateDiff": Function(3, 3, _date_diff),
    "toStartOfMinute": Function(1, 1, _start_of(_MINUTE)),
    "toStartOfHour": Function(1, 1, _start_of(_HOUR)),
    "toStartOfDay": Function(1, 1, _start_of(_DAY)),
    "toUnixTimestamp": Function(1, 1, _to_unix(_SECOND)),
    "toUnixTimestamp64Milli": Function(1, 1, _to_unix(1_000)),
    "toIntervalSecond": Function(1, 1, _span(_SECOND)),
    "toIntervalMinute": Function(1, 1, _span(_MINUTE)),
    "toIntervalHour": Function(1, 1, _span(_HOUR)),
    "toIntervalDay": Function(1, 1, _span(_DAY)),
    "toIntervalWeek": Function(1, 1, _span(7 * _DAY)),
    "toString": Function(1, 1, _text("{0}")),
    "toFloat": Function(1, 1, lambda args: Sql(as_number(args[0]), Kind.NUMBER)),
    "toInt": Function(1, 1, lambda args: Sql(f"toInt64({as_number(args[0])})", Kind.NUMBER)),
    "lower": Function(1, 1, _text("lower({0})")),
    "upper": Function(1, 1, _text("upper({0})")),
    "length": Function(1, 1, _text("lengthUTF8({0})", Kind.NUMBER)),
    "startsWith": Function(2, 2, _text("startsWith({0}, {1})", Kind.BOOL)),
    "endsWith": Function(2, 2, _text("endsWith({0}, {1})", Kind.BOOL)),
    "empty": Function(1, 1, _text("empty({0})", Kind.BOOL)),
    "notEmpty": Function(1, 1, _text("notEmpty({0})", Kind.BOOL)),
    "isNull": Function(1, 1, lambda args: Sql(f"isNull({args[0].text})", Kind.BOOL)),
    "isNotNull": Function(1, 1, lambda args: Sql(f"isNotNull({args[0].text})", Kind.BOOL)),
    "concat": Function(1, 32, _concat),
    "if": Function(3, 3, _if),
}

_SAME_KIND = {"min", "max", "any"}
AGGREGATES: Mapping[str, tuple[int, int]] = {
    "count": (0, 1),
    "countIf": (1, 1),
    "uniq": (1, 1),
    "uniqExact": (1, 1),
    "min": (1, 1),
    "max": (1, 1),
    "any": (1, 1),
    "sum": (1, 1),
    "avg": (1, 1),
    "median": (1, 1),
    "quantile": (1, 1),
}
"""Aggregations with the fewest and most arguments each takes."""


def _share(params: tuple[Sql, ...]) -> float:
    share = params[0].literal if len(params) == 1 else None
    usable = isinstance(share, int | float) and not isinstance(share, bool)
    if not usable or not math.isfinite(float(share or 0)) or not 0 <= float(share or 0) <= 1:
        message = "Aggregation 'quantile' requires one parameter between 0 and 1"
        raise HogQLQueryError(message)
    return float(share or 0)


def aggregate(name: str, params: tuple[Sql, ...], args: tuple[Sql, ...], *, distinct: bool) -> Sql:
    """One aggregation in ClickHouse's SQL.

    Raises:
        HogQLQueryError: The arguments do not fit it.
    """
    if params and name != "quantile":
        message = f"Aggregation '{name}' does not accept parameters"
        raise HogQLQueryError(message)
    if distinct and (name != "count" or not args):
        message = f"DISTINCT is not supported in '{name}' here"
        raise HogQLQueryError(message)
    if name == "count":
        if not args:
            return Sql("count()", Kind.NUMBER)
        counted = "uniqExact" if distinct else "count"
        return Sql(f"{counted}({args[0].text})", Kind.NUMBER)
    if name in _SAME_KIND:
        return Sql(f"{name}({args[0].text})", args[0].kind)
    if name == "countIf":
        return Sql(f"countIf({_need(args[0], Kind.BOOL)})", Kind.NUMBER)
    if name in {"uniq", "uniqExact"}:
        return Sql(f"{name}({args[0].text})", Kind.NUMBER)
    called = f"quantile({_share(params)!r})" if name == "quantile" else name
    return Sql(f"{called}({as_number(args[0])})", Kind.NUMBER)


def property_sql(path: tuple[str, ...]) -> Sql:
    """A property's text, NULL when the event has none; deeper paths look inside its JSON."""
    index = f"indexOf(property_keys, {quote(path[0])})"
    inner = f"property_values[{index}]"
    for name in path[1:]:
        inner = f"visitParamExtractRaw({inner}, {quote(name)})"
    if len(path) > 1:
        # A text inside JSON comes with its quotes, and an absent one is empty.
        plain = f"visitParamExtractString(concat('{{\"v\":', {inner}, '}}'), 'v')"
        inner = f"nullIf(if(startsWith({inner}, '\"'), {plain}, {inner}), '')"
    return Sql(f"if({index} = 0, NULL, {inner})", Kind.PROPERTY)
