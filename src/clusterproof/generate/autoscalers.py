"""What of a workload its autoscalers write, so that its manifest does not say it; pure.

Source: HorizontalPodAutoscalerSpec (autoscaling/v2, v1.35); KEDA's ScaledObjectSpec
(keda/v1alpha1); VerticalPodAutoscalerSpec (autoscaling.k8s.io/v1).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from clusterproof.generate.sources import Source, namespace_of
from clusterproof.kube.hpa import scales_to_zero
from clusterproof.kube.kinds import group_version
from clusterproof.kube.objects import Json

Workload = tuple[str, str, str]
"""Namespace, kind and name."""

_KEDA, _VERTICAL = ("ScaledObject", "keda.sh"), ("VerticalPodAutoscaler", "autoscaling.k8s.io")
_KEDA_MAX: Final = 100
"""`maxReplicaCount` where a ScaledObject names none; its `minReplicaCount` is 0 then."""
_EVERY: Final = "*"
"""The containerName of the policy for the containers that no other is about."""


@dataclass(frozen=True, slots=True)
class Autoscalers:
    """By workload, what is written by those that scale it.

    Attributes:
        replicas: The fewest and the most; None for a most that is not there.
        vertical: The spec of what sets its Pods' resources.
    """

    replicas: dict[Workload, tuple[int, int | None]] = field(default_factory=dict)
    vertical: dict[Workload, Json] = field(default_factory=dict)

    def sets(self, workload: Workload, container: str, bound: str, resource: str) -> bool:
        """Whether a container's `requests` or `limits` are another's matter than the template's."""
        spec = self.vertical.get(workload)
        if spec is None or _given(spec, "updatePolicy").get("updateMode") == "Off":
            return False
        policies = _given(spec, "resourcePolicy").get("containerPolicies") or []
        by_name = {each.get("containerName"): each for each in policies if isinstance(each, dict)}
        policy = by_name.get(container, by_name.get(_EVERY, {}))
        if policy.get("mode") == "Off":
            return False
        if bound == "limits" and policy.get("controlledValues") == "RequestsOnly":
            return False
        controlled = policy.get("controlledResources")
        return resource in (("cpu", "memory") if controlled is None else controlled)


def autoscalers_of(source: Source) -> Autoscalers:
    """The autoscalers of a source; one that the API server would not take scales nothing."""
    made = Autoscalers()
    by_keda: dict[Workload, tuple[int, int | None]] = {}
    for kind, item in source.objects:
        named = group_version(kind)
        is_of = (named[0], named[2]) if named else (kind, "")
        if is_of == ("HorizontalPodAutoscaler", ""):
            for workload, spec in _aimed(item, "scaleTargetRef"):
                fewest = 0 if scales_to_zero(item) else _count(spec, "minReplicas", 1)
                made.replicas[workload] = fewest, spec.get("maxReplicas")
        elif is_of == _KEDA:
            for workload, spec in _aimed(item, "scaleTargetRef", "Deployment"):
                fewest = _count(spec, "minReplicaCount", 0)
                fewest = min(fewest, _count(spec, "idleReplicaCount", fewest))
                by_keda[workload] = fewest, _count(spec, "maxReplicaCount", _KEDA_MAX)
        elif is_of == _VERTICAL:
            made.vertical.update(_aimed(item, "targetRef"))
    made.replicas.update(by_keda)  # KEDA's own HPA of the same workload never goes below 1
    return made


def _aimed(item: Json, key: str, default: str = "") -> Iterator[tuple[Workload, Json]]:
    """What an autoscaler scales, with its own spec."""
    spec = item.get("spec")
    ref = spec.get(key) if isinstance(spec, dict) else None
    if isinstance(spec, dict) and isinstance(ref, dict):
        kind, name = ref.get("kind") or default, ref.get("name")
        if isinstance(kind, str) and isinstance(name, str):
            yield (namespace_of(item), kind, name), spec


def _count(spec: Json, key: str, default: int) -> int:
    return spec[key] if isinstance(spec.get(key), int) else default


def _given(spec: Json, key: str) -> dict[str, Any]:
    given = spec.get(key)
    return given if isinstance(given, dict) else {}
