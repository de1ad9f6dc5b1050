"""Workloads: what runs Pods, the template they are made from, and the Pods that are theirs."""

from collections.abc import Iterable, Mapping

from clusterproof.kube.objects import Json, controlled_by
from clusterproof.kube.selectors import selects

MIDDLE = {
    "CronJob": "Job",
    "Deployment": "ReplicaSet",
}
"""Workload to what stands between it and its Pods; it owns that, and that owns the Pods."""

DIRECT = frozenset({"DaemonSet", "Job", "ReplicaSet", "ReplicationController", "StatefulSet"})
"""Workloads whose Pods they own themselves."""

WORKLOADS = DIRECT | MIDDLE.keys() | {"Pod"}


NO_WORKLOADS = frozenset(
    {
        "ConfigMap",
        "EndpointSlice",
        "Event",
        "HorizontalPodAutoscaler",
        "Ingress",
        "LimitRange",
        "Namespace",
        "NetworkPolicy",
        "Node",
        "PersistentVolume",
        "PersistentVolumeClaim",
        "PodDisruptionBudget",
        "ResourceQuota",
        "Secret",
        "Service",
        "ServiceAccount",
    }
)
"""Kubernetes' own kinds that run no Pods, however many Pods a selector of theirs matches."""


def middle_kind(kind: str) -> str:
    """The kind that stands between a workload and its Pods; "" for one that owns them itself.

    A kind that is not Kubernetes' own (Argo's Rollout) is taken for one that runs its Pods by
    ReplicaSets, or owns them itself: both are looked for. OpenShift's DeploymentConfig is older
    than ReplicaSets.
    """
    if kind in DIRECT or kind == "Pod":
        return ""
    of_others = "ReplicationController" if kind.startswith("DeploymentConfig.") else "ReplicaSet"
    return MIDDLE.get(kind, of_others)


def pods_by_owner(
    kind: str, workload: Json, pods: Iterable[Json], middle: Iterable[Json] = ()
) -> list[Json]:
    """The Pods that a workload runs, by controller references, in the order of their names.

    Restates what kube-controller-manager's controllers count as theirs
    (controller.PodControllerRefManager; metav1.GetControllerOf). Pods that only carry the labels
    of the selector are somebody else's, or nobody's. A bare Pod is its own.

    Args:
        kind: Of the workload: the API server leaves it out of the objects of a list.
        workload: The object.
        pods: The Pods of its namespace.
        middle: The objects of `middle_kind` in its namespace.
    """
    if kind == "Pod":
        uid = workload["metadata"]["uid"]
        own = [pod for pod in pods if pod["metadata"]["uid"] == uid]
    else:
        own = list(controlled_by([workload, *controlled_by([workload], middle)], pods))
    return sorted(own, key=lambda pod: str(pod["metadata"]["name"]))


def selector_of(kind: str, workload: Json) -> Json:
    """The LabelSelector of a workload; one without a term is as none, as is one of another type."""
    selector = (workload.get("spec") or {}).get("selector")
    if not isinstance(selector, dict):
        return {}
    if kind == "ReplicationController":  # older than LabelSelector: labels alone
        selector = {"matchLabels": selector}
    return selector if selector.get("matchLabels") or selector.get("matchExpressions") else {}


def would_adopt(kind: str, workload: Json, labels: Mapping[str, str]) -> bool:
    """Whether a controller takes a Pod of nobody with these labels for its own, and ends one then.

    Restates PodControllerRefManager.ClaimPods; a StatefulSet goes by the Pod's name, too
    (isMemberOf).
    """
    selector = selector_of(kind, workload)
    return kind != "StatefulSet" and bool(selector) and selects(selector, labels)


def template_of(workload: Json) -> Json | None:
    """The Pod template of a workload, metadata and spec; a bare Pod is its own.

    None for an object that has none: a Rollout by `workloadRef`, or no workload at all.
    """
    spec: Json = workload.get("spec") or {}
    if "containers" in spec:
        return workload
    holder: Json = (spec.get("jobTemplate") or {}).get("spec") or spec
    template: Json | None = holder.get("template")
    return template


def pod_spec_of(workload: Json) -> Json:
    """The Pod spec of a workload's template; empty where it has no template."""
    return (template_of(workload) or {}).get("spec") or {}
