"""ResourceQuotas: which count a Pod, what they count of it, and how many more they admit.

Restates pkg/quota/v1/evaluator/core (pods) and resourcequota.CheckRequest.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from clusterproof.kube.objects import Json
from clusterproof.kube.quantity import parse_quantity
from clusterproof.kube.requests import (
    Amounts,
    Bounds,
    PodBounds,
    total_limits,
    total_requests,
)
from clusterproof.kube.selectors import selects

_COMPUTE = ("cpu", "memory", "ephemeral-storage")
_BOUNDED = frozenset(
    {
        "cpu",
        "memory",
        "requests.cpu",
        "requests.memory",
        "limits.cpu",
        "limits.memory",
    }
)
"""Where a quota counts these, each container must state them (validationSet)."""

_COUNTED = frozenset(
    {
        *_COMPUTE,
        *(f"requests.{name}" for name in _COMPUTE),
        *(f"limits.{name}" for name in _COMPUTE),
        "pods",
        "count/pods",
    }
)


@dataclass(frozen=True, slots=True)
class QuotaRoom:
    """How many more Pods one quota admits.

    Attributes:
        quota: Its name.
        more: How many.
        because: What the number comes from.
    """

    quota: str
    more: int
    because: str


def usage_of(bounds: PodBounds) -> Amounts:
    """What quotas count of a Pod that has not ended (PodUsageFunc)."""
    usage = _usage(Bounds(total_requests(bounds), total_limits(bounds)))
    return usage | {"pods": Decimal(1), "count/pods": Decimal(1)}


def counts(quota: Json, pod_spec: Json, bounds: PodBounds) -> bool:
    """Whether a quota counts a Pod: a resource of it, in every one of its scopes (Matches)."""
    spec = quota["spec"]
    scopes = [{"scopeName": scope, "operator": "Exists"} for scope in spec.get("scopes") or []]
    scopes += (spec.get("scopeSelector") or {}).get("matchExpressions") or []
    return bool(_counted(hard_of(quota))) and all(
        in_scope(scope, pod_spec, bounds) for scope in scopes
    )


def in_scope(scope: Json, pod_spec: Json, bounds: PodBounds) -> bool:
    """Whether a Pod is in the scope of a quota (podMatchesScopeFunc)."""
    terminating = pod_spec.get("activeDeadlineSeconds") is not None
    name = pod_spec.get("priorityClassName")
    priority = {"PriorityClass": name} if name else {}
    scopes = {
        "Terminating": lambda: terminating,
        "NotTerminating": lambda: not terminating,
        "BestEffort": lambda: is_best_effort(bounds),
        "NotBestEffort": lambda: not is_best_effort(bounds),
        "PriorityClass": lambda: selects(
            {"matchExpressions": [{**scope, "key": "PriorityClass"}]}, priority
        ),
        "CrossNamespacePodAffinity": lambda: _crosses_namespaces(pod_spec),
    }
    return scope["scopeName"] in scopes and scopes[scope["scopeName"]]()


def is_best_effort(bounds: PodBounds) -> bool:
    """Whether nothing of it has a request or limit of CPU or memory (qos.ComputePodQOS)."""
    every = [bounds.pod] if bounds.pod is not None else [each.bounds for each in bounds.containers]
    return not any(
        amounts.get(name)
        for each in every
        for amounts in (each.requests, each.limits)
        for name in ("cpu", "memory")
    )


def unstated(quota: Json, bounds: PodBounds) -> dict[str, list[str]]:
    """Resources that a quota demands of each container, to the containers without (Constraints)."""
    if bounds.at_pod_level:
        return {}
    missing: dict[str, list[str]] = {}
    for name in sorted(_BOUNDED & hard_of(quota).keys()):
        for container in bounds.containers:
            if name not in _usage(container.bounds):
                missing.setdefault(name, []).append(container.name)
    return missing


def room_in(quotas: Iterable[Json], pod_spec: Json, bounds: PodBounds) -> list[QuotaRoom]:
    """For each quota that counts the Pod, how many more like it would be admitted."""
    return [_room(quota, bounds) for quota in quotas if counts(quota, pod_spec, bounds)]


def hard_of(quota: Json) -> Json:
    """What a quota enforces: its status, so nothing before the controller has seen the spec."""
    return (quota.get("status") or {}).get("hard") or {}


def is_seen(quota: Json) -> bool:
    """Whether the controller has seen a quota that says anything."""
    return bool(hard_of(quota)) or not quota["spec"].get("hard")


def _room(quota: Json, bounds: PodBounds) -> QuotaRoom:
    name = quota["metadata"]["name"]
    missing = unstated(quota, bounds)
    if missing:
        words = "; ".join(
            f"{each} for: {', '.join(sorted(names))}" for each, names in missing.items()
        )
        return QuotaRoom(name, 0, f"must specify {words}")
    hard, usage = hard_of(quota), usage_of(bounds)
    used = (quota.get("status") or {}).get("used") or {}
    room = []
    for resource in _counted(hard):
        if resource not in used:
            return QuotaRoom(name, 0, f"status unknown: {resource}")
        if usage.get(resource):
            left = parse_quantity(hard[resource]) - parse_quantity(used[resource])
            because = f"{resource} {used[resource]} of {hard[resource]} used"
            room.append(QuotaRoom(name, max(0, int(left // usage[resource])), because))
    return min(
        room, key=lambda each: each.more, default=QuotaRoom(name, NO_BOUND, "counts nothing")
    )


NO_BOUND = 1_000_000
"""Stands for "as many as you like" where a quota counts nothing that the Pod uses."""


def _counted(hard: Json) -> list[str]:
    """Those resources of a quota that are about Pods (MatchingResources)."""
    return [
        name
        for name in hard
        if name in _COUNTED
        or name.startswith(("hugepages-", "requests.hugepages-"))
        or _is_extended_request(name)
    ]


def _is_extended_request(name: str) -> bool:
    """Restates isExtendedResourceNameForQuota."""
    return name.startswith("requests.") and (
        is_extended(name) or name.startswith("requests.deviceclass.resource.kubernetes.io/")
    )


def is_extended(name: str) -> bool:
    """Whether a resource is none of Kubernetes' own (helper.IsNativeResource)."""
    return "/" in name and "kubernetes.io/" not in name


def _usage(bounds: Bounds) -> Amounts:
    """Restates podComputeUsageHelper."""
    usage: Amounts = {}
    for name, amount in bounds.requests.items():
        if name in _COMPUTE or name.startswith("hugepages-"):
            usage |= {name: amount, f"requests.{name}": amount}
        elif is_extended(name) or name.startswith("deviceclass.resource.kubernetes.io/"):
            usage[f"requests.{name}"] = amount
    usage |= {f"limits.{n}": amount for n, amount in bounds.limits.items() if n in _COMPUTE}
    return usage


def _crosses_namespaces(pod_spec: Json) -> bool:
    affinity = pod_spec.get("affinity") or {}
    for kind in ("podAffinity", "podAntiAffinity"):
        terms = affinity.get(kind) or {}
        required = terms.get("requiredDuringSchedulingIgnoredDuringExecution") or []
        preferred = terms.get("preferredDuringSchedulingIgnoredDuringExecution") or []
        for term in [*required, *(each["podAffinityTerm"] for each in preferred)]:
            if term.get("namespaces") or term.get("namespaceSelector") is not None:
                return True
    return False
