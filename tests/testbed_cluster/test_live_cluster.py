"""The real cluster: brought up, repaired, killed, brought down. Takes over the one on this machine.

Ends with a fresh cluster that runs, for the other tests that need one.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from clusterproof.kube.client import KubeApi
from clusterproof.kube.connection import connect
from clusterproof.wait import wait_until
from testbed.cluster import binaries, minor, network, paths, supervision, teardown
from testbed.cluster.host import KERNEL_PARAMETERS
from testbed.cluster.netns import NETNS
from testbed.cluster.status import ready_condition
from testbed.cluster.topology import NODES

pytestmark = pytest.mark.cluster

WARM_START_S = 45.0
"""Issue 3, section 1: warm start to all nodes Ready."""

COMMAND_WITHIN_S = 1500.0


def cluster(*arguments: str) -> str:
    """What `python -m testbed.cluster` said; it must have ended well."""
    done = subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-m", "testbed.cluster", *arguments],
        cwd=paths.CHECKOUT,
        capture_output=True,
        text=True,
        timeout=COMMAND_WITHIN_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@contextmanager
def api() -> Iterator[KubeApi]:
    """The API server of the running cluster."""
    with closing(KubeApi(connect(str(paths.KUBECONFIG)))) as kube:
        yield kube


def ready_nodes() -> list[str]:
    """Names of the nodes that are Ready."""
    with api() as kube:
        ready = ready_condition(kube.list("/api/v1/nodes"))
    return sorted(name for name, is_ready in ready.items() if is_ready)


def pids() -> dict[str, int]:
    """Component → process."""
    return {report.name: report.pid for report in supervision.reports()}


def snapshot() -> dict[str, object]:
    """What of the machine a cluster could change."""
    return {
        "namespaces": sorted(p.name for p in NETNS.iterdir()) if NETNS.exists() else [],
        "mounts": sorted(Path("/proc/self/mounts").read_text().splitlines()),
        "control groups": sorted(
            str(path) for path in Path("/sys/fs/cgroup").glob("**/clusterproof-testbed*")
        ),
        "links": sorted(path.name for path in Path("/sys/class/net").iterdir()),
        "routes": Path("/proc/net/route").read_text(),
        "programs": programs(),
        "parameters": {name: Path("/proc/sys", name).read_text() for name in KERNEL_PARAMETERS},
        "folders": {
            folder: sorted(p.name for p in Path(folder).iterdir())
            for folder in ("/run", "/var/lib", "/var/log")
        },
        "loop devices": sorted(str(p) for p in Path("/sys/block").glob("loop*/loop/backing_file")),
        "forwarding": Path("/proc/sys/net/ipv4/ip_forward").read_text(),
    }


def programs() -> list[str]:
    """Running processes that belong to a cluster, by name."""
    ours = {"etcd", "kube", "kubelet", "containerd", "containerd-shim", "pause", "coredns"}
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            name = (entry / "comm").read_text().strip()
            command = (entry / "cmdline").read_text()
        except OSError:
            continue
        # A zombie has no command line: it has ended, whoever has yet to reap it.
        if command and (name.split("-")[0] in ours or "testbed.c" in command):
            found.append(f"{name} {command[:80]!r}")
    return sorted(found)


@pytest.fixture(autouse=True, scope="module")
def fresh() -> None:
    """Packages, programs and images are there: what follows is a warm start."""
    assert os.geteuid() == 0, "expected root: sudo make test-cluster"
    cluster("up")


def test_teardown_leaves_the_machine_as_it_was() -> None:
    cluster("down")
    before = snapshot()
    cluster("up")
    with api() as kube:
        for node in NODES:
            kube.request("POST", "/api/v1/namespaces/default/pods", body=sleeper(node.name))
        wait_until(
            lambda: kube.list("/api/v1/namespaces/default/pods"),
            lambda pods: all(pod["status"]["phase"] == "Running" for pod in pods),
            waiting_for="a Pod on each node",
            within_s=60,
        )
    said = cluster("down")
    assert "nothing of it is left" in said
    assert teardown.leftovers() == ()
    assert snapshot() == before


def test_second_teardown_says_that_there_is_nothing() -> None:
    assert "nothing of a cluster" in cluster("down")


def test_warm_start_is_ready_in_time() -> None:
    begun = time.monotonic()
    cluster("up")
    took_s = time.monotonic() - begun
    assert ready_nodes() == [node.name for node in NODES]
    assert took_s <= WARM_START_S


def test_status_says_which_kubernetes_it_is() -> None:
    lines = cluster("status").splitlines()
    assert [line.split() for line in lines if line.startswith("Kubernetes ")] == [
        ["Kubernetes", minor.VERSION]
    ]
    runtime = f"containerd://{binaries.CONTAINERD_VERSION.removeprefix('v')}"  # as the CRI says it
    programs = f"kubelet {minor.KUBELET_VERSION}, {runtime}"
    assert sum(line.endswith(programs) for line in lines) == len(NODES)


def test_second_up_starts_nothing_and_says_so() -> None:
    before = pids()
    said = cluster("up")
    assert "0 of" in said
    assert pids() == before


def test_killed_component_comes_back_by_itself() -> None:
    before = pids()["kube-scheduler"]
    os.kill(before, signal.SIGKILL)
    wait_until(
        lambda: pids()["kube-scheduler"],
        lambda pid: pid not in {0, before},
        waiting_for="another kube-scheduler",
        within_s=10,
    )


def test_stopped_component_stays_stopped_until_started() -> None:
    cluster("component", "stop", "metrics-server")
    assert pids()["metrics-server"] == 0
    cluster("component", "start", "metrics-server")
    assert pids()["metrics-server"] != 0


def test_up_repairs_what_was_stopped() -> None:
    cluster("component", "stop", "kube-controller-manager")
    assert "1 of" in cluster("up")
    assert pids()["kube-controller-manager"] != 0


def test_up_starts_clean_after_its_supervisor_was_killed() -> None:
    supervisor = supervision.supervisor_process()
    assert supervisor is not None
    old = set(pids().values())
    os.kill(supervisor.pid, signal.SIGKILL)
    wait_until(lambda: supervisor.alive, lambda alive: not alive, waiting_for="its end", within_s=5)
    cluster("up")
    assert not old & set(pids().values())
    assert ready_nodes() == [node.name for node in NODES]


def test_up_starts_clean_after_it_was_killed_half_way() -> None:
    cluster("down")
    with subprocess.Popen(
        [sys.executable, "-m", "testbed.cluster", "up"],
        cwd=paths.CHECKOUT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as begun:
        wait_until(network.existing, bool, waiting_for="the first namespaces", within_s=60)
        begun.kill()
    cluster("up")
    assert ready_nodes() == [node.name for node in NODES]


def sleeper(node: str) -> dict[str, object]:
    """A Pod on one node, from an image that the cluster brings."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"sleeper-on-{node}"},
        "spec": {
            "nodeName": node,
            "containers": [{"name": "pause", "image": "clusterproof.dev/pause:3.10"}],
        },
    }
