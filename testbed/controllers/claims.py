"""Which claims want a volume, and which volumes nobody wants any more. Pure.

Source: Kubernetes docs, "Persistent Volumes" and "Volume Binding Mode" (v1.35).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from clusterproof.kube.objects import Json, annotations_of, is_terminating, status_of

PROVISIONER = "clusterproof.dev/local"
NODE_ANNOTATION = "volume.kubernetes.io/selected-node"
PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"
# What one node's directory can give: it cannot be shared between nodes.
ACCESS_MODES = frozenset({"ReadWriteOnce", "ReadWriteOncePod"})


@dataclass(frozen=True)
class Plan:
    """What is to be done, as raw objects.

    Attributes:
        provision: Claims to serve, each with the reclaim policy of its class.
        refuse: Claims that can never be served, each with the reason.
        delete: Volumes that were released, and that nobody has deleted yet.
    """

    provision: tuple[tuple[Json, str], ...]
    refuse: tuple[tuple[Json, str], ...]
    delete: tuple[Json, ...]


def our_class(raw: Json) -> Json | None:
    """The StorageClass, or None if another provisioner has it."""
    return raw if raw.get("provisioner") == PROVISIONER else None


def our_volume(raw: Json) -> Json | None:
    """The volume, or None if it is another provisioner's."""
    return raw if annotations_of(raw).get(PROVISIONED_BY) == PROVISIONER else None


def node_of(claim: Json) -> str:
    """The node that the scheduler chose; "" until then."""
    return annotations_of(claim).get(NODE_ANNOTATION, "")


def size_of(claim: Json) -> str:
    """What the claim requests, as a quantity."""
    return str(claim["spec"]["resources"]["requests"]["storage"])


def claim_uid_of(volume: Json) -> str:
    """The UID of the claim that a volume was made for."""
    return str((volume["spec"].get("claimRef") or {}).get("uid", ""))


def plan(classes: Sequence[Json], claims: Sequence[Json], volumes: Sequence[Json]) -> Plan:
    """What the objects ask for, as they are now."""
    reclaim = {each["metadata"]["name"]: each.get("reclaimPolicy", "Delete") for each in classes}
    served = {claim_uid_of(volume) for volume in volumes}
    waiting = [
        (claim, refusal(claim))
        for claim in claims
        if status_of(claim).get("phase") == "Pending"
        and claim["spec"].get("storageClassName") in reclaim
        and claim["metadata"]["uid"] not in served
    ]
    return Plan(
        provision=tuple(
            (claim, reclaim[claim["spec"]["storageClassName"]])
            for claim, reason in waiting
            if node_of(claim) and not reason
        ),
        refuse=tuple((claim, reason) for claim, reason in waiting if reason),
        delete=tuple(
            volume
            for volume in volumes
            if status_of(volume).get("phase") in {"Released", "Failed"}
            and volume["spec"].get("persistentVolumeReclaimPolicy") == "Delete"
            and not is_terminating(volume)
        ),
    )


def refusal(claim: Json) -> str:
    """Why the claim can never be served, or ""."""
    mode = claim["spec"].get("volumeMode", "Filesystem")
    if mode != "Filesystem":
        return f"expected volumeMode Filesystem, seen {mode}"
    modes = claim["spec"].get("accessModes") or []
    if not set(modes) <= ACCESS_MODES:
        return f"expected accessModes of {sorted(ACCESS_MODES)}, seen {modes}"
    return ""


def volume_object(claim: Json, reclaim: str, path: Path) -> Json:
    """The PersistentVolume for a claim; type `local`, so that the kubelet reports its use."""
    here = {"key": "kubernetes.io/hostname", "operator": "In", "values": [node_of(claim)]}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {
            "name": f"pvc-{claim['metadata']['uid']}",
            "annotations": {PROVISIONED_BY: PROVISIONER},
        },
        "spec": {
            "capacity": {"storage": size_of(claim)},
            "accessModes": claim["spec"].get("accessModes") or [],
            "persistentVolumeReclaimPolicy": reclaim,
            "storageClassName": claim["spec"]["storageClassName"],
            "volumeMode": "Filesystem",
            "local": {"path": str(path)},
            "claimRef": reference_to(claim),
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}},
        },
    }


def event_on(claim: Json, reason: str, message: str, *, at: str) -> Json:
    """An Event on a claim; a reason that ends with Failed is a warning."""
    name, namespace = claim["metadata"]["name"], claim["metadata"]["namespace"]
    return {
        "metadata": {"generateName": f"{name}.", "namespace": namespace},
        "involvedObject": reference_to(claim),
        "type": "Warning" if reason.endswith("Failed") else "Normal",
        "reason": reason,
        "message": message,
        "source": {"component": PROVISIONER},
        "firstTimestamp": at,
        "lastTimestamp": at,
        "count": 1,
    }


def reference_to(claim: Json) -> Json:
    """What another object names a claim by."""
    own = {key: claim["metadata"][key] for key in ("namespace", "name", "uid")}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", **own}
