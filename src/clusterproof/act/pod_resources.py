"""What a Pod of our own asks for: little, and as much as the namespace's LimitRanges demand.

Source: Kubernetes docs, "Limit Ranges" (v1.35); the rules are in kube/limits.py.
"""

from collections.abc import Iterable, Iterator, Mapping
from decimal import ROUND_CEILING, Decimal

from clusterproof.kube.containers import ContainerKind
from clusterproof.kube.limits import refusals
from clusterproof.kube.objects import Json
from clusterproof.kube.quantity import parse_quantity
from clusterproof.kube.requests import Bounds, ContainerBounds, PodBounds, amounts_of

Resources = Mapping[str, Mapping[str, str]]
"""`requests` and `limits`, each resource to its quantity, as a container has them."""
CPU_REQUEST, CPU_LIMIT, MEMORY_REQUEST = "10m", "500m", "32Mi"
"""A quota or a node has little of it to give, and an interpreter starts soon. Our choice."""


def default_resources(memory_limit: str) -> dict[str, dict[str, str]]:
    """What a Pod asks for where nobody says otherwise."""
    return {
        "requests": {"cpu": CPU_REQUEST, "memory": MEMORY_REQUEST},
        "limits": {"cpu": CPU_LIMIT, "memory": memory_limit},
    }


def fitted(resources: Resources, limit_ranges: Iterable[Json]) -> dict[str, dict[str, str]] | None:
    """The resources as the LimitRanges take them, for a Pod of one container.

    A limit stays as near as it may to what it was, and the request follows it by the ratio.

    Returns:
        None where none of them refuses the resources as they are, or nothing fits all of them.
    """
    ranges = list(limit_ranges)
    bounds = Bounds(amounts_of(dict(resources["requests"])), amounts_of(dict(resources["limits"])))
    if not _is_refused(ranges, bounds):
        return None
    requests, limits = dict(bounds.requests), dict(bounds.limits)
    for resource in _named_in(ranges):
        least = max(_values(ranges, "min", resource), default=Decimal(0))
        most = min(_values(ranges, "max", resource), default=None)
        limit = max(limits.get(resource, most or least), least)
        limit = limit if most is None else min(limit, most)
        ratio = min(_values(ranges, "maxLimitRequestRatio", resource), default=None)
        by_ratio = limit / ratio if ratio else Decimal(0)
        step = Decimal("0.001") if resource == "cpu" else Decimal(1)
        request = max(requests.get(resource, least), least, by_ratio.quantize(step, ROUND_CEILING))
        requests[resource], limits[resource] = min(request, limit), limit
    if _is_refused(ranges, Bounds(requests, limits)):
        return None
    return {"requests": _written(requests), "limits": _written(limits)}


def _is_refused(limit_ranges: Iterable[Json], bounds: Bounds) -> bool:
    pod = PodBounds((ContainerBounds("clusterproof", ContainerKind.MAIN, bounds),))
    return any(True for limit_range in limit_ranges for _ in refusals(limit_range, pod))


def _entries(limit_ranges: Iterable[Json]) -> Iterator[Json]:
    for limit_range in limit_ranges:
        for entry in limit_range["spec"].get("limits") or []:
            if entry["type"] in {"Container", "Pod"}:
                yield entry


def _named_in(limit_ranges: Iterable[Json]) -> list[str]:
    rules = ("min", "max", "maxLimitRequestRatio")
    entries = list(_entries(limit_ranges))
    return sorted({name for entry in entries for rule in rules for name in entry.get(rule) or {}})


def _values(limit_ranges: Iterable[Json], rule: str, resource: str) -> list[Decimal]:
    return [
        parse_quantity(entry[rule][resource])
        for entry in _entries(limit_ranges)
        if resource in (entry.get(rule) or {})
    ]


def _written(amounts: Mapping[str, Decimal]) -> dict[str, str]:
    """Quantities that stand for exactly these amounts."""
    return {
        name: f"{amount * 1000:.0f}m" if amount % 1 else f"{amount:.0f}"
        for name, amount in amounts.items()
    }
