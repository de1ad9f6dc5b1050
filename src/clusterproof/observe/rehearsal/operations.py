"""The operations: each performed as kubectl performs it, step by step.

A new operation is a class in `spec/rehearsal.py` and a function here. Rights, each only for the
operations that the spec has: `patch` of what is changed, `patch deployments/scale`,
`create pods/eviction`, `delete pods`, `create pods/portforward`, `list replicasets`.
Source: Kubernetes docs, "Deployments" and "API-initiated Eviction"; kubectl's own source for
`rollout restart` and `rollout undo` (v1.35).
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import singledispatch
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from clusterproof.errors import ObservationError
from clusterproof.kube.client import Json
from clusterproof.kube.kinds import CLUSTER_WIDE, KINDS
from clusterproof.kube.objects import condition
from clusterproof.observe.cluster import Cluster, is_ours
from clusterproof.observe.rehearsal.act import Act, path_of
from clusterproof.observe.rehearsal.forward import end_of, get_through
from clusterproof.observe.rehearsal.seen import Step
from clusterproof.observe.rehearsal.state import unwhole
from clusterproof.observe.rehearsal.undo import JSON_PATCH, STRATEGIC, Undo
from clusterproof.spec.rehearsal import Configure, Drain, Forward, Kill, Scale, Upgrade
from clusterproof.spec.row import ObjectRef
from clusterproof.wait import pause

RESTARTED = "kubectl.kubernetes.io/restartedAt"
FORWARDS = 10
"""One a second, so that requests flow meanwhile. Our choice."""
_REVISION = "deployment.kubernetes.io/revision"
_HASH = "pod-template-hash"
_OK = ("HTTP/1.1 200", "HTTP/1.0 200")


@singledispatch
def perform(operation: object, act: Act) -> Iterator[Step]:
    """The steps of an operation; each is performed when it is asked for.

    Raises:
        NotImplementedError: No function is registered for its class.
        ObservationError: It could not be performed, so that nothing can be said.
    """
    raise NotImplementedError(f"{type(operation).__name__} of {act.rule.id}")


@perform.register
def scale(operation: Scale, act: Act) -> Iterator[Step]:
    """To the wanted number; the autoscaler's floor goes with it."""
    path = f"{path_of(operation.of)}/scale"
    back = [Undo(path, _replicas(act.get(operation.of)["spec"].get("replicas", 1)))]
    if operation.autoscaler is not None:
        floor = path_of(operation.autoscaler)
        before = act.get(operation.autoscaler)["spec"].get("minReplicas")
        back.insert(0, Undo(floor, {"spec": {"minReplicas": before}}))
    act.remember(*back)
    act.patch(path, _replicas(operation.replicas))
    if operation.autoscaler is not None:
        act.patch(path_of(operation.autoscaler), {"spec": {"minReplicas": operation.replicas}})
    what = f"{operation.of.name} runs {operation.replicas} replicas"
    yield act.whole(what, [operation.of], replicas=operation.replicas)


def _replicas(number: int) -> Json:
    return {"spec": {"replicas": number}}


@perform.register
def configure(operation: Configure, act: Act) -> Iterator[Step]:
    """Change the key, restart, and see that every Pod came after the change."""
    data = act.get(operation.of).get("data") or {}
    template = act.get(operation.workload)["spec"]["template"]
    # The ConfigMap first: the Pods of the way back must start with what it was.
    act.remember(
        Undo(path_of(operation.of), {"data": {operation.key: data.get(operation.key)}}),
        _template(operation.workload, template),
    )
    act.patch(path_of(operation.of), {"data": {operation.key: operation.value}})
    mark = {"annotations": {RESTARTED: datetime.now(tz=UTC).isoformat(timespec="seconds")}}
    body = {"spec": {"template": {"metadata": mark}}}
    act.patch(path_of(operation.workload), body, STRATEGIC)
    yield act.whole(f"{operation.workload.name} is restarted", [operation.workload])


def _template(ref: ObjectRef, template: Json) -> Undo:
    return Undo(path_of(ref), [{"op": "replace", "path": "/spec/template", "value": template}])


@perform.register
def upgrade(operation: Upgrade, act: Act) -> Iterator[Step]:
    """To the image, and back to the revision before it."""
    ref = operation.of
    act.remember(_template(ref, act.get(ref)["spec"]["template"]))
    containers = [{"name": operation.container, "image": operation.image}]
    act.patch(path_of(ref), {"spec": {"template": {"spec": {"containers": containers}}}}, STRATEGIC)
    yield act.whole(f"{ref.name} runs {operation.image}", [ref])
    body = _template(ref, _revision_before(act, ref)).body
    act.patch(path_of(ref), body, JSON_PATCH)
    yield act.whole(f"{ref.name} is rolled back", [ref])


def _revision_before(act: Act, ref: ObjectRef) -> Json:
    """The template of the newest revision but the current one, as `rollout undo` finds it.

    Raises:
        ObservationError: There is none.
    """
    uid = act.get(ref)["metadata"]["uid"]
    sets = [
        one
        for one in act.api.list(KINDS["ReplicaSet"].collection(ref.namespace))
        if any(owner.get("uid") == uid for owner in one["metadata"].get("ownerReferences") or [])
    ]
    sets.sort(key=lambda one: int((one["metadata"].get("annotations") or {}).get(_REVISION, "0")))
    if len(sets) < 2:  # noqa: PLR2004 - the current one, and one before
        raise ObservationError(f"{ref}: no revision to go back to (revisionHistoryLimit?)")
    template: Json = sets[-2]["spec"]["template"]
    labels = {
        key: one for key, one in template["metadata"].get("labels", {}).items() if key != _HASH
    }
    return {**template, "metadata": {**template["metadata"], "labels": labels}}


