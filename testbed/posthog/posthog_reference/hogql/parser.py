"""Recursive-descent parser of the subset.

The grammar, loosest first: SELECT list FROM events [WHERE] [GROUP BY] [HAVING] [ORDER BY]
[LIMIT [OFFSET]]; OR, AND, NOT, comparison (=, IN, LIKE, IS NULL, BETWEEN), + -, * / %, unary -.
"""

import math
from collections.abc import Mapping, Sequence

from .errors import HogQLQueryError, HogQLSyntaxError
from .lexer import Token, tokens_of
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
    Order,
    Select,
    Star,
)

_RESERVED = frozenset(
    {"select", "distinct", "from", "as", "where", "group", "by", "having", "order", "asc", "desc"}
    | {"limit", "offset", "and", "or", "not", "in", "like", "ilike", "is", "null", "between"}
    | {"interval", "join", "union", "on", "with", "case"}
)
_COMPARISONS = {
    "=": "=",
    "==": "=",
    "!=": "!=",
    "<>": "!=",
    "<": "<",
    "<=": "<=",
    ">": ">",
    ">=": ">=",
}
_UNITS = {
    "microsecond": 1,
    "millisecond": 1_000,
    "second": 1_000_000,
    "minute": 60_000_000,
    "hour": 3_600_000_000,
    "day": 86_400_000_000,
    "week": 604_800_000_000,
}
MAX_DEPTH = 50
"""Nesting beyond this is refused, so that no query can exhaust the interpreter's stack."""


