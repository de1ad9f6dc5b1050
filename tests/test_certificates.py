"""Certificates of our own making, as a client judges them that holds to RFC 5280."""

from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from testbed.certificates import Pair, issued, read, self_signed, write

ROOT = issued("root", is_authority=True)
BETWEEN = issued("between", issuer=ROOT, is_authority=True)


def is_trusted(server: Pair, host: str, authority: Pair = ROOT) -> bool:
    """Whether a client of this authority believes the server to be this host."""
    store = Store([authority.certificate])
    verifier = PolicyBuilder().store(store).build_server_verifier(x509.DNSName(host))
    try:
        verifier.verify(server.certificate, [BETWEEN.certificate])
    except VerificationError:
        return False
    return True


@pytest.mark.parametrize("issuer", [ROOT, BETWEEN], ids=["root", "between"])
def test_a_server_is_trusted_by_its_name_alone(issuer: Pair) -> None:
    server = issued("web", ["a.example", "127.0.0.1"], issuer=issuer)
    assert is_trusted(server, "a.example")
    assert not is_trusted(server, "b.example")
    assert not is_trusted(server, "a.example", issued("another", is_authority=True))


def test_what_has_ended_is_not_trusted() -> None:
    days = timedelta(days=1)
    ended = issued("web", ["a.example"], issuer=ROOT, since=2 * days, lasts=-days)
    assert not is_trusted(ended, "a.example")


def test_a_server_may_not_sign_another() -> None:
    server = issued("web", ["a.example"], issuer=ROOT)
    assert not is_trusted(issued("web", ["b.example"], issuer=server), "b.example")


def test_what_is_written_is_read_and_its_key_is_private(tmp_path: Path) -> None:
    server = issued("web", ["a.example"], issuer=ROOT)
    write(tmp_path, "web", server)
    assert read(tmp_path, "web").certificate == server.certificate
    assert read(tmp_path, "web").key_pem == server.key_pem
    assert (tmp_path / "web.key").stat().st_mode & 0o077 == 0


def test_a_certificate_that_signs_itself_names_its_host() -> None:
    certificate = x509.load_pem_x509_certificate(self_signed("a.example", days=3)[0])
    certificate.verify_directly_issued_by(certificate)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["a.example"]
