"""The operations: each performed as kubectl performs it, step by step.

A new operation is a class in `spec/rehearsal.py` and a function here. Rights, each only for the
operations that the spec has: `patch` of what is changed, `patch deployments/scale`,
`create pods/eviction`, `delete pods`, `get` and `create pods/portforward`, `list replicasets`,
`get daemonsets`, and `list pods` of all namespaces to name those that a drain leaves alone. What a
rehearsal would change must differ from what is there: where it does not, there is nothing to
rehearse, and nothing that could be put back.
Source: Kubernetes docs, "Deployments" and "API-initiated Eviction"; kubectl's own source for
`rollout restart` and `rollout undo` (v1.35).
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import singledispatch
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from clusterproof.act.rehearsal.act import Act, path_of
from clusterproof.act.rehearsal.drain import Eviction, place_of, remarks, sort_pods
from clusterproof.act.rehearsal.forward import end_of, get_through
from clusterproof.act.rehearsal.seen import Step
from clusterproof.act.rehearsal.state import REVISION, incomplete, unlike
from clusterproof.act.rehearsal.undo import STRATEGIC, Undo, pointer
from clusterproof.errors import ObservationError
from clusterproof.kube.kinds import CLUSTER_WIDE, KINDS
from clusterproof.kube.objects import (
    Json,
    annotations_of,
    condition,
    controlled_by,
    controller_of,
    is_terminating,
)
from clusterproof.observe.cluster import Cluster, is_ours
from clusterproof.spec.rehearsal import Configure, Drain, Forward, Kill, Scale, Upgrade
from clusterproof.spec.row import ObjectRef
from clusterproof.wait import pause

RESTARTED = "kubectl.kubernetes.io/restartedAt"
FORWARDS = 10
"""One a second, so that requests flow meanwhile. Our choice."""
REPLICAS = "/spec/replicas"
OURS = "leaving Pods of our own"
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
    before = act.get(operation.of)["spec"].get("replicas", 1)
    _must_differ(operation.of, "replicas", before, operation.replicas)
    entries = [Undo(path, REPLICAS, before, operation.replicas)]
    if operation.autoscaler is not None:
        floor = act.get(operation.autoscaler)["spec"].get("minReplicas", 1)
        place = path_of(operation.autoscaler)
        entries.insert(0, Undo(place, "/spec/minReplicas", floor, operation.replicas))
    act.remember(*entries)
    act.patch(path, {"spec": {"replicas": operation.replicas}})
    if operation.autoscaler is not None:
        act.patch(path_of(operation.autoscaler), {"spec": {"minReplicas": operation.replicas}})
    what = f"{operation.of.name} runs {operation.replicas} replicas"
    or_more = operation.autoscaler is not None
    yield act.whole(what, [operation.of], replicas=operation.replicas, or_more=or_more)


def _must_differ(ref: ObjectRef, what: str, before: object, after: object) -> None:
    if before == after:
        raise ObservationError(
            f"{ref}: {what} is {after!r} already: the operation would change nothing",
            next_command=f"kubectl get {ref.kubectl} -o yaml",
        )


@perform.register
def configure(operation: Configure, act: Act) -> Iterator[Step]:
    """Change the key, restart, and see that every Pod came after the change."""
    before = (act.get(operation.of).get("data") or {}).get(operation.key)
    _must_differ(operation.of, operation.key, before, operation.value)
    template = act.get(operation.workload)["spec"]["template"]
    restarted = annotations_of(template).get(RESTARTED)
    now = datetime.now(tz=UTC).isoformat(timespec="seconds")
    annotation = pointer("spec", "template", "metadata", "annotations", RESTARTED)
    # The ConfigMap first: the Pods that come when the template is put back must start with it.
    act.remember(
        Undo(path_of(operation.of), pointer("data", operation.key), before, operation.value),
        Undo(path_of(operation.workload), annotation, restarted, now),
    )
    act.patch(path_of(operation.of), {"data": {operation.key: operation.value}})
    body = {"spec": {"template": {"metadata": {"annotations": {RESTARTED: now}}}}}
    act.patch(path_of(operation.workload), body, STRATEGIC)
    yield act.whole(f"{operation.workload.name} is restarted", [operation.workload])


@perform.register
def upgrade(operation: Upgrade, act: Act) -> Iterator[Step]:
    """To the image, and back to the revision that was found.

    `kubectl rollout undo` replaces the whole template by the revision's (kubectl v1.35,
    polymorphichelpers/rollback.go), and with it whatever others changed in it meanwhile. Here only
    the image is put back, which is the same where nothing else was changed, and else leaves it.
    """
    ref = operation.of
    before = act.get(ref)
    revision = annotations_of(before).get(REVISION, "")
    containers = before["spec"]["template"]["spec"]["containers"]
    names = [container["name"] for container in containers]
    if operation.container not in names:
        raise ObservationError(f"{ref}: no container {operation.container}, only {names}")
    index = names.index(operation.container)
    image = containers[index]["image"]
    _must_differ(ref, f"the image of {operation.container}", image, operation.image)
    field = pointer("spec", "template", "spec", "containers", index, "image")
    act.remember(Undo(path_of(ref), field, image, operation.image, operation.container))
    wanted = [{"name": operation.container, "image": operation.image}]
    act.patch(path_of(ref), {"spec": {"template": {"spec": {"containers": wanted}}}}, STRATEGIC)
    yield act.whole(f"{ref.name} runs {operation.image}", [ref])
    _must_have_revision(act, before, revision)
    act.may_write()
    if not act.put_back():
        return
    left_alone = _changed_meanwhile(before, act.get(ref))
    stays = f"; changed by others meanwhile, and left: {left_alone}" if left_alone else ""
    yield act.whole(f"{ref.name} is rolled back to revision {revision}{stays}", [ref])


def _changed_meanwhile(before: Json, after: Json) -> str:
    """What differs in two templates, by container and not by place; "" for nothing."""

    def named(deployment: Json) -> Json:
        template = deployment["spec"]["template"]
        lists = {
            key: {str(each["name"]): each for each in template["spec"].get(key) or []}
            for key in ("containers", "initContainers")
        }
        return {**template, "spec": {**template["spec"], **lists}}

    return ", ".join(path for path, _, _ in unlike(named(before), named(after), ""))


def _must_have_revision(act: Act, deployment: Json, revision: str) -> None:
    """Nothing, where `rollout undo --to-revision` would find what it goes back to.

    Raises:
        ObservationError: There is no such revision.
    """
    metadata = deployment["metadata"]
    replica_sets = act.api.list(KINDS["ReplicaSet"].collection(metadata["namespace"]))
    for replica_set in controlled_by([deployment], replica_sets):
        if revision and annotations_of(replica_set).get(REVISION) == revision:
            return
    raise ObservationError(
        f"Deployment/{metadata['namespace']}/{metadata['name']}: no revision {revision or '?'} to"
        " go back to (revisionHistoryLimit?)"
    )


@perform.register
def forward(operation: Forward, act: Act) -> Iterator[Step]:
    """Ask through the forwarded port, once a second."""

    def look() -> tuple[str, ...]:
        pod, port, why = end_of(act.api, operation.of, operation.port)
        if why:
            return (why,)
        response = get_through(act.api, operation.of.namespace, pod, port, operation.path)
        if not response.startswith(_OK):
            return (f"{pod}:{port} answered {response[:80]!r}",)
        return () if operation.holds in response else (f"{pod}:{port}: no {operation.holds} in it",)

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
    eviction = _eviction(operation, act, node)
    names = sorted(str(pod["metadata"]["name"]) for pod in eviction.evicted)
    remarked = "; ".join(("", *eviction.remarks, *_left_alone(act, node)))
    act.remember(Undo(path, "/spec/unschedulable", None, put=True))
    act.patch(path, {"spec": {"unschedulable": True}})

    def look() -> tuple[str, ...]:
        now = _eviction(operation, act, node)
        if now.refused:
            raise _refused({node: now.refused})
        return tuple(_evict(act, pod) for pod in now.evicted)

    yield act.reach(f"{node} is left by {', '.join(names)}{remarked}", look)
    moved = ", ".join(ref.name for ref in operation.elsewhere)
    yield act.whole(f"{moved} run without {node}", operation.elsewhere)


def _node_to_drain(operation: Drain, act: Act) -> str:
    """The node with the most Pods to evict, of those that the row and kubectl allow.

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
    evictions = {node: _eviction(operation, act, node) for node in fit}
    allowed = [node for node in fit if not evictions[node].refused]
    if not allowed:
        raise _refused({node: evictions[node].refused for node in fit})
    return max(allowed, key=lambda node: len(evictions[node].evicted))


