"""TLS as client-go sets it up: authorities, server name, client certificate.

Source: client-go v0.35.4 `transport/transport.go` `TLSConfigFor`, `rootCertPool`; Go `crypto/x509`:
an authority in the pool is trusted whether it is a root or not, and a certificate's common name
says nothing.
"""

import base64
import datetime as dt
import re
import ssl
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from inspect import signature
from pathlib import Path
from typing import Any

_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----\s+(.*?)-----END CERTIFICATE-----", re.DOTALL)


class _NamedContext(ssl.SSLContext):
    """One that asks for, and checks, one server name, whatever is dialled."""

    server_name = ""

    def wrap_socket(self, *args: Any, **kwargs: Any) -> ssl.SSLSocket:  # noqa: ANN401 - ssl's own
        """As `ssl.SSLContext` does, for the fixed name."""
        return super().wrap_socket(**self._named(super().wrap_socket, args, kwargs))

    def wrap_bio(self, *args: Any, **kwargs: Any) -> ssl.SSLObject:  # noqa: ANN401 - ssl's own
        """Likewise, for TLS inside of a proxy's TLS."""
        return super().wrap_bio(**self._named(super().wrap_bio, args, kwargs))

    def _named(self, call: Callable[..., Any], args: Any, kwargs: Any) -> dict[str, Any]:  # noqa: ANN401
        named = signature(call).bind(*args, **kwargs).arguments
        return {**named, "server_hostname": self.server_name or named.get("server_hostname")}


@dataclass(frozen=True)
class Tls:
    """What one cluster's entry says of TLS.

    Attributes:
        authorities: PEM; empty for those of the system.
        server_name: Of `tls-server-name`; "" for the host that is dialled.
        insecure: Believe whoever answers.
    """

    authorities: bytes = field(default=b"", repr=False)
    server_name: str = ""
    insecure: bool = False

    def context(self, certificate: bytes = b"", key: bytes = b"") -> ssl.SSLContext:
        """A context with these authorities, and with a client certificate where one is given.

        Raises:
            ValueError: No certificate in `authorities`, or a certificate and a key that do not
                belong together; says which, without showing them.
        """
        context = _NamedContext(ssl.PROTOCOL_TLS_CLIENT)
        context.server_name = self.server_name
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.hostname_checks_common_name = False
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        if self.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        elif self.authorities:
            _load_authorities(context, self.authorities)
        else:
            context.load_default_certs(ssl.Purpose.SERVER_AUTH)
        if certificate:
            _load_pair(context, certificate, key)
        return context


def expired(certificate: bytes) -> dt.datetime | None:
    """When a client certificate ended, if it has: a server would only say Unauthorized."""
    from cryptography import x509  # noqa: PLC0415 - a quarter of a second that others do not take

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what is odd in it; the server judges that
            ended = x509.load_pem_x509_certificate(certificate).not_valid_after_utc
    except ValueError:
        return None
    return ended if ended < dt.datetime.now(tz=dt.UTC) else None


def _load_authorities(context: ssl.SSLContext, pem: bytes) -> None:
    """Every certificate that is one; what is none is passed over (`AppendCertsFromPEM`)."""
    loaded = 0
    for block in _PEM.finditer(pem):
        try:
            context.load_verify_locations(cadata=base64.b64decode(block[1]))
        except (ssl.SSLError, ValueError):
            continue
        loaded += 1
    if not loaded:
        raise ValueError("expected a certificate in PEM, got none")


def _load_pair(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """OpenSSL takes them from files only: they are there for this moment, readable by us alone."""
    with tempfile.TemporaryDirectory(prefix="clusterproof-") as folder:
        paths = Path(folder, "certificate.pem"), Path(folder, "key.pem")
        for path, content in zip(paths, (certificate, key), strict=True):
            path.touch(mode=0o600)
            path.write_bytes(content)
        try:
            # An encrypted key would ask for its passphrase at the terminal.
            context.load_cert_chain(*paths, password="")
        except (ssl.SSLError, ValueError) as error:
            message = "expected a certificate in PEM and the key that belongs to it"
            raise ValueError(message) from error
