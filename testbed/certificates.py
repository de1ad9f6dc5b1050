"""Certificates of our own making: authorities, and what they sign.

Source: RFC 5280, 4.2.1, for the extensions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from testbed.kubeconfig import write_private

YEAR = timedelta(days=365)
_CLOCK_SKEW = timedelta(hours=1)
_USAGES = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def certificate_pem(self) -> bytes:
        """The certificate."""
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        """The key, without a password."""
        return key_pem(self.key)


def issued(
    name: str,
    hosts: Sequence[str] = (),
    *,
    organization: str = "",
    issuer: Pair | None = None,
    is_authority: bool = False,
    since: timedelta = _CLOCK_SKEW,
    lasts: timedelta = YEAR,
) -> Pair:
    """A new key and its certificate, good for serving and as a client.

    Args:
        name: The common name: a user, or what a server is called.
        hosts: Names and addresses that it serves.
        organization: The group of a user, or "".
        issuer: Who signs it; without one it signs itself.
        is_authority: It may sign others, and is no good for anything else.
        since: How long ago it began.
        lasts: How long from now it ends; what is negative has ended.
    """
    key = new_key()
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
    if organization:
        attributes.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    subject, now = x509.Name(attributes), datetime.now(tz=UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - since)
        .not_valid_after(now + lasts)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(_key_usage(is_authority=is_authority), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if not is_authority:
        builder = builder.add_extension(x509.ExtendedKeyUsage(_USAGES), critical=False)
    if issuer:
        signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key())
        builder = builder.add_extension(signer, critical=False)
    if hosts:
        names = x509.SubjectAlternativeName(list(map(_general, hosts)))
        builder = builder.add_extension(names, critical=False)
    return Pair(builder.sign((issuer.key if issuer else key), hashes.SHA256()), key)


def self_signed(host: str, days: int = 1) -> tuple[bytes, bytes]:
    """Certificate and key in PEM for a name or an address, from 30 days ago for so many more."""
    pair = issued(host, [host], since=timedelta(days=30), lasts=timedelta(days=days))
    return pair.certificate_pem, pair.key_pem


def new_key() -> ec.EllipticCurvePrivateKey:
    """A key for one certificate."""
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """A key in PEM, without a password."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def write(folder: Path, name: str, pair: Pair) -> None:
    """`NAME.crt` and `NAME.key`, which only its owner can read."""
    (folder / f"{name}.crt").write_bytes(pair.certificate_pem)
    write_key(folder / f"{name}.key", pair.key)


def write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    """A key in PEM, which only its owner can read."""
    write_private(path, key_pem(key))


def read(folder: Path, name: str) -> Pair:
    """What `write` wrote.

    Raises:
        TypeError: The key is of another kind.
    """
    key = load_pem_private_key((folder / f"{name}.key").read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError(f"{folder}/{name}.key: expected an elliptic-curve key; delete the file")
    return Pair(x509.load_pem_x509_certificate((folder / f"{name}.crt").read_bytes()), key)


def _general(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _key_usage(*, is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        encipher_only=False,
        decipher_only=False,
    )
