"""Facts as JSON, to the letter: each form that is written, and what is refused."""

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from clusterproof.act.rehearsal.seen import Step
from clusterproof.bundle.codec import decode, encode
from clusterproof.errors import SpecError
from clusterproof.kube.paths import Missing
from clusterproof.outcome import Outcome
from clusterproof.spec.row import ObjectRef


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (None, None),
        (True, True),
        (3, 3),
        ("text", "text"),
        (2.5, 2.5),
        (math.inf, {"$": "number", "value": "inf"}),
        (Decimal("1.50"), {"$": "decimal", "value": "1.50"}),
        (b"\x00\xff", {"$": "bytes", "value": "AP8="}),
        ([1, (2,)], [1, {"$": "tuple", "value": [2]}]),
        (frozenset({"b", "a"}), {"$": "set", "value": ["a", "b"]}),
        ({1, "a"}, {"$": "set", "value": ["a", 1]}),
        ({"a": {"b": (1,)}}, {"a": {"b": {"$": "tuple", "value": [1]}}}),
        ({1: "x"}, {"$": "map", "value": [[1, "x"]]}),
        ({"$": 1}, {"$": "map", "value": [["$", 1]]}),
        (
            Outcome.FAILED,
            {"$": "enum", "of": "clusterproof.outcome:Outcome", "value": "failed"},
        ),
        (
            ObjectRef(kind="Pod", namespace="a", name="b"),
            {
                "$": "model",
                "of": "clusterproof.spec.row:ObjectRef",
                "value": {"kind": "Pod", "name": "b", "namespace": "a"},
            },
        ),
        (
            Missing("spec.replicas"),
            {
                "$": "object",
                "of": "clusterproof.kube.paths:Missing",
                "value": {"at": "spec.replicas", "is_unset": False},
            },
        ),
        (
            Step("a", "", 1.0, 2.0),
            {
                "$": "object",
                "of": "clusterproof.act.rehearsal.seen:Step",
                "value": {"what": "a", "missing": "", "took_s": 1.0, "within_s": 2.0},
            },
        ),
    ],
)
def test_a_value_has_one_form(value: object, plain: object) -> None:
    """That is read back as what it was."""
    assert encode(value) == plain
    again = decode(plain)
    assert again == value or isinstance(value, set)
    assert type(again) is type(value) or isinstance(value, set)


def test_a_number_that_is_none_is_read_back() -> None:
    """It is equal to nothing, not even to itself."""
    assert math.isnan(decode(encode(math.nan)))


class Foreign:
    """Not of this package."""


@dataclass(frozen=True)
class ForeignData:
    """Nor this."""

    one: int = 1


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (Foreign(), "expected plain data or a frozen value, observed Foreign"),
        ([Foreign()], "expected plain data or a frozen value, observed Foreign"),
        (ForeignData, "expected plain data or a frozen value, observed type"),
        (ForeignData(), f"expected a type of this package, observed {__name__}"),
    ],
)
def test_what_is_no_fact_is_named(value: object, words: str) -> None:
    """By its type, never by its value."""
    with pytest.raises(TypeError) as caught:
        encode(value)
    assert str(caught.value) == words


WRITTEN = "; it was written by another version of clusterproof"


@pytest.mark.parametrize(
    ("plain", "words"),
    [
        ({"$": "new", "value": 1}, "'new', observed KeyError: 'new'"),
        ({"$": "tuple"}, "'tuple', observed KeyError: 'value'"),
        (
            {"$": "enum", "value": "x"},
            "'enum', observed ValueError: expected a name below clusterproof., observed ''",
        ),
        (
            {"$": "object", "of": "os:system", "value": {}},
            "'object', observed ValueError: expected a name below clusterproof., observed"
            " 'os:system'",
        ),
        (
            {"$": "object", "of": "clusterproof.outcome:Gone", "value": {}},
            "'object', observed ValueError: there is no clusterproof.outcome:Gone",
        ),
        (
            {"$": "object", "of": "clusterproof.gone:Gone", "value": {}},
            "'object', observed ValueError: there is no clusterproof.gone:Gone",
        ),
        (
            {"$": "object", "of": "clusterproof.cli:main", "value": {}},
            "'object', observed ValueError: expected clusterproof.cli:main to be a value, observed"
            " another thing",
        ),
        (
            {"$": "object", "of": "clusterproof.errors:SpecError", "value": {}},
            "'object', observed ValueError: expected clusterproof.errors:SpecError to be a"
            " value, observed another thing",
        ),
        (
            {"$": "enum", "of": "clusterproof.spec.row:ObjectRef", "value": "x"},
            "'enum', observed ValueError: expected clusterproof.spec.row:ObjectRef to be a value,"
            " observed another thing",
        ),
        (
            {"$": "enum", "of": "clusterproof.outcome:Outcome", "value": "green"},
            "'enum', observed ValueError: 'green' is not a valid Outcome",
        ),
        (
            {"$": "decimal", "value": "x"},
            "'decimal', observed InvalidOperation: [<class 'decimal.ConversionSyntax'>]",
        ),
    ],
)
def test_what_no_version_wrote_is_named(plain: dict[str, Any], words: str) -> None:
    """With the kind of value that it should have been."""
    with pytest.raises(SpecError) as caught:
        decode(plain)
    assert str(caught.value) == f"bundle: expected a value of kind {words}{WRITTEN}"


def test_a_mistake_deep_inside_is_said_once() -> None:
    """By the value that it is in."""
    with pytest.raises(SpecError) as caught:
        decode({"$": "tuple", "value": [{"a": {"$": "decimal", "value": "x"}}]})
    assert str(caught.value).count("bundle: expected a value of kind") == 1
    assert "of kind 'decimal'" in str(caught.value)
