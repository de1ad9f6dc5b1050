"""How full volumes are, as the kubelet of the node measures it (stats/summary)."""

from dataclasses import dataclass

from clusterproof.errors import ObservationError
from clusterproof.observe.api import Json
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.observed import Observed
from clusterproof.spec.desired import VolumeUseRow
from clusterproof.spec.row import ObjectRef


@dataclass(frozen=True, slots=True)
class VolumeUse:
    """Bytes of a volume."""

    used_bytes: int
    capacity_bytes: int

    @property
    def ratio(self) -> float:
        """The used share, 0 to 1."""
        return self.used_bytes / self.capacity_bytes


def read_volume_use(cluster: Cluster, rule: VolumeUseRow) -> Observed[VolumeUse]:
    """The use of the volume that a running Pod has mounted by this claim.

    Takes the right `get nodes/proxy`.

    Raises:
        ObservationError: No Pod uses it, or its kubelet has no figures for it.
    """
    pod = _pod_with(cluster, rule.of)
    node = pod["spec"]["nodeName"]
    path = f"/api/v1/nodes/{node}/proxy/stats/summary"
    for entry in cluster.api.get(path).get("pods") or []:
        if entry["podRef"]["uid"] != pod["metadata"]["uid"]:
            continue
        for volume in entry.get("volume") or []:
            if (volume.get("pvcRef") or {}).get("name") == rule.of.name:
                use = VolumeUse(volume["usedBytes"], volume["capacityBytes"])
                evidence = (f"{use.used_bytes} of {use.capacity_bytes} bytes: {use.ratio:.1%}",)
                how = "the kubelet's stats/summary (get nodes/proxy)"
                next_command = f"kubectl get --raw {path}"
                return Observed(use, f"{rule.of} on {node}", evidence, next_command, how)
    raise ObservationError(
        f"the kubelet of {node} has no figures for {rule.of}",
        next_command=f"kubectl get --raw {path}",
    )


def _pod_with(cluster: Cluster, claim: ObjectRef) -> Json:
    for pod in cluster.objects("Pod", claim.namespace):
        claims = {
            (volume.get("persistentVolumeClaim") or {}).get("claimName")
            for volume in pod["spec"].get("volumes") or []
        }
        if claim.name in claims and (pod.get("status") or {}).get("phase") == "Running":
            return pod
    raise ObservationError(
        f"no running Pod uses {claim}, so no kubelet measures it",
        next_command=f"kubectl -n {claim.namespace} get pods,pvc",
    )
