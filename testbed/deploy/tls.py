"""Certificates of the Ingress hosts, signed by an authority of this checkout."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from testbed.certificates import Pair, issued, read
from testbed.deploy.profiles import Certificate, Profile
from testbed.deploy.secrets import secret, write_private

_RENEW_BEFORE = dt.timedelta(days=60)


def objects(folder: Path, profile: Profile) -> list[dict[str, Any]]:
    """The TLS Secrets of a profile; keys and certificates are kept in `folder`.

    A client that should trust them is given `folder`/ingress-ca.crt.
    """
    authority = _authority(folder, "ingress-ca", None)
    return [_tls_secret(folder, wanted, authority) for wanted in profile.certificates]


def _tls_secret(folder: Path, wanted: Certificate, authority: Pair) -> dict[str, Any]:
    chain = b""
    if wanted.intermediate:
        authority = _authority(folder, "ingress-intermediate", authority)
        chain = authority.certificate_pem
    host, issuer = wanted.host, authority
    pair = _kept(folder, wanted.secret, issuer, lambda: issued(host, [host], issuer=issuer))
    values = {"tls.crt": pair.certificate_pem + chain, "tls.key": pair.key_pem}
    return secret(wanted.namespace, wanted.secret, values, "kubernetes.io/tls")


def _authority(folder: Path, name: str, above: Pair | None) -> Pair:
    """The authority of this name; its own, or signed by the one `above` it."""
    title = f"clusterproof testbed {name}"
    return _kept(folder, name, above, lambda: issued(title, issuer=above, is_authority=True))


def _kept(folder: Path, name: str, issuer: Pair | None, make: Callable[[], Pair]) -> Pair:
    """What is in `folder` under this name, made anew where it is no good."""
    crt, key = folder / f"{name}.crt", folder / f"{name}.key"
    if not (key.exists() and _good(crt, issuer.certificate if issuer else None)):
        pair = make()
        write_private(key, pair.key_pem)
        write_private(crt, pair.certificate_pem)
    return read(folder, name)


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
