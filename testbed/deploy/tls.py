"""Certificates of the Ingress hosts, signed by an authority of this checkout."""

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from testbed.deploy.profiles import Certificate, Profile
from testbed.deploy.secrets import secret, write_private

_VALID_FOR = dt.timedelta(days=365)
_RENEW_BEFORE = dt.timedelta(days=60)
_BACKDATED = dt.timedelta(hours=1)  # clocks differ


def objects(folder: Path, profile: Profile) -> list[dict[str, Any]]:
    """The TLS Secrets of a profile; keys and certificates are kept in `folder`.

    A client that should trust them is given `folder`/ingress-ca.crt.
    """
    authority = _authority(folder, "ingress-ca", None)
    return [_tls_secret(folder, wanted, authority) for wanted in profile.certificates]


@dataclass(frozen=True)
class _Authority:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)


def _tls_secret(folder: Path, wanted: Certificate, authority: _Authority) -> dict[str, Any]:
    chain = b""
    if wanted.intermediate:
        authority = _authority(folder, "ingress-intermediate", authority)
        chain = authority.pem
    crt, key = folder / f"{wanted.secret}.crt", folder / f"{wanted.secret}.key"
    if not (key.exists() and _good(crt, authority.certificate)):
        private = ec.generate_private_key(ec.SECP256R1())
        certificate = _sign(
            wanted.host, private, authority.certificate.subject, authority.key, leaf=True
        )
        write_private(key, _pem(private))
        write_private(crt, certificate.public_bytes(serialization.Encoding.PEM))
    values = {"tls.crt": crt.read_bytes() + chain, "tls.key": key.read_bytes()}
    return secret(wanted.namespace, wanted.secret, values, "kubernetes.io/tls")


def _authority(folder: Path, name: str, above: _Authority | None) -> _Authority:
    """The authority of this name; its own, or signed by the one `above` it."""
    crt, key = folder / f"{name}.crt", folder / f"{name}.key"
    if not (key.exists() and _good(crt, above.certificate if above else None)):
        private = ec.generate_private_key(ec.SECP256R1())
        subject = _name(f"clusterproof testbed {name}")
        issuer, issuer_key = (above.certificate.subject, above.key) if above else (subject, private)
        certificate = _sign(subject, private, issuer, issuer_key, leaf=False)
        write_private(key, _pem(private))
        write_private(crt, certificate.public_bytes(serialization.Encoding.PEM))
    loaded = serialization.load_pem_private_key(key.read_bytes(), password=None)
    if not isinstance(loaded, ec.EllipticCurvePrivateKey):
        raise TypeError(f"{key}: expected an elliptic-curve key; delete the file to have it made")
    return _Authority(x509.load_pem_x509_certificate(crt.read_bytes()), loaded)


def _good(path: Path, authority: x509.Certificate | None) -> bool:
    """Whether a certificate is there, lasts for a while, and is of this authority."""
    if not path.exists():
        return False
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    lasts = certificate.not_valid_after_utc - dt.datetime.now(dt.UTC) > _RENEW_BEFORE
    if authority is None or not lasts:
        return lasts
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, InvalidSignature):
        return False
    return True


def _sign(
    subject: str | x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePrivateKey,
    *,
    leaf: bool,
) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject if isinstance(subject, x509.Name) else _name(subject))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + _VALID_FOR)
        .add_extension(x509.BasicConstraints(ca=not leaf, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
        .add_extension(_key_usage(leaf=leaf), critical=True)
    )
    if isinstance(subject, str):
        builder = builder.add_extension(
            x509.SubjectAlternativeName([x509.DNSName(subject)]), critical=False
        ).add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def _key_usage(*, leaf: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=leaf,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=not leaf,
        crl_sign=not leaf,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
