"""Certificates: what they cover and when, and whom a client believes that trusts some authorities.

The real functions are Go's crypto/x509 `VerifyHostname` and `Verify`, as crypto/tls calls them,
and its `X509KeyPair`.
"""

# ruff: noqa: PLR2004 - shares of what is drawn

import base64
import ssl
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from random import Random

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from clusterproof.checks.certificate import certificate_view, names_host
from clusterproof.kube.tls import Tls
from testbed.certificates import key_pem, new_key
from testbed.oracles.program import Json, Program

_NAMES = (
    *("a.example.com", "A.Example.COM", "example.com", "localhost", "a_b.example.com", "x.com"),
    *("*.example.com", "*.EXAMPLE.com", "*.b.example.com", "*.com", "*.*.example.com"),
    *("a.*.com", "*a.example.com", "a*.example.com", "xn--bcher-kva.example.com", "*.0.0.1"),
)
_ODD_NAMES = ("a.example.com.", "10.0.0.1", "-a.example.com", "*.example.com.", "::1")
_ADDRESSES = ("10.0.0.1", "::1", "2001:db8::1", "::ffff:10.0.0.2")
_HOSTS = (
    *("a.example.com", "A.EXAMPLE.com", "a.example.com.", "b.example.com", "a.b.example.com"),
    *("example.com", "localhost", "a_b.example.com", "-a.example.com", "x.com", "a", "."),
    *("xn--bcher-kva.example.com", ".example.com", "a..example.com", "*.example.com"),
    *("10.0.0.1", "10.0.0.2", "::1", "0:0:0:0:0:0:0:1", "2001:DB8::1", "b.0.0.1"),
)
_ANOTHER = 7
"""The number of a key that no certificate of a chain has."""
_DAY_S = 86400
_SECONDS = (-400 * _DAY_S, -_DAY_S, -1, 0, 1, 3600, _DAY_S, 400 * _DAY_S)


@cache
def _key(_number: int) -> ec.EllipticCurvePrivateKey:
    """A few keys serve all cases."""
    return new_key()


