"""Where things are: the user's cache (kept), and the state of a running cluster (removed)."""

import os
from pathlib import Path

from testbed.cluster import pins, size
from testbed.cluster.topology import Node

CHECKOUT = Path(__file__).resolve().parents[2]
BINARIES = pins.BINARIES
UV = CHECKOUT / "testbed" / "uv"
"""Runs uv, brought into the cache where the machine has none."""

ADDONS = Path(__file__).resolve().parent / "addons"

STATE = Path("/var/lib/clusterproof-testbed")
"""Everything a running cluster writes to disk; gone after `down`."""

RUN = size.RUN
"""Sockets and process records; gone after `down` or a reboot."""

LOCK = Path("/run/clusterproof-testbed.lock")
TEMPORARY = RUN / "tmp"
COMPLETE = RUN / "complete"
"""Written when all that is made once has been made: what lacks it is a killed run's."""

LOGS = STATE / "logs"
CERTS = STATE / "certs"
KUBECONFIGS = STATE / "kubeconfigs"
SUPERVISOR_SOCKET = RUN / "supervisor.sock"
SUPERVISOR_RECORD = RUN / "supervisor.json"
PROMETHEUS_RULES = STATE / "prometheus-rules"
HOST_RECORD = STATE / "host-before.json"

DELIVERED = CHECKOUT / ".testbed"
"""What a person uses: the kubeconfig."""

KUBECONFIG = DELIVERED / "kubeconfig"
OUTSIDE_CA = DELIVERED / "outside-ca.crt"


def cache() -> Path:
    """The user's cache folder of this project; survives `down`."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "clusterproof"


class NodePaths:
    """The folders of one node.

    Attributes:
        node: Whose.
        state: What it writes to disk.
        run: Its sockets and the state of running containers.
        containerd_root: Images and snapshots.
        containerd_socket: Where its kubelet and `ctr` reach its containerd.
        shims: Sockets of its containers' shims; containerd takes 42 bytes at most.
        config: The configuration files of its components.
        archives: Which image archives it was given.
        kubelet_root: Volumes of its Pods.
        cni: Address leases of its Pods.
    """

    def __init__(self, node: Node) -> None:
        """Of this node, made or not."""
        self.node = node
        self.state = STATE / "nodes" / node.name
        self.run = RUN / "nodes" / node.name
        self.containerd_root = self.state / "containerd"
        self.containerd_socket = self.run / "containerd.sock"
        self.shims = self.run / "s"
        self.config = self.state / "config"
        self.archives = self.state / "archives.json"
        self.kubelet_root = self.state / "kubelet"
        self.cni = self.state / "cni"
