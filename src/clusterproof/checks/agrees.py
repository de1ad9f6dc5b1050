"""Rows `check: agrees`.

Source: the deployment's contract.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field, field_validator

from clusterproof.checks.kind import Kind
from clusterproof.checks.site import Site
from clusterproof.judgement import Difference, Judgement, compared_in, judged
from clusterproof.kube.paths import Missing, shown, text_of
from clusterproof.observe.fields import FieldValue, _field, _get
from clusterproof.observe.observed import Observed
from clusterproof.spec.row import Path, Ref, Row, check_pattern


class AgreesRow(Row):
    """Two fields that must say the same, after each was cut out by its regular expression.

    Attributes:
        with_path: May lead to a list, `spec.rules[*].host`, of which one element is the same.
    """

    check: Literal["agrees"]
    of: Ref
    path: Path
    pattern: str = "(.*)"
    with_: Ref = Field(alias="with")
    with_path: Path

    @field_validator("pattern")
    @classmethod
    def _refuse_no_group(cls, pattern: str) -> str:
        if check_pattern(pattern).groups < 1:
            raise ValueError(f"expected a pattern with a group (...) for the part, got {pattern!r}")
        return pattern


@dataclass(frozen=True, slots=True)
class FieldPair:
    """Two of them."""

    one: FieldValue
    other: FieldValue


def look(row: AgreesRow, site: Site) -> Observed[FieldPair]:
    """Both fields of the row."""
    cluster = site.cluster
    one = _field(cluster, row.of, row.path)
    other = _field(cluster, row.with_, row.with_path)
    evidence = (
        f"{row.of} {row.path} is {shown(one.value)}",
        f"{row.with_} {row.with_path} is {shown(other.value)}",
    )
    return Observed(FieldPair(one, other), f"{row.of} and {row.with_}", evidence, _get(row.of))


def differences(row: AgreesRow, value: FieldPair) -> Iterator[Difference]:
    """The part that the pattern cuts out of one field is the other field."""
    for ref, path, field in (
        (row.of, row.path, value.one),
        (row.with_, row.with_path, value.other),
    ):
        if isinstance(field.value, Missing):
            yield Difference(f"{ref} {path}", "a value", shown(field.value))
            return
    cut = re.fullmatch(row.pattern, text_of(value.one.value))
    if cut is None:
        yield Difference(row.path, f"text like {row.pattern}", shown(value.one.value))
    elif cut[1] not in _texts(value.other.value):
        expected = " or ".join(shown(one) for one in _texts(value.other.value))
        yield Difference(row.path, f"{expected} (as {row.with_})", shown(cut[1]))


def _texts(value: Any) -> list[str]:  # noqa: ANN401 - JSON
    """A value as text; the elements of a list, of which one is enough."""
    return [text_of(one) for one in (value if isinstance(value, list) else [value])]


def judge(row: AgreesRow, fact: FieldPair) -> Judgement:
    """The part that the pattern cuts out of one field is the other field."""
    return judged(differences(row, fact), compared_in(fact))


KIND = Kind(AgreesRow, look, judge)