@dataclass
class Certificate:
    """What a certificate says; times are in seconds from now.

    Attributes:
        signer: The number of the key that signs it.
        extra: Extensions, and whether each is critical.
    """

    subject: str
    issuer: str
    key: int
    signer: int
    begins_s: int = -_DAY_S
    ends_s: int = 400 * _DAY_S
    hosts: Sequence[x509.GeneralName] = ()
    extra: list[tuple[x509.ExtensionType, bool]] = field(default_factory=list)

    def pem(self, now: datetime) -> str:
        """It, signed."""
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(self.subject))
            .issuer_name(_name(self.issuer))
            .public_key(_key(self.key).public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + timedelta(seconds=self.begins_s))
            .not_valid_after(now + timedelta(seconds=self.ends_s))
        )
        names = [(x509.SubjectAlternativeName(self.hosts), False)] if self.hosts else []
        for extension, critical in (*names, *self.extra):
            builder = builder.add_extension(extension, critical=critical)
        return builder.sign(_key(self.signer), hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _now() -> datetime:
    return datetime.now(tz=UTC).replace(microsecond=0)


def draw_certificate(random: Random) -> tuple[Json, frozenset[str]]:
    """One certificate, a host and a time."""
    names = random.sample(_NAMES, random.randrange(4))
    names += [random.choice(_ODD_NAMES)] if random.random() < 0.3 else []
    addresses = random.sample(_ADDRESSES, random.choice((0, 0, 1, 2)))
    hosts = [*map(x509.DNSName, names), *(x509.IPAddress(ip_address(each)) for each in addresses)]
    host = random.choice((*_HOSTS, *names, *addresses))
    begins_s = random.choice(_SECONDS)
    ends_s = max(begins_s, random.choice(_SECONDS))
    now = _now()
    certificate = Certificate("a.example.com", "a.example.com", 0, 0, begins_s, ends_s, hosts)
    features = {
        "names" if names else "no name",
        "addresses" if addresses else "no address",
        "asked for an address" if _is_address(host) else "asked for a name",
        "begun" if begins_s <= 0 else "not begun",
        "ended" if ends_s < 0 else "not ended",
        "wildcard" if any("*" in name for name in names) else "no wildcard",
        "odd name" if set(names) & set(_ODD_NAMES) else "no odd name",
    }
    key = random.choice((_key(0), _key(0), _key(_ANOTHER), None))
    features.add("its key" if key is _key(0) else "another key" if key else "no key")
    return {
        "text": certificate.pem(now),
        "key": key_pem(key).decode() if key else random.choice(("", "no key")),
        "host": host,
        "at": now.isoformat(),
    }, frozenset(features)


def _is_address(host: str) -> bool:
    try:
        return bool(ip_address(host))
    except ValueError:
        return False


def our_certificate(case: Json) -> str:
    """Whether it covers the host, whether this is its time, and whether the key is its own."""
    texts = {"tls.crt": case["text"], "tls.key": case["key"]}
    secret = {"data": {name: base64.b64encode(text.encode()) for name, text in texts.items()}}
    view = certificate_view(secret, datetime.fromisoformat(case["at"]))
    covers = any(names_host(name, case["host"]) for name in view.names)
    in_time = view.has_begun and view.days_left >= 0
    return f"covers {covers}, in time {in_time}, pair {view.key_matches is True}"


def their_certificate(reader: Program, case: Json) -> str:
    """The same by Go, which trusts the certificate itself here."""
    answer = reader.ask("certificate", trusted=case["text"], **case)
    in_time = "expired or is not yet valid" not in answer["because"]
    return f"covers {answer['covers']}, in time {in_time}, pair {answer['pair']}"


# --- Whom a client believes


_SERVER, _CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH
_USAGES = ([_SERVER], [_CLIENT], [_SERVER, _CLIENT])
"""Not any usage: OpenSSL refuses a certificate of that to serve, and Go does not."""
_FLAWS = (
    *("ended", "not begun", "usages", "signed by another", "unknown critical", "no authority"),
    *("path of 0", "constraints", "may not sign", "no extensions"),
)
_SERVED = ("a.example.com", "*.example.com", "b.example.com")


def draw_chain(random: Random) -> tuple[Json, frozenset[str]]:
    """What a server shows, the authorities that a client trusts, and the host that it asks for."""
    depth = random.choice((1, 2, 2, 3, 3, 4))
    chain = [_link(at, depth) for at in range(depth)]
    served = random.sample(_SERVED, random.choice((0, 1, 1, 2, 2)))
    chain[0].hosts = [x509.DNSName(name) for name in served]
    chain[0].subject = random.choice(("number 0", "a.example.com"))
    fixed = random.random() < 0.3
    features = {f"{depth} long", "a name" if served else "no name"}
    features.add("tls-server-name" if fixed else "the host dialled")
    for flaw in random.sample(_FLAWS, random.choice((0, 1, 2, 2, 2))):
        at = random.choice((0, random.randrange(depth)))
        _spoil(chain[at], flaw, random)
        features |= {flaw, "flaw of its own" if at == 0 else "flaw above"}
    now = _now()
    texts = [certificate.pem(now) for certificate in chain]
    stranger = Certificate("stranger", "stranger", _ANOTHER, _ANOTHER).pem(now)
    shown = {
        "all shown": texts,
        "no root shown": texts[:-1] or texts,
        "shown in another order": [texts[0], *reversed(texts[1:])],
        "shown alone": texts[:1],
        "a stranger shown": [texts[0], stranger, *texts[1:]],
    }
    trusted = {
        "the root trusted": texts[-1:],
        "the next trusted": texts[1:2] or texts,
        "a stranger trusted": [stranger],
        "all authorities trusted": [stranger, *(texts[1:] or texts)],
    }
    if not features & {"flaw above", "signed by another"}:
        # Where it is trusted itself, OpenSSL judges what is shown above it all the same.
        trusted |= {"itself trusted": texts[:1], "all trusted": [*texts[1:], texts[0]]}
    how, whom = random.choice(list(shown)), random.choice(list(trusted) + ["the root trusted"] * 2)
    return {
        "text": "".join(shown[how]),
        "trusted": "".join(trusted[whom]),
        "host": random.choice(("a.example.com", "a.example.com", "b.example.com", "c.example.org")),
        "fixed": fixed,
    }, frozenset({*features, how, whom})


def _link(at: int, depth: int) -> Certificate:
    """The certificate at this place of a chain of this length; 0 is the server's own."""
    above = min(at + 1, depth - 1)
    link = Certificate(f"number {at}", f"number {above}", at, above)
    if at:
        link.extra = [(x509.BasicConstraints(ca=True, path_length=None), True)]
    return link


def _spoil(link: Certificate, flaw: str, random: Random) -> None:
    others = [
        extension for extension in link.extra if not isinstance(extension[0], x509.BasicConstraints)
    ]
    usage = dict.fromkeys(
        ("content_commitment", "data_encipherment", "key_agreement", "encipher_only"), False
    )
    usage |= dict.fromkeys(("crl_sign", "decipher_only", "key_encipherment"), False)
    domain = [x509.DNSName(random.choice(("example.com", "example.org")))]
    match flaw:
        case "ended":
            link.begins_s, link.ends_s = -2 * _DAY_S, -1
        case "not begun":
            link.begins_s, link.ends_s = _DAY_S, 2 * _DAY_S
        case "usages":
            link.extra.append((x509.ExtendedKeyUsage(random.choice(_USAGES)), False))
        case "signed by another":
            link.signer = _ANOTHER
        case "unknown critical":
            unknown = x509.UnrecognizedExtension(ObjectIdentifier("1.2.3.4"), b"\x05\x00")
            link.extra.append((unknown, True))
        case "no authority":
            link.extra = [(x509.BasicConstraints(ca=False, path_length=None), True), *others]
        case "path of 0":
            link.extra = [(x509.BasicConstraints(ca=True, path_length=0), True), *others]
        case "constraints":
            permitted, excluded = random.choice(((domain, None), (None, domain)))
            link.extra.append((x509.NameConstraints(permitted, excluded), True))
        case "may not sign":
            signs = x509.KeyUsage(digital_signature=True, key_cert_sign=False, **usage)
            link.extra.append((signs, True))
        case _:
            link.extra = []


def our_belief(case: Json) -> str:
    """Whether a TLS handshake of ours ends well, by the context of a kubeconfig."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        shown, key = Path(folder, "shown.pem"), Path(folder, "key.pem")
        shown.write_text(case["text"])
        key.write_bytes(key_pem(_key(0)))
        server.load_cert_chain(shown, key)
    host = case["host"]
    context = Tls(case["trusted"].encode(), server_name=host if case["fixed"] else "").context()
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    answering = server.wrap_bio(to_server, to_client, server_side=True)
    asking = context.wrap_bio(
        to_client, to_server, server_hostname="d.example" if case["fixed"] else host
    )
    try:
        for _ in range(10):
            with suppress(ssl.SSLWantReadError):
                asking.do_handshake()
                return "believed"
            with suppress(ssl.SSLWantReadError):
                answering.do_handshake()
    except ssl.SSLCertVerificationError:
        return "refused"
    raise ValueError("the handshake did not end")


def their_belief(reader: Program, case: Json) -> str:
    """Whether Go's Verify has a chain, for a host that the certificate covers."""
    answer = reader.ask("certificate", at=_now().isoformat(), **case)
    return "believed" if answer["covers"] and not answer["because"] else "refused"
