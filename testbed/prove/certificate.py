"""The data of TLS Secrets that are wrong on purpose."""

import base64

from testbed.certificates import self_signed


def secret_data(host: str, days: int) -> dict[str, str]:
    """The data of a TLS Secret for `host` that ends in so many days."""
    certificate, key = self_signed(host, days)
    return {
        "tls.crt": base64.b64encode(certificate).decode(),
        "tls.key": base64.b64encode(key).decode(),
    }
