"""The syntax tree of a query."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Constant:
    """A literal, or a value that was filled in for a placeholder."""

    value: str | int | float | bool | None


@dataclass(frozen=True)
class Field:
    """A column, an alias, or a path into `properties`."""

    path: tuple[str, ...]


@dataclass(frozen=True)
class Star:
    """The `*` of `count(*)` or `SELECT *`."""


@dataclass(frozen=True)
class Group:
    """A tuple or an array of expressions, the right side of IN."""

    items: tuple["Node", ...]


@dataclass(frozen=True)
class Interval:
    """`INTERVAL 5 MINUTE`, in microseconds."""

    micros: int


@dataclass(frozen=True)
class Call:
    """A function or an aggregation: name(params)(args)."""

    name: str
    args: tuple["Node", ...]
    params: tuple["Node", ...] = ()
    distinct: bool = False


@dataclass(frozen=True)
class Binary:
    """An operator between two expressions; the operator is in its canonical spelling."""

    operator: str
    left: "Node"
    right: "Node"


@dataclass(frozen=True)
class Logic:
    """AND or OR over two or more operands; flat, so that a long chain is no deep tree."""

    operator: str
    operands: tuple["Node", ...]


@dataclass(frozen=True)
class Not:
    """Logical negation."""

    operand: "Node"


@dataclass(frozen=True)
class Negative:
    """Arithmetic negation."""

    operand: "Node"


@dataclass(frozen=True)
class IsNull:
    """`IS NULL`, or `IS NOT NULL` when negated."""

    operand: "Node"
    negated: bool


Node = Constant | Field | Star | Group | Interval | Call | Binary | Logic | Not | Negative | IsNull


@dataclass(frozen=True)
class Column:
    """One selected expression, with the name it gets in the answer."""

    expr: Node
    name: str
    alias: str | None


@dataclass(frozen=True)
class Order:
    """One ORDER BY expression."""

    expr: Node
    descending: bool


@dataclass(frozen=True)
class Select:
    """A whole query."""

    columns: tuple[Column, ...]
    table: str
    table_alias: str | None
    distinct: bool = False
    where: Node | None = None
    group_by: tuple[Node, ...] = ()
    having: Node | None = None
    order_by: tuple[Order, ...] = ()
    limit: int | None = None
    offset: int = 0