def _refused(by_node: Mapping[str, tuple[str, ...]]) -> ObservationError:
    reasons = "; ".join(f"{node}: {', '.join(refused)}" for node, refused in by_node.items())
    node = next(iter(by_node))
    return ObservationError(
        f"nothing is drained: kubectl drain refuses {reasons}",
        next_command=f"kubectl drain {node} --ignore-daemonsets --dry-run=client",
    )


def _node_of(pod: Json) -> str:
    return str(pod["spec"].get("nodeName", ""))


def _eviction(operation: Drain, act: Act, node: str) -> Eviction:
    """What is done with the Pods of a node: of the spec's namespaces, and not ours."""
    cluster = Cluster(act.api)

    def daemonset_exists(namespace: str, name: str) -> bool:
        path = f"{KINDS['DaemonSet'].collection(namespace)}/{quote(name)}"
        return act.api.find(path) is not None

    return sort_pods(
        [
            pod
            for namespace in act.namespaces
            for pod in cluster.objects("Pod", namespace)
            if _node_of(pod) == node and not is_ours(pod)
        ],
        daemonset_exists=daemonset_exists,
        emptydir=operation.delete_emptydir_data,
    )


def _left_alone(act: Act, node: str) -> Iterator[str]:
    """What is said of the Pods of a node that kubectl would drain, and we do not look at."""
    try:
        pods = act.api.list(KINDS["Pod"].collection(CLUSTER_WIDE))
    except ObservationError as error:
        if error.status != HTTPStatus.FORBIDDEN:
            raise
        yield "Pods of other namespaces stay; which they are may not be listed (403)"
        return
    on_node = [pod for pod in pods if _node_of(pod) == node]
    ours = [place_of(pod) for pod in on_node if is_ours(pod)]
    others = [
        place_of(pod)
        for pod in on_node
        if not is_ours(pod) and pod["metadata"]["namespace"] not in act.namespaces
    ]
    yield from remarks((("leaving Pods of namespaces outside of the spec", others), (OURS, ours)))


