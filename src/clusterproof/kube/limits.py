"""LimitRanges: what they set on a Pod, and what they refuse (plugin/pkg/admission/limitranger)."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

from clusterproof.kube.objects import Json
from clusterproof.kube.requests import (
    Amounts,
    Bounds,
    PodBounds,
    aggregate,
    amounts_of,
)

_MOST_EXACT = Decimal((2**63 - 1) // 1000)
"""resource.MaxMilliValue: quantities beyond it are compared by whole numbers."""


@dataclass(frozen=True, slots=True)
class Change:
    """One bound that a LimitRange sets, because the container does not declare it."""

    container: str
    bound: str
    resource: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a LimitRange refuses a Pod or a claim.

    Attributes:
        subject: The container; "" for the Pod as a whole, or a claim.
        rule: `min`, `max` or `maxLimitRequestRatio`.
        resource: Which resource.
        bound: The LimitRange's own quantity.
        has: What the subject has, in words.
    """

    subject: str
    rule: str
    resource: str
    bound: str
    has: str


def defaulted(limit_range: Json, bounds: PodBounds) -> tuple[PodBounds, tuple[Change, ...]]:
    """The bounds with a LimitRange's defaults in them, and what it set (PodMutateLimitFunc).

    Works on what `bounds_of` returns: by then a request that is not declared is its limit, so
    `defaultRequest` is for containers with neither.
    """
    defaults = {"limits": Amounts(), "requests": Amounts()}
    for entry in _entries(limit_range, "Container"):
        limits, requests = _container_defaults(entry)
        defaults["limits"] |= limits
        defaults["requests"] |= requests
    changes = tuple(
        Change(container.name, bound, resource, amount)
        for container in bounds.containers
        for bound, amounts in defaults.items()
        for resource, amount in amounts.items()
        if resource not in container.bounds.of(bound)
    )
    containers = tuple(
        replace(
            container,
            bounds=Bounds(
                defaults["requests"] | container.bounds.requests,
                defaults["limits"] | container.bounds.limits,
            ),
        )
        for container in bounds.containers
    )
    return replace(bounds, containers=containers), changes


def refusals(limit_range: Json, bounds: PodBounds) -> Iterator[Refusal]:
    """Why a LimitRange refuses a Pod, once all of them set defaults (PodValidateLimitFunc).

    It holds each container, init containers too, against the type Container, and the Pod's sum,
    without the overhead of its RuntimeClass, against the type Pod.
    """
    for entry in _entries(limit_range, "Container"):
        for container in bounds.containers:
            yield from _refused(entry, container.name, container.bounds)
    for entry in _entries(limit_range, "Pod"):
        yield from _refused(entry, "", _of_pod(bounds))


def claim_refusals(limit_range: Json, claim_spec: Json) -> Iterator[Refusal]:
    """Why a LimitRange refuses a claim (PersistentVolumeClaimValidateLimitFunc)."""
    requests = amounts_of((claim_spec.get("resources") or {}).get("requests"))
    for entry in _entries(limit_range, "PersistentVolumeClaim"):
        yield from _under_min(entry, "", Bounds(requests))
        for resource, largest in (entry.get("max") or {}).items():
            request = requests.get(resource)
            if request is None or _over(request, amounts_of({resource: largest})[resource]):
                yield Refusal("", "max", resource, largest, f"request {_shown(request)}")


def _entries(limit_range: Json, kind: str) -> list[Json]:
    return [entry for entry in limit_range["spec"].get("limits") or [] if entry["type"] == kind]


def _container_defaults(entry: Json) -> tuple[Amounts, Amounts]:
    """Limits and requests that an entry sets (SetDefaults_LimitRangeItem)."""
    limits = amounts_of(entry.get("max")) | amounts_of(entry.get("default"))
    requests = amounts_of(entry.get("min")) | limits | amounts_of(entry.get("defaultRequest"))
    return limits, requests


def _of_pod(bounds: PodBounds) -> Bounds:
    """Restates limitranger's own podRequests and podLimits: no hugepages at the Pod's level."""
    own = bounds.pod or Bounds()
    return Bounds(
        *(
            aggregate(bounds, bound)
            | {name: amount for name, amount in own.of(bound).items() if name in {"cpu", "memory"}}
            for bound in ("requests", "limits")
        )
    )


def _refused(entry: Json, subject: str, bounds: Bounds) -> Iterator[Refusal]:
    yield from _under_min(entry, subject, bounds)
    for resource, largest in (entry.get("max") or {}).items():
        enforced = amounts_of({resource: largest})[resource]
        limit, request = bounds.limits.get(resource), bounds.requests.get(resource)
        if limit is None or _over(limit, enforced):
            yield Refusal(subject, "max", resource, largest, f"limit {_shown(limit)}")
        elif request is not None and _over(request, enforced):
            yield Refusal(subject, "max", resource, largest, f"request {_shown(request)}")
    for resource, ratio in (entry.get("maxLimitRequestRatio") or {}).items():
        enforced = amounts_of({resource: ratio})[resource]
        limit, request = bounds.limits.get(resource), bounds.requests.get(resource)
        if not request:
            yield Refusal(subject, "maxLimitRequestRatio", resource, ratio, "no request")
        elif not limit:
            yield Refusal(subject, "maxLimitRequestRatio", resource, ratio, "no limit")
        elif float(limit) / float(request) > float(enforced):
            has = f"{float(limit) / float(request):g}"
            yield Refusal(subject, "maxLimitRequestRatio", resource, ratio, has)


def _under_min(entry: Json, subject: str, bounds: Bounds) -> Iterator[Refusal]:
    for resource, smallest in (entry.get("min") or {}).items():
        enforced = amounts_of({resource: smallest})[resource]
        limit, request = bounds.limits.get(resource), bounds.requests.get(resource)
        if request is None or _over(enforced, request):
            yield Refusal(subject, "min", resource, smallest, f"request {_shown(request)}")
        elif limit is not None and _over(enforced, limit):
            yield Refusal(subject, "min", resource, smallest, f"limit {_shown(limit)}")


def _over(amount: Decimal, other: Decimal) -> bool:
    """Whether one is more (requestLimitEnforcedValues: by whole numbers where they are huge)."""
    if max(amount, other) > _MOST_EXACT:
        return amount.__ceil__() > other.__ceil__()
    return amount > other


def _shown(amount: Decimal | None) -> str:
    return "none" if amount is None else f"{amount.normalize():f}"
