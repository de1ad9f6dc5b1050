"""TLS Secrets by their certificate alone: names, dates, and whether the key is its own.

The private key is used once, for its public half, and never kept or shown. `cryptography` is
imported where it is used: a run without certificates need not pay for it.
Source: RFC 6125 section 6.4.3 (a wildcard stands for one whole left-most label).
"""

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from clusterproof.kube.client import Json
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.observed import Observed
from clusterproof.spec.behaviour import CertificateRow

if TYPE_CHECKING:
    from cryptography import x509


@dataclass(frozen=True, slots=True)
class CertificateView:
    """A TLS Secret, without its secret.

    Attributes:
        trouble: Why its certificate cannot be read, or "".
        key_matches: None where the key cannot be read.
        days_left: From now to notAfter, rounded down.
    """

    exists: bool
    trouble: str = ""
    names: tuple[str, ...] = ()
    begins: str = ""
    ends: str = ""
    has_begun: bool = False
    days_left: int = 0
    key_matches: bool | None = None


def read_certificate(
    cluster: Cluster, rule: CertificateRow, now: datetime | None = None
) -> Observed[CertificateView]:
    """The certificate that a Secret serves.

    Raises:
        ObservationError: Secrets may not be read.
    """
    item = cluster.find(rule.of)
    get = f"kubectl -n {rule.of.namespace} get secret {rule.of.name}"
    next_command = (
        f"{get} -o jsonpath='{{.data.tls\\.crt}}' | base64 -d | openssl x509 -noout -text"
    )
    value = certificate_view(item, now or datetime.now(tz=UTC))
    evidence = (
        (
            f"names {', '.join(value.names) or 'none'}; from {value.begins} to {value.ends}, "
            f"{value.days_left} days left"
        )
        if not value.trouble and value.exists
        else value.trouble or "no such Secret"
    )
    return Observed(value, str(rule.of), (evidence,), next_command)


def certificate_view(item: Json | None, now: datetime) -> CertificateView:
    """What the first certificate of tls.crt says."""
    if item is None:
        return CertificateView(exists=False)
    from cryptography import x509  # noqa: PLC0415

    try:
        chain = x509.load_pem_x509_certificates(pem_of(item, "tls.crt"))
    except ValueError as error:
        return CertificateView(exists=True, trouble=f"tls.crt: {str(error)[:120]}")
    leaf = chain[0]
    begins, ends = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    return CertificateView(
        exists=True,
        names=_names(leaf),
        begins=f"{begins:%Y-%m-%d %H:%M}Z",
        ends=f"{ends:%Y-%m-%d %H:%M}Z",
        has_begun=begins <= now,
        days_left=(ends - now).days,
        key_matches=_key_matches(item, leaf),
    )


def pem_of(item: Json, key: str) -> bytes:
    """A key of a Secret, decoded.

    Raises:
        ValueError: It is absent, or not base64.
    """
    text = (item.get("data") or {}).get(key)
    if not text:
        raise ValueError("absent")
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error


def fingerprint(pem: bytes) -> str:
    """SHA-256 of the first certificate, in hex."""
    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415

    return x509.load_pem_x509_certificates(pem)[0].fingerprint(hashes.SHA256()).hex()


def names_host(name: str, host: str) -> bool:
    """True where a certificate's name covers the host."""
    name, host = name.lower().rstrip("."), host.lower().rstrip(".")
    if name.startswith("*."):
        return "." in host and name[2:] == host.partition(".")[2]
    return name == host


def _names(leaf: "x509.Certificate") -> tuple[str, ...]:
    from cryptography import x509  # noqa: PLC0415

    try:
        found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()  # clients have not looked at the common name for years
    addresses = [str(one) for one in found.get_values_for_type(x509.IPAddress)]
    return (*found.get_values_for_type(x509.DNSName), *addresses)


def _key_matches(item: Json, leaf: "x509.Certificate") -> bool | None:
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415

    shape = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    try:
        key = serialization.load_pem_private_key(pem_of(item, "tls.key"), password=None)
        return key.public_key().public_bytes(*shape) == leaf.public_key().public_bytes(*shape)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
