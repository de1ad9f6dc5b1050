"""The syntax tree of a query, by PostHog's own grammar: `hogql-parser` from PyPI.

A node is a dictionary with its name under `node`, and where it begins and ends in the text.
"""

import json
import re
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any
from unittest.mock import patch

from .errors import HogQLError, HogQLQueryError, HogQLSyntaxError

Node = Mapping[str, Any]

MAX_DEPTH = 8
"""Most brackets inside brackets: the parser takes twice as long for each, and nothing else runs."""

_NO_BRACKET = re.compile(r"'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`|[^](){}[`']+", re.DOTALL)


def _extension() -> ModuleType:
    """The parser. It takes its errors from PostHog's own code, where only their names are asked."""
    errors = ModuleType("posthog.hogql.errors")
    for name in ("SyntaxError", "NotImplementedError", "ParsingError"):
        setattr(errors, name, HogQLSyntaxError)
    modules = {"posthog": ModuleType("posthog"), "posthog.hogql.errors": errors}
    with patch.dict(sys.modules, modules):
        import hogql_parser  # noqa: PLC0415 - only here are those modules PostHog's own
    return hogql_parser


_PARSER = _extension()


def parse(text: str) -> Node:
    """The tree of a query.

    Raises:
        HogQLSyntaxError: The text is not HogQL.
        HogQLQueryError: The nesting is too deep.
        HogQLError: The grammar has it, and PostHog's parser makes no tree of it.
    """
    depth = 0
    for bracket in _NO_BRACKET.sub("", text):
        depth += (bracket in "([{") - (bracket in ")]}")
        if depth > MAX_DEPTH:
            raise HogQLQueryError(f"The query is nested more than {MAX_DEPTH} levels deep")
    try:
        tree: dict[str, Any] = json.loads(_PARSER.parse_select_json(text))
    except UnicodeEncodeError as error:
        raise HogQLSyntaxError(f"Unexpected character: {error.reason}") from error
    if tree.get("error"):
        refused = HogQLSyntaxError if tree["type"] == "SyntaxError" else HogQLError
        raise refused(tree["message"])
    return tree
