"""What one metric proposes: the number of replicas that would bring it to its target.

Source: replica_calculator.go (GetResourceReplicas, GetRawResourceReplicas, GetMetricReplicas,
GetObjectMetricReplicas, GetObjectPerPodMetricReplicas, GetExternalMetricReplicas,
GetExternalPerPodMetricReplicas, getReadyPodsCount, groupPods, calculateRequests),
metrics/utilization.go and metrics/client.go, v1.35.4.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from clusterproof.errors import ClusterproofError
from clusterproof.load.hpa.rules import ControllerFlags, MetricTarget, ResourceTarget, Target

MOST = 2**31 - 1
"""Replicas are an int32."""
_FULL_PERCENT = 100


class NoProposalError(ClusterproofError):
    """The metric gives no proposal; the controller sets ScalingActive to False for this reason."""


@dataclass(frozen=True, slots=True)
class ContainerView:
    """A container that counts for requests, with its requests in thousandths."""

    name: str
    requests: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class PodView:
    """The fields of a Pod that the controller looks at; times in seconds since the epoch.

    Attributes:
        ready: Status of the Ready condition ("True", "False", "Unknown"), or None without one.
        containers: Containers and restartable init containers.
        pod_requests: Pod-level requests; when present they stand for the containers'.
    """

    name: str
    phase: str = "Running"
    deleting: bool = False
    started_at: float | None = None
    ready: str | None = "True"
    ready_changed_at: float = 0.0
    containers: tuple[ContainerView, ...] = ()
    pod_requests: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sample:
    """Usage of one pod as the metrics API gave it: containers' usage in thousandths."""

    usage: Mapping[str, Mapping[str, int]]
    timestamp: float
    window_s: float

    def value(self, resource: str, container: str) -> int | None:
        """Usage of the container, or of all; None when a figure is missing."""
        if container:
            return self.usage.get(container, {}).get(resource)
        values = [used.get(resource) for used in self.usage.values()]
        known = [value for value in values if value is not None]
        return sum(known) if known and len(known) == len(values) else None


@dataclass(frozen=True, slots=True)
class Seen:
    """All that the controller sees at one reconcile.

    Attributes:
        current: The scale target's spec.replicas.
        samples: Of the metrics API by pod name; None when it gives no answer.
        of_pods: Of each Pods metric that is answered, by pod name, in thousandths.
        totals: Of each Object metric that is answered its value, of each External one those of its
            series, in thousandths.
        status_replicas: The scale target's status.replicas; None where they are the current ones.
    """

    now: float
    current: int
    pods: tuple[PodView, ...]
    samples: Mapping[str, Sample] | None
    of_pods: Mapping[MetricTarget, Mapping[str, int]] = field(default_factory=dict)
    totals: Mapping[MetricTarget, Sequence[int]] = field(default_factory=dict)
    status_replicas: int | None = None


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a metric proposes, and the figure that the HPA's status shows for it."""

    replicas: int
    shown: int


@dataclass(frozen=True, slots=True)
class Tolerances:
    """Ratios within [1 - down, 1 + up] change nothing."""

    down: float
    up: float

    def hold(self, ratio: float) -> bool:
        """Whether `ratio` is too close to 1 to act on."""
        return (1.0 - self.down) <= ratio <= (1.0 + self.up)


@dataclass(frozen=True, slots=True)
class Groups:
    """The controller's sorting of pods, in its order of precedence."""

    ready: int
    unready: frozenset[str]
    missing: frozenset[str]
    ignored: frozenset[str]


def propose(target: Target, seen: Seen, tolerances: Tolerances, flags: ControllerFlags) -> Proposal:
    """The proposal of one metric, of whatever type.

    One of type Pods is as a resource by its mean, without a warm-up.

    Raises:
        NoProposalError: No metrics, no pods, a container without a request, or a target that has
            neither figure.
    """
    if isinstance(target, ResourceTarget):
        if seen.samples is None:
            raise NoProposalError(f"unable to get metrics for resource {target.resource}")
        usage = _usage(target, seen.samples)
        if not usage:
            raise NoProposalError(f"no metrics returned for resource {target.resource}")
        return _by_pods(target, usage, seen, tolerances, flags)
    if target.kind == "Pods":
        values = seen.of_pods.get(target)
        if not values:
            raise NoProposalError(f"unable to get metric {target.name}")
        mean = ResourceTarget(resource="", average_milli=target.average_milli)
        return _by_pods(mean, dict(values), seen, tolerances, flags)
    return _by_total(target, seen, tolerances)


def _by_pods(
    target: ResourceTarget,
    usage: dict[str, int],
    seen: Seen,
    tolerances: Tolerances,
    flags: ControllerFlags,
) -> Proposal:
    pods, current = seen.pods, seen.current
    if not pods:
        raise NoProposalError("no pods returned by selector")
    groups = group(seen, usage, resource=target.resource, flags=flags)
    for name in groups.ignored | groups.unready:
        usage.pop(name, None)
    if not usage:
        raise NoProposalError("did not receive metrics for targeted pods (pods might be unready)")
    requests = {} if target.utilization is None else _requests(pods, target)
    ratio, shown = _ratio(target, usage, requests)
    fill_unready = bool(groups.unready) and ratio > 1.0
    if not fill_unready and not groups.missing:
        if tolerances.hold(ratio):
            return Proposal(current, shown)
        return Proposal(math.ceil(ratio * groups.ready), shown)
    usage |= _fill(target, groups, requests, ratio=ratio)
    new_ratio, _ = _ratio(target, usage, requests)
    turned = (ratio < 1.0 < new_ratio) or (new_ratio < 1.0 < ratio)
    if tolerances.hold(new_ratio) or turned:
        return Proposal(current, shown)
    replicas = math.ceil(new_ratio * len(usage))
    against = (new_ratio < 1.0 and replicas > current) or (new_ratio > 1.0 and replicas < current)
    return Proposal(current if against else replicas, shown)


