"""What the volume provisioner decides to do."""

from pathlib import Path

import pytest

from testbed.controllers.claims import (
    ClaimFacts,
    ClassFacts,
    VolumeFacts,
    plan,
    read_claim,
    read_class,
    read_volume,
    refusal,
    volume_object,
)
from testbed.controllers.kube import Json

STANDARD = ClassFacts("standard", "Delete")
RAW: Json = {
    "metadata": {
        "namespace": "shop",
        "name": "data",
        "uid": "u1",
        "annotations": {"volume.kubernetes.io/selected-node": "node-2"},
    },
    "spec": {
        "storageClassName": "standard",
        "accessModes": ["ReadWriteOnce"],
        "volumeMode": "Filesystem",
        "resources": {"requests": {"storage": "20Gi"}},
    },
    "status": {"phase": "Pending"},
}


def claim(**spec: object) -> ClaimFacts:
    return read_claim({**RAW, "spec": {**RAW["spec"], **spec}})


def test_waiting_claim_with_a_node_is_served() -> None:
    assert plan([STANDARD], [claim()], []).provision == (claim(),)
    assert claim().size_bytes == 20 * 2**30


def test_claim_waits_for_the_scheduler() -> None:
    unscheduled = read_claim({**RAW, "metadata": {**RAW["metadata"], "annotations": {}}})
    assert plan([STANDARD], [unscheduled], []).provision == ()


@pytest.mark.parametrize(
    "other",
    [
        claim(storageClassName="other"),
        read_claim({**RAW, "status": {"phase": "Bound"}}),
    ],
    ids=["another-class", "bound"],
)
def test_claim_that_is_not_ours_to_serve_is_left_alone(other: ClaimFacts) -> None:
    assert plan([STANDARD], [other], []).provision == ()


def test_claim_that_has_its_volume_is_not_served_twice() -> None:
    made = VolumeFacts("pvc-u1", "Available", "Delete", "u1")
    assert plan([STANDARD], [claim()], [made]).provision == ()


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (claim(volumeMode="Block"), "expected volumeMode Filesystem, seen Block"),
        (
            claim(accessModes=["ReadWriteMany"]),
            "expected accessModes of ['ReadWriteOnce', 'ReadWriteOncePod'], seen ['ReadWriteMany']",
        ),
    ],
    ids=["block", "shared"],
)
def test_claim_that_can_never_be_served_is_refused(bad: ClaimFacts, reason: str) -> None:
    assert refusal(bad) == reason
    assert plan([STANDARD], [bad], []).provision == ()
    assert plan([STANDARD], [bad], []).refuse == ((bad, reason),)


@pytest.mark.parametrize(
    ("phase", "reclaim", "deleted"),
    [("Released", "Delete", True), ("Released", "Retain", False), ("Bound", "Delete", False)],
)
def test_released_volume_is_deleted_unless_retained(
    phase: str, reclaim: str, *, deleted: bool
) -> None:
    volume = VolumeFacts("pvc-u9", phase, reclaim, "u9")
    assert plan([STANDARD], [], [volume]).delete == ((volume,) if deleted else ())


def test_volume_is_local_to_its_node_and_bound_to_its_claim() -> None:
    made = volume_object(claim(), "Delete", Path("/volumes/u1"))
    spec = made["spec"]
    assert spec["local"] == {"path": "/volumes/u1"}
    assert spec["capacity"] == {"storage": "20Gi"}
    assert spec["claimRef"]["uid"] == "u1"
    term = spec["nodeAffinity"]["required"]["nodeSelectorTerms"][0]["matchExpressions"][0]
    assert term == {"key": "kubernetes.io/hostname", "operator": "In", "values": ["node-2"]}
    assert read_volume(made) == VolumeFacts("pvc-u1", "", "Delete", "u1")


def test_only_our_classes_and_volumes_are_seen() -> None:
    foreign = {"metadata": {"name": "other"}, "provisioner": "another.example/disk"}
    assert read_class(foreign) is None
    assert read_class({**foreign, "provisioner": "clusterproof.dev/local"}) == ClassFacts(
        "other", "Delete"
    )
    assert read_volume({"metadata": {"name": "pv"}, "spec": {}}) is None
