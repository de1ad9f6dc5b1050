"""What an HorizontalPodAutoscaler's controller says of it (autoscaling/v2 status)."""

from dataclasses import dataclass

from clusterproof.kube.client import Json
from clusterproof.observe.cluster import (
    Cluster,
    condition,
    containers_of,
    template_of,
)
from clusterproof.observe.observed import Observed
from clusterproof.spec.desired import HpaStateRow
from clusterproof.spec.row import ObjectRef

UNMEASURED_S = 120.0
"""How long a Pod may go unmeasured: two resolutions of up to 30 s, a sync, a busy start."""

UNSYNCED_S = 30.0
"""After a change of the autoscaler: two of its controller's syncs, 15 s each by default."""


@dataclass(frozen=True, slots=True)
class HpaState:
    """The controller's state.

    Attributes:
        current: Resource to its averageUtilization in percent, where there is one.
        conditions: (type, status, reason, message).
        target: `Kind/name` of the scaleTargetRef.
        without_request: `container resource` of the target without a request.
    """

    exists: bool
    current: tuple[tuple[str, int], ...] = ()
    conditions: tuple[tuple[str, str, str, str], ...] = ()
    target: str = ""
    target_exists: bool = False
    without_request: tuple[str, ...] = ()


def read_hpa_state(cluster: Cluster, rule: HpaStateRow) -> Observed[HpaState]:
    """State, target, and the requests that utilization is computed from."""
    next_command = f"kubectl describe {rule.of.kubectl}"
    item = cluster.find(rule.of)
    if item is None:
        return Observed(HpaState(exists=False), str(rule.of), ("no such object",), next_command)
    status = item.get("status") or {}
    reference = item["spec"]["scaleTargetRef"]
    target_ref = ObjectRef(
        kind=reference["kind"], namespace=rule.of.namespace, name=reference["name"]
    )
    target = cluster.find(target_ref)
    value = HpaState(
        exists=True,
        current=_current(status),
        conditions=tuple(
            (one["type"], one["status"], one.get("reason", ""), one.get("message", ""))
            for one in status.get("conditions") or []
        ),
        target=f"{target_ref.kind}/{target_ref.name}",
        target_exists=target is not None,
        without_request=_without_request(target, rule.resources) if target else (),
    )
    evidence = [f"{kind}={state} {reason}" for kind, state, reason, _ in value.conditions]
    evidence += [f"{name} at {percent} % of its request" for name, percent in value.current]
    evidence.append(f"scales {value.target}")
    return Observed(value, str(rule.of), tuple(evidence), next_command)


def is_waiting_for_metrics(cluster: Cluster, ref: ObjectRef) -> bool:
    """True while the autoscaler has no figures yet and may still get them by itself.

    That is so when its target's Pods are too young for any, or it was changed a moment ago.
    """
    item = cluster.find(ref)
    if item is None or is_measured(item):
        return False
    if _changed_s(cluster, item) < UNSYNCED_S:
        return True
    reference = item["spec"]["scaleTargetRef"]
    target = ObjectRef(kind=reference["kind"], namespace=ref.namespace, name=reference["name"])
    pods = cluster.pods_of(target)
    return bool(pods) and min(cluster.age_s(pod) for pod in pods) < UNMEASURED_S


def is_measured(item: Json) -> bool:
    """True when the controller has a figure for every resource that the autoscaler scales by."""
    wanted = {
        (metric.get("resource") or {}).get("name")
        for metric in item["spec"].get("metrics") or []
        if metric.get("type") == "Resource"
    }
    measured = wanted <= {name for name, _ in _current(item.get("status") or {})}
    return measured and condition(item, "ScalingActive") == "True"


def _changed_s(cluster: Cluster, item: Json) -> float:
    """Seconds since somebody wrote what the autoscaler is to do; infinity where nothing says so."""
    written = [
        cluster.seconds_since(entry["time"])
        for entry in item["metadata"].get("managedFields") or []
        if entry.get("time") and entry.get("subresource") != "status"
    ]
    return min(written, default=float("inf"))


def _current(status: Json) -> tuple[tuple[str, int], ...]:
    found = []
    for metric in status.get("currentMetrics") or []:
        resource = metric.get("resource") or {}
        percent = (resource.get("current") or {}).get("averageUtilization")
        if percent is not None:
            found.append((resource["name"], int(percent)))
    return tuple(found)


def _without_request(target: Json, resources: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(
        f"{one['name']} {resource}"
        for one in containers_of(template_of(target))
        for resource in resources
        if resource not in ((one.get("resources") or {}).get("requests") or {})
    )