def _by_total(target: MetricTarget, seen: Seen, tolerances: Tolerances) -> Proposal:
    """The proposal of a metric of type Object or External.

    By its value the Ready pods count, by its average those of the scale target's status do; pods
    without a figure, and those that begin, make no difference to either.
    """
    values = seen.totals.get(target)
    if not values:
        raise NoProposalError(f"unable to get {target.kind.lower()} metric {target.name}")
    total, current = sum(values), seen.current
    if target.average_milli is not None:
        replicas = current if seen.status_replicas is None else seen.status_replicas
        return _per_pod(total, target.average_milli, replicas, tolerances)
    if target.value_milli is None:
        raise NoProposalError(f"metric {target.name} has neither a value nor an average value")
    ratio = total / target.value_milli
    if current == 0:
        return Proposal(math.ceil(ratio), total)
    if tolerances.hold(ratio):
        return Proposal(current, total)
    if not seen.pods:
        raise NoProposalError("no pods returned by selector")
    ready = sum(1 for pod in seen.pods if pod.phase == "Running" and pod.ready == "True")
    return Proposal(min(math.ceil(ratio * ready), MOST), total)


def _per_pod(total: int, average: int, replicas: int, tolerances: Tolerances) -> Proposal:
    """Without any replicas the ratio is no number, and so within no tolerance."""
    if replicas and tolerances.hold(total / (average * replicas)):
        proposed = replicas
    else:
        proposed = min(math.ceil(total / average), MOST)
    return Proposal(proposed, math.ceil(total / replicas) if replicas else total)


def group(seen: Seen, usage: Mapping[str, int], *, resource: str, flags: ControllerFlags) -> Groups:
    """Sort pods into ignored, unready, missing and ready; only CPU has a warm-up rule."""
    samples = seen.samples or {}
    ready = 0
    unready, missing, ignored = set(), set(), set()
    for pod in seen.pods:
        if pod.deleting or pod.phase == "Failed":
            ignored.add(pod.name)
        elif pod.phase == "Pending":
            unready.add(pod.name)
        elif pod.name not in usage:
            missing.add(pod.name)
        elif resource == "cpu" and _is_unready(pod, samples[pod.name], now=seen.now, flags=flags):
            unready.add(pod.name)
        else:
            ready += 1
    return Groups(ready, frozenset(unready), frozenset(missing), frozenset(ignored))


def _is_unready(pod: PodView, sample: Sample, *, now: float, flags: ControllerFlags) -> bool:
    if pod.ready is None or pod.started_at is None:
        return True
    not_ready = pod.ready == "False"
    if pod.started_at + flags.cpu_initialization_s > now:
        return not_ready or sample.timestamp < pod.ready_changed_at + sample.window_s
    never_was = pod.started_at + flags.readiness_delay_s > pod.ready_changed_at
    return not_ready and never_was


def _usage(target: ResourceTarget, samples: Mapping[str, Sample]) -> dict[str, int]:
    usage = {}
    for name, sample in samples.items():
        value = sample.value(target.resource, target.container)
        if value is not None:
            usage[name] = value
    return usage


def _requests(pods: Sequence[PodView], target: ResourceTarget) -> dict[str, int]:
    return {pod.name: _request(pod, target) for pod in pods}


def _request(pod: PodView, target: ResourceTarget) -> int:
    resource = target.resource
    if pod.pod_requests and not target.container:
        if resource not in pod.pod_requests:
            raise NoProposalError(f"missing pod-level request for {resource} in Pod {pod.name}")
        return pod.pod_requests[resource]
    chosen = [c for c in pod.containers if target.container in {"", c.name}]
    if target.container and not chosen:
        raise NoProposalError(f"container {target.container} not found in Pod {pod.name}")
    for container in chosen:
        if resource not in container.requests:
            raise NoProposalError(
                f"missing request for {resource} in container {container.name} of Pod {pod.name}"
            )
    return sum(container.requests[resource] for container in chosen)


def _ratio(
    target: ResourceTarget, usage: Mapping[str, int], requests: Mapping[str, int]
) -> tuple[float, int]:
    if target.utilization is None:
        average = sum(usage.values()) // len(usage)
        return average / (target.average_milli or 1), average
    known = [name for name in usage if name in requests]
    requested = sum(requests[name] for name in known)
    if requested == 0:
        raise NoProposalError("no metrics returned matched known pods")
    percent = sum(usage[name] for name in known) * 100 // requested
    return percent / target.utilization, percent


def _fill(
    target: ResourceTarget, groups: Groups, requests: Mapping[str, int], *, ratio: float
) -> dict[str, int]:
    """Conservative figures for pods without one: full when shrinking, idle when growing."""
    if ratio > 1.0:
        return dict.fromkeys(groups.missing | groups.unready, 0)
    if ratio < 1.0:
        if target.utilization is None:
            return dict.fromkeys(groups.missing, target.average_milli or 0)
        percent = max(_FULL_PERCENT, target.utilization)
        return {name: requests[name] * percent // 100 for name in groups.missing}
    return {}
