"""Claims of StorageClass `standard` on the running local cluster, from Pending to gone."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from clusterproof.kube.objects import Json
from clusterproof.wait import wait_until
from testbed.cluster.paths import STATE
from testbed.cluster.topology import NODES
from tests.testbed_controllers.live import LiveCluster, LivePod, is_up, live_cluster

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(os.geteuid() != 0 or not is_up(), reason="needs the local cluster"),
]

ROOT = STATE / "volumes"
MEBIBYTE = 2**20
SIZE_BYTES = 256 * MEBIBYTE
# ext4's own tables take a little of a volume, as on any disk.
LEAST_SHARE_USABLE = 0.95
# The kubelet looks at volumes once a minute.
REPORTED_WITHIN_S = 150.0


@dataclass(frozen=True)
class Bound:
    """A claim that a running Pod uses."""

    cluster: LiveCluster
    claim: Json
    pod: LivePod

    @property
    def directory(self) -> Path:
        """Where its data is on this machine."""
        return Path(ROOT / self.claim["metadata"]["uid"])


def claim_path(namespace: str, name: str) -> str:
    return f"/api/v1/namespaces/{namespace}/persistentvolumeclaims/{name}"


def create_claim(cluster: LiveCluster, namespace: str, name: str, **spec: object) -> None:
    body = {
        "metadata": {"name": name},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "256Mi"}},
            **spec,
        },
    }
    cluster.create(f"/api/v1/namespaces/{namespace}/persistentvolumeclaims", body)


def pod_with(claim: str) -> Json:
    return {
        "container": {"volumeMounts": [{"name": "data", "mountPath": "/data"}]},
        "spec": {
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}],
            "nodeSelector": {"kubernetes.io/hostname": NODES[3].name},
        },
    }


@pytest.fixture(scope="module")
def bound() -> Iterator[Bound]:
    """A claim without a class of its own (so the default's), and a Pod that mounts it."""
    with live_cluster() as cluster, cluster.namespace() as namespace:
        create_claim(cluster, namespace, "data")
        pod = cluster.start_pods(namespace, {"user": pod_with("data")})["user"]
        claim = cluster.find(claim_path(namespace, "data"))
        assert claim
        yield Bound(cluster, claim, pod)


def test_claim_is_bound_at_its_size(bound: Bound) -> None:
    assert bound.claim["spec"]["storageClassName"] == "standard"
    assert bound.claim["status"]["phase"] == "Bound"
    assert bound.claim["status"]["capacity"] == {"storage": "256Mi"}


def test_volume_is_on_the_node_of_its_pod(bound: Bound) -> None:
    name = bound.claim["spec"]["volumeName"]
    volume = bound.cluster.find(f"/api/v1/persistentvolumes/{name}")
    assert volume
    assert volume["status"]["phase"] == "Bound"
    assert NODES[3].name in str(volume["spec"]["nodeAffinity"])
    assert bound.pod.node == NODES[3].name


def test_directory_has_the_size_of_the_claim(bound: Bound) -> None:
    seen = os.statvfs(bound.directory)
    assert bound.directory.is_mount()
    assert SIZE_BYTES * LEAST_SHARE_USABLE < seen.f_blocks * seen.f_frsize <= SIZE_BYTES
    assert list(bound.directory.iterdir()) == []


def test_kubelet_reports_what_is_used(bound: Bound) -> None:
    """The kubelet's own volume statistics tell capacity and used bytes of the claim."""
    (bound.directory / "filler").write_bytes(b"\1" * 64 * MEBIBYTE)
    path = f"/api/v1/nodes/{bound.pod.node}/proxy/stats/summary"

    def stats() -> Json:
        pods = bound.cluster.api.get(path).get("pods", [])
        return next(
            (
                volume
                for pod in pods
                if pod["podRef"]["namespace"] == bound.pod.namespace
                for volume in pod.get("volume", [])
                if volume.get("pvcRef")
            ),
            {},
        )

    seen = wait_until(
        stats,
        lambda volume: volume.get("usedBytes", 0) >= 64 * MEBIBYTE,
        waiting_for="the kubelet to report 64 MiB used",
        within_s=REPORTED_WITHIN_S,
        every_s=2,
    )
    assert seen["usedBytes"] < 70 * MEBIBYTE
    assert SIZE_BYTES * LEAST_SHARE_USABLE < seen["capacityBytes"] <= SIZE_BYTES


def test_full_volume_is_full(bound: Bound) -> None:
    with pytest.raises(OSError, match="No space left"):
        (bound.directory / "too-much").write_bytes(b"\1" * (SIZE_BYTES + 1))
    (bound.directory / "too-much").unlink()


def test_claim_waits_for_a_pod(bound: Bound) -> None:
    """WaitForFirstConsumer: nobody uses it, so no node is chosen and nothing is made."""
    create_claim(bound.cluster, bound.pod.namespace, "unused")
    claim = bound.cluster.find(claim_path(bound.pod.namespace, "unused"))
    assert claim
    assert claim["status"]["phase"] == "Pending"
    assert not (ROOT / claim["metadata"]["uid"]).exists()


def test_claim_that_cannot_be_served_says_why(bound: Bound) -> None:
    create_claim(bound.cluster, bound.pod.namespace, "shared", accessModes=["ReadWriteMany"])
    path = f"/api/v1/namespaces/{bound.pod.namespace}/events"
    events = wait_until(
        lambda: [
            event
            for event in bound.cluster.api.list(path)
            if event["involvedObject"]["name"] == "shared"
            and event["reason"] == "ProvisioningFailed"
        ],
        bool,
        waiting_for="an Event on the claim",
        within_s=10,
    )
    assert "seen ['ReadWriteMany']" in events[0]["message"]


def test_deleted_claim_leaves_nothing() -> None:
    with live_cluster() as cluster, cluster.namespace() as namespace:
        create_claim(cluster, namespace, "brief")
        cluster.start_pods(namespace, {"user": pod_with("brief")})
        claim = cluster.find(claim_path(namespace, "brief"))
        assert claim
        uid, volume = claim["metadata"]["uid"], claim["spec"]["volumeName"]
        assert (ROOT / uid).is_mount()
        cluster.delete(f"/api/v1/namespaces/{namespace}/pods/user")
        cluster.delete(claim_path(namespace, "brief"))
        cluster.await_object(
            f"/api/v1/persistentvolumes/{volume}",
            lambda seen: seen is None,
            f"volume {volume} gone",
            30,
        )
        assert not (ROOT / uid).exists()
        assert not (ROOT / f"{uid}.img").exists()
        # The kubelet unmounts its own view of it a moment after the Pod.
        wait_until(
            lambda: uid in Path("/proc/self/mountinfo").read_text(),
            lambda mounted: not mounted,
            waiting_for=f"no mount of {uid}",
            within_s=30,
        )
