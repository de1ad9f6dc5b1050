"""Sums of requests and limits, what would change them, and where there is room for more."""

from dataclasses import dataclass
from decimal import Decimal

from clusterproof.errors import ObservationError
from clusterproof.kube.client import Json
from clusterproof.observe.cluster import (
    CLUSTER_WIDE,
    Cluster,
    condition,
    containers_of,
    template_of,
)
from clusterproof.observe.observed import Observed
from clusterproof.kube.quantity import parse_quantity
from clusterproof.spec.desired import LimitRangeRow, RoomRow, TotalsRow

Amounts = dict[str, Decimal]
"""Resource name to amount, in base units."""

UNLIMITED = 1_000_000
"""Stands for "as many as you like" where no quota counts them."""


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
    """How many replicas fit: those that run now, and those that could be added."""

    running: int
    more: int
    limited_by: str


def read_totals(cluster: Cluster, rule: TotalsRow) -> Observed[Totals]:
    """Sum of a bound over containers times desired replicas."""
    total, absent, unbounded, parts = Decimal(0), [], [], []
    for ref in rule.workloads:
        item = cluster.find(ref)
        if item is None:
            absent.append(str(ref))
            continue
        replicas = item["spec"].get("replicas", 1)
        for one in containers_of(template_of(item)):
            text = ((one.get("resources") or {}).get(rule.bound) or {}).get(rule.resource)
            if text is None:
                unbounded.append(f"{ref.name}/{one['name']}")
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
    """LimitRanges of the namespace, applied on paper to each container of the workloads.

    Source: Kubernetes docs, "Limit Ranges": default, defaultRequest, min, max and
    maxLimitRequestRatio for the type Container.
    """
    ranges = cluster.objects("LimitRange", rule.namespace)
    effects = [
        f"{limit_range['metadata']['name']} {effect}"
        for limit_range in ranges
        for limit in limit_range["spec"]["limits"]
        if limit.get("type") == "Container"
        for ref in rule.workloads
        if (item := cluster.find(ref)) is not None
        for one in containers_of(template_of(item))
        for effect in _effects(limit, ref.name, one)
    ]
    evidence = (f"{len(ranges)} LimitRanges in {rule.namespace}", *effects)
    next_command = f"kubectl -n {rule.namespace} describe limitrange"
    absent = tuple(str(ref) for ref in rule.workloads if cluster.find(ref) is None)
    value = LimitRangeEffects(len(ranges), tuple(effects), absent)
    return Observed(value, f"namespace {rule.namespace}", evidence, next_command)


def _effects(limit: Json, workload: str, container: Json) -> list[str]:
    found = []
    name = f"{workload}/{container['name']}"
    resources = container.get("resources") or {}
    for bound, defaults in (("requests", "defaultRequest"), ("limits", "default")):
        for resource, default in (limit.get(defaults) or {}).items():
            if resource not in (resources.get(bound) or {}):
                found.append(f"sets {name} {bound}.{resource} to {default}")
    for resource, largest in (limit.get("max") or {}).items():
        has = (resources.get("limits") or {}).get(resource)
        if has is None or parse_quantity(has) > parse_quantity(largest):
            found.append(f"refuses {name}: limit {resource} {has} over max {largest}")
    for resource, smallest in (limit.get("min") or {}).items():
        has = (resources.get("requests") or {}).get(resource)
        if has is None or parse_quantity(has) < parse_quantity(smallest):
            found.append(f"refuses {name}: request {resource} {has} under min {smallest}")
    for resource, ratio in (limit.get("maxLimitRequestRatio") or {}).items():
        most, least = ((resources.get(b) or {}).get(resource) for b in ("limits", "requests"))
        if most and least and parse_quantity(most) / parse_quantity(least) > parse_quantity(ratio):
            found.append(f"refuses {name}: limit to request of {resource} over {ratio}")
    return found


def read_room(cluster: Cluster, rule: RoomRow) -> Observed[Room]:
    """How many more replicas the quotas, or the nodes, would admit."""
    item = cluster.find(rule.workload)
    if item is None:
        raise ObservationError(
            f"{rule.workload} does not exist, so there is no request to find room for",
            next_command=f"kubectl -n {rule.workload.namespace} get deployments",
        )
    spec = template_of(item)
    running = len(cluster.pods_of(rule.workload))
    readers = {"quota": _quota_room, "nodes": _node_room}
    return readers[rule.within](cluster, rule.workload.namespace, spec, running)


