"""Kubeconfig files: one per component, and the one that a person uses."""

import base64
import os
from pathlib import Path

from testbed.cluster import paths
from testbed.cluster.topology import API_FORWARD, API_PORT, CLUSTER_NAME, CONTROL, NODES
from testbed.kubeconfig import kubeconfig, write_private

INSIDE_SERVER = f"https://{CONTROL.address}:{API_PORT}"
OUTSIDE_SERVER = f"https://127.0.0.1:{API_FORWARD.port}"

COMPONENTS = (
    "kube-controller-manager",
    "kube-scheduler",
    "kube-proxy",
    "prometheus",
    "metrics-server",
    "contour",
    "prometheus-adapter",
    *(node.name for node in NODES),
)


def with_all_inside(server: str, authority: bytes, certificate: bytes, key: bytes) -> str:
    """A kubeconfig with everything inside, so that it can be copied alone."""
    cluster = {"server": server, "certificate-authority-data": _text(authority)}
    user = {"client-certificate-data": _text(certificate), "client-key-data": _text(key)}
    return kubeconfig(CLUSTER_NAME, cluster, user)


def path_of(component: str) -> Path:
    """Where a component's kubeconfig is."""
    return paths.KUBECONFIGS / f"{component}.kubeconfig"


def write_all() -> None:
    """Write the components' files, and the administrator's for the person at this checkout."""
    paths.KUBECONFIGS.mkdir(mode=0o700, parents=True, exist_ok=True)
    for component in COMPONENTS:
        write_private(path_of(component), _for(component, INSIDE_SERVER))
    write_private(path_of("admin"), _for("admin", INSIDE_SERVER))
    deliver()


def deliver() -> None:
    """Write what a person uses into this checkout."""
    paths.DELIVERED.mkdir(exist_ok=True)
    write_private(paths.KUBECONFIG, _for("admin", OUTSIDE_SERVER))
    paths.OUTSIDE_CA.write_bytes((paths.CERTS / "outside-ca.crt").read_bytes())
    if person := os.environ.get("SUDO_UID"):
        # Whoever typed sudo is the one who will use it.
        for path in (paths.DELIVERED, paths.KUBECONFIG, paths.OUTSIDE_CA):
            os.chown(path, int(person), -1)


def _for(name: str, server: str) -> str:
    certs = paths.CERTS
    return with_all_inside(
        server,
        (certs / "ca.crt").read_bytes(),
        (certs / f"{name}.crt").read_bytes(),
        (certs / f"{name}.key").read_bytes(),
    )


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()
