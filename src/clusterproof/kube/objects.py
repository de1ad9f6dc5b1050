"""What every Kubernetes object has: labels, an owner that controls it, and conditions."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Json = dict[str, Any]
"""An object as the API server writes it."""


def labels_of(object_: Mapping[str, Any]) -> dict[str, str]:
    """The labels of an object."""
    return (object_.get("metadata") or {}).get("labels") or {}


def annotations_of(object_: Mapping[str, Any]) -> dict[str, str]:
    """The annotations of an object."""
    return (object_.get("metadata") or {}).get("annotations") or {}


def status_of(object_: Mapping[str, Any]) -> Json:
    """The status of an object; empty before a controller has written any."""
    return object_.get("status") or {}


def conditions_of(object_: Mapping[str, Any]) -> list[Json]:
    """The status conditions of an object."""
    return status_of(object_).get("conditions") or []


def condition_entry(object_: Mapping[str, Any], kind: str) -> Json:
    """The condition of this type, or {} (apimachinery meta.FindStatusCondition)."""
    return next((entry for entry in conditions_of(object_) if entry.get("type") == kind), {})


def condition(object_: Mapping[str, Any], kind: str) -> str:
    """The status of a condition ("True", "False", "Unknown"), or "" when it is not there."""
    return str(condition_entry(object_, kind).get("status", ""))


def controller_of(object_: Mapping[str, Any]) -> Json | None:
    """The owner reference of the controller (metav1.GetControllerOf): at most one has the mark."""
    references: list[Json] = object_["metadata"].get("ownerReferences") or []
    return next((reference for reference in references if reference.get("controller")), None)


def controlled_by(owners: Iterable[Json], objects: Iterable[Json]) -> Iterator[Json]:
    """Those of `objects` that one of `owners` controls, by UID (metav1.IsControlledBy).

    Neither a label nor the owner's name decides: both outlive an owner that was made anew.
    """
    uids = {owner["metadata"].get("uid") for owner in owners} - {None, ""}
    for object_ in objects:
        reference = controller_of(object_)
        if reference is not None and reference.get("uid") in uids:
            yield object_


def is_terminating(object_: Mapping[str, Any]) -> bool:
    """Whether somebody has deleted it: it is still there, and about to go."""
    return bool((object_.get("metadata") or {}).get("deletionTimestamp"))
