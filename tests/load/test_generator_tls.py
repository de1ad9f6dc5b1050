"""A generator that does not trust its target is not a target that fails."""

import datetime as dt
import ipaddress
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from clusterproof.outcome import ExitCode
from loadtests.client import OncePool, tls_options
from tests.load.generator import Ended, load_spec


class _Models(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = b'{"models": []}'
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def own_authority(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """URL of a server whose certificate is its own authority, and the PEM file of that."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, keys = tmp_path / "ca.pem", tmp_path / "key.pem"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    keys.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, keys)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Models)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"https://127.0.0.1:{server.server_port}", pem
    server.shutdown()
    server.server_close()


def test_an_authority_of_ones_own_is_named_or_the_run_is_inconclusive(
    tmp_path: Path, own_authority: tuple[str, Path]
) -> None:
    url, pem = own_authority
    spec = load_spec(tmp_path, shapes={"short": [{"rate": 10, "for_s": 2}]})
    trusting = Ended(tmp_path / "a", spec, "--host", url, "--ca", str(pem))
    assert trusting.code == ExitCode.PASSED, trusting.text
    doubting = Ended(tmp_path / "b", spec, "--host", url)
    assert doubting.code == ExitCode.INCONCLUSIVE, doubting.text
    assert doubting.record["outcome"] == "inconclusive"
    assert "SSLCertVerificationError" in str(doubting.account["faults"])


def test_an_authority_of_ones_own_is_the_only_one(own_authority: tuple[str, Path]) -> None:
    """The HTTP library would add those of certifi, for each client again."""
    url, pem = own_authority
    options = tls_options(str(pem), "")
    pool = OncePool(**options)
    pool.get_client(url)
    assert len(options["ssl_context_factory"]().get_ca_certs()) == 1
    pool.close()


def test_a_file_that_is_no_certificate_is_wrong_input(tmp_path: Path) -> None:
    ended = Ended(
        tmp_path / "c", load_spec(tmp_path), "--host", "https://127.0.0.1:9", "--ca", "/dev/null"
    )
    assert ended.code == ExitCode.USAGE
    assert "--ca /dev/null: " in ended.text
