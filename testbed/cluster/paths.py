"""Where things are: the user's cache (kept), and the state of a running cluster (removed)."""

import os
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class NodePaths:
    """The folders of one node."""

    node: Node

    @property
    def state(self) -> Path:
        """What it writes to disk."""
        return STATE / "nodes" / self.node.name

    @property
    def run(self) -> Path:
        """Its sockets and the state of running containers."""
        return RUN / "nodes" / self.node.name

    @property
    def containerd_root(self) -> Path:
        """Images and snapshots."""
        return self.state / "containerd"

    @property
    def containerd_socket(self) -> Path:
        """Where its kubelet and `ctr` reach its containerd."""
        return self.run / "containerd.sock"

    @property
    def shims(self) -> Path:
        """Sockets of its containers' shims; containerd takes 42 bytes at most."""
        return self.run / "s"

    @property
    def config(self) -> Path:
        """The configuration files of its components."""
        return self.state / "config"

    @property
    def archives(self) -> Path:
        """Which image archives it was given."""
        return self.state / "archives.json"

    @property
    def kubelet_root(self) -> Path:
        """Volumes of its Pods."""
        return self.state / "kubelet"

    @property
    def cni(self) -> Path:
        """Address leases of its Pods."""
        return self.state / "cni"
