"""What an HorizontalPodAutoscaler's controller says of it (autoscaling/v2 status)."""

from collections.abc import Iterator
from dataclasses import dataclass

from clusterproof.errors import ObservationError
from clusterproof.kube.hpa import Metric, figures_of, is_measured, metrics_of, without_request
from clusterproof.kube.kinds import kind_of
from clusterproof.kube.objects import Json, condition_entry, controller_of, labels_of, status_of
from clusterproof.kube.pods import is_active
from clusterproof.kube.requests import bounds_of
from clusterproof.kube.selectors import selects
from clusterproof.kube.workloads import WORKLOADS, pod_spec_of
from clusterproof.observe.cluster import Cluster
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
        target_exists: Looked for where the row's aspect is `target` or `requests`.
        without_request: `container resource` of the target without a request.
        measured: Resources with a figure, by utilization or by average.
        unmeasured: The metrics that it scales by and has no figure for.
        strangers: Pods that the target's selector takes in and that are not the target's.
    """

    exists: bool
    current: tuple[tuple[str, int], ...] = ()
    conditions: tuple[tuple[str, str, str, str], ...] = ()
    target: str = ""
    target_exists: bool = False
    without_request: tuple[str, ...] = ()
    measured: tuple[str, ...] = ()
    unmeasured: tuple[str, ...] = ()
    strangers: tuple[str, ...] = ()


def read_hpa_state(cluster: Cluster, rule: HpaStateRow) -> Observed[HpaState]:
    """State, target, and the requests that utilization is computed from."""
    next_command = f"kubectl describe {rule.of.kubectl}"
    autoscaler = cluster.find(rule.of)
    if autoscaler is None:
        return Observed(HpaState(exists=False), str(rule.of), ("no such object",), next_command)
    target_ref = _target_of(autoscaler, rule.of)
    target = cluster.find(target_ref) if rule.aspect in {"target", "requests"} else None
    figures = figures_of(autoscaler)
    value = HpaState(
        exists=True,
        current=_utilizations(autoscaler),
        conditions=tuple(
            (entry["type"], entry["status"], entry.get("reason", ""), entry.get("message", ""))
            for entry in status_of(autoscaler).get("conditions") or []
        ),
        target=f"{target_ref.kind}/{target_ref.name}",
        target_exists=target is not None,
        without_request=tuple(_without_request(cluster, rule, autoscaler, target_ref, target)),
        measured=tuple(sorted({metric.name for metric in figures})),
        unmeasured=tuple(str(each) for each in metrics_of(autoscaler) if each not in figures),
        strangers=tuple(_strangers(cluster, rule, target_ref, target)),
    )
    evidence = [f"{kind}={state} {reason}" for kind, state, reason, _ in value.conditions]
    evidence += [f"{metric} at {figure}" for metric, figure in figures.items()]
    evidence.append(f"scales {value.target}")
    return Observed(value, str(rule.of), tuple(evidence), next_command)


def _target_of(autoscaler: Json, ref: ObjectRef) -> ObjectRef:
    reference = autoscaler["spec"]["scaleTargetRef"]
    return ObjectRef(kind=kind_of(reference), namespace=ref.namespace, name=reference["name"])


def _without_request(
    cluster: Cluster,
    rule: HpaStateRow,
    autoscaler: Json,
    ref: ObjectRef,
    target: Json | None,
) -> Iterator[str]:
    """What the controller would miss in the Pods, or in the template where there are none."""
    if rule.aspect != "requests" or target is None:
        return
    metrics = metrics_of(autoscaler)
    if rule.resources is not None:
        metrics = tuple(Metric("Resource", name, "", "Utilization") for name in rule.resources)
    pods = cluster.pods_of(ref) if ref.kind in WORKLOADS else cluster.selected_by_scale(ref)
    specs = [pod["spec"] for pod in pods] or [pod_spec_of(target)]
    if not specs[0]:
        raise ObservationError(
            f"{ref} has no Pods and no Pod template: nothing shows the requests of its containers",
            next_command=f"kubectl get {ref.kubectl} -o yaml",
        )
    missing = {
        f"{container} {resource}"
        for spec in specs
        for container, resource in without_request(metrics, bounds_of(spec))
    }
    yield from sorted(missing)


def _strangers(
    cluster: Cluster, rule: HpaStateRow, ref: ObjectRef, target: Json | None
) -> Iterator[str]:
    """Pods of others that the controller averages over: it goes by the selector, not by owner."""
    if rule.aspect != "target" or target is None:
        return
    own = {pod["metadata"]["name"] for pod in cluster.pods_of(ref)}
    for pod in _averaged_over(cluster, ref, target):
        if pod["metadata"]["name"] in own:
            continue
        if ref.kind not in WORKLOADS and _leads_to(cluster, pod, target):
            continue
        yield f"{pod['metadata']['name']} of {_owner(pod)}"


def _averaged_over(cluster: Cluster, ref: ObjectRef, target: Json) -> list[Json]:
    if ref.kind not in WORKLOADS:
        return cluster.selected_by_scale(ref)
    selector = (target.get("spec") or {}).get("selector") or {}
    if not selector.get("matchLabels") and not selector.get("matchExpressions"):
        return []
    pods = cluster.objects("Pod", ref.namespace)
    return [pod for pod in pods if is_active(pod) and selects(selector, labels_of(pod))]


def _leads_to(cluster: Cluster, pod: Json, target: Json) -> bool:
    """Whether the target controls the Pod, or what controls it, at any distance."""
    namespace, controlled = pod["metadata"]["namespace"], pod
    while controlled and (controller := controller_of(controlled)):
        if controller["uid"] == target["metadata"]["uid"]:
            return True
        ref = ObjectRef(kind=kind_of(controller), namespace=namespace, name=controller["name"])
        controlled = cluster.find(ref) or {}
    return False


def _owner(pod: Json) -> str:
    controller = controller_of(pod)
    return f"{controller['kind']}/{controller['name']}" if controller else "nobody"


def is_waiting_for_metrics(cluster: Cluster, ref: ObjectRef) -> bool:
    """True while the autoscaler has no figures yet and may still get them by itself.

    That is so when its target's Pods are too young for any, or it was changed a moment ago.
    """
    autoscaler = cluster.find(ref)
    if autoscaler is None or is_measured(autoscaler):
        return False
    if _changed_s(cluster, autoscaler) < UNSYNCED_S:
        return True
    try:
        pods = cluster.pods_of(_target_of(autoscaler, ref))
    except ObservationError:
        # Its Pods cannot be read, and so not their age: what the autoscaler dates itself decides.
        active = condition_entry(autoscaler, "ScalingActive")
        since = active.get("lastTransitionTime") or autoscaler["metadata"]["creationTimestamp"]
        return cluster.seconds_since(since) < UNMEASURED_S
    return bool(pods) and min(cluster.age_s(pod) for pod in pods) < UNMEASURED_S


def _changed_s(cluster: Cluster, item: Json) -> float:
    """Seconds since somebody wrote what the autoscaler is to do; infinity where nothing says so."""
    written = [
        cluster.seconds_since(entry["time"])
        for entry in item["metadata"].get("managedFields") or []
        if entry.get("time") and entry.get("subresource") != "status"
    ]
    return min(written, default=float("inf"))


def _utilizations(autoscaler: Json) -> tuple[tuple[str, int], ...]:
    sources = (
        (entry.get("resource") or {}) for entry in status_of(autoscaler).get("currentMetrics") or []
    )
    return tuple(
        (source["name"], int(source["current"]["averageUtilization"]))
        for source in sources
        if (source.get("current") or {}).get("averageUtilization") is not None
    )
