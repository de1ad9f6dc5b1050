"""One field of one object, as the API server holds it; and two fields that should agree."""

from dataclasses import dataclass
from typing import Any

from clusterproof.kube.paths import Missing, look_up, shown
from clusterproof.kube.selectors import in_one_form
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.observed import Observed
from clusterproof.spec.desired import AgreesRow, FieldRow
from clusterproof.spec.row import ObjectRef


@dataclass(frozen=True, slots=True)
class FieldValue:
    """A value as JSON, or Missing; `object_exists` tells an absent object from an absent field.

    Attributes:
        in_one_form: The same where each selector is in one form, see `selectors.in_one_form`; None
            where that changes nothing.
    """

    object_exists: bool
    value: Any
    in_one_form: Any = None


@dataclass(frozen=True, slots=True)
class FieldPair:
    """Two of them."""

    one: FieldValue
    other: FieldValue


def read_field(cluster: Cluster, rule: FieldRow) -> Observed[FieldValue]:
    """The field that the row names."""
    field = _field(cluster, rule.of, rule.path)
    evidence = f"{rule.path} is {shown(field.value)}"
    if not field.object_exists:
        evidence = "there is no such object"
    return Observed(field, f"{rule.of} {rule.path}", (evidence,), _get(rule.of))


def read_pair(cluster: Cluster, rule: AgreesRow) -> Observed[FieldPair]:
    """Both fields of the row."""
    one = _field(cluster, rule.of, rule.path)
    other = _field(cluster, rule.with_, rule.with_path)
    evidence = (
        f"{rule.of} {rule.path} is {shown(one.value)}",
        f"{rule.with_} {rule.with_path} is {shown(other.value)}",
    )
    return Observed(FieldPair(one, other), f"{rule.of} and {rule.with_}", evidence, _get(rule.of))


def _field(cluster: Cluster, ref: ObjectRef, path: str) -> FieldValue:
    item = cluster.find(ref)
    if item is None:
        return FieldValue(object_exists=False, value=Missing(str(ref)))
    value, form = look_up(item, path), look_up(in_one_form(item), path)
    return FieldValue(object_exists=True, value=value, in_one_form=None if form == value else form)


def _get(ref: ObjectRef) -> str:
    return f"kubectl get {ref.kubectl} -o yaml"
