"""One field of one object, as the API server holds it."""

from dataclasses import dataclass, replace
from typing import Any

from clusterproof.kube.objects import Json, is_terminating
from clusterproof.kube.paths import Missing, look_up_each
from clusterproof.kube.selectors import in_one_form
from clusterproof.observe.cluster import Cluster
from clusterproof.spec.row import ObjectRef


@dataclass(frozen=True, slots=True)
class FieldValue:
    """A value as JSON, or Missing; `object_exists` tells an absent object from an absent field.

    Attributes:
        in_one_form: The same where each selector is in one form, see `selectors.in_one_form`; None
            where that changes nothing.
        others: The same of further elements that a filter of the path takes.
        deleted_at: Since when the object is being deleted, and by which finalizers it is still
            there; or "".
    """

    object_exists: bool
    value: Any
    in_one_form: Any = None
    others: tuple["FieldValue", ...] = ()
    deleted_at: str = ""


def field_of(cluster: Cluster, ref: ObjectRef, path: str) -> FieldValue:
    """The field at `path` of an object."""
    object_ = cluster.find(ref)
    if object_ is None:
        return FieldValue(object_exists=False, value=Missing(str(ref)))
    values, forms = look_up_each(object_, path), look_up_each(in_one_form(object_), path)
    if len(values) != len(forms):
        forms = values
    first, *others = (
        FieldValue(object_exists=True, value=raw, in_one_form=None if form == raw else form)
        for raw, form in zip(values, forms, strict=True)
    )
    return replace(first, others=tuple(others), deleted_at=_deleted_at(object_))


def _deleted_at(object_: Json) -> str:
    """A claim that a Pod uses is kept so until the Pod goes, and so is what somebody else holds."""
    if not is_terminating(object_):
        return ""
    metadata = object_["metadata"]
    held = ", ".join(metadata.get("finalizers") or [])
    return f"{metadata['deletionTimestamp']}" + (f", held by {held}" if held else "")


def get_command(ref: ObjectRef) -> str:
    """The command that shows the whole object."""
    return f"kubectl get {ref.kubectl} -o yaml"
