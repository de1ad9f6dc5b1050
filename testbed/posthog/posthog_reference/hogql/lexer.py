"""Text of a query into tokens."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from .errors import HogQLSyntaxError

_TOKEN = re.compile(
    r"""
      (?P<space>\s+|--[^\n]*|/\*.*?\*/)
    | (?P<number>(?:\d+\.\d*|\.\d+|\d+)(?:[eE][+-]?\d+)?)
    | (?P<word>[A-Za-z_$][A-Za-z0-9_$]*)
    | (?P<string>'(?:[^'\\]|\\.|'')*')
    | (?P<quoted>`(?:[^`\\]|\\.|``)+`|"(?:[^"\\]|\\.|"")+")
    | (?P<placeholder>\{\s*[A-Za-z_][A-Za-z0-9_]*\s*\})
    | (?P<symbol><=|>=|<>|!=|==|[=<>(),.*+\-/%\[\];])
    """,
    re.VERBOSE | re.DOTALL,
)

_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "b": "\b", "f": "\f", "a": "\a", "v": "\v"}


@dataclass(frozen=True)
class Token:
    """One token: its kind, its meaning (unescaped), and where it began."""

    kind: str
    text: str
    at: int


def _unquote(text: str) -> str:
    quote, inner = text[0], text[1:-1]
    out: list[str] = []
    characters = iter(inner)
    for character in characters:
        if character == "\\":
            following = next(characters)
            out.append(_ESCAPES.get(following, following))
        elif character == quote:
            next(characters)  # a doubled quote stands for one
            out.append(quote)
        else:
            out.append(character)
    return "".join(out)


def _tokens(text: str) -> Iterator[Token]:
    position = 0
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            near = text[position : position + 10]
            message = f"Syntax error at position {position}: token recognition error at {near!r}"
            raise HogQLSyntaxError(message)
        kind = found.lastgroup or ""
        raw = found.group()
        if kind in {"string", "quoted"}:
            yield Token(kind, _unquote(raw), position)
        elif kind == "placeholder":
            yield Token(kind, raw[1:-1].strip(), position)
        elif kind != "space":
            yield Token(kind, raw, position)
        position = found.end()
    yield Token("end", "<EOF>", len(text))


def tokens_of(text: str) -> tuple[Token, ...]:
    """All tokens, ending with one of kind `end`.

    Raises:
        HogQLSyntaxError: A character fits no token.
    """
    return tuple(_tokens(text))