@perform.register
def forward(operation: Forward, act: Act) -> Iterator[Step]:
    """Ask through the forwarded port, once a second."""

    def look() -> tuple[str, ...]:
        pod, port, why = end_of(act.api, operation.of, operation.port)
        if why:
            return (why,)
        said = get_through(act.api, operation.of.namespace, pod, port, operation.path)
        if not said.startswith(_OK):
            return (f"{pod}:{port} answered {said[:80]!r}",)
        return () if operation.holds in said else (f"{pod}:{port}: no {operation.holds} in it",)

    what = f"{operation.holds} is read through the forwarded port {operation.port}"
    yield act.reach(what, look)
    for _ in range(FORWARDS - 1):
        pause(1.0)
        if missing := look():
            yield Step(f"{what}, {FORWARDS} times of {FORWARDS}", "; ".join(missing), 0.0, 0.0)
            return


@perform.register
def drain(operation: Drain, act: Act) -> Iterator[Step]:
    """Cordon a node and evict, as the disruption budgets allow it."""
    node = _node_to_drain(operation, act)
    path = f"{KINDS['Node'].collection(CLUSTER_WIDE)}/{quote(node)}"
    names = sorted(str(pod["metadata"]["name"]) for pod in _pods_on(act, node))
    act.remember(Undo(path, {"spec": {"unschedulable": None}}))
    act.patch(path, {"spec": {"unschedulable": True}})

    def look() -> tuple[str, ...]:
        return tuple(_evict(act, pod) for pod in _pods_on(act, node))

    yield act.reach(f"{node} is left by {', '.join(names)}", look)
    moved = ", ".join(ref.name for ref in operation.elsewhere)
    yield act.whole(f"{moved} run without {node}", operation.elsewhere)


def _node_to_drain(operation: Drain, act: Act) -> str:
    """The node with the most Pods to evict, of those that the row allows.

    Raises:
        ObservationError: There is none.
    """
    cluster = Cluster(act.api)
    places = {_node_of(pod) for pod in cluster.ready_pods_of(operation.runs)}
    spared = {_node_of(pod) for ref in operation.spares for pod in cluster.pods_of(ref)}
    nodes = {
        item["metadata"]["name"]
        for item in cluster.objects("Node", CLUSTER_WIDE)
        if condition(item, "Ready") == "True" and not (item.get("spec") or {}).get("unschedulable")
    }
    fit = sorted(places & nodes - spared)
    if not fit:
        raise ObservationError(
            f"each node that runs {operation.runs.name} runs one that is tied to its disk as well",
            next_command=f"kubectl -n {operation.runs.namespace} get pods -o wide",
        )
    return max(fit, key=lambda node: len(_pods_on(act, node)))


def _node_of(pod: Json) -> str:
    return str(pod["spec"].get("nodeName", ""))


def _pods_on(act: Act, node: str) -> list[Json]:
    """The Pods that a drain evicts: of the spec's namespaces, not ours, no DaemonSet's."""
    cluster = Cluster(act.api)
    return [
        pod
        for namespace in act.namespaces
        for pod in cluster.objects("Pod", namespace)
        if _node_of(pod) == node
        and not is_ours(pod)
        and (pod.get("status") or {}).get("phase") not in {"Succeeded", "Failed"}
        and not any(
            owner.get("kind") == "DaemonSet"
            for owner in pod["metadata"].get("ownerReferences") or []
        )
    ]


def _evict(act: Act, pod: Json) -> str:
    """Ask for the eviction of a Pod that was not told to end yet; why it is still there."""
    name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
    if pod["metadata"].get("deletionTimestamp"):
        return f"{name} is ending"
    act.may_write()
    eviction = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": name, "namespace": namespace},
        "deleteOptions": {"preconditions": {"uid": pod["metadata"]["uid"]}},
    }
    path = f"{KINDS['Pod'].collection(namespace)}/{quote(name)}/eviction"
    try:
        act.api.request("POST", path, body=eviction)
    except ObservationError as error:
        if error.status == HTTPStatus.TOO_MANY_REQUESTS:
            return f"{name} may not be evicted: {str(error).rpartition(': ')[2]}"
        if error.status not in {HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT}:
            raise
    return f"{name} was told to end"


@perform.register
def kill(operation: Kill, act: Act) -> Iterator[Step]:
    """Delete a ready Pod, and wait for another in its place."""
    pod = Cluster(act.api).ready_pods_of(operation.of)[0]
    name = str(pod["metadata"]["name"])
    path = f"{KINDS['Pod'].collection(operation.of.namespace)}/{quote(name)}"
    options: dict[str, Any] = {"preconditions": {"uid": pod["metadata"]["uid"]}}
    if operation.grace_s is not None:
        options["gracePeriodSeconds"] = operation.grace_s
    act.may_write()
    act.api.request("DELETE", path, body={"apiVersion": "v1", "kind": "DeleteOptions", **options})

    def look() -> tuple[str, ...]:
        there = act.api.find(path)
        old = there is not None and there["metadata"]["uid"] == pod["metadata"]["uid"]
        return (f"{name} is ending",) if old else unwhole(act.api, [operation.of])

    yield act.reach(f"{operation.of.name} is whole without {name}", look)
