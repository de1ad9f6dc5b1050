"""May we? The API server's own answer, by a review that it stores nowhere.

Source: Kubernetes docs, "Authorization", "Checking API access" (v1.35): every authenticated user
may create a SelfSubjectAccessReview (ClusterRole `system:basic-user`).
"""

from clusterproof.errors import ObservationError
from clusterproof.kube.client import KubeApi

PATH = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


def may(api: KubeApi, verb: str, resource: str, *, group: str = "", namespace: str = "") -> bool:
    """Whether we would be allowed to.

    Args:
        api: Who is asked, and as whom.
        verb: As RBAC has it.
        resource: Plural, with `/SUBRESOURCE` for one.
        group: Its API group; "" for the core one.
        namespace: "" for all of them.

    Raises:
        ObservationError: It did not answer, or not with a review.
    """
    plural, _, subresource = resource.partition("/")
    attributes = {
        "verb": verb,
        "group": group,
        "resource": plural,
        "subresource": subresource,
        "namespace": namespace,
    }
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {key: text for key, text in attributes.items() if text}},
    }
    answer = api.request("POST", PATH, body=review)
    try:
        return answer.json()["status"]["allowed"] is True
    except (ValueError, KeyError, TypeError) as error:
        raise ObservationError(
            f"POST {PATH}: expected a SelfSubjectAccessReview with status.allowed,"
            f" got {answer.text[:120]!r}",
            next_command="kubectl auth can-i --list",
        ) from error
