"""The volume of a claim is not used beyond a share of it, as its kubelet measures.

Source: Kubernetes docs, "Node metrics data", stats/summary (v1.35, read 2026-11-23).
"""

from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from clusterproof.checks.kind import Kind
from clusterproof.checks.site import Site
from clusterproof.errors import ObservationError
from clusterproof.judgement import Difference, Failed, Judgement, Passed
from clusterproof.kube.client import Json
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.observed import Observed
from clusterproof.spec.row import ObjectRef, Ref, Row
from clusterproof.wait import last_within

UNMEASURED_S = 150.0
"""A kubelet measures volumes once a minute by default; a young Pod is given two of them."""


class VolumeUseRow(Row):
    """The used share of a claim's volume, as its kubelet measures it (a ratio, 0 to 1)."""

    check: Literal["volume-use"]
    of: Ref
    at_most: float = Field(gt=0, le=1)


@dataclass(frozen=True, slots=True)
class VolumeUse:
    """Bytes of a volume."""

    used_bytes: int
    capacity_bytes: int

    @property
    def ratio(self) -> float:
        """The used share, 0 to 1."""
        return self.used_bytes / self.capacity_bytes


def look(row: VolumeUseRow, site: Site) -> Observed[VolumeUse]:
    """The use of the volume that a running Pod has mounted by this claim.

    Takes the right `get nodes/proxy`. Waits for the first figures of a young Pod.

    Raises:
        ObservationError: No Pod uses it, or its kubelet has no figures for it.
    """
    cluster = site.cluster
    pod = _pod_with(cluster, row.of)
    node = pod["spec"]["nodeName"]
    path = f"/api/v1/nodes/{node}/proxy/stats/summary"
    figures = last_within(
        lambda: _figures(cluster.api.get(path), pod, row.of),
        lambda volume: _use(volume) is not None,
        within_s=max(0.0, UNMEASURED_S - cluster.age_s(pod)),
        every_s=2.0,
    )
    next_command = f"kubectl get --raw {path}"
    use = _use(figures)
    if use is None:
        raise ObservationError(
            f"expected used and capacity bytes of {row.of} from the kubelet of {node}; got "
            f"{_shown(figures)}",
            next_command=next_command,
        )
    evidence = (f"{use.used_bytes} of {use.capacity_bytes} bytes: {use.ratio:.1%}",)
    how = "the kubelet's stats/summary (get nodes/proxy)"
    return Observed(use, f"{row.of} on {node}", evidence, next_command, how)


def _figures(summary: Json, pod: Json, claim: ObjectRef) -> Json:
    """The kubelet's VolumeStats of the claim in this Pod; empty where it has none."""
    for entry in summary.get("pods") or []:
        if entry["podRef"]["uid"] != pod["metadata"]["uid"]:
            continue
        for volume in entry.get("volume") or []:
            if (volume.get("pvcRef") or {}).get("name") == claim.name:
                return dict(volume)
    return {}


def _use(volume: Json) -> VolumeUse | None:
    """None without a share to tell: every figure of FsStats is optional, and a capacity may be 0.

    A CSI driver without GET_VOLUME_STATS and some network filesystems report so (kubelet,
    pkg/apis/stats/v1alpha1, FsStats).
    """
    used, capacity = volume.get("usedBytes"), volume.get("capacityBytes")
    return VolumeUse(used, capacity) if used is not None and capacity else None


def _shown(volume: Json) -> str:
    if not volume:
        return "no figures for it"
    names = ("usedBytes", "capacityBytes")
    return " and ".join(f"{name} {volume.get(name, 'absent')}" for name in names)


def _pod_with(cluster: Cluster, claim: ObjectRef) -> Json:
    for pod in cluster.objects("Pod", claim.namespace):
        claims = {_claim_of(volume, pod) for volume in pod["spec"].get("volumes") or []}
        if claim.name in claims and (pod.get("status") or {}).get("phase") == "Running":
            return pod
    raise ObservationError(
        f"no running Pod uses {claim}, so no kubelet measures it",
        next_command=f"kubectl -n {claim.namespace} get pods,pvc",
    )


def _claim_of(volume: Json, pod: Json) -> str:
    """The claim behind a volume, or ""; an ephemeral one has a claim made of both names.

    Restates ephemeral.VolumeClaimName (component-helpers/storage/ephemeral).
    """
    if volume.get("ephemeral"):
        return f"{pod['metadata']['name']}-{volume['name']}"
    return str((volume.get("persistentVolumeClaim") or {}).get("claimName", ""))


def judge(row: VolumeUseRow, use: VolumeUse) -> Judgement:
    """The used share is not over the row's."""
    compared = "used share"
    if use.ratio <= row.at_most:
        return Passed(compared)
    expected, observed = f"at most {row.at_most:.0%}", f"{use.ratio:.1%}"
    return Failed(Difference(compared, expected, observed, code="volume-too-full"))


KIND = Kind(VolumeUseRow, look, judge, codes=("volume-too-full",))
