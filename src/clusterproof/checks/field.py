"""Rows `check: field`.

Source: Kubernetes API reference (v1.35, read 2026-11-23); the meaning of a field is compared,
not its spelling.
"""

from collections.abc import Iterator
from typing import Literal

from clusterproof.checks.kind import Kind
from clusterproof.checks.site import Site
from clusterproof.compare import _OPERATORS, meets
from clusterproof.judgement import Difference, Judgement, compared_in, judged
from clusterproof.kube.paths import Missing, shown
from clusterproof.kube.selectors import in_one_form
from clusterproof.observe.fields import FieldValue, _field, _get
from clusterproof.observe.observed import Observed
from clusterproof.spec.row import Expectation, Path, Ref, Row


class FieldRow(Row):
    """One field of one object has a value. `path` is `a.b[name=c]['d.e'].f`."""

    check: Literal["field"]
    of: Ref
    path: Path
    expect: Expectation


def look(row: FieldRow, site: Site) -> Observed[FieldValue]:
    """The field that the row names."""
    cluster = site.cluster
    field = _field(cluster, row.of, row.path)
    evidence = f"{row.path} is {shown(field.value)}"
    if not field.object_exists:
        evidence = "there is no such object"
    return Observed(field, f"{row.of} {row.path}", (evidence,), _get(row.of))


def differences(row: FieldRow, value: FieldValue) -> Iterator[Difference]:
    """The field meets its expectation; an object that is not there meets none."""
    if not value.object_exists:
        yield Difference(str(row.of), str(row.expect), "no such object")
    elif not (meets(row.expect, value.value) or _meets_in_one_form(row.expect, value)):
        yield Difference(row.path, str(row.expect), shown(value.value), _hint(row.expect, value))


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


def judge(row: FieldRow, fact: FieldValue) -> Judgement:
    """The field meets its expectation; an object that is not there meets none."""
    return judged(differences(row, fact), compared_in(fact))


KIND = Kind(FieldRow, look, judge)
