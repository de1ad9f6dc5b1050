"""The cluster's certificates, made anew for each cluster and removed with it.

Source: Kubernetes v1.35, "PKI certificates and requirements" (names, organisations, usages).
"""

from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from testbed.certificates import issued, new_key, write, write_key
from testbed.cluster.topology import (
    API_SERVICE_IP,
    CLUSTER_DOMAIN,
    CONTROL,
    NODES,
    OUTSIDE,
    OUTSIDE_HOSTS,
)


@dataclass(frozen=True, slots=True)
class Leaf:
    """A certificate to be made.

    Attributes:
        name: File name without ending.
        common_name: The user it stands for, or the server's name.
        organization: The group, or "".
        hosts: Names and addresses that it serves.
        authority: Which authority signs it.
    """

    name: str
    common_name: str
    organization: str = ""
    hosts: tuple[str, ...] = ()
    authority: str = "ca"


AUTHORITIES = {
    "ca": "clusterproof testbed CA",
    "front-proxy-ca": "clusterproof testbed front proxy CA",
    "outside-ca": "clusterproof testbed outside world CA",
}

LOOPBACK = "127.0.0.1"


def _service_names(name: str, namespace: str) -> tuple[str, ...]:
    short = f"{name}.{namespace}"
    return (name, short, f"{short}.svc", f"{short}.svc.{CLUSTER_DOMAIN}")


def leaves() -> tuple[Leaf, ...]:
    """Every certificate of the cluster."""
    return (
        Leaf(
            "apiserver",
            "kube-apiserver",
            hosts=(
                *_service_names("kubernetes", "default"),
                *("localhost", LOOPBACK, str(API_SERVICE_IP), str(CONTROL.address)),
            ),
        ),
        Leaf("admin", "testbed-admin", "system:masters"),
        Leaf("apiserver-kubelet-client", "kube-apiserver-kubelet-client", "system:masters"),
        Leaf("front-proxy-client", "front-proxy-client", authority="front-proxy-ca"),
        Leaf("kube-controller-manager", "system:kube-controller-manager"),
        Leaf("kube-scheduler", "system:kube-scheduler"),
        Leaf("kube-proxy", "system:kube-proxy"),
        Leaf("prometheus", "testbed:prometheus"),
        Leaf("contour", "testbed:contour"),
        Leaf(
            "metrics-server",
            "testbed:metrics-server",
            hosts=(*_service_names("metrics-server", "kube-system"), str(CONTROL.address)),
        ),
        Leaf(
            "prometheus-adapter",
            "testbed:prometheus-adapter",
            hosts=(*_service_names("prometheus-adapter", "monitoring"), str(CONTROL.address)),
        ),
        Leaf(
            "outside",
            "outside world",
            hosts=(*OUTSIDE_HOSTS, str(OUTSIDE.address)),
            authority="outside-ca",
        ),
        *(
            Leaf(
                node.name,
                f"system:node:{node.name}",
                "system:nodes",
                hosts=(node.name, str(node.station.address), LOOPBACK),
            )
            for node in NODES
        ),
    )


def write_all(folder: Path) -> None:
    """Make all authorities, certificates and the key that signs ServiceAccount tokens."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    authorities = {name: issued(common, is_authority=True) for name, common in AUTHORITIES.items()}
    for name, authority in authorities.items():
        write(folder, name, authority)
    for leaf in leaves():
        issuer = authorities[leaf.authority]
        pair = issued(leaf.common_name, leaf.hosts, organization=leaf.organization, issuer=issuer)
        write(folder, leaf.name, pair)
    key = new_key()
    write_key(folder / "service-accounts.key", key)
    (folder / "service-accounts.pub").write_bytes(
        key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
