"""Two fields say the same, such as the host in a URL and the host of an Ingress.

Source: the deployment's contract.
"""

import re
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field, field_validator

from clusterproof.checks.field import being_deleted
from clusterproof.checks.kind import Kind
from clusterproof.checks.site import Site
from clusterproof.judgement import Difference, Failed, Judgement, Passed
from clusterproof.kube.paths import Missing, shown, text_of
from clusterproof.observe.fields import FieldValue, field_of, get_command
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
    """The two fields, that of the row's `path` first."""

    one: FieldValue
    other: FieldValue


def look(row: AgreesRow, site: Site) -> Observed[FieldPair]:
    """Both fields of the row."""
    cluster = site.cluster
    fields = FieldPair(
        field_of(cluster, row.of, row.path), field_of(cluster, row.with_, row.with_path)
    )
    evidence = (
        f"{row.of} {row.path} is {shown(fields.one.value)}",
        f"{row.with_} {row.with_path} is {shown(fields.other.value)}",
    )
    return Observed(fields, f"{row.of} and {row.with_}", evidence, get_command(row.of))


def judge(row: AgreesRow, fields: FieldPair) -> Judgement:
    """The part that the pattern cuts out of one field is the other field."""
    for ref, field in ((row.of, fields.one), (row.with_, fields.other)):
        if field.deleted_at:
            return Failed(being_deleted(ref, field))
    difference = _difference(row, fields.one.value, fields.other.value)
    if difference is not None:
        return Failed(difference)
    return Passed(f"{row.of} {row.path}", f"{row.with_} {row.with_path}")


def _difference(row: AgreesRow, json: Any, other: Any) -> Difference | None:  # noqa: ANN401 - JSON
    for place, field in ((f"{row.of} {row.path}", json), (f"{row.with_} {row.with_path}", other)):
        if isinstance(field, Missing):
            return Difference(place, "a value", shown(field), code="field-absent")
    cut = re.fullmatch(row.pattern, text_of(json))
    if cut is None:
        return Difference(row.path, f"text like {row.pattern}", shown(json), code="field-unlike")
    texts = _texts(other)
    if cut[1] in texts:
        return None
    expected = " or ".join(shown(text) for text in texts)
    return Difference(
        row.path, f"{expected} (as {row.with_})", shown(cut[1]), code="fields-disagree"
    )


def _texts(json: Any) -> list[str]:  # noqa: ANN401 - JSON
    """A value as text; the elements of a list, of which one is enough."""
    elements = json if isinstance(json, list) else [json]
    return [text_of(element) for element in elements if not isinstance(element, Missing)]


KIND = Kind(
    AgreesRow,
    look,
    judge,
    codes=(
        "field-absent",
        "field-unlike",
        "fields-disagree",
        "object-deleted",
    ),
)
