"""What a Pod asks for, as the API server defaults it and the scheduler and quotas count it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal

from clusterproof.kube.containers import Container, ContainerKind, containers_of
from clusterproof.kube.objects import Json, condition_entry, status_of
from clusterproof.kube.quantity import parse_quantity, rounded_up

Amounts = dict[str, Decimal]
"""Resource name to amount, in base units."""

_MILLI = Decimal("0.001")
_HUGEPAGES = "hugepages-"


def amounts_of(resource_list: Json | None) -> Amounts:
    """A ResourceList as it is kept: up to the next thousandth (SetDefaults_ResourceList)."""
    return _kept(_exact(resource_list))


def _exact(resource_list: Json | None) -> Amounts:
    return {name: parse_quantity(text) for name, text in (resource_list or {}).items()}


def _kept(amounts: Amounts) -> Amounts:
    return {name: rounded_up(amount, _MILLI) for name, amount in amounts.items()}


@dataclass(frozen=True, slots=True)
class Bounds:
    """Requests and limits of a container or of a Pod."""

    requests: Amounts = field(default_factory=dict)
    limits: Amounts = field(default_factory=dict)

    def of(self, bound: str) -> Amounts:
        """The `requests` or the `limits`."""
        return self.requests if bound == "requests" else self.limits


@dataclass(frozen=True, slots=True)
class ContainerBounds:
    """A container's bounds: ephemeral containers can have none."""

    name: str
    kind: ContainerKind
    bounds: Bounds


@dataclass(frozen=True, slots=True)
class PodBounds:
    """The bounds of a Pod.

    Attributes:
        containers: Init containers and native sidecars in their order, then the main ones.
        pod: `spec.resources`, None without.
        overhead: What the RuntimeClass adds.
    """

    containers: tuple[ContainerBounds, ...]
    pod: Bounds | None = None
    overhead: Amounts = field(default_factory=dict)

    @property
    def at_pod_level(self) -> bool:
        """Whether the Pod has resources of its own (helpers.IsPodLevelResourcesSet)."""
        return self.pod is not None and any(
            _is_pod_level(name) for name in [*self.pod.requests, *self.pod.limits]
        )


def bounds_of(spec: Json) -> PodBounds:
    """The bounds of a Pod with this spec, once the API server has filled in its defaults.

    A template never shows them: SetDefaults_Pod works on Pods only (pkg/apis/core/v1/defaults.go).
    What is set for the Pod is defaulted from exact sums; only then is each amount rounded.
    """
    containers = tuple(
        ContainerBounds(each.name, each.kind, _defaulted(_declared(each.spec.get("resources"))))
        for each in containers_of(spec)
        if each.kind is not ContainerKind.EPHEMERAL
    )
    own = _declared(spec["resources"]) if spec.get("resources") is not None else None
    exact = PodBounds(containers, own)
    return PodBounds(
        tuple(replace(each, bounds=_rounded(each.bounds)) for each in containers),
        None if own is None else _rounded(_pod_level_defaults(exact, own)),
        amounts_of(spec.get("overhead")),
    )


def bounds_of_pod(pod: Json) -> PodBounds:
    """The bounds of a Pod that there is, a resize under way included (UseStatusResources)."""
    declared = bounds_of(pod["spec"])
    status = status_of(pod)
    infeasible = condition_entry(pod, "PodResizePending").get("reason") == "Infeasible"
    by_name = {each.name: each for each in containers_of(pod["spec"], status)}
    return replace(
        declared,
        containers=tuple(
            replace(each, bounds=_actuated(each, by_name[each.name], infeasible=infeasible))
            for each in declared.containers
        ),
    )


def total_requests(bounds: PodBounds) -> Amounts:
    """What the scheduler and quotas count as requested (component-helpers resource.PodRequests)."""
    total = aggregate(bounds, "requests")
    if bounds.pod is not None:
        total |= {n: amount for n, amount in bounds.pod.requests.items() if _is_pod_level(n)}
    return _sum((total, bounds.overhead))


