"""Which claims want a volume, and which volumes nobody wants any more. Pure.

Source: Kubernetes docs, "Persistent Volumes" and "Volume Binding Mode" (v1.35).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kubernetes.utils import parse_quantity

from testbed.controllers.kube import Json

PROVISIONER = "clusterproof.dev/local"
NODE_ANNOTATION = "volume.kubernetes.io/selected-node"
PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"
# What one node's directory can give: it cannot be shared between nodes.
ACCESS_MODES = frozenset({"ReadWriteOnce", "ReadWriteOncePod"})


@dataclass(frozen=True)
class ClassFacts:
    """A StorageClass of ours."""

    name: str
    reclaim: str


@dataclass(frozen=True)
class ClaimFacts:
    """A PersistentVolumeClaim."""

    namespace: str
    name: str
    uid: str
    phase: str
    storage_class: str
    node: str
    request: str
    volume_mode: str
    access_modes: tuple[str, ...]

    @property
    def size_bytes(self) -> int:
        """What the claim requests."""
        return int(parse_quantity(self.request))


@dataclass(frozen=True)
class VolumeFacts:
    """A PersistentVolume that this provisioner made."""

    name: str
    phase: str
    reclaim: str
    claim_uid: str


@dataclass(frozen=True)
class Plan:
    """What is to be done: claims to serve, claims to refuse with a reason, volumes to delete."""

    provision: tuple[ClaimFacts, ...]
    refuse: tuple[tuple[ClaimFacts, str], ...]
    delete: tuple[VolumeFacts, ...]


def read_class(raw: Json) -> ClassFacts | None:
    """The StorageClass, or None if another provisioner has it."""
    if raw.get("provisioner") != PROVISIONER:
        return None
    return ClassFacts(raw["metadata"]["name"], raw.get("reclaimPolicy", "Delete"))


def read_claim(raw: Json) -> ClaimFacts:
    """The claim; `node` is "" until the scheduler has chosen one."""
    metadata, spec = raw["metadata"], raw["spec"]
    return ClaimFacts(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        phase=(raw.get("status") or {}).get("phase", ""),
        storage_class=spec.get("storageClassName") or "",
        node=(metadata.get("annotations") or {}).get(NODE_ANNOTATION, ""),
        request=((spec.get("resources") or {}).get("requests") or {}).get("storage", "0"),
        volume_mode=spec.get("volumeMode", "Filesystem"),
        access_modes=tuple(spec.get("accessModes") or ()),
    )


def read_volume(raw: Json) -> VolumeFacts | None:
    """The volume, or None if it is another provisioner's, or already on its way out."""
    metadata, spec = raw["metadata"], raw["spec"]
    if (metadata.get("annotations") or {}).get(PROVISIONED_BY) != PROVISIONER:
        return None
    return VolumeFacts(
        name=metadata["name"],
        phase=(raw.get("status") or {}).get("phase", ""),
        reclaim=spec.get("persistentVolumeReclaimPolicy", "Retain"),
        claim_uid=(spec.get("claimRef") or {}).get("uid", ""),
    )


def plan(
    classes: Sequence[ClassFacts], claims: Sequence[ClaimFacts], volumes: Sequence[VolumeFacts]
) -> Plan:
    """What the objects ask for, as they are now."""
    ours = {one.name for one in classes}
    served = {one.claim_uid for one in volumes}
    waiting = [
        claim
        for claim in claims
        if claim.phase == "Pending" and claim.storage_class in ours and claim.uid not in served
    ]
    reasons = [(claim, refusal(claim)) for claim in waiting]
    return Plan(
        provision=tuple(claim for claim, reason in reasons if claim.node and not reason),
        refuse=tuple((claim, reason) for claim, reason in reasons if reason),
        delete=tuple(
            one
            for one in volumes
            if one.phase in {"Released", "Failed"} and one.reclaim == "Delete"
        ),
    )


def refusal(claim: ClaimFacts) -> str:
    """Why the claim can never be served, or ""."""
    if claim.volume_mode != "Filesystem":
        return f"expected volumeMode Filesystem, seen {claim.volume_mode}"
    if not set(claim.access_modes) <= ACCESS_MODES:
        return f"expected accessModes of {sorted(ACCESS_MODES)}, seen {list(claim.access_modes)}"
    return ""


def volume_object(claim: ClaimFacts, reclaim: str, path: Path) -> Json:
    """The PersistentVolume for a claim; type `local`, so that the kubelet reports its use."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {
            "name": f"pvc-{claim.uid}",
            "annotations": {PROVISIONED_BY: PROVISIONER},
        },
        "spec": {
            "capacity": {"storage": claim.request},
            "accessModes": list(claim.access_modes),
            "persistentVolumeReclaimPolicy": reclaim,
            "storageClassName": claim.storage_class,
            "volumeMode": "Filesystem",
            "local": {"path": str(path)},
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "namespace": claim.namespace,
                "name": claim.name,
                "uid": claim.uid,
            },
            "nodeAffinity": {
                "required": {
                    "nodeSelectorTerms": [
                        {
                            "matchExpressions": [
                                {
                                    "key": "kubernetes.io/hostname",
                                    "operator": "In",
                                    "values": [claim.node],
                                }
                            ]
                        }
                    ]
                }
            },
        },
    }
