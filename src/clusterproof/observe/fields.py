"""One field of one object, as the API server holds it."""

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


def field_of(cluster: Cluster, ref: ObjectRef, path: str) -> FieldValue:
    """The field at `path` of an object."""
    object_ = cluster.find(ref)
    if object_ is None:
        return FieldValue(object_exists=False, value=Missing(str(ref)))
    raw, form = look_up(object_, path), look_up(in_one_form(object_), path)
    return FieldValue(object_exists=True, value=raw, in_one_form=None if form == raw else form)


def get_command(ref: ObjectRef) -> str:
    """The command that shows the whole object."""
    return f"kubectl get {ref.kubectl} -o yaml"
