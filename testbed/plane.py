"""A control plane without nodes: etcd and the real API server, on loopback, while it is needed."""

import secrets
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from clusterproof.errors import ObservationError
from clusterproof.kube.client import KubeApi
from clusterproof.kube.connection import connect
from testbed.cluster.processes import end_child
from testbed.kubeconfig import kubeconfig, write_private
from testbed.waits import wait_until

_UP_WITHIN_S = 90.0
_END_WITHIN_S = 10.0


@dataclass(frozen=True, slots=True)
class Plane:
    """A running control plane.

    Attributes:
        api: Its API server, as an administrator.
        kubeconfig: For the same; its context has the plane's name.
        token: The administrator's.
    """

    api: KubeApi
    kubeconfig: Path
    token: str


@contextmanager
def api_server(programs: Path, work: Path, name: str) -> Iterator[Plane]:
    """Start etcd and kube-apiserver on free ports; end both on the way out.

    Args:
        programs: The folder of the Kubernetes programs.
        work: Where its files go.
        name: Of the context.

    Raises:
        ObservationError: The API server did not become ready within 90 s.
    """
    work.mkdir(parents=True, exist_ok=True)
    token = secrets.token_hex(16)
    write_private(work / "tokens.csv", f"{token},admin,admin,system:masters\n")
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write_private(work / "sa.key", pem)
    port, etcd_port, peer_port = free_ports(3)
    config = work / "kubeconfig"
    cluster = {"server": f"https://127.0.0.1:{port}", "insecure-skip-tls-verify": True}
    write_private(config, kubeconfig(name, cluster, {"token": token}))
    commands = {
        "etcd": _etcd(programs, work, etcd_port, peer_port),
        "kube-apiserver": _apiserver(programs, work, port, etcd_port, name),
    }
    with running(work, commands):
        api = KubeApi(connect(str(config)))
        try:
            wait_until(
                lambda: api.text("/readyz"),
                lambda text: text == "ok",
                waiting_for=f"the API server of {name}",
                within_s=_UP_WITHIN_S,
            )
            yield Plane(api, config, token)
        finally:
            api.close()


@contextmanager
def running(work: Path, commands: Mapping[str, Sequence[str]]) -> Iterator[None]:
    """Run programs, each with its log NAME.log in `work`; end them on the way out, the last first.

    Raises:
        ObservationError: A program ended at once.
    """
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for name, command in commands.items():
            processes.append(_start(work, name, command))
        yield
    finally:
        for process in reversed(processes):
            process.terminate()  # all at once
        for process in reversed(processes):
            end_child(process, _END_WITHIN_S)


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _start(work: Path, name: str, command: Sequence[str]) -> "subprocess.Popen[bytes]":
    with (work / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    if process.poll() is not None:
        raise ObservationError(f"{name} ended at once; see {work}/{name}.log")
    return process


def _etcd(programs: Path, work: Path, port: int, peer_port: int) -> list[str]:
    client, peer = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{peer_port}"
    return [
        str(programs / "etcd"),
        f"--data-dir={work}/etcd",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--unsafe-no-fsync",
    ]


def _apiserver(programs: Path, work: Path, port: int, etcd_port: int, name: str) -> list[str]:
    return [
        str(programs / "kube-apiserver"),
        f"--etcd-servers=http://127.0.0.1:{etcd_port}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        f"--secure-port={port}",
        f"--cert-dir={work}/certs",
        f"--token-auth-file={work}/tokens.csv",
        "--authorization-mode=AlwaysAllow",
        "--allow-privileged=true",
        f"--service-account-issuer=https://{name}",
        f"--service-account-key-file={work}/sa.key",
        f"--service-account-signing-key-file={work}/sa.key",
        "--service-cluster-ip-range=10.97.0.0/16",
        "--disable-admission-plugins=ServiceAccount",
        "--endpoint-reconciler-type=none",
    ]
