"""What an autoscaler scales, and whether it still waits for its first figures."""

from clusterproof.errors import ObservationError
from clusterproof.kube.hpa import is_measured, is_observed
from clusterproof.kube.kinds import kind_of
from clusterproof.kube.objects import Json, condition_entry
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.workloads import is_stuck
from clusterproof.spec.row import ObjectRef

UNMEASURED_S = 120.0
"""How long a Pod may go unmeasured: two resolutions of up to 30 s, a sync, a busy start."""

UNSYNCED_S = 30.0
"""After a change of the autoscaler: two of its controller's syncs, 15 s each by default."""


def target_of(autoscaler: Json, ref: ObjectRef) -> ObjectRef:
    """What an autoscaler scales.

    Args:
        autoscaler: The object.
        ref: Of the autoscaler.
    """
    reference = autoscaler["spec"]["scaleTargetRef"]
    return ObjectRef(kind=kind_of(reference), namespace=ref.namespace, name=reference["name"])


def is_waiting_for_metrics(cluster: Cluster, ref: ObjectRef) -> bool:
    """True while the autoscaler has no figures yet, or old ones, and may still get them by itself.

    That is so when its target's Pods are too young for any, or it was changed a moment ago.
    """
    autoscaler = cluster.find(ref)
    if autoscaler is None or (is_measured(autoscaler) and is_observed(autoscaler)):
        return False
    if _changed_s(cluster, autoscaler) < UNSYNCED_S:
        return True
    try:
        pods = cluster.pods_of(target_of(autoscaler, ref))
    except ObservationError:
        # Its Pods cannot be read, and so not their age: what the autoscaler dates itself decides.
        active = condition_entry(autoscaler, "ScalingActive")
        since = active.get("lastTransitionTime") or autoscaler["metadata"]["creationTimestamp"]
        return cluster.seconds_since(since) < UNMEASURED_S
    if any(is_stuck(cluster, pod) for pod in pods):
        return False
    return bool(pods) and min(cluster.age_s(pod) for pod in pods) < UNMEASURED_S


def _changed_s(cluster: Cluster, autoscaler: Json) -> float:
    """Seconds since somebody wrote what the autoscaler is to do; infinity where nothing says so."""
    written = [
        cluster.seconds_since(entry["time"])
        for entry in autoscaler["metadata"].get("managedFields") or []
        if entry.get("time") and entry.get("subresource") != "status"
    ]
    return min(written, default=float("inf"))
