"""Sums of requests and limits, what would change them, and where there is room for more."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from clusterproof.errors import ObservationError
from clusterproof.kube.containers import lasting_containers
from clusterproof.kube.kinds import CLUSTER_WIDE
from clusterproof.kube.limits import Refusal, claim_refusals, defaulted, refusals
from clusterproof.kube.objects import Json, condition, labels_of
from clusterproof.kube.pods import is_active, is_bound, is_finished, is_leaving
from clusterproof.kube.quantity import parse_quantity, show_quantity
from clusterproof.kube.quota import NO_BOUND, room_in
from clusterproof.kube.requests import PodBounds, bounds_of
from clusterproof.kube.rollout import progress_of
from clusterproof.kube.scheduling import Places, unmodelled
from clusterproof.kube.workloads import pod_spec_of, template_of
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.observed import Observed
from clusterproof.spec.desired import LimitRangeRow, RoomRow, TotalsRow
from clusterproof.spec.row import ObjectRef

UNLIMITED = NO_BOUND


@dataclass(frozen=True, slots=True)
class Totals:
    """The sum, the workloads that are not there, and the containers without the bound."""

    total: Decimal
    absent: tuple[str, ...]
    unbounded: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LimitRangeEffects:
    """What LimitRanges would do to the workloads' containers, one sentence each."""

    ranges: int
    effects: tuple[str, ...]
    absent: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Room:
    """How many replicas fit: those that run now, and those that could be added.

    Attributes:
        more: As many as the row asks for, at most, where they were placed one by one.
    """

    running: int
    more: int
    limited_by: str


def read_totals(cluster: Cluster, rule: TotalsRow) -> Observed[Totals]:
    """Sum of a bound over containers times desired replicas."""
    total, absent, unbounded, parts = Decimal(0), [], [], []
    for ref in rule.workloads:
        workload = cluster.find(ref)
        if workload is None:
            absent.append(str(ref))
            continue
        replicas = progress_of(ref.kind, workload).desired
        for container in lasting_containers(_template_spec(ref, workload)):
            text = container.bound(rule.bound, rule.resource)
            if text is None:
                unbounded.append(f"{ref.name}/{container.name}")
                continue
            total += parse_quantity(text) * replicas
            parts.append(f"{ref.name} {replicas} x {text}")
    evidence = [f"{rule.bound}.{rule.resource}: {' + '.join(parts)}"]
    if rule.documented:
        evidence.append(
            f"the deployment's own table says {rule.documented}: it does not multiply by replicas"
        )
    where = f"namespace {rule.workloads[0].namespace}"
    next_command = f"kubectl -n {rule.workloads[0].namespace} describe resourcequota,limitrange"
    value = Totals(total, tuple(absent), tuple(unbounded))
    return Observed(value, where, tuple(evidence), next_command)


def read_limit_ranges(cluster: Cluster, rule: LimitRangeRow) -> Observed[LimitRangeEffects]:
    """LimitRanges of the namespace, applied on paper to the Pods and claims of the workloads."""
    ranges = cluster.objects("LimitRange", rule.namespace)
    effects: list[str] = []
    absent: list[str] = []
    for ref in rule.workloads:
        workload = cluster.find(ref)
        if workload is None:
            absent.append(str(ref))
        else:
            effects += _effects(ranges, ref, workload)
    evidence = (f"{len(ranges)} LimitRanges in {rule.namespace}", *effects)
    next_command = f"kubectl -n {rule.namespace} describe limitrange"
    value = LimitRangeEffects(len(ranges), tuple(effects), tuple(absent))
    return Observed(value, f"namespace {rule.namespace}", evidence, next_command)


def _template_spec(ref: ObjectRef, workload: Json) -> Json:
    """The spec of the Pods that a workload makes.

    Raises:
        ObservationError: It has no template, or one without containers.
    """
    spec = pod_spec_of(workload)
    if not spec.get("containers"):
        raise ObservationError(
            f"{ref} has no Pod template of its own: what its Pods ask for cannot be read",
            next_command=f"kubectl get {ref.kubectl} -o yaml",
        )
    return spec


def _effects(ranges: list[Json], ref: ObjectRef, workload: Json) -> Iterator[str]:
    name, bounds = ref.name, bounds_of(_template_spec(ref, workload))
    for limit_range in ranges:
        bounds, changes = defaulted(limit_range, bounds)
        for change in changes:
            shown = show_quantity(change.amount, change.resource)
            yield (
                f"{limit_range['metadata']['name']} sets {name}/{change.container} "
                f"{change.bound}.{change.resource} to {shown}"
            )
    for limit_range in ranges:
        for refusal in refusals(limit_range, bounds):
            subject = f"{name}/{refusal.subject}" if refusal.subject else f"a Pod of {name}"
            yield _refusal(limit_range, subject, refusal)
        for claim in workload["spec"].get("volumeClaimTemplates") or []:
            for refusal in claim_refusals(limit_range, claim["spec"]):
                subject = f"the claim {claim['metadata']['name']} of {name}"
                yield _refusal(limit_range, subject, refusal)


def _refusal(limit_range: Json, subject: str, refusal: Refusal) -> str:
    return (
        f"{limit_range['metadata']['name']} refuses {subject}: {refusal.rule} {refusal.resource} "
        f"{refusal.bound}, has {refusal.has}"
    )


def read_room(cluster: Cluster, rule: RoomRow) -> Observed[Room]:
    """How many more replicas the quotas, or the nodes, would admit."""
    workload = cluster.find(rule.workload)
    if workload is None:
        raise ObservationError(
            f"{rule.workload} does not exist, so there is no request to find room for",
            next_command=f"kubectl -n {rule.workload.namespace} get deployments",
        )
    readers = {"quota": _quota_room, "nodes": _node_room}
    return readers[rule.within](cluster, rule, _next_pod(cluster, rule.workload, workload))


