"""The keys of ConfigMaps and Secrets, as far as they may be read."""

from collections.abc import Callable, Mapping

from clusterproof.errors import ObservationError
from clusterproof.kube.env import Read
from clusterproof.kube.objects import Json
from clusterproof.observe.cluster import Cluster
from clusterproof.spec.row import ObjectRef


class Unread(dict[str, bytes | None]):
    """The keys of a Secret that may not be read: whatever is asked for may be among them."""

    def __contains__(self, key: object) -> bool:
        """True: a container that runs has the key."""
        return True

    def __missing__(self, key: str) -> None:
        """Not known."""


def reader_of(
    cluster: Cluster,
    of: ObjectRef,
    *containers: Json,
    contents: Callable[[str, Json], Mapping[str, bytes]],
) -> Read:
    """Reads the keys of the ConfigMaps and Secrets of a namespace.

    `contents` is `values_of` for variables, which are never made of binaryData (kubelet_pods.go,
    makeEnvironmentVariables), and `contents_of` for files.

    Secrets are listed only for a row about one, or where a container takes one as a whole: what a
    variable is set from is said by its reference.
    """
    listed = of.kind == "Secret" or any(
        source.get("secretRef")
        for container in containers
        for source in container.get("envFrom") or []
    )

    def read(kind: str, name: str) -> Mapping[str, bytes | None] | None:
        if kind == "Secret" and not listed:
            return Unread()
        try:
            object_ = cluster.find(ObjectRef(kind=kind, namespace=of.namespace, name=name))
        except ObservationError:
            return Unread()
        return None if object_ is None else dict(contents(kind, object_))

    return read


def text_in(content: bytes) -> str | None:
    """What a key holds as text; None where it is no UTF-8."""
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None
