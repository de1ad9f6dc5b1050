"""The cluster's certificates, made anew for each cluster and removed with it.

Source: Kubernetes v1.35, "PKI certificates and requirements" (names, organisations, usages).
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from testbed.cluster.topology import (
    API_SERVICE_IP,
    CLUSTER_DOMAIN,
    CONTROL,
    NODES,
    OUTSIDE,
    OUTSIDE_HOSTS,
)

LIFETIME = dt.timedelta(days=365)
_CLOCK_SKEW = dt.timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Leaf:
    """A certificate to be made.

    Attributes:
        name: File name without ending.
        common_name: The user it stands for, or the server's name.
        organization: The group, or "".
        names: DNS names it serves.
        addresses: Addresses it serves.
        authority: Which authority signs it.
    """

    name: str
    common_name: str
    organization: str = ""
    names: tuple[str, ...] = ()
    addresses: tuple[IPv4Address, ...] = ()
    authority: str = "ca"


AUTHORITIES = {
    "ca": "clusterproof testbed CA",
    "front-proxy-ca": "clusterproof testbed front proxy CA",
    "outside-ca": "clusterproof testbed outside world CA",
}

LOOPBACK = IPv4Address("127.0.0.1")


def _service_names(name: str, namespace: str) -> tuple[str, ...]:
    short = f"{name}.{namespace}"
    return (name, short, f"{short}.svc", f"{short}.svc.{CLUSTER_DOMAIN}")


def leaves() -> tuple[Leaf, ...]:
    """Every certificate of the cluster."""
    return (
        Leaf(
            "apiserver",
            "kube-apiserver",
            names=(*_service_names("kubernetes", "default"), "localhost"),
            addresses=(API_SERVICE_IP, LOOPBACK, CONTROL.address),
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
            names=_service_names("metrics-server", "kube-system"),
            addresses=(CONTROL.address,),
        ),
        Leaf(
            "prometheus-adapter",
            "testbed:prometheus-adapter",
            names=_service_names("prometheus-adapter", "monitoring"),
            addresses=(CONTROL.address,),
        ),
        Leaf(
            "outside",
            "outside world",
            names=OUTSIDE_HOSTS,
            addresses=(OUTSIDE.address,),
            authority="outside-ca",
        ),
        *(
            Leaf(
                node.name,
                f"system:node:{node.name}",
                "system:nodes",
                names=(node.name,),
                addresses=(node.station.address, LOOPBACK),
            )
            for node in NODES
        ),
    )


def write_all(folder: Path) -> None:
    """Make all authorities, certificates and the key that signs ServiceAccount tokens."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    authorities = {name: authority(common) for name, common in AUTHORITIES.items()}
    for name, (certificate, key) in authorities.items():
        write(folder, name, [certificate], key)
    for leaf in leaves():
        key = new_key()
        certificate, authority_key = authorities[leaf.authority]
        write(folder, leaf.name, [sign(leaf, key.public_key(), certificate, authority_key)], key)
    write(folder, "service-accounts", [], new_key())


def sign(
    leaf: Leaf,
    public_key: ec.EllipticCurvePublicKey,
    issuer: x509.Certificate,
    issuer_key: ec.EllipticCurvePrivateKey,
) -> x509.Certificate:
    """The certificate of `leaf`, good for serving and as a client."""
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, leaf.common_name)]
    if leaf.organization:
        attributes.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, leaf.organization))
    builder = _builder(x509.Name(attributes), issuer.subject, public_key).add_extension(
        x509.BasicConstraints(ca=False, path_length=None), critical=True
    )
    builder = builder.add_extension(
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
        critical=False,
    ).add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
        critical=False,
    )
    alternatives: list[x509.GeneralName] = [x509.DNSName(name) for name in leaf.names]
    alternatives += [x509.IPAddress(address) for address in leaf.addresses]
    if alternatives:
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def authority(common_name: str) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """An authority of that name, and its key."""
    key = new_key()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    builder = _builder(name, name, key.public_key()).add_extension(
        x509.BasicConstraints(ca=True, path_length=0), critical=True
    )
    builder = builder.add_extension(
        x509.KeyUsage(
            digital_signature=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=True,
            crl_sign=True,
            encipher_only=False,
            decipher_only=False,
        ),
        critical=True,
    ).add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    return builder.sign(key, hashes.SHA256()), key


def _builder(
    subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + LIFETIME)
    )


def new_key() -> ec.EllipticCurvePrivateKey:
    """A key for one certificate."""
    return ec.generate_private_key(ec.SECP256R1())


def write(
    folder: Path,
    name: str,
    certificates: Iterable[x509.Certificate],
    key: ec.EllipticCurvePrivateKey,
) -> None:
    """`NAME.crt` (where there is a certificate, else `NAME.pub`) and `NAME.key`, in PEM."""
    for certificate in certificates:
        (folder / f"{name}.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file = folder / f"{name}.key"
    key_file.touch(mode=0o600)
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    if not certificates:
        (folder / f"{name}.pub").write_bytes(
            key.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        )
