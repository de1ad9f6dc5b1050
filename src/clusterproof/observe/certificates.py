"""TLS Secrets by their certificate alone: names, dates, and whether the key is its own.

The private key is used once, for its public half, and never kept or shown. `cryptography` is
imported where it is used: a run without certificates starts sooner.
Source: RFC 6125 section 6.4.3 (a wildcard stands for one whole left-most label).
"""

import base64
import binascii

from clusterproof.kube.client import Json


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
