"""A control plane, kwok and metrics-server on loopback, for as long as the context lasts."""

import secrets
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from clusterproof.errors import ObservationError
from clusterproof.kube.client import KubeApi
from clusterproof.kube.connection import connect
from clusterproof.load.hpa.rules import ControllerFlags
from clusterproof.wait import wait_until
from testbed.selfsigned import self_signed

API_PORT, ETCD_PORT, PEER_PORT = 17443, 17379, 17380
KWOK_PORT, METRICS_SERVER_PORT = 17250, 17445
METRICS_SERVER = f"https://127.0.0.1:{METRICS_SERVER_PORT}"
_KWOK_CONFIG = Path(__file__).with_name("kwok.yaml")
_UP_WITHIN_S = 90.0


@dataclass(frozen=True, slots=True)
class Plane:
    """A running control plane."""

    api: KubeApi
    token: str
    certificate: Path


@contextmanager
def control_plane(binaries: Path, work: Path, flags: ControllerFlags) -> Iterator[Plane]:
    """Start etcd, the API server, the controllers, kwok, metrics-server; end all on the way out.

    Raises:
        ObservationError: The API server did not become ready.
    """
    work.mkdir(parents=True, exist_ok=True)
    token = secrets.token_hex(16)
    (work / "tokens.csv").write_text(f"{token},admin,admin,system:masters\n", encoding="utf-8")
    (work / "tokens.csv").chmod(0o600)
    subprocess.run(  # noqa: S603 - our own argv
        ["openssl", "genrsa", "-out", str(work / "sa.key"), "2048"],  # noqa: S607 - of the system
        check=True,
        capture_output=True,
    )
    kubeconfig, certificate = _kubeconfig(work, token), work / "metrics.pem"
    certificate.touch(mode=0o600)
    certificate.write_bytes(b"".join(self_signed("127.0.0.1")))
    processes: list[subprocess.Popen[bytes]] = []
    try:
        processes.append(_start(work, "etcd", _etcd(binaries, work)))
        processes.append(_start(work, "kube-apiserver", _apiserver(binaries, work)))
        api = KubeApi(connect(str(kubeconfig)))
        wait_until(
            lambda: api.text("/readyz"),
            lambda text: text == "ok",
            waiting_for="the laboratory's API server",
            within_s=_UP_WITHIN_S,
        )
        manager = _controller_manager(binaries, kubeconfig, work, flags)
        processes.append(_start(work, "kube-controller-manager", manager))
        processes.append(_start(work, "kwok", _kwok(binaries, kubeconfig)))
        server = _metrics_server(binaries, kubeconfig, certificate)
        processes.append(_start(work, "metrics-server", server))
        yield Plane(api, token, certificate)
    finally:
        for process in reversed(processes):
            process.terminate()
        for process in reversed(processes):
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()


def _start(work: Path, name: str, command: Sequence[str]) -> "subprocess.Popen[bytes]":
    with (work / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)  # noqa: S603 - our own argv
    if process.poll() is not None:
        raise ObservationError(f"{name} ended at once; see {work}/{name}.log")
    return process


def _kubeconfig(work: Path, token: str) -> Path:
    path = work / "kubeconfig"
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "hpa-lab",
        "clusters": [
            {
                "name": "hpa-lab",
                "cluster": {
                    "server": f"https://127.0.0.1:{API_PORT}",
                    "insecure-skip-tls-verify": True,
                },
            }
        ],
        "users": [{"name": "admin", "user": {"token": token}}],
        "contexts": [{"name": "hpa-lab", "context": {"cluster": "hpa-lab", "user": "admin"}}],
    }
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    path.chmod(0o600)
    return path


def _etcd(binaries: Path, work: Path) -> list[str]:
    client, peer = f"http://127.0.0.1:{ETCD_PORT}", f"http://127.0.0.1:{PEER_PORT}"
    return [
        str(binaries / "etcd"),
        f"--data-dir={work}/etcd",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--unsafe-no-fsync",
    ]


def _apiserver(binaries: Path, work: Path) -> list[str]:
    return [
        str(binaries / "kube-apiserver"),
        f"--etcd-servers=http://127.0.0.1:{ETCD_PORT}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        f"--secure-port={API_PORT}",
        f"--cert-dir={work}/certs",
        f"--token-auth-file={work}/tokens.csv",
        "--authorization-mode=AlwaysAllow",
        "--service-account-issuer=https://hpa-lab",
        f"--service-account-key-file={work}/sa.key",
        f"--service-account-signing-key-file={work}/sa.key",
        "--service-cluster-ip-range=10.97.0.0/16",
        "--disable-admission-plugins=ServiceAccount",
        "--endpoint-reconciler-type=none",
    ]


def _controller_manager(
    binaries: Path, kubeconfig: Path, work: Path, flags: ControllerFlags
) -> list[str]:
    hpa = "--horizontal-pod-autoscaler"
    return [
        str(binaries / "kube-controller-manager"),
        f"--kubeconfig={kubeconfig}",
        "--controllers=deployment-controller,replicaset-controller,"
        "horizontal-pod-autoscaler-controller",
        "--leader-elect=false",
        "--bind-address=127.0.0.1",
        "--secure-port=17257",
        f"--cert-dir={work}/kcm-certs",
        "--kube-api-qps=200",
        "--kube-api-burst=400",
        f"{hpa}-sync-period={flags.sync_s:g}s",
        f"{hpa}-downscale-stabilization={flags.downscale_window_s:g}s",
        f"{hpa}-cpu-initialization-period={flags.cpu_initialization_s:g}s",
        f"{hpa}-initial-readiness-delay={flags.readiness_delay_s:g}s",
        f"{hpa}-tolerance={flags.tolerance:g}",
        "-v=2",
    ]


def _kwok(binaries: Path, kubeconfig: Path) -> list[str]:
    return [
        str(binaries / "kwok"),
        f"--kubeconfig={kubeconfig}",
        f"--config={_KWOK_CONFIG}",
        "--manage-all-nodes=true",
        "--node-ip=127.0.0.1",
        f"--node-port={KWOK_PORT}",
        f"--server-address=127.0.0.1:{KWOK_PORT}",
    ]


def _metrics_server(binaries: Path, kubeconfig: Path, certificate: Path) -> list[str]:
    return [
        str(binaries / "metrics-server"),
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        "--authentication-skip-lookup",
        "--bind-address=127.0.0.1",
        f"--secure-port={METRICS_SERVER_PORT}",
        f"--tls-cert-file={certificate}",
        f"--tls-private-key-file={certificate}",
        "--kubelet-insecure-tls",  # kwok makes a certificate of its own at each start
        "--kubelet-use-node-status-port",
        "--kubelet-preferred-address-types=InternalIP",
        "--kubelet-request-timeout=5s",
        "--metric-resolution=10s",
    ]
