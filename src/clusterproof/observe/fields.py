"""One field of one object, as the API server holds it; and two fields that should agree."""

from dataclasses import dataclass
from typing import Any

from clusterproof.kube.paths import Missing, look_up
from clusterproof.kube.selectors import in_one_form
from clusterproof.observe.cluster import Cluster
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


def _field(cluster: Cluster, ref: ObjectRef, path: str) -> FieldValue:
    item = cluster.find(ref)
    if item is None:
        return FieldValue(object_exists=False, value=Missing(str(ref)))
    value, form = look_up(item, path), look_up(in_one_form(item), path)
    return FieldValue(object_exists=True, value=value, in_one_form=None if form == value else form)


def _get(ref: ObjectRef) -> str:
    return f"kubectl get {ref.kubectl} -o yaml"
