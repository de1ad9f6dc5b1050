"""Compares one field with an Expectation; the meaning counts, not the spelling."""

import re
from collections.abc import Callable
from typing import Any

from clusterproof.kube.paths import Missing, text_of
from clusterproof.kube.quantity import parse_quantity
from clusterproof.spec.row import Expectation


def meets(expect: Expectation, value: Any) -> bool:  # noqa: ANN401 - JSON
    """True when a JSON value (or Missing) is as expected."""
    if expect.operator == "absent":
        return isinstance(value, Missing)
    if isinstance(value, Missing):
        return False
    return bool(_OPERATORS[expect.operator](getattr(expect, expect.operator), value))


def same(expected: Any, value: Any) -> bool:  # noqa: ANN401 - JSON
    """JSON equality, where a list of named things is a set, and 0 is not False."""
    if isinstance(expected, dict) and isinstance(value, dict):
        return expected.keys() == value.keys() and all(
            same(inner, value[key]) for key, inner in expected.items()
        )
    if isinstance(expected, list) and isinstance(value, list):
        if _all_named(expected) and _all_named(value):
            expected, value = _by_name(expected), _by_name(value)
        return len(expected) == len(value) and all(map(same, expected, value))
    if isinstance(expected, bool) or isinstance(value, bool):
        return expected is value
    return bool(expected == value)


def contains(expected: Any, value: Any) -> bool:  # noqa: ANN401 - JSON
    """`expected` is a part of `value`: every key and every element of it is found there."""
    if isinstance(expected, dict) and isinstance(value, dict):
        return all(key in value and contains(inner, value[key]) for key, inner in expected.items())
    if isinstance(expected, list) and isinstance(value, list):
        return all(any(contains(inner, element) for element in value) for inner in expected)
    if isinstance(value, list):
        return any(contains(expected, element) for element in value)
    return same(expected, value)


def _is_quantity(expected: str, value: Any) -> bool:  # noqa: ANN401 - JSON
    try:
        return parse_quantity(value) == parse_quantity(expected)
    except ValueError:
        return False


def _number(value: Any) -> float:  # noqa: ANN401 - JSON
    if isinstance(value, bool):
        return float("nan")  # neither over nor under anything
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")


def _all_named(values: list[Any]) -> bool:
    return all(isinstance(element, dict) and "name" in element for element in values)


def _by_name(values: list[Any]) -> list[Any]:
    return sorted(values, key=lambda element: str(element["name"]))


def _names(value: Any) -> tuple[str, ...]:  # noqa: ANN401 - JSON
    if not isinstance(value, list):
        return ()
    return tuple(str(entry.get("name")) if isinstance(entry, dict) else "" for entry in value)


_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "equals": same,
    "contains": contains,
    "quantity": _is_quantity,
    "at_least": lambda expected, value: _number(value) >= expected,
    "at_most": lambda expected, value: _number(value) <= expected,
    "matches": lambda expected, value: bool(re.fullmatch(expected, text_of(value), re.DOTALL)),
    "names": lambda expected, value: _names(value) == expected,
}
