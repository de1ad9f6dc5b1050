"""The tree into ClickHouse SQL: names resolved, types checked, the team's id in front."""

import uuid as uuids
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from .errors import HogQLQueryError, HogQLResolutionError
from .functions import AGGREGATES, SCALARS, aggregate, as_number, as_text, property_sql
from .kinds import Kind, Sql, quote
from .tree import (
    Binary,
    Call,
    Column,
    Constant,
    Field,
    Group,
    Interval,
    IsNull,
    Logic,
    Negative,
    Node,
    Not,
    Select,
    Star,
)

DEFAULT_LIMIT = 100
MAX_LIMIT = 50_000
"""PostHog returns 100 rows unless told, and never more than 50,000."""

COLUMNS: Mapping[str, Kind] = {
    "uuid": Kind.UUID,
    "event": Kind.TEXT,
    "properties": Kind.TEXT,
    "timestamp": Kind.TIME,
    "distinct_id": Kind.TEXT,
    "inserted_at": Kind.TIME,
    "_timestamp": Kind.TIME,
}


@dataclass(frozen=True)
class Translation:
    """SQL for ClickHouse, and how to read what it answers."""

    sql: str
    columns: tuple[str, ...]
    kinds: tuple[Kind, ...]
    limit: int
    offset: int


def _micros(time: datetime) -> int:
    return (time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def _time_literal(text: str) -> str:
    try:
        parsed = datetime.fromisoformat(text)
        known = parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
        return str(_micros(known.astimezone(UTC)))
    except (ValueError, OverflowError) as error:
        message = f"Cannot parse DateTime: {text!r}"
        raise HogQLQueryError(message) from error


def _uuid_literal(text: str) -> str:
    try:
        return quote(str(uuids.UUID(text)))
    except ValueError as error:
        message = f"Cannot parse uuid {text}: Cannot parse UUID from String"
        raise HogQLQueryError(message) from error


class _Translator:
    """Translates the expressions of one query."""

    def __init__(self, select: Select, now: datetime) -> None:
        self.select = select
        self.now = now
        self.aliases = {column.alias: column.expr for column in select.columns if column.alias}
        self.resolving: tuple[str, ...] = ()
        self.in_where = False
        self.in_aggregate = False

    # -- names and literals ----------------------------------------------------------------

    def field(self, node: Field) -> Sql:
        path = node.path
        if len(path) > 1 and path[0] in {self.select.table_alias, self.select.table}:
            path = path[1:]
        name = path[0]
        if len(path) == 1 and name in self.aliases and name not in self.resolving:
            before, self.resolving = self.resolving, (*self.resolving, name)
            resolved = self.expr(self.aliases[name])
            self.resolving = before
            return resolved
        if name == "properties" and len(path) > 1:
            return property_sql(path[1:])
        if len(path) == 1 and name in COLUMNS:
            return Sql(name, COLUMNS[name])
        message = f"Unable to resolve field: {'.'.join(path)}"
        raise HogQLResolutionError(message)

    def constant(self, node: Constant) -> Sql:
        value = node.value
        if value is None:
            return Sql("NULL", Kind.ANY)
        if isinstance(value, bool):
            return Sql("1" if value else "0", Kind.BOOL, value)
        if isinstance(value, str):
            return Sql(quote(value), Kind.TEXT, value)
        return Sql(repr(value), Kind.NUMBER, value)

    # -- expressions -----------------------------------------------------------------------

    def expr(self, node: Node) -> Sql:
        handlers: Mapping[type, Callable[..., Sql]] = {
            Constant: self.constant,
            Field: self.field,
            Call: self.call,
            Binary: self.binary,
            Logic: self.logic,
            Not: lambda found: Sql(f"NOT ({self.condition(found.operand)})", Kind.BOOL),
            Negative: lambda found: Sql(f"-({as_number(self.expr(found.operand))})", Kind.NUMBER),
            IsNull: self.is_null,
            Interval: lambda found: Sql(str(found.micros), Kind.SPAN),
        }
        handler = handlers.get(type(node))
        if handler is None:
            name = "A tuple" if isinstance(node, Group) else "*"
            message = f"{name} is not supported in this place"
            raise HogQLQueryError(message)
        return handler(node)

    def condition(self, node: Node) -> str:
        sql = self.expr(node)
        if sql.kind not in {Kind.BOOL, Kind.ANY}:
            message = f"Illegal type {sql.kind} of a condition, expected Bool"
            raise HogQLQueryError(message)
        return sql.text

    def logic(self, node: Logic) -> Sql:
        parts = f" {node.operator} ".join(f"({self.condition(part)})" for part in node.operands)
        return Sql(f"({parts})", Kind.BOOL)

    def is_null(self, node: IsNull) -> Sql:
        function = "isNotNull" if node.negated else "isNull"
        return Sql(f"{function}({self.expr(node.operand).text})", Kind.BOOL)

    def call(self, node: Call) -> Sql:
        if node.name in AGGREGATES:
            return self.aggregation(node)
        if node.name == "now" and not node.args:
            return Sql(str(_micros(self.now)), Kind.TIME)
        args = tuple(self.expr(arg) for arg in node.args)
        if node.name in {"toDateTime", "toDateTime64"} and args:
            return self.to_time(args[0])
        if node.name == "toUUID" and len(args) == 1 and isinstance(args[0].literal, str):
            return Sql(f"toUUID({_uuid_literal(args[0].literal)})", Kind.UUID, args[0].literal)
        function = SCALARS.get(node.name)
        if function is None or node.params or node.distinct:
            message = f"Unsupported function call '{node.name}(...)'"
            raise HogQLQueryError(message)
        if not function.least <= len(args) <= function.most:
            message = (
                f"Function '{node.name}' expects {function.least} argument"
                f"{'' if function.least == 1 else 's'}, found {len(args)}"
            )
            raise HogQLQueryError(message)
        return function.build(args)

    def aggregation(self, node: Call) -> Sql:
        if self.in_where or self.in_aggregate:
            where = "WHERE" if self.in_where else "another aggregation"
            message = f"Aggregation '{node.name}' is not allowed inside {where}"
            raise HogQLQueryError(message)
        starred = node.name == "count" and node.args == (Star(),)
        self.in_aggregate = True
        args = () if starred else tuple(self.expr(arg) for arg in node.args)
        params = tuple(self.expr(param) for param in node.params)
        self.in_aggregate = False
        least, most = AGGREGATES[node.name]
        if not least <= len(args) <= most:
            bound, number = ("least", least) if len(args) < least else ("most", most)
            message = (
                f"Aggregation '{node.name}' expects at {bound} {number} "
                f"argument{'' if number == 1 else 's'}, found {len(args)}"
            )
            raise HogQLQueryError(message)
        return aggregate(node.name, params, args, distinct=node.distinct)

    def to_time(self, sql: Sql) -> Sql:
        if isinstance(sql.literal, str):
            return Sql(_time_literal(sql.literal), Kind.TIME)
        if sql.kind is Kind.TIME:
            return sql
        if sql.kind is Kind.NUMBER:
            return Sql(f"toInt64(({sql.text}) * 1000000)", Kind.TIME)
        message = "toDateTime takes a literal, a number of seconds or a time here"
        raise HogQLQueryError(message)

    # -- operators -------------------------------------------------------------------------

    def binary(self, node: Binary) -> Sql:
        if node.operator == "in":
            return self.contained(node)
        left, right = self.expr(node.left), self.expr(node.right)
        if node.operator in {"like", "ilike"}:
            lowered = ("lower({})" if node.operator == "ilike" else "{}").format
            return Sql(f"(({lowered(as_text(left))}) LIKE ({lowered(as_text(right))}))", Kind.BOOL)
        if node.operator in {"+", "-"} and Kind.SPAN in {left.kind, right.kind}:
            if left.kind is not Kind.TIME or right.kind is not Kind.SPAN:
                message = "An interval can only be added to or subtracted from a time"
                raise HogQLQueryError(message)
            return Sql(f"({left.text} {node.operator} {right.text})", Kind.TIME)
        if node.operator in {"+", "-", "*", "/", "%"}:
            return Sql(f"({as_number(left)} {node.operator} {as_number(right)})", Kind.NUMBER)
        return self.compared(node.operator, left, right)

    def compared(self, operator: str, left: Sql, right: Sql) -> Sql:
        one, other = self.matched(left, right)
        return Sql(f"({one} {operator} {other})", Kind.BOOL)

    def matched(self, left: Sql, right: Sql) -> tuple[str, str]:
        """Both sides as texts of SQL that compare as HogQL compares the values."""
        if Kind.SPAN in {left.kind, right.kind}:
            message = "An interval cannot be compared"
            raise HogQLQueryError(message)
        if Kind.ANY in {left.kind, right.kind} or left.kind is right.kind:
            return left.text, right.text
        kinds = {left.kind, right.kind}
        for kind, read in ((Kind.TIME, _time_literal), (Kind.UUID, _uuid_literal)):
            if kind in kinds:
                return self.typed(left, kind, read), self.typed(right, kind, read)
        if Kind.NUMBER in kinds:
            return as_number(left), as_number(right)
        if Kind.BOOL in kinds:
            return self.truth(left), self.truth(right)
        return as_text(left), as_text(right)

    @staticmethod
    def typed(sql: Sql, kind: Kind, read: Callable[[str], str]) -> str:
        if sql.kind is kind:
            return sql.text
        if isinstance(sql.literal, str):
            return read(sql.literal)
        if kind is Kind.UUID and sql.kind is Kind.PROPERTY:
            message = "Compare toString(uuid) with a property"
            raise HogQLQueryError(message)
        message = f"There is no supertype for types {kind}, {sql.kind}"
        raise HogQLQueryError(message)

    @staticmethod
    def truth(sql: Sql) -> str:
        """A truth value as the text under which properties hold it."""
        if sql.kind is Kind.BOOL and isinstance(sql.literal, bool):
            return quote("true" if sql.literal else "false")
        return as_text(sql) if sql.kind is not Kind.BOOL else f"if({sql.text}, 'true', 'false')"

    def contained(self, node: Binary) -> Sql:
        left = self.expr(node.left)
        items = node.right.items if isinstance(node.right, Group) else (node.right,)
        if not items:
            return Sql("(0 = 1)", Kind.BOOL)
        written: list[str] = []
        subject = left.text
        for item in items:
            if not isinstance(item, Constant) or item.value is None:
                message = "IN takes literals here"
                raise HogQLQueryError(message)
            subject, text = self.matched(left, self.constant(item))
            written.append(text)
        if (
            left.kind is Kind.PROPERTY
            and len({type(item.value) for item in items if isinstance(item, Constant)}) > 1
        ):
            message = "IN on a property takes values of one type"
            raise HogQLQueryError(message)
        return Sql(f"({subject} IN ({', '.join(written)}))", Kind.BOOL)


def _expanded(select: Select) -> tuple[Column, ...]:
    columns: list[Column] = []
    for column in select.columns:
        if isinstance(column.expr, Star):
            columns.extend(Column(Field((name,)), name, None) for name in COLUMNS)
        else:
            columns.append(column)
    return tuple(columns)


def translate(select: Select, *, team_id: int, now: datetime) -> Translation:
    """ClickHouse SQL that answers the query for one team, one row more than its limit.

    Raises:
        HogQLError: A name is unknown, a type does not fit, or the subset lacks something.
    """
    if select.table != "events":
        message = f'Unknown table "{select.table}".'
        raise HogQLResolutionError(message)
    translator = _Translator(select, now)
    columns = _expanded(select)
    selected = [translator.expr(column.expr) for column in columns]
    for sql in selected:
        if sql.kind is Kind.SPAN:
            message = "An interval cannot be selected"
            raise HogQLQueryError(message)
    translator.in_where = True
    where = f" AND ({translator.condition(select.where)})" if select.where else ""
    groups = [_positional(item, selected) or translator.expr(item).text for item in select.group_by]
    translator.in_where = False
    having = f" HAVING {translator.condition(select.having)}" if select.having else ""
    orders = [
        (_positional(item.expr, selected) or translator.expr(item.expr).text)
        + (" DESC" if item.descending else " ASC")
        for item in select.order_by
    ]
    limit = min(DEFAULT_LIMIT if select.limit is None else select.limit, MAX_LIMIT)
    listed = ", ".join(f"{sql.text} AS column_{index}" for index, sql in enumerate(selected))
    text = (
        # Every part was written by this module; nothing of the caller's text is in it.
        f"SELECT {'DISTINCT ' if select.distinct else ''}{listed} FROM posthog.events "  # noqa: S608
        f"WHERE (team_id = {int(team_id)}){where}"
        f"{' GROUP BY ' + ', '.join(groups) if groups else ''}{having}"
        f"{' ORDER BY ' + ', '.join(orders) if orders else ''}"
        f" LIMIT {select.offset}, {limit + 1}"
    )
    return Translation(
        text,
        tuple(column.name for column in columns),
        tuple(sql.kind for sql in selected),
        limit,
        select.offset,
    )


def _positional(node: Node, selected: list[Sql]) -> str:
    """The expression that `GROUP BY 1` means; empty when the node is no position."""
    if (
        isinstance(node, Constant)
        and isinstance(node.value, int)
        and not isinstance(node.value, bool)
    ):
        if not 1 <= node.value <= len(selected):
            message = f"Positional argument out of bounds: {node.value}"
            raise HogQLQueryError(message)
        return selected[node.value - 1].text
    return ""