def total_limits(bounds: PodBounds) -> Amounts:
    """What quotas count as limits (component-helpers resource.PodLimits)."""
    total = aggregate(bounds, "limits")
    if bounds.pod is not None:
        total |= {n: amount for n, amount in bounds.pod.limits.items() if _is_pod_level(n)}
    return {name: amount + _overhead(bounds, name, amount) for name, amount in total.items()}


def aggregate(bounds: PodBounds, bound: str) -> Amounts:
    """A bound over all containers, before the Pod's own (AggregateContainerRequests, -Limits).

    While an init container runs, so do the sidecars before it; afterwards sidecars and main
    containers run. The larger of the two is what the Pod takes.
    """
    lasting: list[Amounts] = []
    sidecars: Amounts = {}
    starting: Amounts = {}
    for container in bounds.containers:
        own = container.bounds.of(bound)
        if container.kind is ContainerKind.MAIN:
            lasting.append(own)
        elif container.kind is ContainerKind.SIDECAR:
            lasting.append(own)
            sidecars = _sum((sidecars, own))
            starting = _largest((starting, sidecars))
        else:
            starting = _largest((starting, _sum((own, sidecars))))
    return _largest((_sum(lasting), starting))


def _overhead(bounds: PodBounds, name: str, amount: Decimal) -> Decimal:
    return bounds.overhead.get(name, Decimal(0)) if amount else Decimal(0)


def _declared(resources: Json | None) -> Bounds:
    resources = resources or {}
    return Bounds(_exact(resources.get("requests")), _exact(resources.get("limits")))


def _rounded(bounds: Bounds) -> Bounds:
    return Bounds(_kept(bounds.requests), _kept(bounds.limits))


def _defaulted(bounds: Bounds) -> Bounds:
    return Bounds(bounds.limits | bounds.requests, bounds.limits)


def _pod_level_defaults(bounds: PodBounds, own: Bounds) -> Bounds:
    """Restates defaultHugePagePodLimits and defaultPodRequests."""
    limits = dict(own.limits)
    if own.limits or own.requests:
        for name, amount in aggregate(bounds, "limits").items():
            if name.startswith(_HUGEPAGES) and name not in own.requests:
                limits.setdefault(name, amount)
    requests = dict(own.requests)
    if limits:
        for name, amount in aggregate(bounds, "requests").items():
            if name in {"cpu", "memory"}:
                requests.setdefault(name, amount)
        for name, amount in limits.items():
            if _is_pod_level(name):
                requests.setdefault(name, amount)
    return Bounds(requests, limits)


def _actuated(declared: ContainerBounds, container: Container, *, infeasible: bool) -> Bounds:
    """Restates determineEffectiveRequests and determineEffectiveLimits."""
    resources = container.status.get("resources")
    if resources is None or declared.kind is ContainerKind.INIT:
        return declared.bounds
    actual = _rounded(_declared(resources))
    allocated = amounts_of(container.status.get("allocatedResources"))
    if infeasible:
        return Bounds(_largest((actual.requests, allocated)), actual.limits)
    return Bounds(
        _largest((declared.bounds.requests, actual.requests, allocated)),
        _largest((declared.bounds.limits, actual.limits)),
    )


def _is_pod_level(name: str) -> bool:
    """Restates helpers.IsSupportedPodLevelResource."""
    return name in {"cpu", "memory"} or name.startswith(_HUGEPAGES)


def _sum(lists: Iterable[Amounts]) -> Amounts:
    total: Amounts = {}
    for name, amount in _entries(lists):
        total[name] = total.get(name, Decimal(0)) + amount
    return total


def _largest(lists: Iterable[Amounts]) -> Amounts:
    largest: Amounts = {}
    for name, amount in _entries(lists):
        largest[name] = max(largest.get(name, amount), amount)
    return largest


def _entries(lists: Iterable[Amounts]) -> Iterator[tuple[str, Decimal]]:
    return (entry for amounts in lists for entry in amounts.items())
