"""The same target on a machine with Docker: a kind cluster of the same shape.

Not run by this project's own tests (no container engine where they run). kind brings its own CNI,
StorageClass `standard` and NetworkPolicy enforcement; metrics-server, an ingress controller and
Prometheus are for the person to add, and are named when the cluster is up.
"""

import json
import shutil
from pathlib import Path
from typing import Any

from testbed.cluster import images, minor, paths
from testbed.cluster.errors import PreflightError
from testbed.cluster.progress import Progress
from testbed.cluster.run import run
from testbed.cluster.size import NODE_COUNT
from testbed.cluster.topology import POD_CIDR, SERVICE_CIDR, ZONES

NAME = "clusterproof"
CREATE_WITHIN_S = 900.0
LOAD_WITHIN_S = 300.0
NODE_IMAGE = f"kindest/node:{minor.VERSION}"
TO_ADD = (
    "kind brings no metrics-server, ingress controller or Prometheus: the rows that need them are"
    " INCONCLUSIVE until you install them"
)


def config() -> dict[str, Any]:
    """A kind configuration: one control plane, and as many workers as the local cluster has."""
    workers = [
        {
            "role": "worker",
            "image": NODE_IMAGE,
            "labels": {"topology.kubernetes.io/zone": ZONES[index % len(ZONES)]},
        }
        for index in range(NODE_COUNT)
    ]
    return {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "name": NAME,
        "networking": {"podSubnet": str(POD_CIDR), "serviceSubnet": str(SERVICE_CIDR)},
        "nodes": [{"role": "control-plane", "image": NODE_IMAGE}, *workers],
    }


def up(progress: Progress) -> None:
    """Create the kind cluster, unless there is one, and load the images."""
    check()
    if NAME not in run(["kind", "get", "clusters"]).split():
        with progress.step("kind create cluster"):
            run(
                ["kind", "create", "cluster", "--config=-", f"--kubeconfig={paths.KUBECONFIG}"],
                stdin=json.dumps(config()),
                timeout_s=CREATE_WITHIN_S,
            )
    else:
        run(["kind", "export", "kubeconfig", f"--name={NAME}", f"--kubeconfig={paths.KUBECONFIG}"])
        progress.say("the kind cluster is there already")
    with images.building(progress) as built:
        archives = built()
    for archive in archives:
        _load(archive, progress)
    progress.say(f"up: kubectl --kubeconfig {paths.KUBECONFIG} get nodes")
    progress.say(TO_ADD)


def down(progress: Progress) -> None:
    """Delete the kind cluster."""
    check()
    run(["kind", "delete", "cluster", f"--name={NAME}"], timeout_s=CREATE_WITHIN_S)
    paths.KUBECONFIG.unlink(missing_ok=True)
    progress.say("down: the kind cluster is deleted")


def check() -> None:
    """Pass when kind and Docker are installed.

    Raises:
        PreflightError: One of them is not.
    """
    lacking = [name for name in ("docker", "kind") if not shutil.which(name)]
    if lacking:
        raise PreflightError(
            f"TESTBED=kind: expected {' and '.join(lacking)} on PATH, found none; on Linux as root"
            " the default TESTBED=netns needs neither"
        )
    paths.DELIVERED.mkdir(exist_ok=True)


def _load(archive: Path, progress: Progress) -> None:
    with progress.step(f"loading {archive.name}"):
        run(
            ["kind", "load", "image-archive", str(archive), f"--name={NAME}"],
            timeout_s=LOAD_WITHIN_S,
        )
