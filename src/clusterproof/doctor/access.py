"""The rights that we have, asked of the API server before anything is looked at."""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

from clusterproof.kube.access import may
from clusterproof.kube.client import KubeApi
from clusterproof.nightly.rights import Grant

_AT_ONCE = 8


def granted_of(api: KubeApi, grants: Iterable[Grant]) -> Mapping[Grant, bool]:
    """Each right, and whether it is granted; eight questions at a time.

    Raises:
        ObservationError: The API server did not answer one of them.
    """
    asked = sorted(set(grants))

    def is_granted(grant: Grant) -> bool:
        return may(api, grant.verb, grant.resource, group=grant.group, namespace=grant.namespace)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return dict(zip(asked, pool.map(is_granted, asked), strict=True))
