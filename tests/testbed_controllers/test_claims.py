"""What the volume provisioner decides to do."""

from pathlib import Path

import pytest

from clusterproof.kube.objects import Json
from testbed.controllers.claims import (
    PROVISIONED_BY,
    PROVISIONER,
    event_on,
    our_class,
    our_volume,
    plan,
    refusal,
    volume_object,
)

STANDARD: Json = {"metadata": {"name": "standard"}, "provisioner": PROVISIONER}
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


def claim(**spec: object) -> Json:
    return {**RAW, "spec": {**RAW["spec"], **spec}}


def volume(phase: str, reclaim: str, uid: str) -> Json:
    return {
        "metadata": {"name": f"pvc-{uid}", "annotations": {PROVISIONED_BY: PROVISIONER}},
        "spec": {"persistentVolumeReclaimPolicy": reclaim, "claimRef": {"uid": uid}},
        "status": {"phase": phase},
    }


def test_waiting_claim_with_a_node_is_served() -> None:
    assert plan([STANDARD], [claim()], []).provision == ((claim(), "Delete"),)
    retaining = {**STANDARD, "reclaimPolicy": "Retain"}
    assert plan([retaining], [claim()], []).provision == ((claim(), "Retain"),)


def test_claim_waits_for_the_scheduler() -> None:
    unscheduled = {**RAW, "metadata": {**RAW["metadata"], "annotations": {}}}
    assert plan([STANDARD], [unscheduled], []).provision == ()


@pytest.mark.parametrize(
    "other",
    [
        claim(storageClassName="other"),
        {**RAW, "status": {"phase": "Bound"}},
    ],
    ids=["another-class", "bound"],
)
def test_claim_that_is_not_ours_to_serve_is_left_alone(other: Json) -> None:
    assert plan([STANDARD], [other], []).provision == ()


def test_claim_that_has_its_volume_is_not_served_twice() -> None:
    made = volume("Available", "Delete", "u1")
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
def test_claim_that_can_never_be_served_is_refused(bad: Json, reason: str) -> None:
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
    made = volume(phase, reclaim, "u9")
    assert plan([STANDARD], [], [made]).delete == ((made,) if deleted else ())


def test_released_volume_is_deleted_once() -> None:
    made = volume("Released", "Delete", "u9")
    made["metadata"]["deletionTimestamp"] = "2026-01-02T00:00:00Z"
    assert plan([STANDARD], [], [made]).delete == ()


def test_volume_is_local_to_its_node_and_bound_to_its_claim() -> None:
    made = volume_object(claim(), "Delete", Path("/volumes/u1"))
    spec = made["spec"]
    assert spec["local"] == {"path": "/volumes/u1"}
    assert spec["capacity"] == {"storage": "20Gi"}
    assert spec["claimRef"]["uid"] == "u1"
    term = spec["nodeAffinity"]["required"]["nodeSelectorTerms"][0]["matchExpressions"][0]
    assert term == {"key": "kubernetes.io/hostname", "operator": "In", "values": ["node-2"]}
    assert spec["persistentVolumeReclaimPolicy"] == "Delete"
    assert our_volume(made) is made


def test_event_names_its_claim() -> None:
    event = event_on(claim(), "ProvisioningFailed", "why", at="2026-01-02T00:00:00Z")
    assert event["involvedObject"]["uid"] == "u1"
    assert event["metadata"] == {"generateName": "data.", "namespace": "shop"}
    assert event["type"] == "Warning"
    assert event_on(claim(), "ProvisioningSucceeded", "", at="")["type"] == "Normal"


def test_only_our_classes_and_volumes_are_seen() -> None:
    assert our_class({**STANDARD, "provisioner": "another.example/disk"}) is None
    assert our_class(STANDARD) is STANDARD
    assert our_volume({"metadata": {"name": "pv"}, "spec": {}}) is None
