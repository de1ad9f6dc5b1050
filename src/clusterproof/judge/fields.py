"""Compares one field with an Expectation; the meaning counts, not the spelling."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from clusterproof.judge.difference import Difference, judge
from clusterproof.kube.paths import Missing, shown, text_of
from clusterproof.kube.quantity import parse_quantity
from clusterproof.kube.selectors import in_one_form
from clusterproof.observe.fields import FieldPair, FieldValue
from clusterproof.spec.desired import AgreesRow, FieldRow
from clusterproof.spec.row import Expectation


@judge.register
def judge_field(rule: FieldRow, value: FieldValue) -> Iterator[Difference]:
    """The field meets its expectation; an object that is not there meets none."""
    if not value.object_exists:
        yield Difference(str(rule.of), str(rule.expect), "no such object")
    elif not (meets(rule.expect, value.value) or _meets_in_one_form(rule.expect, value)):
        yield Difference(rule.path, str(rule.expect), shown(value.value), _hint(rule.expect, value))


def _meets_in_one_form(expect: Expectation, field: FieldValue) -> bool:
    """True where the two are the same selectors, written by matchLabels or by expressions."""
    if expect.operator in {"equals", "contains"}:
        expected = in_one_form(getattr(expect, expect.operator))
        form = field.value if field.in_one_form is None else field.in_one_form
        known = not isinstance(form, Missing)
        return known and bool(_OPERATORS[expect.operator](expected, form))
    changed = field.in_one_form is not None and not isinstance(field.in_one_form, Missing)
    return changed and expect.operator != "absent" and meets(expect, field.in_one_form)


def _hint(expect: Expectation, field: FieldValue) -> str:
    """What a unit means that is often mistaken for another."""
    small = isinstance(field.value, str) and field.value.endswith("m")
    if expect.operator == "quantity" and small and not (expect.quantity or "").endswith("m"):
        return "m is a thousandth, M a million, Mi 1,048,576"
    return ""


@judge.register
def judge_pair(rule: AgreesRow, value: FieldPair) -> Iterator[Difference]:
    """The part that the pattern cuts out of one field is the other field."""
    for ref, path, field in (
        (rule.of, rule.path, value.one),
        (rule.with_, rule.with_path, value.other),
    ):
        if isinstance(field.value, Missing):
            yield Difference(f"{ref} {path}", "a value", shown(field.value))
            return
    cut = re.fullmatch(rule.pattern, text_of(value.one.value))
    if cut is None:
        yield Difference(rule.path, f"text like {rule.pattern}", shown(value.one.value))
    elif cut[1] not in _texts(value.other.value):
        expected = " or ".join(shown(one) for one in _texts(value.other.value))
        yield Difference(rule.path, f"{expected} (as {rule.with_})", shown(cut[1]))


def _texts(value: Any) -> list[str]:  # noqa: ANN401 - JSON
    """A value as text; the elements of a list, of which one is enough."""
    return [text_of(one) for one in (value if isinstance(value, list) else [value])]


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
        return all(any(contains(inner, one) for one in value) for inner in expected)
    if isinstance(value, list):
        return any(contains(expected, one) for one in value)
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
    return all(isinstance(one, dict) and "name" in one for one in values)


def _by_name(values: list[Any]) -> list[Any]:
    return sorted(values, key=lambda one: str(one["name"]))


def _names(value: Any) -> tuple[str, ...]:  # noqa: ANN401 - JSON
    return tuple(str(one.get("name")) for one in value) if isinstance(value, list) else ()


_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "equals": same,
    "contains": contains,
    "quantity": _is_quantity,
    "at_least": lambda expected, value: _number(value) >= expected,
    "at_most": lambda expected, value: _number(value) <= expected,
    "matches": lambda expected, value: bool(re.fullmatch(expected, text_of(value), re.DOTALL)),
    "names": lambda expected, value: _names(value) == expected,
}
