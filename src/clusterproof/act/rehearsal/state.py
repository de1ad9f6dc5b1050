"""How a deployment is: its objects without what the server writes, and what is not whole in it."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from clusterproof.kube.client import Json, KubeApi
from clusterproof.kube.hpa import scales_to_zero
from clusterproof.kube.kinds import CLUSTER_WIDE, kind_of
from clusterproof.kube.objects import (
    annotations_of,
    condition,
    condition_entry,
    is_terminating,
    labels_of,
)
from clusterproof.kube.rollout import is_observed
from clusterproof.kube.selectors import selects
from clusterproof.observe.cluster import Cluster
from clusterproof.spec.row import ObjectRef

KINDS = ("ConfigMap", "Deployment", "HorizontalPodAutoscaler", "PodDisruptionBudget", "Service")
"""What an operation may change, or leave behind; Nodes beside them."""
SERVER_SIDE = frozenset(
    {"resourceVersion", "uid", "creationTimestamp", "generation", "managedFields", "selfLink"}
)
"""What the API server writes into an object's metadata."""
REVISION = "deployment.kubernetes.io/revision"
"""The annotation that counts what a Deployment was."""
_AUTOSCALED = "set by a HorizontalPodAutoscaler"
_SHOWN = 60

State = Mapping[str, Any]
"""`Kind/namespace/name` to the object's essence."""


def read_state(
    api: KubeApi,
    namespaces: Iterable[str],
    workloads: Iterable[ObjectRef],
    config_maps: Collection[str] | None = None,
) -> State:
    """Every object of the namespaces that an operation may change, and every Node.

    Objects of our own are left out, and so are the replicas of what an autoscaler scales: they are
    its to say. Beside a StatefulSet of the row that none scales, its claims are looked at: one
    that was scaled up leaves them.
    Right: `list` of those kinds.

    Args:
        api: Asked anew.
        namespaces: Of the spec.
        workloads: Those of the row.
        config_maps: `ConfigMap/namespace/name` of those that the operation changes; controllers
            keep their state in others. None: all.
    """
    cluster, workloads = Cluster(api), tuple(workloads)
    kinds = dict.fromkeys([*KINDS, *(workload.kind for workload in workloads)])
    if "StatefulSet" in kinds:
        kinds["PersistentVolumeClaim"] = None
    state = {
        f"{kind}/{namespace}/{item['metadata']['name']}": essence(item)
        for namespace in sorted(set(namespaces))
        for kind in kinds
        for item in cluster.objects(kind, namespace)
        if kind != "ConfigMap"
        or config_maps is None
        or f"ConfigMap/{namespace}/{item['metadata']['name']}" in config_maps
    }
    scaled = _leave_to_autoscalers(state)
    claims = [_claims_of(state[str(ref)]) for ref in workloads if str(ref) in {*state} - scaled]
    state = {
        key: part
        for key, part in state.items()
        if not key.startswith("PersistentVolumeClaim/")
        or any(pattern.fullmatch(key) for pattern in claims)
    }
    nodes = cluster.objects("Node", CLUSTER_WIDE)
    return state | {f"Node//{item['metadata']['name']}": _node(item) for item in nodes}


def _claims_of(workload: Json) -> re.Pattern[str]:
    """The keys of the claims that a StatefulSet makes of its templates; of another kind, none."""
    metadata = workload["metadata"]
    templates = (workload.get("spec") or {}).get("volumeClaimTemplates") or []
    names = "|".join(re.escape(template["metadata"]["name"]) for template in templates) or "(?!)"
    namespace, name = re.escape(metadata["namespace"]), re.escape(metadata["name"])
    return re.compile(rf"PersistentVolumeClaim/{namespace}/(?:{names})-{name}-\d+")


def _leave_to_autoscalers(state: dict[str, Json]) -> set[str]:
    """Take the replicas out of all that an autoscaler scales; the keys of what it targets.

    At 0 replicas an autoscaler does nothing (ScalingDisabled): that number stays, but where
    something scales to 0 and back (KEDA, or an HPA with minReplicas 0).
    """
    targets, to_zero = set(), set()
    for key in [key for key in state if key.startswith("HorizontalPodAutoscaler/")]:
        target = state[key]["spec"]["scaleTargetRef"]
        name = f"{kind_of(target)}/{key.split('/')[1]}/{target['name']}"
        targets.add(name)
        if scales_to_zero(state[key]):
            to_zero.add(name)
    for key in targets & {*state}:
        spec = state[key].get("spec") or {}
        if spec.get("replicas") or key in to_zero:
            state[key]["spec"] = {**spec, "replicas": _AUTOSCALED}
    return targets


