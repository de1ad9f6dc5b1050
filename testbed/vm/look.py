"""What is looked at while the cluster runs in the virtual machine: `... testbed.vm.look FILE`.

The nodes and their Pods, where their control groups are, whether limits are enforced, and whether
systemd keeps its hands off: it is told to read its units again and to start and stop one, which
makes it write to the groups that are its own.
"""

import json
import sys
from pathlib import Path
from typing import Any

from testbed.cluster import binaries, cgroups, packages, paths, scope, store, system_images
from testbed.cluster.paths import NodePaths
from testbed.cluster.run import run
from testbed.cluster.topology import NODES, Node
from testbed.deploy.kubectl import Kubectl
from testbed.waits import wait_until

Json = dict[str, Any]

NAMESPACE = "demo-vm"
LIMITED, TOO_BIG = "limited", "too-big"
POD_WITHIN_S = 60.0
THROTTLED_WITHIN_S = 60.0
IMAGE = "clusterproof.dev/demo-vm-etcd:1"
CPU_LIMIT, MEMORY_LIMIT, TOO_LITTLE = "100m", "256Mi", "40Mi"
ON_DISK, IN_MEMORY = "/data/etcd", "/dev/shm/etcd"  # noqa: S108 - the container's own
"""etcd makes room for 64 MB of log when it starts. In memory, these count as its container's.

Not on a volume in memory: the kubelet makes that no larger than the limit, so that the volume is
full before the memory is.
"""

_SETTINGS = ("cpu.weight", "cpu.max", "memory.max", "pids.max", "cgroup.controllers")
_PROPERTIES = "Slice,ControlGroup,Delegate,CPUWeight,TasksMax,ActiveState,FragmentPath,Transient"


def main(file: Path) -> None:
    """Look, and write what was seen."""
    packages.use()
    kubectl = Kubectl(binaries.program("kubectl"), paths.KUBECONFIG)
    kubectl.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}])
    _import_image()
    kubectl.apply([_pod(LIMITED, MEMORY_LIMIT, ON_DISK)])
    kubectl.apply([_pod(TOO_BIG, TOO_LITTLE, IN_MEMORY)])
    limited = wait_until(
        lambda: kubectl.read("pod", LIMITED, "-n", NAMESPACE)[0],
        lambda pod: pod["status"].get("phase") == "Running",
        waiting_for="Pod limited to run",
        within_s=POD_WITHIN_S,
    )
    tree = next(each.tree for each in cgroups.hierarchies() if each.limits)
    too_big = wait_until(
        lambda: _memory_kills(tree, kubectl.read("pod", TOO_BIG, "-n", NAMESPACE)[0]),
        lambda ended: ended["kills"] > 0 and "exitCode" in ended,
        waiting_for="the container of Pod too-big to be ended for its memory",
        within_s=POD_WITHIN_S,
    )
    container = _container_group(tree, limited)
    throttled = wait_until(
        lambda: _statistics(container / "cpu.stat").get("nr_throttled", 0),
        lambda count: count > 0,
        waiting_for=f"the container of Pod limited to be held back ({container}/cpu.stat)",
        within_s=THROTTLED_WITHIN_S,
    )
    restarted = kubectl.read("pod", TOO_BIG, "-n", NAMESPACE)[0]["metadata"]["uid"]
    before = _settings(tree, without=restarted)
    run(["systemctl", "daemon-reload"])
    # Without --wait, which takes a bus that a stock machine has not; a oneshot is awaited anyhow.
    run(["systemd-run", "--quiet", "--property=Type=oneshot", "true"])
    after = _settings(tree, without=restarted)
    file.write_text(
        json.dumps(
            {
                "nodes": [_node(node) for node in kubectl.read("nodes")],
                "pods": [_row(pod) for pod in kubectl.read("pods", "--all-namespaces")],
                "scope": run(["systemctl", "show", scope.UNIT, f"--property={_PROPERTIES}"])
                .strip()
                .splitlines(),
                "tree": str(tree),
                "groups": before,
                "changed by systemd": sorted(
                    name
                    for name in before.keys() | after.keys()
                    if before.get(name) != after.get(name)
                ),
                "cgroupRoot": {node.name: _cgroup_root(node) for node in NODES},
                "limited": {
                    "limits": {"cpu": CPU_LIMIT, "memory": MEMORY_LIMIT},
                    "group": str(container),
                    **{name: (container / name).read_text().strip() for name in _SETTINGS[:4]},
                    "times throttled": throttled,
                },
                "too big": {"limit": TOO_LITTLE, **too_big},
            },
            indent=1,
        )
    )


