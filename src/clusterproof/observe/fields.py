"""One field of one object, as the API server holds it; and two fields that should agree."""

from dataclasses import dataclass
from typing import Any

from clusterproof.observe.cluster import Cluster
from clusterproof.observe.observed import Observed
from clusterproof.observe.path import Missing, look_up
from clusterproof.spec.desired import AgreesRow, FieldRow
from clusterproof.spec.row import ObjectRef


@dataclass(frozen=True, slots=True)
class FieldValue:
    """A value as JSON, or Missing; `object_exists` tells an absent object from an absent field."""

    object_exists: bool
    value: Any


@dataclass(frozen=True, slots=True)
class FieldPair:
    """Two of them."""

    one: FieldValue
    other: FieldValue


def read_field(cluster: Cluster, rule: FieldRow) -> Observed[FieldValue]:
    """The field that the row names."""
    field = _field(cluster, rule.of, rule.path)
    said = f"{rule.path} is {field.value!r}" if field.object_exists else "there is no such object"
    return Observed(field, f"{rule.of} {rule.path}", (said,), _get(rule.of))


def read_pair(cluster: Cluster, rule: AgreesRow) -> Observed[FieldPair]:
    """Both fields of the row."""
    one = _field(cluster, rule.of, rule.path)
    other = _field(cluster, rule.with_, rule.with_path)
    evidence = (
        f"{rule.of} {rule.path} is {one.value!r}",
        f"{rule.with_} {rule.with_path} is {other.value!r}",
    )
    return Observed(FieldPair(one, other), f"{rule.of} and {rule.with_}", evidence, _get(rule.of))


def _field(cluster: Cluster, ref: ObjectRef, path: str) -> FieldValue:
    item = cluster.find(ref)
    if item is None:
        return FieldValue(object_exists=False, value=Missing(str(ref)))
    return FieldValue(object_exists=True, value=look_up(with_match_labels(item), path))


def with_match_labels(value: Any) -> Any:  # noqa: ANN401 - JSON
    """The same, where a selector's expression `key In [value]` is among its matchLabels as well.

    Source: Kubernetes docs, "Labels and Selectors": matchLabels is that expression, shorter.
    """
    if isinstance(value, list):
        return [with_match_labels(one) for one in value]
    if not isinstance(value, dict):
        return value
    found = {key: with_match_labels(inner) for key, inner in value.items()}
    labels = {
        term["key"]: term["values"][0]
        for term in value.get("matchExpressions") or []
        if term.get("operator") == "In" and len(term.get("values") or []) == 1
    }
    if labels:
        found["matchLabels"] = {**labels, **(found.get("matchLabels") or {})}
    return found


def _get(ref: ObjectRef) -> str:
    return f"kubectl get {ref.kubectl} -o yaml"
