"""Simulated nodes and Pods beside the real ones, for measurements at scale.

Source: kwok v0.8.0; the stages (what happens to a simulated Node or Pod) are its module's own.
Simulated Pods never stand in for real ones: they are marked, and only on simulated nodes.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from clusterproof.errors import ObservationError
from clusterproof.kube.client import KubeApi
from clusterproof.kube.connection import connect
from clusterproof.kube.objects import Json
from clusterproof.kube.pods import is_ready
from testbed.cluster import binaries, kubeconfigs, paths, supervision
from testbed.cluster.binaries import program
from testbed.cluster.component import Component
from testbed.cluster.errors import TestbedError
from testbed.cluster.progress import Progress
from testbed.cluster.topology import CONTROL
from testbed.settings import patient
from testbed.waits import wait_until

MODULE = "sigs.k8s.io/kwok"
STAGE_FILES = (
    "node/fast/node-initialize.yaml",
    "node/heartbeat/node-heartbeat.yaml",
    "pod/fast/pod-ready.yaml",
    "pod/fast/pod-complete.yaml",
    "pod/fast/pod-delete.yaml",
)
MARK = "clusterproof.dev/simulated"
PREFIX = "simulated-"
"""Of the names of all that is simulated."""
POD_CIDR = "10.128.0.0/16"
"""Addresses written into simulated Pods; no route leads there."""

NODE_LIMIT = 200
POD_LIMIT = 20_000
WRITERS = 8
READY_WITHIN_S = 300.0
DELETE_WITHIN_S = 120.0
DELETED_AT_ONCE = 1000
"""Thousands, one by one, take minutes; and more than this, the API server's own minute."""
NODE_LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
_CONFLICT = 409
_NOT_FOUND = 404


def up(nodes: int, pods: int, namespace: str, progress: Progress) -> None:
    """Add simulated nodes, and simulated Pods spread over them; wait until all are Ready.

    Raises:
        TestbedError: More is asked for than this is meant for.
    """
    if not 0 < nodes <= NODE_LIMIT or not 0 <= pods <= POD_LIMIT:
        raise TestbedError(f"kwok: expected 1 to {NODE_LIMIT} nodes and 0 to {POD_LIMIT} pods")
    binaries.ensure(progress.say, (binaries.KWOK,))
    supervision.start(component())
    api = KubeApi(connect(str(paths.KUBECONFIG)))
    with progress.step(f"{nodes} simulated nodes"):
        _create_all(api, "/api/v1/nodes", (node(number) for number in range(nodes)))
        _wait_until_ready(api, "/api/v1/nodes", nodes)
    with progress.step(f"{pods} simulated Pods in {namespace}"):
        path = f"/api/v1/namespaces/{namespace}/pods"
        _create_all(api, path, (pod(number, number % nodes) for number in range(pods)))
        _wait_until_ready(api, path, pods)


def down(progress: Progress) -> None:
    """Remove every simulated Pod and node, and the program that plays them."""
    api = KubeApi(connect(str(paths.KUBECONFIG)))
    with progress.step("removing what is simulated"):
        while simulated := api.list("/api/v1/pods", label_selector=MARK):
            path = f"/api/v1/namespaces/{simulated[0]['metadata']['namespace']}/pods"
            _delete(api, path, labelSelector=MARK, limit=str(DELETED_AT_ONCE))
        for added in api.list("/api/v1/nodes", label_selector=MARK):
            _delete(api, f"/api/v1/nodes/{added['metadata']['name']}")
        if any(report.name == "kwok" for report in supervision.reports()):
            supervision.forget("kwok")
        # The garbage collector takes a node's Lease some time after it. The next kwok would renew
        # the old one meanwhile, go on with its UID once it is gone, and never play that node.
        # By their own names, for the nodes of a `down` that was interrupted are gone already.
        for lease in api.list(NODE_LEASES):
            if lease["metadata"]["name"].startswith(PREFIX):
                _delete(api, f"{NODE_LEASES}/{lease['metadata']['name']}")


def component() -> Component:
    """The program that plays the simulated nodes."""
    return Component(
        "kwok",
        (
            str(program("kwok")),
            f"--kubeconfig={kubeconfigs.path_of('admin')}",
            f"--manage-nodes-with-label-selector={MARK}",
            f"--config={stages()}",
            f"--cidr={POD_CIDR}",
            f"--node-ip={CONTROL.address}",
            "--node-lease-duration-seconds=40",
        ),
        CONTROL.netns,
    )


def stages() -> Path:
    """Stage definitions of kwok, taken from its module once and kept beside the program."""
    files = [f"kustomize/stage/{name}" for name in STAGE_FILES]
    return binaries.kept_beside(
        "kwok", "stages.yaml", lambda: "\n---\n".join(binaries.module_texts("kwok", MODULE, files))
    )


def node(number: int) -> Json:
    """One simulated node, that only takes what tolerates it."""
    name = f"{PREFIX}{number:03d}"
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {MARK: "true", "kubernetes.io/hostname": name, "type": "kwok"},
        },
        "spec": {"taints": [{"key": MARK, "value": "true", "effect": "NoSchedule"}]},
        "status": {
            "capacity": {"cpu": "32", "memory": "256Gi", "pods": "1000"},
            "allocatable": {"cpu": "32", "memory": "256Gi", "pods": "1000"},
        },
    }


def pod(number: int, on_node: int) -> Json:
    """One simulated Pod, bound to its node from the start: the scheduler is not measured."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"{PREFIX}{number:05d}", "labels": {MARK: "true"}},
        "spec": {
            "nodeName": f"{PREFIX}{on_node:03d}",
            "automountServiceAccountToken": False,
            "containers": [{"name": "simulated", "image": "clusterproof.dev/simulated:1.0.0"}],
        },
    }


def _create_all(api: KubeApi, path: str, objects: Iterator[Json]) -> None:
    def create(item: Json) -> None:
        try:
            api.request("POST", path, body=item)
        except ObservationError as error:
            if error.status != _CONFLICT:  # there already, from an earlier call
                raise

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(create, objects))


def _delete(api: KubeApi, path: str, **query: str) -> None:
    now = {"gracePeriodSeconds": 0}
    try:
        api.request("DELETE", path, query=query, body=now, timeout_s=patient(DELETE_WITHIN_S))
    except ObservationError as error:
        if error.status != _NOT_FOUND:
            raise


def _wait_until_ready(api: KubeApi, path: str, count: int) -> None:
    wait_until(
        lambda: sum(map(is_ready, api.list(path, label_selector=MARK))),
        lambda ready: ready >= count,
        waiting_for=f"{count} simulated objects Ready under {path}",
        within_s=READY_WITHIN_S,
        every_s=2.0,
    )
