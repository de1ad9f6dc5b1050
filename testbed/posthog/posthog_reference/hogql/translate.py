"""The tree into ClickHouse SQL: names resolved, types checked, the team's id in front."""

import uuid as uuids
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from .errors import HogQLQueryError
from .functions import AGGREGATES, SCALARS, aggregate, as_number, as_text, property_sql
from .kinds import Kind, Sql, quote
from .parser import Node, parse

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
_COMPARISONS = {"==": "=", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


@dataclass(frozen=True)
class Translation:
    """SQL for ClickHouse, and how to read what it answers."""

    sql: str
    columns: tuple[str, ...]
    kinds: tuple[Kind, ...]
    limit: int


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


def _only(node: Node, *parts: str) -> None:
    """Refuse a node that has more than these parts: the subset does not know what they mean."""
    known = {"node", "start", "end", *parts}
    more = ", ".join(sorted(name for name, part in node.items() if part and name not in known))
    if more:
        raise HogQLQueryError(f"{node['node']} with {more} is not supported here")


def _path(node: Node) -> list[str]:
    """The names of a field, also those in brackets; empty where the node is none."""
    match node:
        case {"node": "Field", "chain": chain}:
            return [str(name) for name in chain]
        case {"node": "ArrayAccess", "property": {"node": "Constant", "value": str() as name}}:
            above = _path(node["array"])
            return [*above, name] if above else []
    return []


def _literal(value: object) -> Node:
    if isinstance(value, list):
        return {"node": "Array", "exprs": [_literal(part) for part in value]}
    return {"node": "Constant", "value": value}


def _constant(node: Node) -> Sql:
    value = node["value"]
    if "value_type" in node:
        raise HogQLQueryError(f"Number out of range: {value}")
    if value is None:
        return Sql("NULL", Kind.ANY)
    if isinstance(value, bool):
        return Sql("1" if value else "0", Kind.BOOL, value)
    if isinstance(value, str):
        return Sql(quote(value), Kind.TEXT, value)
    if isinstance(value, int | float):
        return Sql(repr(value), Kind.NUMBER, value)
    raise HogQLQueryError(f"Unsupported value of a placeholder: {type(value).__name__}")


def _counted(term: str, name: str, count: int, least: int, most: int) -> None:
    """Refuse a call with too few or too many arguments."""
    if least <= count <= most:
        return
    bound, number = ("at least ", least) if count < least else ("at most ", most)
    raise HogQLQueryError(
        f"{term} '{name}' expects {'' if least == most else bound}{number} "
        f"argument{'' if number == 1 else 's'}, found {count}"
    )


class _Translator:
    """Translates the expressions of one query."""

    def __init__(self, select: Node, values: Mapping[str, object], now: datetime) -> None:
        self.values = values
        self.now = now
        self.tables = {"events", select["select_from"].get("alias")}
        self.aliases = {
            column["alias"]: column["expr"]
            for column in select["select"]
            if column["node"] == "Alias"
        }
        self.resolving: tuple[str, ...] = ()
        self.aggregation = ""

    def field(self, path: list[str]) -> Sql:
        if len(path) > 1 and path[0] in self.tables:
            path = path[1:]
        name = path[0]
        if len(path) == 1 and name in self.aliases and name not in self.resolving:
            before, self.resolving = self.resolving, (*self.resolving, name)
            resolved = self.expr(self.aliases[name])
            self.resolving = before
            return resolved
        if name == "properties" and len(path) > 1:
            return property_sql(tuple(path[1:]))
        if len(path) == 1 and name in COLUMNS:
            return Sql(name, COLUMNS[name])
        raise HogQLQueryError(f"Unable to resolve field: {'.'.join(path)}")

    def filled(self, node: Node) -> Node:
        """The literal that a placeholder stands for; any other node as it is."""
        if node["node"] != "Placeholder":
            return node
        name = ".".join(_path(node["expr"]))
        if name not in self.values:
            raise HogQLQueryError(f"Unresolved placeholder: {{{name}}}")
        return _literal(self.values[name])

    def expr(self, node: Node) -> Sql:
        if path := _path(node):
            return self.field(path)
        match self.filled(node):
            case {"node": "Constant"} as constant:
                sql = _constant(constant)
            case {"node": "And" | "Or" as operator, "exprs": operands}:
                joined = f" {operator.upper()} ".join(f"({self.expr(x).text})" for x in operands)
                sql = Sql(f"({joined})", Kind.BOOL)
            case {"node": "Not", "expr": operand} | {"name": "not", "args": [operand]}:
                sql = Sql(f"NOT ({self.expr(operand).text})", Kind.BOOL)
            case {"node": "BetweenExpr", "expr": subject, "low": low, "high": high}:
                within = " AND ".join(
                    f"({self.compared(operator, self.expr(subject), self.expr(bound)).text})"
                    for operator, bound in ((">=", low), ("<=", high))
                )
                sql = Sql(f"{'NOT ' if node['negated'] else ''}({within})", Kind.BOOL)
            case {"node": "ArithmeticOperation", "op": operator, "left": left, "right": right}:
                sql = self.computed(operator, self.expr(left), self.expr(right))
            case {"node": "CompareOperation"}:
                sql = self.comparison(node)
            case {"node": "Call"}:
                sql = self.call(node)
            case _:
                raise HogQLQueryError(f"{node['node']} is not supported in this place")
        return sql

    def call(self, node: Node) -> Sql:
        name = node["name"]
        _only(node, "name", "args", "params", "distinct")
        if name in AGGREGATES:
            return self.aggregated(node)
        args = tuple(self.expr(arg) for arg in node["args"])
        if name == "now" and not args:
            return Sql(str(_micros(self.now)), Kind.TIME)
        if name in {"toDateTime", "toDateTime64"} and args:
            return self.to_time(args[0])
        if name == "toUUID" and len(args) == 1 and isinstance(args[0].literal, str):
            return Sql(f"toUUID({_uuid_literal(args[0].literal)})", Kind.UUID, args[0].literal)
        function = SCALARS.get(name)
        if function is None or node.get("params") or node.get("distinct"):
            raise HogQLQueryError(f"Unsupported function call '{name}(...)'")
        _counted("Function", name, len(args), function.least, function.most)
        return function.build(args)

    def aggregated(self, node: Node) -> Sql:
        name = node["name"]
        if self.aggregation:
            raise HogQLQueryError(
                f"Aggregation '{name}' cannot be nested inside another aggregation"
                f" '{self.aggregation}'."
            )
        self.aggregation = name
        starred = name == "count" and list(map(_path, node["args"])) == [["*"]]
        args = () if starred else tuple(self.expr(arg) for arg in node["args"])
        params = tuple(self.expr(param) for param in node["params"] or ())
        self.aggregation = ""
        _counted("Aggregation", name, len(args), *AGGREGATES[name])
        return aggregate(name, params, args, distinct=node["distinct"])

    def to_time(self, sql: Sql) -> Sql:
        if isinstance(sql.literal, str):
            return Sql(_time_literal(sql.literal), Kind.TIME)
        if sql.kind is Kind.TIME:
            return sql
        if sql.kind is Kind.NUMBER:
            return Sql(f"toInt64(({sql.text}) * 1000000)", Kind.TIME)
        raise HogQLQueryError("toDateTime takes a literal, a number of seconds or a time here")

    def computed(self, operator: str, left: Sql, right: Sql) -> Sql:
        if Kind.SPAN in {left.kind, right.kind}:
            if operator not in "+-" or left.kind is not Kind.TIME or right.kind is not Kind.SPAN:
                raise HogQLQueryError("An interval can only be added to or subtracted from a time")
            return Sql(f"({left.text} {operator} {right.text})", Kind.TIME)
        return Sql(f"({as_number(left)} {operator} {as_number(right)})", Kind.NUMBER)

    def comparison(self, node: Node) -> Sql:
        operator: str = node["op"]
        left, right = self.expr(node["left"]), self.filled(node["right"])
        if operator.startswith("not "):
            positive = self.comparison({**node, "op": operator.removeprefix("not ")})
            return Sql(f"NOT ({positive.text})", Kind.BOOL)
        if operator == "in":
            return self.contained(left, right)
        if operator in {"like", "ilike"}:
            lowered = ("lower({})" if operator == "ilike" else "{}").format
            pattern = as_text(self.expr(right))
            return Sql(f"(({lowered(as_text(left))}) LIKE ({lowered(pattern)}))", Kind.BOOL)
        if operator not in _COMPARISONS:
            raise HogQLQueryError(f"The operator {operator} is not supported here")
        compared = self.expr(right)
        if operator in {"==", "!="} and compared.text == "NULL":
            function = "isNull" if operator == "==" else "isNotNull"
            return Sql(f"{function}({left.text})", Kind.BOOL)
        return self.compared(_COMPARISONS[operator], left, compared)

    def compared(self, operator: str, left: Sql, right: Sql) -> Sql:
        one, other = self.matched(left, right)
        return Sql(f"({one} {operator} {other})", Kind.BOOL)

    def matched(self, left: Sql, right: Sql) -> tuple[str, str]:
        """Both sides as texts of SQL that compare as HogQL compares the values."""
        if Kind.SPAN in {left.kind, right.kind}:
            raise HogQLQueryError("An interval cannot be compared")
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
            raise HogQLQueryError("Compare toString(uuid) with a property")
        raise HogQLQueryError(f"There is no supertype for types {kind}, {sql.kind}")

    @staticmethod
    def truth(sql: Sql) -> str:
        """A truth value as the text under which properties hold it."""
        if sql.kind is Kind.BOOL and isinstance(sql.literal, bool):
            return quote("true" if sql.literal else "false")
        return as_text(sql) if sql.kind is not Kind.BOOL else f"if({sql.text}, 'true', 'false')"

    def contained(self, left: Sql, right: Node) -> Sql:
        literals: Sequence[Node] = (
            right["exprs"] if right["node"] in {"Tuple", "Array"} else (right,)
        )
        if not literals:
            return Sql("(0 = 1)", Kind.BOOL)
        written: list[str] = []
        types: set[type] = set()
        subject = left.text
        for literal in literals:
            if literal["node"] != "Constant" or literal["value"] is None:
                raise HogQLQueryError("IN takes literals here")
            subject, text = self.matched(left, _constant(literal))
            written.append(text)
            types.add(type(literal["value"]))
        if left.kind is Kind.PROPERTY and len(types) > 1:
            raise HogQLQueryError("IN on a property takes values of one type")
        return Sql(f"({subject} IN ({', '.join(written)}))", Kind.BOOL)


def _columns(text: str, select: Node) -> list[tuple[str, Node]]:
    """What is selected, with the names in the answer; `*` is every column."""
    columns: list[tuple[str, Node]] = []
    for column in select["select"]:
        path = _path(column)
        if path[-1:] == ["*"]:
            columns += [(name, {"node": "Field", "chain": [name]}) for name in COLUMNS]
        elif column["node"] == "Alias":
            columns.append((column["alias"], column["expr"]))
        else:
            written = text[column["start"]["offset"] : column["end"]["offset"]]
            columns.append((path[-1] if path else written, column))
    return columns


def _checked(select: Node) -> None:
    """Refuse all but one SELECT from `events`."""
    if select["node"] != "SelectQuery" or not select.get("select_from"):
        raise HogQLQueryError("Only a SELECT from events is supported here")
    if select.get("offset"):
        raise HogQLQueryError("OFFSET is not supported on queries made with a personal API key.")
    parts = ("select", "select_from", "distinct", "where", "group_by", "having", "order_by")
    _only(select, *parts, "limit")
    _only(select["select_from"], "table", "alias")
    path = _path(select["select_from"]["table"])
    if path != ["events"]:
        raise HogQLQueryError(f"Unknown table `{'.'.join(path)}`.")


def _limit(node: Node | None) -> int:
    match node:
        case None:
            return DEFAULT_LIMIT
        case {"node": "Constant", "value": int() as limit} if limit >= 0:
            return min(limit, MAX_LIMIT)
    raise HogQLQueryError("LIMIT takes a number here")


def translate(
    text: str, values: Mapping[str, object], *, team_id: int, now: datetime
) -> Translation:
    """ClickHouse SQL that answers the query for one team, one row more than its limit.

    Raises:
        HogQLError: It is not HogQL, a name is unknown, a type does not fit, or the subset lacks
            something.
    """
    try:
        return _translated(text, parse(text), values, team_id, now)
    except RecursionError as error:
        raise HogQLQueryError("The query is nested too deeply") from error


def _translated(
    text: str, select: Node, values: Mapping[str, object], team_id: int, now: datetime
) -> Translation:
    _checked(select)
    translator = _Translator(select, values, now)
    columns = _columns(text, select)
    selected = [translator.expr(expr) for _, expr in columns]
    if any(sql.kind is Kind.SPAN for sql in selected):
        raise HogQLQueryError("An interval cannot be selected")

    def position(node: Node) -> str:
        """SQL of an expression, where a number stands for a selected one."""
        match node:
            case {"node": "Constant", "value": int() as number} if not isinstance(number, bool):
                if not 1 <= number <= len(selected):
                    raise HogQLQueryError(f"Positional argument out of bounds: {number}")
                return selected[number - 1].text
        return translator.expr(node).text

    def clause(keyword: str, name: str) -> str:
        return f" {keyword} {translator.expr(select[name]).text}" if select.get(name) else ""

    groups = [position(node) for node in select.get("group_by") or ()]
    orders = [
        f"{position(by['expr'])} {'DESC' if by['order'] == 'DESC' else 'ASC'}"
        for by in select.get("order_by") or ()
    ]
    where = f" AND ({translator.expr(select['where']).text})" if select.get("where") else ""
    limit = _limit(select.get("limit"))
    listed = ", ".join(f"{sql.text} AS column_{index}" for index, sql in enumerate(selected))
    sql = (
        # Every part was written by this module; nothing of the caller's text is in it.
        f"SELECT {'DISTINCT ' if select.get('distinct') else ''}{listed} FROM posthog.events "  # noqa: S608
        f"WHERE (team_id = {int(team_id)}){where}"
        f"{' GROUP BY ' + ', '.join(groups) if groups else ''}{clause('HAVING', 'having')}"
        f"{' ORDER BY ' + ', '.join(orders) if orders else ''}"
        f" LIMIT {limit + 1}"
    )
    return Translation(
        sql, tuple(name for name, _ in columns), tuple(part.kind for part in selected), limit
    )
