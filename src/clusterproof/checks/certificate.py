"""Rows `check: certificate`: a TLS Secret's certificate is its host's, and does not expire soon.

Source: RFC 6125, section 6.4; RFC 5280, section 4.1.2.5 (read 2026-11-23).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from clusterproof.checks.kind import Kind
from clusterproof.checks.site import Site
from clusterproof.judgement import Difference, Judgement, judged
from clusterproof.kube.client import Json
from clusterproof.observe.certificates import pem_of
from clusterproof.observe.observed import Observed
from clusterproof.spec.row import Ref, Row

if TYPE_CHECKING:
    from cryptography import x509

_LABEL = "[a-z0-9_][a-z0-9_-]*"
_HOST = re.compile(rf"{_LABEL}(\.{_LABEL})*\.?")
_NAME = re.compile(rf"(\*|{_LABEL})(\.{_LABEL})*")


class CertificateRow(Row):
    """A TLS Secret's certificate names the host and does not expire soon."""

    check: Literal["certificate"]
    of: Ref
    host: str
    days_at_least: int = Field(gt=0)


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


def look(row: CertificateRow, site: Site) -> Observed[CertificateView]:
    """The certificate that a Secret serves.

    Raises:
        ObservationError: Secrets may not be read.
    """
    cluster = site.cluster
    secret = cluster.find(row.of)
    get = f"kubectl -n {row.of.namespace} get secret {row.of.name}"
    next_command = (
        f"{get} -o jsonpath='{{.data.tls\\.crt}}' | base64 -d | openssl x509 -noout -text"
    )
    view = certificate_view(secret, cluster.api.now())
    evidence = (
        (
            f"names {', '.join(view.names) or 'none'}; from {view.begins} to {view.ends}, "
            f"{view.days_left} days left"
        )
        if not view.trouble and view.exists
        else view.trouble or "no such Secret"
    )
    return Observed(view, str(row.of), (evidence,), next_command)


def certificate_view(secret: Json | None, now: datetime) -> CertificateView:
    """What the first certificate of tls.crt says."""
    if secret is None:
        return CertificateView(exists=False)
    from cryptography import x509  # noqa: PLC0415

    try:
        chain = x509.load_pem_x509_certificates(pem_of(secret, "tls.crt"))
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
        key_matches=_key_matches(secret, leaf),
    )


def names_host(name: str, host: str) -> bool:
    """True where a certificate's name covers the host (Go's `x509.Certificate.VerifyHostname`).

    A wildcard stands for one whole label, the first; alone, it covers nothing.
    """
    if (address := _address(host)) is not None or _address(name) is not None:
        return address == _address(name)
    name, host = name.lower(), host.lower()
    if not (_NAME.fullmatch(name) and _HOST.fullmatch(host)):
        return name == host
    host = host.removesuffix(".")
    return name == host or (name.startswith("*.") and name[2:] == host.partition(".")[2])


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _names(leaf: "x509.Certificate") -> tuple[str, ...]:
    from cryptography import x509  # noqa: PLC0415

    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()  # clients have not looked at the common name for years
    addresses = [str(address) for address in names.get_values_for_type(x509.IPAddress)]
    hosts = [
        name if _address(name) is None else f"DNS:{name}"  # an address covers nothing as a name
        for name in names.get_values_for_type(x509.DNSName)
    ]
    return (*hosts, *addresses)


def _key_matches(secret: Json, leaf: "x509.Certificate") -> bool | None:
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415

    shape = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    try:
        key = serialization.load_pem_private_key(pem_of(secret, "tls.key"), password=None)
        return key.public_key().public_bytes(*shape) == leaf.public_key().public_bytes(*shape)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None


def judge(row: CertificateRow, fact: CertificateView) -> Judgement:
    """It covers the host, its time has come and will last, and its key is its own."""
    compared = ("subjectAltName", "notBefore", "notAfter", "tls.key")
    return judged(_differences(row, fact), compared)


def _differences(row: CertificateRow, fact: CertificateView) -> Iterator[Difference]:
    if not fact.exists:
        yield Difference(str(row.of), "a TLS Secret", "absent", code="secret-missing")
        return
    if fact.trouble:
        yield Difference(
            str(row.of), "a certificate in PEM", fact.trouble, code="certificate-unreadable"
        )
        return
    if not any(names_host(name, row.host) for name in fact.names):
        names = ", ".join(fact.names) or "none"
        yield Difference("subjectAltName", row.host, names, code="certificate-other-host")
    if not fact.has_begun:
        yield Difference(
            "notBefore", "a time that has come", fact.begins, code="certificate-not-yet-valid"
        )
    if fact.days_left < row.days_at_least:
        yield Difference(
            "notAfter",
            f"at least {row.days_at_least} days left",
            f"{fact.days_left} days left",
            code="certificate-expires",
        )
    if fact.key_matches is not True:
        key = "another key" if fact.key_matches is False else "no key that can be read"
        yield Difference("tls.key", "the key of tls.crt", key, code="key-differs")


KIND = Kind(
    CertificateRow,
    look,
    judge,
    codes=(
        "certificate-expires",
        "certificate-not-yet-valid",
        "certificate-other-host",
        "certificate-unreadable",
        "key-differs",
        "secret-missing",
    ),
)
