"""One field of one object has the value that is expected.

The meaning of a field is compared, not its spelling. Where `[*]` in the path goes through a list,
an element without the field is a part of the value, so no `equals` passes over it.

Source: Kubernetes API reference (v1.35, read 2026-11-23).
"""

from typing import Any, Literal, Self

from pydantic import model_validator

from clusterproof.checks.kind import Kind
from clusterproof.checks.site import Site
from clusterproof.compare import _OPERATORS, meets
from clusterproof.judgement import Difference, Failed, Judgement, Passed
from clusterproof.kube.paths import Missing, shown
from clusterproof.kube.selectors import in_one_form
from clusterproof.observe.fields import FieldValue, field_of, get_command
from clusterproof.observe.observed import Observed
from clusterproof.spec.row import Expectation, ObjectRef, Path, Ref, Row


class FieldRow(Row):
    """One field of one object has a value.

    Attributes:
        path: Such as `a.b[name=c]['d.e'].f`.
        default: What Kubernetes takes where the field is not set and no default is written into
            the object: a field that is absent is judged as this JSON value. What the field is of
            has to be there: the object, the element that a filter takes; keys between may be absent
            (`spec.behavior`). So the path must be right: no check can tell a key that is mistyped
            from one that is not set.
    """

    check: Literal["field"]
    of: Ref
    path: Path
    default: Any = None
    expect: Expectation

    @model_validator(mode="after")
    def _default_can_stand(self) -> Self:
        if self.default is not None and self.expect.absent:
            raise ValueError("expected no default where the field is expected to be absent")
        if self.default is not None and "[*]" in self.path:
            raise ValueError("expected no default beside [*], but a filter such as [name=dns]")
        return self


def look(row: FieldRow, site: Site) -> Observed[FieldValue]:
    """The field that the row names."""
    field = field_of(site.cluster, row.of, row.path)
    evidence = f"{row.path} is {shown(field.value)}"
    if _takes_default(row, field):
        evidence += f", so its default counts: {shown(row.default)}"
    if not field.object_exists:
        evidence = "there is no such object"
    return Observed(field, f"{row.of} {row.path}", (evidence,), get_command(row.of))


def being_deleted(ref: ObjectRef, field: FieldValue) -> Difference:
    """What is said of an object that goes, whatever its field still says."""
    observed = f"being deleted since {field.deleted_at}"
    return Difference(str(ref), "to stay", observed, code="object-deleted")


def judge(row: FieldRow, field: FieldValue) -> Judgement:
    """The field meets its expectation; an object that is not there, or is going, meets none.

    Where a filter of the path takes several elements, each of them has to.
    """
    expected = str(row.expect)
    if not field.object_exists:
        absent = Difference(str(row.of), expected, "no such object", code="object-absent")
        return Failed(absent)
    if field.deleted_at:
        return Failed(being_deleted(row.of, field))
    for each in (field, *field.others):
        value = row.default if _takes_default(row, each) else each.value
        if meets(row.expect, value) or _meets_in_one_form(row.expect, each):
            continue
        code = "field-absent" if isinstance(each.value, Missing) else "field-differs"
        reason = _hint(row.expect, each)
        if field.others:
            reason = (
                f"one of {len(field.others) + 1} that the path leads to: for one alone, filter by"
                " a field in which they differ, such as [name=dns]"
            )
        return Failed(Difference(row.path, expected, shown(each.value), reason, code=code))
    return Passed(f"{row.of} {row.path}")


def _takes_default(row: FieldRow, field: FieldValue) -> bool:
    return row.default is not None and isinstance(field.value, Missing) and field.value.is_unset


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


KIND = Kind(
    FieldRow,
    look,
    judge,
    codes=(
        "field-absent",
        "field-differs",
        "object-absent",
        "object-deleted",
    ),
)
