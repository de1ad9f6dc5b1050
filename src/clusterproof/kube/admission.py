"""The Pod that admission makes of a template.

Restates what the plugins LimitRanger (PodMutateLimitFunc), Priority, RuntimeClass and
PodNodeSelector set, v1.35. What a webhook adds (a mesh's proxy, a vertical autoscaler's requests)
shows in a Pod that went through it, and nowhere else.
"""

from collections.abc import Iterable

from clusterproof.kube.limits import defaulted
from clusterproof.kube.objects import Json, annotations_of
from clusterproof.kube.requests import Bounds, bounds_of

_SET_BY_PLUGINS = ("overhead", "preemptionPolicy", "priority", "priorityClassName")
_PLACES = ("initContainers", "containers")
_BY_VERTICAL_AUTOSCALER = "vpaUpdates"
"""The annotation of a Pod whose resources the admission controller of VerticalPodAutoscalers set
(kubernetes/autoscaler, pkg/admission-controller, patch.ResourceUpdatesAnnotation)."""


def as_admitted(spec: Json, pod: Json) -> Json:
    """The spec of a template's next Pod, with what admission added to the last one.

    What the template says itself goes before: it may have changed since.

    Args:
        spec: Of the template.
        pod: One that was made of it, and admitted.
    """
    admitted, resized = pod["spec"], _BY_VERTICAL_AUTOSCALER in annotations_of(pod)
    own = {name: admitted[name] for name in _SET_BY_PLUGINS if name in admitted} | spec
    tolerations = list(spec.get("tolerations") or [])
    tolerations += [each for each in admitted.get("tolerations") or [] if each not in tolerations]
    own["tolerations"] = tolerations
    own["nodeSelector"] = (admitted.get("nodeSelector") or {}) | (spec.get("nodeSelector") or {})
    for place in _PLACES:
        there = {container["name"]: container for container in admitted.get(place) or []}
        declared = {container["name"]: container for container in spec.get(place) or []}
        if resized:
            declared = {
                name: container | {"resources": there.get(name, container).get("resources") or {}}
                for name, container in declared.items()
            }
        own[place] = list((there | declared).values())
    return own


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
