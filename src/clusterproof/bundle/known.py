"""The values of the Secrets of a cluster: kept in memory only, so that none gets out."""

import base64
import binascii
from collections.abc import Iterable, Iterator

from clusterproof.errors import ObservationError
from clusterproof.kube.client import Json
from clusterproof.observe.cluster import Cluster

_PUBLIC = frozenset({"tls.crt", "ca.crt", "namespace"})
"""Keys whose values everybody may see; a certificate's dates are evidence."""


def list_secrets(cluster: Cluster, namespaces: Iterable[str]) -> tuple[str, ...]:
    """List the Secrets of some namespaces for later; those of them where that was refused."""
    refused = []
    for namespace in namespaces:
        try:
            cluster.read_ahead("Secret", namespace)
        except ObservationError:
            refused.append(namespace)
    return tuple(refused)


def values_of(secret: Json) -> Iterator[str]:
    """Every value of a Secret as text, and its base64 as it stands in the object.

    Of a value that is no text, other spellings of its bytes as well.
    """
    for key, written in (secret.get("data") or {}).items():
        if key in _PUBLIC or not isinstance(written, str):
            continue
        yield written
        try:
            value = base64.b64decode(written, validate=True)
        except binascii.Error:
            continue
        try:
            yield value.decode()
        except UnicodeDecodeError:
            yield from (value.hex(), base64.urlsafe_b64encode(value).decode(), written.rstrip("="))
