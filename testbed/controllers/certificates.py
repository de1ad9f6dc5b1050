"""TLS Secrets as files for nginx, readable by root only."""

import base64
import binascii
import hashlib
import os
import ssl
from dataclasses import dataclass, field
from pathlib import Path

from testbed.controllers.kube import Json
from testbed.controllers.routes import ObjectKey


@dataclass(frozen=True)
class Certificate:
    """A TLS Secret's contents; the key stays out of any message."""

    namespace: str
    name: str
    chain: bytes = field(repr=False)
    key: bytes = field(repr=False)

    @property
    def object_key(self) -> ObjectKey:
        """The Secret's namespace and name."""
        return self.namespace, self.name

    @property
    def digest(self) -> str:
        """Changes with the contents, and tells nothing of them."""
        return hashlib.sha256(self.chain + b"\0" + self.key).hexdigest()[:16]


def read_certificate(raw: Json) -> Certificate:
    """The Secret's certificate and key; what is not base64 becomes empty, and is refused later."""
    data = raw.get("data") or {}
    return Certificate(
        raw["metadata"]["namespace"],
        raw["metadata"]["name"],
        _decoded(data.get("tls.crt", "")),
        _decoded(data.get("tls.key", "")),
    )


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return b""


class CertificateStore:
    """TLS Secrets as files that only root can read."""

    def __init__(self, directory: Path) -> None:
        """Keep files below `directory`, which is made private."""
        directory.mkdir(parents=True, exist_ok=True)
        directory.chmod(0o700)
        self._directory = directory
        self._kept: dict[ObjectKey, Path] = {}

    def update(self, certificates: list[Certificate]) -> tuple[dict[ObjectKey, Path], list[str]]:
        """Where each usable one is, and why others are not.

        A Secret that turns bad keeps its last good certificate; one that is gone loses its files.
        """
        problems = []
        for certificate in certificates:
            path = self._directory / ".".join((*certificate.object_key, certificate.digest))
            if self._kept.get(certificate.object_key) == path:
                continue
            problem = _write_pair(path, certificate)
            if problem:
                kept = "; the last good one stays" if certificate.object_key in self._kept else ""
                problems.append(
                    f"secret {certificate.namespace}/{certificate.name}: expected a certificate "
                    f"and its key, seen: {problem}{kept}"
                )
                _remove_pair(path)
            else:
                self._kept[certificate.object_key] = path
        present = {certificate.object_key for certificate in certificates}
        self._kept = {key: path for key, path in self._kept.items() if key in present}
        return dict(self._kept), problems

    def tidy(self) -> None:
        """Remove the files that no certificate uses any more, once nothing reads them."""
        used = {str(path) for path in self._kept.values()}
        for file in self._directory.iterdir():
            if str(file.with_suffix("")) not in used:
                file.unlink()


def _write_pair(path: Path, certificate: Certificate) -> str:
    """Write both files; the reason if OpenSSL does not take them, else ""."""
    for suffix, content in ((".crt", certificate.chain), (".key", certificate.key)):
        descriptor = os.open(f"{path}{suffix}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
            f"{path}.crt", f"{path}.key"
        )
    except (ssl.SSLError, OSError) as error:
        return str(error)
    return ""


def _remove_pair(path: Path) -> None:
    for suffix in (".crt", ".key"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
