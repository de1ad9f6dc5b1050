"""There is room for more replicas of a workload: in its namespace's quotas, or on the nodes.

Source: Kubernetes docs, "Resource Quotas" and "Node Allocatable" (v1.35, read 2026-11-23).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from clusterproof.checks.kind import Kind
from clusterproof.checks.site import Site
from clusterproof.errors import ObservationError
from clusterproof.judgement import Difference, Doubt, Failed, Judgement, Passed
from clusterproof.kube.admission import as_admitted, with_defaults
from clusterproof.kube.kinds import CLUSTER_WIDE
from clusterproof.kube.nodes import NodeRoom, daemon_tolerations, maker_of
from clusterproof.kube.objects import Json, controller_of, labels_of
from clusterproof.kube.pods import is_active, is_bound, is_finished, is_leaving, priority_of
from clusterproof.kube.quota import NO_BOUND, is_seen, room_in
from clusterproof.kube.requests import bounds_of
from clusterproof.kube.scheduling import Places, unmodelled
from clusterproof.kube.workloads import middle_kind, pod_spec_of, template_of
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.observed import Observed
from clusterproof.observe.resources import template_spec
from clusterproof.spec.row import ObjectRef, Row, WorkloadRef

MADE_WITHIN_S = 600.0
"""A Pod that waits for a node for longer is not helped by whatever makes nodes. Our choice."""


class RoomRow(Row):
    """There is room for this many replicas: in the quotas of the namespace, or on the nodes."""

    check: Literal["room"]
    workload: WorkloadRef
    replicas: int = Field(gt=0)
    within: Literal["quota", "nodes"]


@dataclass(frozen=True, slots=True)
class Room:
    """How many replicas fit: those that run now, and those that could be added.

    Attributes:
        more: As many as the row asks for, at most, where they were placed one by one.
        grows_by: The label of nodes that are made for such Pods where they wait; "" where there is
            none, where replicas wait in vain, or where the workload is a DaemonSet.
    """

    running: int
    more: int
    limited_by: str
    grows_by: str = ""


def look(row: RoomRow, site: Site) -> Observed[Room]:
    """How many more replicas the quotas, or the nodes, would admit."""
    cluster = site.cluster
    workload = cluster.find(row.workload)
    if workload is None:
        raise ObservationError(
            f"{row.workload} does not exist, so there is no request to find room for",
            next_command=f"kubectl -n {row.workload.namespace} get deployments",
        )
    readers = {"quota": _quota_room, "nodes": _node_room}
    return readers[row.within](cluster, row, _next_pod(cluster, row.workload, workload))


def _next_pod(cluster: Cluster, ref: ObjectRef, workload: Json) -> Json:
    """The Pod that one replica more would be, with what admission added to the newest there is."""
    template = template_of(workload) or {}
    spec = dict(template_spec(ref, workload))
    # A StatefulSet's claims become volumes of its Pods, which decide about their places too.
    claims = (workload.get("spec") or {}).get("volumeClaimTemplates") or []
    spec["volumes"] = [
        *(spec.get("volumes") or []),
        *(
            {
                "name": claim["metadata"]["name"],
                "persistentVolumeClaim": {"claimName": claim["metadata"]["name"]},
            }
            for claim in claims
        ),
    ]
    newest = max(cluster.pods_of(ref), key=_created, default=None)
    if newest is not None:
        spec = as_admitted(spec, newest, _made_of(cluster, ref, newest) or spec)
    labels = labels_of(template)
    metadata = {"name": f"{ref.name}-next", "namespace": ref.namespace, "labels": labels}
    return {"metadata": metadata, "spec": spec}


def _made_of(cluster: Cluster, ref: ObjectRef, pod: Json) -> Json | None:
    """The spec of the template that a Pod of a Deployment was made of; None where nobody keeps it.

    The newest Pod is of an older template while none of the new one could be made.
    """
    controller = controller_of(pod)
    middle = middle_kind(ref.kind)
    if controller is None or controller.get("kind") != middle:
        return None
    name = str(controller["name"])
    replicas = cluster.find(ObjectRef(kind=middle, namespace=ref.namespace, name=name))
    return pod_spec_of(replicas) if replicas else None


def _created(pod: Json) -> str:
    return str(pod["metadata"].get("creationTimestamp", ""))


def _with_defaults(cluster: Cluster, pod: Json) -> Json:
    ranges = cluster.objects("LimitRange", pod["metadata"]["namespace"])
    return {**pod, "spec": with_defaults(pod["spec"], ranges)}


def _quota_room(cluster: Cluster, row: RoomRow, pod: Json) -> Observed[Room]:
    """Hold one replica more against each quota of the namespace.

    Raises:
        ObservationError: The controller of quotas has not seen one of them yet.
    """
    namespace = row.workload.namespace
    next_command = f"kubectl -n {namespace} describe resourcequota"
    replicas = cluster.pods_of(row.workload)
    _, leaving = _staying_and_leaving(cluster, cluster.owned_pods(row.workload))
    # The quota still counts those that leave; another replica can have what they had.
    running = len(replicas) + len(leaving)
    quotas = cluster.objects("ResourceQuota", namespace)
    if unseen := [quota["metadata"]["name"] for quota in quotas if not is_seen(quota)]:
        raise ObservationError(
            f"the controller of quotas has not seen {', '.join(unseen)} of {namespace} yet, so "
            "nothing is enforced and nothing counted",
            next_command=next_command,
        )
    spec = _with_defaults(cluster, pod)["spec"] if quotas else pod["spec"]
    rooms = room_in(quotas, spec, bounds_of(spec))
    counting = [room for room in rooms if room.more < NO_BOUND]
    least = min(counting, key=lambda room: room.more, default=None)
    evidence = tuple(f"quota {room.quota}: {room.because}" for room in counting)
    evidence = evidence or (f"no ResourceQuota of {namespace} counts what the Pods ask for",)
    if leaving:
        evidence += (f"{len(leaving)} of the {running} are terminating; their room is free soon",)
    room = Room(
        running,
        least.more if least else NO_BOUND,
        f"quota {least.quota}: {least.because}" if least else "",
    )
    return Observed(room, f"namespace {namespace}", evidence, next_command)


def _node_room(cluster: Cluster, row: RoomRow, pod: Json) -> Observed[Room]:
    """Place the missing replicas one by one, after the Pods of others that wait for a place.

    Raises:
        ObservationError: Something that is not looked at decides about the place of the Pods.
    """
    replicas = cluster.pods_of(row.workload)
    running = sum(1 for replica in replicas if is_bound(replica))
    beyond = unmodelled(pod["spec"]) if running < row.replicas else []
    if beyond:
        raise ObservationError(
            f"{', '.join(beyond)} of {row.workload} decides where its Pods go, and that is not "
            "looked at here",
            next_command=f"kubectl get {row.workload.kubectl} -o yaml",
        )
    if running < row.replicas:
        pod = _with_defaults(cluster, pod)
    nodes = cluster.objects("Node", CLUSTER_WIDE)
    pods, leaving = _staying_and_leaving(cluster, cluster.objects("Pod", CLUSTER_WIDE))
    namespaces = _namespaces(cluster, [pod, *pods])
    own = {replica["metadata"]["name"] for replica in replicas}
    waiting = _waiting(pods, row.workload, own, priority_of(pod))
    is_daemon = row.workload.kind == "DaemonSet"
    next_pods = _one_for_each_node(pod, nodes, replicas) if is_daemon else [pod] * row.replicas

    def staying(places: Places) -> int:
        """Those of the workload that run and have not gone for Pods of higher priority."""
        return running - sum(_is_own(gone, row.workload, own) for gone in places.preempted)

    def room_after(before: list[Json]) -> tuple[Places, int]:
        """The nodes with all that fits, after those Pods of others, and how many replicas more."""
        places = Places.of(nodes, pods, namespaces)
        for other in before:
            places.place(other)
        more = _placed(places, next_pods, lambda more: staying(places) + more >= row.replicas)
        return places, more

    places, more = room_after(waiting)
    is_short = staying(places) + more < row.replicas
    # Of these it is known what they ask for, and not where they may go.
    elsewhere = [each for each in waiting if unmodelled(each["spec"])] if is_short else []
    if elsewhere:
        without, more_without = room_after([each for each in waiting if each not in elsewhere])
        if staying(without) + more_without >= row.replicas:
            raise _undecided(elsewhere)
    refusals = _daemon_refusals(places, next_pods) if is_daemon else places.refusals(pod)
    evidence = _evidence(places, refusals, waiting, leaving)
    return Observed(
        Room(
            staying(places),
            more,
            "; ".join(evidence) if is_short else "",
            _grows_by(cluster, nodes, replicas, pod) if is_short and not is_daemon else "",
        ),
        "nodes",
        (f"{running} have a node, {more} more were placed on paper", *evidence),
        "kubectl describe nodes",
        "API read (list pods and nodes of the cluster)",
    )


def _placed(places: Places, pods: list[Json], is_enough: Callable[[int], bool]) -> int:
    """How many of these Pods were placed, until they are enough; all are alike but for a node."""
    count = 0
    for pod in pods:
        if is_enough(count):
            break
        if places.place(pod) is not None:
            count += 1
        elif "nodeName" not in pod["spec"]:
            break
    return count


def _one_for_each_node(pod: Json, nodes: list[Json], replicas: list[Json]) -> list[Json]:
    """The Pods that a DaemonSet's controller would add: one for each node that has none."""
    taken = {replica["spec"].get("nodeName") for replica in replicas}
    names = [node["metadata"]["name"] for node in nodes]
    spec = pod["spec"]
    tolerations = [*(spec.get("tolerations") or []), *daemon_tolerations(spec)]
    return [
        {
            "metadata": dict(pod["metadata"]),
            "spec": {**spec, "nodeName": name, "tolerations": tolerations},
        }
        for name in names
        if name not in taken
    ]