def _pod(name: str, memory: str, folder: str) -> Json:
    """A store of the cluster's own kind, with its data in `folder`."""
    limits = {"cpu": CPU_LIMIT, "memory": memory}
    container = {
        "name": "etcd",
        "image": IMAGE,
        "imagePullPolicy": "Never",
        "args": [f"--data-dir={folder}"],
        "resources": {"requests": {"cpu": "10m", "memory": memory}, "limits": limits},
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "containers": [container],
            "volumes": [{"name": "data", "emptyDir": {}}],
            "automountServiceAccountToken": False,
        },
    }


def _import_image() -> None:
    """Give the nodes an image of etcd, which is at hand and static."""
    archive = paths.TEMPORARY / "demo-vm-etcd.tar"
    system_images.write_archive(archive, IMAGE, "etcd", binaries.program("etcd").read_bytes())
    for node in NODES:
        store.import_archive(NodePaths(node).containerd_socket, archive)
    archive.unlink()


def _last_end(pod: Json) -> Json:
    """How the Pod's container last ended; {} when it has not."""
    for status in pod["status"].get("containerStatuses", []):
        for state in (status.get("state", {}), status.get("lastState", {})):
            if ended := state.get("terminated"):
                return {"reason": ended["reason"], "exitCode": ended["exitCode"]}
    return {}


def _memory_kills(tree: Path, pod: Json) -> Json:
    """How often the kernel ended a process of the Pod for its memory, and how its container ended.

    The kernel's count for the Pod outlives its containers. containerd may miss the event of a
    container that is gone at once, and then gives `Error` as the reason.
    """
    files = list(tree.rglob(f"pod{pod['metadata']['uid']}/memory.events"))
    kills = sum(_statistics(file)["oom_kill"] for file in files)
    return {"kills": kills, **_last_end(pod)}


def _cgroup_root(node: Node) -> str:
    config = json.loads((NodePaths(node).config / "kubelet.json").read_text())
    return str(config["cgroupRoot"])


def _container_group(tree: Path, pod: Json) -> Path:
    container = pod["status"]["containerStatuses"][0]["containerID"].rpartition("/")[2]
    return next(path for path in tree.rglob(container) if path.is_dir())


def _settings(tree: Path, *, without: str) -> dict[str, str]:
    """Group and setting → value, for every group of ours but those of the Pod with this UID."""
    root = tree.parent
    return {
        f"{path.parent.relative_to(root)} {path.name}": path.read_text().strip()
        for name in _SETTINGS
        for path in sorted(tree.rglob(name))
        if f"pod{without}" not in path.parts
    }


def _statistics(file: Path) -> dict[str, int]:
    return {line.split()[0]: int(line.split()[1]) for line in file.read_text().splitlines()}


def _node(node: Json) -> Json:
    info = node["status"]["nodeInfo"]
    ready = [each for each in node["status"]["conditions"] if each["type"] == "Ready"]
    return {
        "name": node["metadata"]["name"],
        "Ready": ready[0]["status"],
        "kubelet": info["kubeletVersion"],
        "runtime": info["containerRuntimeVersion"],
        "system": info["osImage"],
        "kernel": info["kernelVersion"],
    }


def _row(pod: Json) -> Json:
    statuses = pod["status"].get("containerStatuses", [])
    return {
        "namespace": pod["metadata"]["namespace"],
        "name": pod["metadata"]["name"],
        "node": pod["spec"].get("nodeName", ""),
        "phase": pod["status"]["phase"],
        "ready": all(status["ready"] for status in statuses) and bool(statuses),
        "restarts": sum(status["restartCount"] for status in statuses),
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]))
