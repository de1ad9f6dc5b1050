"""May we? The API server's own answer to each right, asked before anything is looked at.

Source: Kubernetes docs, "Authorization", "Checking API access" (v1.35): every authenticated user
may create a SelfSubjectAccessReview (ClusterRole `system:basic-user`).
"""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from clusterproof.errors import ObservationError
from clusterproof.kube.client import KubeApi
from clusterproof.nightly.rights import Grant

PATH = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_AT_ONCE = 8


def review(grant: Grant) -> dict[str, Any]:
    """The SelfSubjectAccessReview that asks for one right; nothing of it is stored."""
    resource, _, subresource = grant.resource.partition("/")
    attributes = {
        "verb": grant.verb,
        "group": grant.group,
        "resource": resource,
        "subresource": subresource,
        "namespace": grant.namespace,
    }
    return {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {key: text for key, text in attributes.items() if text}},
    }


def is_granted(api: KubeApi, grant: Grant) -> bool:
    """Whether the API server would allow it.

    Raises:
        ObservationError: It did not answer, or not with a review.
    """
    answer = api.request("POST", PATH, body=review(grant))
    try:
        return answer.json()["status"]["allowed"] is True
    except (ValueError, KeyError, TypeError) as error:
        raise ObservationError(
            f"POST {PATH}: expected a SelfSubjectAccessReview with status.allowed,"
            f" got {answer.text[:120]!r}",
            next_command="kubectl auth can-i --list",
        ) from error


def granted_of(api: KubeApi, grants: Iterable[Grant]) -> Mapping[Grant, bool]:
    """Each right, and whether it is granted; eight questions at a time.

    Raises:
        ObservationError: As `is_granted` does.
    """
    asked = sorted(set(grants))
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return dict(zip(asked, pool.map(lambda grant: is_granted(api, grant), asked), strict=True))