def autoscaled(state: State) -> list[str]:
    """The keys of what has the replicas that an autoscaler gives it."""
    return [
        key
        for key, part in state.items()
        if (part.get("spec") or {}).get("replicas") == _AUTOSCALED
    ]


def essence(item: Json) -> Json:
    """What has to be the same again: all but the status and what the server writes."""
    part = {key: value for key, value in item.items() if key not in {"status", "apiVersion"}}
    metadata = {key: content for key, content in item["metadata"].items() if key not in SERVER_SIDE}
    annotations = {key: text for key, text in annotations_of(item).items() if key != REVISION}
    return {**part, "metadata": {**metadata, "annotations": annotations}}


def _node(item: Json) -> Json:
    """Whether it takes Pods: all that an operation changes of it.

    Its taints and labels are for others to say (an autoscaler of nodes, a discovery of features).
    """
    return {"unschedulable": bool((item.get("spec") or {}).get("unschedulable"))}


def changes(before: State, after: State) -> Iterator[str]:
    """What is not as it was, one sentence for each object.

    No operation makes a Node or deletes one: an autoscaler does.
    """
    for key in sorted({*before, *after}):
        if key.startswith("Node/") and not (key in before and key in after):
            continue
        if key not in after:
            yield f"{key}: is gone"
        elif key not in before:
            yield f"{key}: was not there"
        elif before[key] != after[key]:
            path, was, now = next(unlike(before[key], after[key], ""))
            yield f"{key}: {path} was {_short(was)}, is {_short(now)}"


def unlike(before: object, after: object, path: str) -> Iterator[tuple[str, object, object]]:
    """Path, what was there and what is, of each place where they differ; below `path`."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted({*before, *after}):
            yield from unlike(before.get(key), after.get(key), f"{path}.{key}".lstrip("."))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (earlier, later) in enumerate(zip(before, after, strict=True)):
            yield from unlike(earlier, later, f"{path}[{index}]")
    elif before != after:
        yield path, before, after


def _short(value: object) -> str:
    text = "absent" if value is None else str(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def incomplete(
    api: KubeApi,
    workloads: Iterable[ObjectRef],
    *,
    replicas: int | None = None,
    or_more: bool = False,
) -> tuple[str, ...]:
    """What is not whole: replicas that are not current and available, Pods that have yet to end.

    Args:
        api: Asked anew at each call.
        workloads: Those that are looked at.
        replicas: How many each of them must want; any number when None.
        or_more: Whether it may want more: an autoscaler goes above its floor.
    """
    cluster = Cluster(api)
    return tuple(
        text for ref in workloads for text in _incomplete(cluster, ref, replicas, or_more=or_more)
    )


def _incomplete(
    cluster: Cluster, ref: ObjectRef, replicas: int | None, *, or_more: bool
) -> Iterator[str]:
    item = cluster.find(ref)
    if item is None:
        yield f"{ref}: no such object"
        return
    status = item.get("status") or {}
    desired = item["spec"].get("replicas", 1)
    if replicas is not None and (desired < replicas if or_more else desired != replicas):
        yield f"{ref}: {desired} replicas are wanted, not {replicas}"
    names = ("updatedReplicas", "readyReplicas", "availableReplicas", "replicas")
    counts = [status.get(name, 0) for name in names]
    if not is_observed(item) or counts != [desired] * len(names):
        yield f"{ref}: desired {desired}, updated/ready/available/all {counts}{_why(cluster, ref)}"
    selector = item["spec"].get("selector") or {}
    ending = [
        pod["metadata"]["name"]
        for pod in cluster.objects("Pod", ref.namespace)
        if is_terminating(pod) and selects(selector, labels_of(pod))
    ]
    if ending:
        yield f"{ref}: yet to end: {', '.join(ending)}"


def _why(cluster: Cluster, ref: ObjectRef) -> str:
    """The first reason that the controller or the scheduler gives, or ""."""
    failure = condition_entry(cluster.find(ref) or {}, "ReplicaFailure")
    reasons = [str(failure.get("message", ""))] if failure.get("status") == "True" else []
    for pod in cluster.pods_of(ref):
        name, status = pod["metadata"]["name"], pod.get("status") or {}
        if condition(pod, "PodScheduled") == "False":
            reasons.append(f"{name}: not scheduled")
        for container in status.get("containerStatuses") or []:
            waiting = (container.get("state") or {}).get("waiting") or {}
            if waiting.get("reason", "PodInitializing") != "PodInitializing":
                reasons.append(f"{name}: {waiting['reason']}")
    return f" ({reasons[0][:160]})" if reasons else ""
