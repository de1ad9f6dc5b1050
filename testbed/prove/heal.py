"""Makes the cluster well again between two groups: what they did to its Pods is no defect."""

from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet

from clusterproof.kube.client import KubeApi
from clusterproof.kube.kinds import KINDS
from clusterproof.kube.objects import Json, controller_of, status_of
from clusterproof.kube.pods import phase_of
from clusterproof.spec.row import ObjectRef
from testbed.prove.change import MERGE, WORKLOADS, path_of
from testbed.prove.waits import jobs_begun, lacks_pods, measured, rolled_out

_HURRIED = "clusterproof.dev/hurried"


def heal(
    api: KubeApi, namespaces: Iterable[str], *, rolled_next: AbstractSet[ObjectRef] = frozenset()
) -> None:
    """Replace Pods that were restarted or failed meanwhile, and wait until all is well.

    A restart is remembered by the Pod, a Pod that failed stays, and a check that looks for them is
    right to say so.

    Args:
        api: Of the cluster.
        namespaces: Those of the spec.
        rolled_next: Workloads whose Pods are about to be replaced: figures of the present ones are
            not waited for.
    """
    namespaces = tuple(namespaces)
    workloads = []
    for namespace in namespaces:
        for pod in api.list(KINDS["Pod"].collection(namespace)):
            if _has_a_past(pod):
                path = f"{KINDS['Pod'].collection(namespace)}/{pod['metadata']['name']}"
                if api.find(path) is not None:
                    api.request("DELETE", path)
        for kind in WORKLOADS:
            for item in api.list(KINDS[kind].collection(namespace)):
                name = str(item["metadata"]["name"])
                workloads.append(ObjectRef(kind=kind, namespace=namespace, name=name))
        _hurry(api, KINDS["ReplicaSet"].collection(namespace), _lacks_replicas)
        _hurry(api, KINDS["Job"].collection(namespace), lacks_pods)
    for ref in workloads:
        rolled_out(api, path_of(ref), ref)
    for namespace in namespaces:
        jobs_begun(api, namespace)
        measured(api, namespace, without=rolled_next)


def _has_a_past(pod: Json) -> bool:
    """Whether a container was started anew, or the Pod failed and its owner made another one."""
    statuses = status_of(pod).get("containerStatuses") or []
    is_left = phase_of(pod) == "Failed" and (controller_of(pod) or {}).get("kind") != "Job"
    return is_left or any(status.get("restartCount") for status in statuses)


def _lacks_replicas(replica_set: Json) -> bool:
    return bool(replica_set["spec"].get("replicas", 0) > status_of(replica_set).get("replicas", 0))


def _hurry(api: KubeApi, collection: str, lacks: Callable[[Json], bool]) -> None:
    """Touch each ReplicaSet, or Job, that lacks Pods.

    One whose Pods were refused is tried again ever more seldom, minutes apart; a change of it is
    looked at now.
    """
    for item in api.list(collection):
        if lacks(item):
            path = f"{collection}/{item['metadata']['name']}"
            for mark in ("now", None):
                body = {"metadata": {"annotations": {_HURRIED: mark}}}
                api.request("PATCH", path, body=body, content_type=MERGE)