def _daemon_refusals(places: Places, next_pods: list[Json]) -> dict[str, list[str]]:
    """By node, why it takes no Pod of a DaemonSet more."""
    refusals = {room.name: ["has its one Pod"] for room in places.rooms}
    placed = {id(pod["metadata"]) for room in places.rooms for pod in room.pods}
    for pod in next_pods:
        if id(pod["metadata"]) not in placed:
            refusals[pod["spec"]["nodeName"]] = places.refusals(pod)[pod["spec"]["nodeName"]]
    return refusals


def _undecided(waiting: list[Json]) -> ObservationError:
    first = waiting[0]
    name = f"{first['metadata']['namespace']}/{first['metadata']['name']}"
    return ObservationError(
        f"{len(waiting)} Pods of others wait for a place too, such as {name}, and without them"
        f" there is room enough: {', '.join(unmodelled(first['spec']))} decides where it goes, and"
        " that is not looked at here",
        next_command="kubectl get pods -A --field-selector status.phase=Pending",
    )


def _evidence(
    places: Places, refusals: dict[str, list[str]], waiting: list[Json], leaving: list[Json]
) -> tuple[str, ...]:
    lines = [
        f"{name}: {'; '.join(why) if why else 'takes one more'}" for name, why in refusals.items()
    ]
    if waiting:
        lines.append(f"{len(waiting)} Pods of others wait for a place and were given one first")
    if leaving:
        lines.append(f"{len(leaving)} Pods are terminating; their room counts as free")
    if places.preempted:
        lines.append(f"{len(places.preempted)} Pods of lower priority would go for them")
    return tuple(lines)