class _Parser:
    """A cursor over the tokens; one instance reads one query."""

    def __init__(self, text: str, values: Mapping[str, object]) -> None:
        self.text = text
        self.values = values
        self.tokens: Sequence[Token] = tokens_of(text)
        self.position = 0
        self.depth = 0

    @property
    def token(self) -> Token:
        return self.tokens[self.position]

    def fail(self, expecting: str) -> HogQLSyntaxError:
        seen = self.token
        return HogQLSyntaxError(
            f"Syntax error at position {seen.at}: mismatched input '{seen.text}' "
            f"expecting {expecting}"
        )

    def advance(self) -> Token:
        token = self.token
        self.position += 1
        return token

    def is_word(self, *words: str) -> bool:
        return self.token.kind == "word" and self.token.text.lower() in words

    def is_symbol(self, *symbols: str) -> bool:
        return self.token.kind == "symbol" and self.token.text in symbols

    def take_word(self, *words: str) -> bool:
        if self.is_word(*words):
            self.advance()
            return True
        return False

    def take_symbol(self, *symbols: str) -> str | None:
        return self.advance().text if self.is_symbol(*symbols) else None

    def expect_word(self, word: str) -> None:
        if not self.take_word(word):
            raise self.fail(word.upper())

    def expect_symbol(self, symbol: str) -> None:
        if self.take_symbol(symbol) is None:
            raise self.fail(f"'{symbol}'")

    def name(self) -> str:
        token = self.token
        if token.kind == "quoted" or (token.kind == "word" and token.text.lower() not in _RESERVED):
            return self.advance().text
        raise self.fail("an identifier")

    # -- the query -------------------------------------------------------------------------

    def select(self) -> Select:
        if self.token.kind == "end":
            message = "Empty query"
            raise HogQLSyntaxError(message)
        self.expect_word("select")
        distinct = self.take_word("distinct")
        columns = [self.column()]
        while self.take_symbol(","):
            columns.append(self.column())
        self.expect_word("from")
        table = self.name()
        alias = self.alias()
        where = self.expression() if self.take_word("where") else None
        group_by: tuple[Node, ...] = ()
        if self.take_word("group"):
            self.expect_word("by")
            group_by = self.expressions()
        having = self.expression() if self.take_word("having") else None
        order_by: list[Order] = []
        if self.take_word("order"):
            self.expect_word("by")
            order_by.append(self.order())
            while self.take_symbol(","):
                order_by.append(self.order())
        limit, offset = self.bounds()
        self.take_symbol(";")
        if self.token.kind != "end":
            raise self.fail("<EOF>")
        return Select(
            tuple(columns),
            table,
            alias,
            distinct,
            where,
            group_by,
            having,
            tuple(order_by),
            limit,
            offset,
        )

    def bounds(self) -> tuple[int | None, int]:
        if not self.take_word("limit"):
            return None, 0
        limit = self.integer()
        if self.take_symbol(","):
            return self.integer(), limit
        return limit, self.integer() if self.take_word("offset") else 0

    def integer(self) -> int:
        if self.token.kind == "number" and self.token.text.isdigit():
            return int(self.advance().text)
        raise self.fail("an integer")

    def alias(self) -> str | None:
        if self.take_word("as"):
            return self.name()
        token = self.token
        plain = token.kind == "word" and token.text.lower() not in _RESERVED
        return self.advance().text if plain or token.kind == "quoted" else None

    def column(self) -> Column:
        start = self.token.at
        expr = self.expression()
        source = self.text[start : self.token.at].strip()
        alias = self.alias()
        last = expr.path[-1] if isinstance(expr, Field) else source
        return Column(expr, alias or last, alias)

    def order(self) -> Order:
        expr = self.expression()
        descending = self.take_word("desc")
        if not descending:
            self.take_word("asc")
        return Order(expr, descending)

    def expressions(self) -> tuple[Node, ...]:
        items = [self.expression()]
        while self.take_symbol(","):
            items.append(self.expression())
        return tuple(items)

    # -- expressions, loosest first --------------------------------------------------------

    def expression(self) -> Node:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            message = f"The query is nested more than {MAX_DEPTH} levels deep"
            raise HogQLQueryError(message)
        operands = [self.conjunction()]
        while self.take_word("or"):
            operands.append(self.conjunction())
        self.depth -= 1
        return operands[0] if len(operands) == 1 else Logic("OR", tuple(operands))

    def conjunction(self) -> Node:
        operands = [self.negation()]
        while self.take_word("and"):
            operands.append(self.negation())
        return operands[0] if len(operands) == 1 else Logic("AND", tuple(operands))

    def negation(self) -> Node:
        negated = False
        while self.take_word("not"):
            negated = not negated
        operand = self.comparison()
        return Not(operand) if negated else operand

    def comparison(self) -> Node:
        left = self.sum()
        symbol = self.take_symbol(*_COMPARISONS)
        if symbol is not None:
            return Binary(_COMPARISONS[symbol], left, self.sum())
        if self.take_word("is"):
            negated = self.take_word("not")
            self.expect_word("null")
            return IsNull(left, negated)
        negated = self.take_word("not")
        if self.take_word("in"):
            compared: Node = Binary("in", left, self.sum())
        elif self.is_word("like", "ilike"):
            compared = Binary(self.advance().text.lower(), left, self.sum())
        elif self.take_word("between"):
            low = self.sum()
            self.expect_word("and")
            bounds = (Binary(">=", left, low), Binary("<=", left, self.sum()))
            compared = Logic("AND", bounds)
        elif negated:
            raise self.fail("IN, LIKE, ILIKE or BETWEEN")
        else:
            return left
        return Not(compared) if negated else compared

    def sum(self) -> Node:
        left = self.product()
        links = 0
        while symbol := self.take_symbol("+", "-"):
            links = self.link(links)
            left = Binary(symbol, left, self.product())
        return left

    def link(self, links: int) -> int:
        """Count one more operator of a chain, which makes the tree one level deeper."""
        if links >= MAX_DEPTH:
            message = f"An expression chains more than {MAX_DEPTH} operators"
            raise HogQLQueryError(message)
        return links + 1

    def product(self) -> Node:
        left = self.unary()
        links = 0
        while symbol := self.take_symbol("*", "/", "%"):
            links = self.link(links)
            left = Binary(symbol, left, self.unary())
        return left

    def unary(self) -> Node:
        negative = False
        while self.take_symbol("-"):
            negative = not negative
        operand = self.primary()
        return Negative(operand) if negative else operand

    def primary(self) -> Node:
        token = self.token
        if token.kind in {"number", "string"}:
            text = self.advance().text
            return Constant(_number(text) if token.kind == "number" else text)
        if token.kind == "placeholder":
            return self.placeholder()
        if self.is_symbol("(", "["):
            return self.group()
        if self.take_symbol("*"):
            return Star()
        if self.take_word("null"):
            return Constant(None)
        return self.interval() if self.take_word("interval") else self.named()

    def group(self) -> Node:
        """One expression in parentheses is itself; several, or brackets, are a group."""
        if self.take_symbol("["):
            items = () if self.is_symbol("]") else self.expressions()
            self.expect_symbol("]")
            return Group(items)
        self.expect_symbol("(")
        items = self.expressions()
        self.expect_symbol(")")
        return items[0] if len(items) == 1 else Group(items)

    def placeholder(self) -> Node:
        name = self.advance().text
        if name not in self.values:
            message = f"Placeholders, such as {{{name}}}, are not supported in this context"
            raise HogQLQueryError(message)
        return _constant(name, self.values[name])

    def interval(self) -> Interval:
        amount = self.integer()
        unit = self.name().lower().removesuffix("s")
        if unit not in _UNITS:
            message = f"Unsupported interval unit: {unit}"
            raise HogQLQueryError(message)
        return Interval(amount * _UNITS[unit])

    def named(self) -> Node:
        bare = self.token.kind == "word"
        first = self.name()
        if bare and self.is_symbol("("):
            return self.call(first)
        if bare and first.lower() in {"true", "false"}:
            return Constant(first.lower() == "true")
        path = [first]
        while True:
            if self.take_symbol("."):
                path.append(self.member())
            elif self.take_symbol("["):
                if self.token.kind != "string":
                    raise self.fail("a string")
                path.append(self.advance().text)
                self.expect_symbol("]")
            else:
                return Field(tuple(path))

    def member(self) -> str:
        """A name after a dot; there, reserved words are names too."""
        if self.token.kind in {"word", "quoted"}:
            return self.advance().text
        raise self.fail("an identifier")

    def call(self, name: str) -> Call:
        distinct, first = self.arguments()
        if self.is_symbol("("):
            distinct_after, second = self.arguments()
            return Call(name, second, first, distinct or distinct_after)
        return Call(name, first, (), distinct)

    def arguments(self) -> tuple[bool, tuple[Node, ...]]:
        self.expect_symbol("(")
        if self.take_symbol(")"):
            return False, ()
        distinct = self.take_word("distinct")
        items = self.expressions()
        self.expect_symbol(")")
        return distinct, items


def _number(text: str) -> int | float:
    if text.isdigit():
        return int(text)
    value = float(text)
    if not math.isfinite(value):
        message = f"Number out of range: {text}"
        raise HogQLQueryError(message)
    return value


def _constant(name: str, value: object) -> Node:
    if isinstance(value, list):
        return Group(tuple(_constant(name, item) for item in value))
    if value is None or isinstance(value, str | int | float):
        return Constant(value)
    message = f"Unsupported value for placeholder {{{name}}}: {type(value).__name__}"
    raise HogQLQueryError(message)


def parse(text: str, values: Mapping[str, object] | None = None) -> Select:
    """The tree of a query; `values` fill its `{placeholders}`.

    Raises:
        HogQLSyntaxError: The text is not a query of the subset.
        HogQLQueryError: A placeholder has no value, or the nesting is too deep.
    """
    return _Parser(text, values or {}).select()