def _evict(act: Act, pod: Json) -> str:
    """Ask for the eviction of a Pod that was not told to end yet; why it is still there."""
    name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
    if is_terminating(pod):
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
    """Delete a ready Pod that its controller will replace, and wait for the other."""
    ready = Cluster(act.api).ready_pods_of(operation.of)
    managed = [pod for pod in ready if controller_of(pod)]
    if not managed:
        names = ", ".join(str(pod["metadata"]["name"]) for pod in ready)
        raise ObservationError(f"{operation.of}: nothing would replace {names}: no controller")
    pod = managed[0]
    name = str(pod["metadata"]["name"])
    path = f"{KINDS['Pod'].collection(operation.of.namespace)}/{quote(name)}"
    options: dict[str, Any] = {"preconditions": {"uid": pod["metadata"]["uid"]}}
    if operation.grace_s is not None:
        options["gracePeriodSeconds"] = operation.grace_s
    act.may_write()
    act.api.request("DELETE", path, body={"apiVersion": "v1", "kind": "DeleteOptions", **options})

    def look() -> tuple[str, ...]:
        now = act.api.find(path)
        old = now is not None and now["metadata"]["uid"] == pod["metadata"]["uid"]
        return (f"{name} is ending",) if old else incomplete(act.api, [operation.of])

    yield act.reach(f"{operation.of.name} is whole without {name}", look)
