"""Kubeconfig files: one per component, and the one that a person uses."""

import base64
import json
import os
from pathlib import Path

from testbed.cluster import paths
from testbed.cluster.topology import API_FORWARD, API_PORT, CLUSTER_NAME, CONTROL, NODES

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


def kubeconfig(server: str, authority: bytes, certificate: bytes, key: bytes) -> str:
    """A kubeconfig (JSON is YAML) with everything inside, so that it can be copied alone."""
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": CLUSTER_NAME,
            "clusters": [
                {
                    "name": CLUSTER_NAME,
                    "cluster": {
                        "server": server,
                        "certificate-authority-data": _text(authority),
                    },
                }
            ],
            "users": [
                {
                    "name": CLUSTER_NAME,
                    "user": {
                        "client-certificate-data": _text(certificate),
                        "client-key-data": _text(key),
                    },
                }
            ],
            "contexts": [
                {
                    "name": CLUSTER_NAME,
                    "context": {"cluster": CLUSTER_NAME, "user": CLUSTER_NAME},
                }
            ],
        },
        indent=2,
    )


def path_of(component: str) -> Path:
    """Where a component's kubeconfig is."""
    return paths.KUBECONFIGS / f"{component}.kubeconfig"


def write_all() -> None:
    """Write the components' files, and the administrator's for the person at this checkout."""
    paths.KUBECONFIGS.mkdir(mode=0o700, parents=True, exist_ok=True)
    for component in COMPONENTS:
        _write(path_of(component), _for(component, INSIDE_SERVER))
    _write(path_of("admin"), _for("admin", INSIDE_SERVER))
    deliver()


def deliver() -> None:
    """Write what a person uses into this checkout."""
    paths.DELIVERED.mkdir(exist_ok=True)
    _write(paths.KUBECONFIG, _for("admin", OUTSIDE_SERVER))
    paths.OUTSIDE_CA.write_bytes((paths.CERTS / "outside-ca.crt").read_bytes())
    if person := os.environ.get("SUDO_UID"):
        # Whoever typed sudo is the one who will use it.
        for path in (paths.DELIVERED, paths.KUBECONFIG, paths.OUTSIDE_CA):
            os.chown(path, int(person), -1)


def _for(name: str, server: str) -> str:
    certs = paths.CERTS
    return kubeconfig(
        server,
        (certs / "ca.crt").read_bytes(),
        (certs / f"{name}.crt").read_bytes(),
        (certs / f"{name}.key").read_bytes(),
    )


def _write(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(text)


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()
