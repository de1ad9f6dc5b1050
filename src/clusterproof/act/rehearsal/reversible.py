"""What a rehearsal may change, and so the only things that are ever put back.

The record of a rehearsal is a ConfigMap. Whoever may create one in that namespace writes what it
says, and putting back is done with the rights of whoever runs clusterproof: a record that was
believed would lend those rights to its author. Keep this list in step with `operations.py`.
"""

import re
from collections.abc import Callable, Collection, Iterable

from clusterproof.spec.rehearsal import RehearsalRow
from clusterproof.spec.row import ObjectRef

_NAME = r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?"
"""An object's name in a path: no escape, no other segment, no query."""
_IN = rf"/namespaces/(?P<namespace>{_NAME})"
_WORKLOAD = rf"/apis/apps/v1{_IN}/(?:deployments|statefulsets)/{_NAME}"
_TEMPLATE = "/spec/template"
_MOST_REPLICAS = 1000


def _is_text(field: object) -> bool:
    return isinstance(field, str)


def _is_text_or_absent(field: object) -> bool:
    return field is None or isinstance(field, str)


def _is_flag_or_absent(field: object) -> bool:
    return field is None or isinstance(field, bool)


def _is_count(field: object) -> bool:
    return type(field) is int and 0 <= field <= _MOST_REPLICAS


_CHANGED: tuple[tuple[str, str, Callable[[object], bool]], ...] = (
    (rf"/api/v1/nodes/{_NAME}", "/spec/unschedulable", _is_flag_or_absent),
    (rf"/api/v1{_IN}/configmaps/{_NAME}", r"/data/[-._a-zA-Z0-9]+", _is_text_or_absent),
    (rf"{_WORKLOAD}/scale", "/spec/replicas", _is_count),
    (
        rf"/apis/autoscaling/v2{_IN}/horizontalpodautoscalers/{_NAME}",
        "/spec/minReplicas",
        _is_count,
    ),
    (
        _WORKLOAD,
        rf"{_TEMPLATE}/metadata/annotations/kubectl\.kubernetes\.io~1restartedAt",
        _is_text_or_absent,
    ),
    (_WORKLOAD, rf"{_TEMPLATE}/spec/containers/(?:0|[1-9][0-9]{{0,2}})/image", _is_text),
)
"""Path, field and what it can hold, for each thing that an operation sets."""


def refusal(
    path: object, field: object, fields: Iterable[object], namespaces: Collection[str] | None
) -> str:
    """Why this is nothing that a rehearsal changes; "" where it is.

    Args:
        path: What would be patched.
        field: Of it, as a JSON pointer.
        fields: What the field held, and what it was given.
        namespaces: The only ones in which objects are changed; any when None.
    """
    if not isinstance(path, str) or not isinstance(field, str):
        return f"{path!r}, {field!r}"
    for where, what, can_hold in _CHANGED:
        place = re.fullmatch(where, path)
        if place is None or not re.fullmatch(what, field):
            continue
        if not all(can_hold(content) for content in fields):
            return f"{path} {field} with a value that it cannot hold"
        namespace = place.groupdict().get("namespace")
        if namespace is not None and namespaces is not None and namespace not in namespaces:
            return f"{path}, which is in no namespace of the spec"
        return ""
    return f"{path} {field}"


def namespaces_of(aliases: Iterable[str], rows: Iterable[object]) -> tuple[str, ...]:
    """The namespaces of a spec, and those that its rehearsals name without an alias."""
    named = set(aliases)
    for row in rows:
        if isinstance(row, RehearsalRow):
            refs = (*row.workloads, *(part for _, part in row.operation))
            named |= {ref.namespace for ref in refs if isinstance(ref, ObjectRef)}
    return tuple(sorted(named - {""}))
