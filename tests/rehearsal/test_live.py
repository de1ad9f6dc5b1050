"""On the local cluster: a rehearsal that is killed or interrupted leaves nothing changed."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from clusterproof.act.rehearsal.undo import MERGE
from clusterproof.kube.client import Json, KubeApi
from clusterproof.kube.connection import connect
from clusterproof.kube.pods import is_healthy
from clusterproof.wait import wait_until
from testbed.cluster import paths

pytestmark = pytest.mark.cluster

PROJECT = Path(__file__).parents[2]
WAY_BACK = "/api/v1/namespaces/posthog/configmaps/clusterproof-rehearsal"
ROW = "rehearse-node-drain"


@pytest.fixture(scope="module")
def api() -> Iterator[KubeApi]:
    """The real API server."""
    found = KubeApi(connect(str(paths.KUBECONFIG)))
    yield found
    found.close()


def cordoned(api: KubeApi) -> list[str]:
    """The nodes that take no Pod."""
    nodes = api.list("/api/v1/nodes")
    return [one["metadata"]["name"] for one in nodes if one["spec"].get("unschedulable")]


def pods_of(api: KubeApi) -> list[Json]:
    """The Pods of both namespaces that have a node."""
    namespaces = ("posthog", "voicehelper-prod")
    pods = [pod for name in namespaces for pod in api.list(f"/api/v1/namespaces/{name}/pods")]
    return [pod for pod in pods if pod["spec"].get("nodeName")]


def free_nodes(api: KubeApi) -> set[str]:
    """The nodes that run a router that is ready, and nothing that is tied to its disk."""
    pods = pods_of(api)
    routers = [pod for pod in pods if pod["metadata"]["name"].startswith("model-router-")]
    tied = {pod["spec"]["nodeName"] for pod in pods if has_claim(pod)}
    return {pod["spec"]["nodeName"] for pod in routers if is_healthy(pod)} - tied


def has_claim(pod: Json) -> bool:
    """Whether one of its volumes is a claim."""
    return any("persistentVolumeClaim" in volume for volume in pod["spec"].get("volumes") or [])


@pytest.fixture
def _a_free_node(api: KubeApi) -> None:
    """A node that can be drained: which ones the routers get is the scheduler's word."""
    if free_nodes(api):
        return
    router = next(
        pod for pod in pods_of(api) if pod["metadata"]["name"].startswith("model-router-")
    )
    tied = {pod["spec"]["nodeName"] for pod in pods_of(api) if has_claim(pod)}
    try:
        for node in tied:
            cordon(api, node, closed=True)
        api.request(
            "DELETE", f"/api/v1/namespaces/voicehelper-prod/pods/{router['metadata']['name']}"
        )
        wait_until(lambda: free_nodes(api), bool, waiting_for="a router elsewhere", within_s=90)
    finally:
        for node in tied:
            cordon(api, node, closed=False)


def cordon(api: KubeApi, node: str, *, closed: bool) -> None:
    """As `kubectl cordon` and `uncordon`."""
    body = {"spec": {"unschedulable": closed or None}}
    api.request("PATCH", f"/api/v1/nodes/{node}", body=body, content_type=MERGE)


@pytest.fixture
def draining(api: KubeApi, _a_free_node: None) -> Iterator[subprocess.Popen[str]]:
    """A run that has just cordoned a node; killed in the end, if it is still there."""
    command = [sys.executable, "-m", "pytest", "suites/test_rehearsals.py", "--rehearse", "-k", ROW]
    command += ["--kubeconfig", str(paths.KUBECONFIG), "--report-dir", ""]
    with subprocess.Popen(  # noqa: S603 - our own suites
        command, cwd=PROJECT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        try:
            wait_until(
                lambda: cordoned(api) or process.poll() is not None,
                bool,
                waiting_for="a cordon",
                within_s=300,
                every_s=0.1,
            )
            assert process.poll() is None, process.communicate()[0]
            yield process
        finally:
            process.kill()


def test_what_a_killed_run_changed_is_undone_by_a_command(
    api: KubeApi, draining: subprocess.Popen[str]
) -> None:
    draining.send_signal(signal.SIGKILL)
    draining.wait(timeout=10)
    assert cordoned(api)
    assert api.find(WAY_BACK) is not None
    undo = [sys.executable, "-m", "clusterproof", "undo", "--kubeconfig", str(paths.KUBECONFIG)]
    for said in (f"put back: {ROW} of run", "nothing to put back"):
        ended = subprocess.run(undo, capture_output=True, text=True, check=True, timeout=90)  # noqa: S603 - our own command
        assert said in ended.stdout
    assert cordoned(api) == []
    assert api.find(WAY_BACK) is None


def test_an_interrupted_run_puts_back_what_it_changed(
    api: KubeApi, draining: subprocess.Popen[str]
) -> None:
    draining.send_signal(signal.SIGTERM)
    draining.communicate(timeout=90)
    assert cordoned(api) == []
    assert api.find(WAY_BACK) is None