def _next_pod(cluster: Cluster, ref: ObjectRef, workload: Json) -> Json:
    """The Pod that one replica more would be, with what only admission adds to a template.

    The overhead of a RuntimeClass and the name of the default PriorityClass are those of a Pod
    that was admitted already.
    """
    template = template_of(workload) or {}
    spec = dict(_template_spec(ref, workload))
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
    for pod in cluster.pods_of(ref)[:1]:
        for key in ("overhead", "priorityClassName"):
            if key in pod["spec"]:
                spec.setdefault(key, pod["spec"][key])
    labels = labels_of(template)
    metadata = {"name": f"{ref.name}-next", "namespace": ref.namespace, "labels": labels}
    return {"metadata": metadata, "spec": spec}


def _quota_room(cluster: Cluster, rule: RoomRow, pod: Json) -> Observed[Room]:
    namespace = rule.workload.namespace
    replicas = cluster.pods_of(rule.workload)
    _, leaving = _staying_and_leaving(cluster, cluster.owned_pods(rule.workload))
    # The quota still counts those that leave; another replica can have what they had.
    running = len(replicas) + len(leaving)
    quotas = cluster.objects("ResourceQuota", namespace)
    rooms = (
        room_in(quotas, pod["spec"], _admitted_bounds(cluster, namespace, pod)) if quotas else []
    )
    counting = [room for room in rooms if room.more < NO_BOUND]
    least = min(counting, key=lambda room: room.more, default=None)
    evidence = tuple(f"quota {room.quota}: {room.because}" for room in counting)
    evidence = evidence or (f"no ResourceQuota of {namespace} counts what the Pods ask for",)
    if leaving:
        evidence += (f"{len(leaving)} of the {running} are terminating; their room is free soon",)
    value = Room(
        running,
        least.more if least else NO_BOUND,
        f"quota {least.quota}: {least.because}" if least else "",
    )
    next_command = f"kubectl -n {namespace} describe resourcequota"
    return Observed(value, f"namespace {namespace}", evidence, next_command)


def _admitted_bounds(cluster: Cluster, namespace: str, pod: Json) -> PodBounds:
    """What the Pod asks for once the LimitRanges of its namespace have set their defaults."""
    bounds = bounds_of(pod["spec"])
    for limit_range in cluster.objects("LimitRange", namespace):
        bounds, _ = defaulted(limit_range, bounds)
    return bounds


def _node_room(cluster: Cluster, rule: RoomRow, pod: Json) -> Observed[Room]:
    """Place the missing replicas one by one, after the Pods of others that wait for a place.

    Raises:
        ObservationError: Something that is not looked at decides about the place of the Pods.
    """
    next_command = "kubectl describe nodes"
    if beyond := unmodelled(pod["spec"]):
        raise ObservationError(
            f"{', '.join(beyond)} of {rule.workload} decides where its Pods go, and that is not "
            "looked at here",
            next_command=f"kubectl get {rule.workload.kubectl} -o yaml",
        )
    nodes = cluster.objects("Node", CLUSTER_WIDE)
    pods, leaving = _staying_and_leaving(cluster, cluster.objects("Pod", CLUSTER_WIDE))
    ready = [node for node in nodes if condition(node, "Ready") == "True"]
    places = Places.of(ready, pods, _namespaces(cluster, [pod, *pods]))
    replicas = cluster.pods_of(rule.workload)
    own = {each["metadata"]["name"] for each in replicas}
    running = sum(1 for each in replicas if is_bound(each))
    waiting = _waiting(pods, rule.workload, own)
    for other in waiting:
        places.place(other)
    more = 0
    while running + more < rule.replicas and places.place(pod) is not None:
        more += 1
    refused = places.refusals(pod)
    evidence = [
        f"{node}: {'; '.join(why) if why else 'takes one more'}" for node, why in refused.items()
    ]
    evidence += [f"{n['metadata']['name']}: not Ready" for n in nodes if n not in ready]
    if waiting:
        evidence.append(f"{len(waiting)} Pods of others wait for a place and were given one first")
    if leaving:
        evidence.append(f"{len(leaving)} Pods are terminating; their room counts as free")
    limited_by = "" if running + more >= rule.replicas else "; ".join(evidence)
    return Observed(
        Room(running, more, limited_by),
        "nodes",
        (f"{running} have a node, {more} more were placed on paper", *evidence),
        next_command,
        "API read (list pods and nodes of the cluster)",
    )


def _staying_and_leaving(cluster: Cluster, pods: Iterable[Json]) -> tuple[list[Json], list[Json]]:
    now = cluster.api.now()
    staying: list[Json] = []
    leaving: list[Json] = []
    for pod in pods:
        goes = is_leaving(pod, now) and not is_finished(pod)
        (leaving if goes else staying).append(pod)
    return staying, leaving


def _waiting(pods: list[Json], workload: ObjectRef, own: set[str]) -> list[Json]:
    """Pods of others that the scheduler would place: they ask for the same room."""
    return [
        pod
        for pod in pods
        if not is_bound(pod)
        and is_active(pod)
        and not unmodelled(pod["spec"])
        and not (
            pod["metadata"].get("namespace") == workload.namespace
            and pod["metadata"]["name"] in own
        )
    ]


def _namespaces(cluster: Cluster, pods: list[Json]) -> dict[str, dict[str, str]]:
    """The labels of namespaces, listed only where a namespaceSelector asks for them."""
    if not any("namespaceSelector" in str(pod["spec"].get("affinity")) for pod in pods):
        return {}
    return {
        namespace["metadata"]["name"]: labels_of(namespace)
        for namespace in cluster.objects("Namespace", CLUSTER_WIDE)
    }
