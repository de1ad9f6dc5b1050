"""The values of the Secrets that a run read: kept in memory only, so that none gets out."""

import base64
import binascii
from collections.abc import Iterator

from clusterproof.observe.cluster import Cluster

_PUBLIC = frozenset({"tls.crt", "ca.crt", "namespace"})
"""Keys whose values everybody may see; a certificate's dates are evidence."""


def secret_values(cluster: Cluster) -> Iterator[str]:
    """Every value of every Secret that was listed, and its base64 as it stands in the object."""
    for secret in cluster.listed("Secret"):
        for key, data in (secret.get("data") or {}).items():
            if key in _PUBLIC or not isinstance(data, str):
                continue
            yield data
            try:
                yield base64.b64decode(data, validate=True).decode()
            except (binascii.Error, UnicodeDecodeError):
                continue  # no text, so no report can hold it but as the base64 above
