"""A control plane, kwok and metrics-server on loopback, for as long as the context lasts."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from clusterproof.kube.client import KubeApi
from clusterproof.load.hpa.rules import ControllerFlags
from testbed.certificates import self_signed
from testbed.plane import api_server, running

KWOK_PORT, METRICS_SERVER_PORT = 17250, 17445
METRICS_SERVER = f"https://127.0.0.1:{METRICS_SERVER_PORT}"
_KWOK_CONFIG = Path(__file__).with_name("kwok.yaml")


@dataclass(frozen=True, slots=True)
class Laboratory:
    """A running control plane with controllers, and Pods that kwok plays."""

    api: KubeApi
    token: str
    certificate: Path


@contextmanager
def laboratory(programs: Path, work: Path, flags: ControllerFlags) -> Iterator[Laboratory]:
    """Start etcd, the API server, the controllers, kwok, metrics-server; end all on the way out.

    Raises:
        ObservationError: The API server did not become ready.
    """
    with api_server(programs, work, "hpa-lab") as plane:
        certificate = work / "metrics.pem"
        certificate.touch(mode=0o600)
        certificate.write_bytes(b"".join(self_signed("127.0.0.1")))
        commands = {
            "kube-controller-manager": _controller_manager(programs, plane.kubeconfig, work, flags),
            "kwok": _kwok(programs, plane.kubeconfig),
            "metrics-server": _metrics_server(programs, plane.kubeconfig, certificate),
        }
        with running(work, commands):
            yield Laboratory(plane.api, plane.token, certificate)


def _controller_manager(
    programs: Path, kubeconfig: Path, work: Path, flags: ControllerFlags
) -> list[str]:
    hpa = "--horizontal-pod-autoscaler"
    return [
        str(programs / "kube-controller-manager"),
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


def _kwok(programs: Path, kubeconfig: Path) -> list[str]:
    return [
        str(programs / "kwok"),
        f"--kubeconfig={kubeconfig}",
        f"--config={_KWOK_CONFIG}",
        "--manage-all-nodes=true",
        "--node-ip=127.0.0.1",
        f"--node-port={KWOK_PORT}",
        f"--server-address=127.0.0.1:{KWOK_PORT}",
    ]


def _metrics_server(programs: Path, kubeconfig: Path, certificate: Path) -> list[str]:
    return [
        str(programs / "metrics-server"),
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