def _grows_by(cluster: Cluster, nodes: Iterable[Json], replicas: Iterable[Json], pod: Json) -> str:
    """By which label it is seen that nodes for such a Pod are made on demand.

    None are where replicas wait too long.
    """
    waiting = (replica for replica in replicas if not is_bound(replica))
    if any(cluster.age_s(replica) > MADE_WITHIN_S for replica in waiting):
        return ""
    alike = (node for node in nodes if not any(NodeRoom(node).mismatches(pod["spec"])))
    return next(filter(None, map(maker_of, alike)), "")


def _staying_and_leaving(cluster: Cluster, pods: Iterable[Json]) -> tuple[list[Json], list[Json]]:
    now = cluster.api.now()
    staying: list[Json] = []
    leaving: list[Json] = []
    for pod in pods:
        goes = is_leaving(pod, now) and not is_finished(pod)
        (leaving if goes else staying).append(pod)
    return staying, leaving


def _is_own(pod: Json, workload: ObjectRef, own: set[str]) -> bool:
    """Whether a Pod is the workload's, whose Pods have these names."""
    meta = pod["metadata"]
    return meta.get("namespace") == workload.namespace and meta["name"] in own


def _waiting(pods: list[Json], workload: ObjectRef, own: set[str], priority: int) -> list[Json]:
    """Pods of others that the scheduler would place before: they ask for the same room.

    One of lower priority comes later (queuesort.PrioritySort).
    """
    return [
        pod
        for pod in pods
        if not is_bound(pod)
        and is_active(pod)
        and priority_of(pod) >= priority
        and not pod["spec"].get("schedulingGates")
        and not _is_own(pod, workload, own)
    ]


def _namespaces(cluster: Cluster, pods: list[Json]) -> dict[str, dict[str, str]]:
    """The labels of namespaces, listed only where a namespaceSelector asks for them."""
    if not any("namespaceSelector" in str(pod["spec"].get("affinity")) for pod in pods):
        return {}
    return {
        namespace["metadata"]["name"]: labels_of(namespace)
        for namespace in cluster.objects("Namespace", CLUSTER_WIDE)
    }


def judge(row: RoomRow, room: Room) -> Judgement:
    """Running and addable replicas reach the row's number.

    A doubt where nodes that would take the rest may yet be made.
    """
    compared = f"replicas that the {row.within} admits"
    possible = room.running + room.more
    if possible >= row.replicas:
        return Passed(compared)
    if room.grows_by:
        return Doubt(
            f"{possible} replicas fit on the nodes that there are ({room.limited_by}), and others"
            f" are made for Pods that wait (nodes with {room.grows_by}): whether for these is not"
            " seen before they wait",
            next_command="kubectl get nodes --show-labels",
        )
    return Failed(
        Difference(
            compared,
            f"{row.replicas}",
            f"{possible} ({room.running} run, {room.more} more fit)",
            room.limited_by,
            code=f"{row.within}-room-short",
        )
    )


KIND = Kind(
    RoomRow,
    look,
    judge,
    codes=(
        "nodes-room-short",
        "quota-room-short",
    ),
)
