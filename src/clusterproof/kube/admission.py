"""The Pod that admission makes of a template.

Restates what the plugins LimitRanger (PodMutateLimitFunc), Priority, RuntimeClass and
PodNodeSelector set, v1.35. What a webhook adds (a mesh's proxy, a vertical autoscaler's requests,
the scheduler of nodes that are made for one Pod each) shows in a Pod that went through it, and
nowhere else.
"""

from collections.abc import Iterable, Mapping
from typing import TypeVar

from clusterproof.kube.limits import defaulted
from clusterproof.kube.objects import Json, annotations_of
from clusterproof.kube.requests import Bounds, bounds_of
from clusterproof.kube.scheduling import DEFAULT_SCHEDULER

T = TypeVar("T")

_OF_PRIORITY = ("preemptionPolicy", "priority", "priorityClassName")
_PLACES = ("initContainers", "containers")
_BY_VERTICAL_AUTOSCALER = "vpaUpdates"
"""The annotation of a Pod whose resources the admission controller of VerticalPodAutoscalers set
(kubernetes/autoscaler, pkg/admission-controller, patch.ResourceUpdatesAnnotation)."""


def as_admitted(spec: Json, pod: Json, made_of: Json) -> Json:
    """The spec of a template's next Pod, with what admission added to the last one.

    Args:
        spec: Of the template.
        pod: One that was admitted.
        made_of: The spec of the template that this one was made of: an older one, maybe.
    """
    admitted, resized = pod["spec"], _BY_VERTICAL_AUTOSCALER in annotations_of(pod)
    own = dict(spec)
    if made_of.get("priorityClassName") == spec.get("priorityClassName"):
        own = {name: admitted[name] for name in _OF_PRIORITY if name in admitted} | own
    if made_of.get("runtimeClassName") == spec.get("runtimeClassName") and "overhead" in admitted:
        own = {"overhead": admitted["overhead"]} | own
    if _scheduler(made_of) == _scheduler(spec):
        own["schedulerName"] = _scheduler(admitted)
    declared_ever = [*(spec.get("tolerations") or []), *(made_of.get("tolerations") or [])]
    own["tolerations"] = [
        *(spec.get("tolerations") or []),
        *(each for each in admitted.get("tolerations") or [] if each not in declared_ever),
    ]
    added = _added(admitted.get("nodeSelector") or {}, made_of.get("nodeSelector") or {})
    own["nodeSelector"] = added | (spec.get("nodeSelector") or {})
    for place in _PLACES:
        there, declared, before = (_by_name(each, place) for each in (admitted, spec, made_of))
        if resized:
            declared = {
                name: container | {"resources": there.get(name, container).get("resources") or {}}
                for name, container in declared.items()
            }
        own[place] = list((_added(there, before) | declared).values())
    return own


def _scheduler(spec: Json) -> str:
    return spec.get("schedulerName") or DEFAULT_SCHEDULER


def _by_name(spec: Json, place: str) -> dict[str, Json]:
    return {container["name"]: container for container in spec.get(place) or []}


def _added(admitted: Mapping[str, T], declared: Mapping[str, T]) -> dict[str, T]:
    return {name: inner for name, inner in admitted.items() if name not in declared}


def with_defaults(spec: Json, limit_ranges: Iterable[Json]) -> Json:
    """The spec of a Pod with the defaults of its namespace's LimitRanges in it."""
    bounds = bounds_of(spec)
    for limit_range in limit_ranges:
        bounds, _ = defaulted(limit_range, bounds)
    by_name = {each.name: _resources(each.bounds) for each in bounds.containers}
    places = {
        place: [{**each, "resources": by_name[each["name"]]} for each in spec.get(place) or []]
        for place in _PLACES
    }
    own = {} if bounds.pod is None else {"resources": _resources(bounds.pod)}
    return {**spec, **places, **own}


def _resources(bounds: Bounds) -> Json:
    return {
        bound: {name: f"{amount:f}" for name, amount in bounds.of(bound).items()}
        for bound in ("requests", "limits")
    }