def _quota_room(cluster: Cluster, namespace: str, spec: Json, running: int) -> Observed[Room]:
    one = {
        f"{bound}.{resource}": amount
        for bound in ("requests", "limits")
        for resource, amount in pod_amounts(spec, bound).items()
    }
    one |= {"pods": Decimal(1), "count/pods": Decimal(1)}
    one |= {
        name: one[f"requests.{name}"] for name in ("cpu", "memory") if f"requests.{name}" in one
    }
    more, limited_by, evidence = UNLIMITED, "", []
    for quota in cluster.objects("ResourceQuota", namespace):
        name = quota["metadata"]["name"]
        used = (quota.get("status") or {}).get("used") or {}
        for resource, hard in (quota["spec"].get("hard") or {}).items():
            if resource not in one or not one[resource]:
                continue
            left = parse_quantity(hard) - parse_quantity(used.get(resource, "0"))
            fits = max(0, int(left / one[resource]))
            evidence.append(f"quota {name}: {resource} {used.get(resource, '0')} of {hard} used")
            if fits < more:
                more, limited_by = fits, f"quota {name}: {resource} {hard}"
    evidence = evidence or [f"no ResourceQuota of {namespace} counts what the Pods ask for"]
    next_command = f"kubectl -n {namespace} describe resourcequota"
    return Observed(
        Room(running, more, limited_by), f"namespace {namespace}", tuple(evidence), next_command
    )


def _node_room(cluster: Cluster, _namespace: str, spec: Json, running: int) -> Observed[Room]:
    """First fit per node: allocatable minus what the Pods on it request, and its Pod limit."""
    one = pod_amounts(spec, "requests")
    used: dict[str, list[Amounts]] = {}
    for pod in cluster.objects("Pod", CLUSTER_WIDE):
        node = pod["spec"].get("nodeName")
        ending = pod["metadata"].get("deletionTimestamp")
        if (
            node
            and not ending
            and (pod.get("status") or {}).get("phase") not in {"Succeeded", "Failed"}
        ):
            used.setdefault(node, []).append(pod_amounts(pod["spec"], "requests"))
    more, evidence = 0, []
    for node in cluster.objects("Node", CLUSTER_WIDE):
        if not _takes_pods(node):
            continue
        name, pods = node["metadata"]["name"], used.get(node["metadata"]["name"], [])
        allocatable = node["status"]["allocatable"]
        fits = int(parse_quantity(allocatable.get("pods", "110"))) - len(pods)
        for resource, amount in one.items():
            if not amount or resource not in allocatable:
                continue
            taken = sum((each.get(resource, Decimal(0)) for each in pods), Decimal(0))
            fits = min(fits, int((parse_quantity(allocatable[resource]) - taken) / amount))
        evidence.append(f"{name}: room for {max(0, fits)} more")
        more += max(0, fits)
    return Observed(
        Room(running, more, "requests of the Pods that run, against allocatable"),
        "nodes",
        tuple(evidence),
        "kubectl describe nodes",
        "API read (list pods and nodes of the cluster)",
    )


def pod_amounts(spec: Json, bound: str) -> Amounts:
    """A Pod's effective requests or limits: the larger of its containers' sum and any init one.

    Source: Kubernetes docs, "Init Containers", resource sharing within containers; sidecars
    (restartPolicy Always) count with the containers.
    """
    total: Amounts = {}
    largest: Amounts = {}
    for one in containers_of(spec):
        _add(total, _amounts(one, bound))
    for one in spec.get("initContainers") or []:
        amounts = _amounts(one, bound)
        if one.get("restartPolicy") == "Always":
            _add(total, amounts)
        else:
            largest = {
                name: max(largest.get(name, Decimal(0)), amount) for name, amount in amounts.items()
            } | {name: amount for name, amount in largest.items() if name not in amounts}
    return {
        name: max(total.get(name, Decimal(0)), largest.get(name, Decimal(0)))
        for name in total.keys() | largest.keys()
    }


def _amounts(container: Json, bound: str) -> Amounts:
    found = ((container.get("resources") or {}).get(bound) or {}).items()
    return {name: parse_quantity(text) for name, text in found}


def _add(total: Amounts, amounts: Amounts) -> None:
    for name, amount in amounts.items():
        total[name] = total.get(name, Decimal(0)) + amount


def _takes_pods(node: Json) -> bool:
    spec = node.get("spec") or {}
    hard = {"NoSchedule", "NoExecute"}
    tainted = any(taint.get("effect") in hard for taint in spec.get("taints") or [])
    return condition(node, "Ready") == "True" and not spec.get("unschedulable") and not tainted
