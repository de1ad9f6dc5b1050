"""A Cluster over loopback whose API server has these objects."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from clusterproof.kube.kinds import KINDS
from clusterproof.kube.selectors import selects
from clusterproof.observe.cluster import Cluster
from tests.observe.loopback import Reply, Request, api_server

Json = dict[str, Any]
_COLLECTION = re.compile(
    r"^(?P<prefix>/.+?)(?:/namespaces/(?P<namespace>[^/?]+))?/(?P<plural>[a-z]+)(?:\?.*)?$"
)


@contextmanager
def cluster_of(
    *objects: Json,
    forbidden: tuple[str, ...] = (),
    answers: Mapping[str, Json | Reply] | None = None,
    texts: dict[str, str] | None = None,
) -> Iterator[Cluster]:
    """A cluster with `objects` (raw, with their `kind`); lists of `forbidden` kinds are refused.

    `answers` and `texts` are those of other paths, without their query; a log that none of them has
    is empty.
    """
    objects = (*objects, *adopted(objects))
    kinds = {kind.plural: name for name, kind in KINDS.items()}

    def answer(request: Request) -> Reply:
        other = (answers or {}).get(request.path.partition("?")[0])
        if other is not None:
            return other if isinstance(other, Reply) else Reply(body=other)
        path = request.path.partition("?")[0]
        if path.endswith("/log") and "log" not in forbidden:
            return Reply(body=(texts or {}).get(path, ""))
        if path == "/apis":
            return Reply(body={"kind": "APIGroupList", "groups": []})
        match = _COLLECTION.match(request.path)
        assert match, request.path
        kind = kinds.get(match["plural"], match["plural"])
        if kind in forbidden:
            return Reply(403, {"message": f"{match['plural']} is forbidden"})
        items = [
            one
            for one in objects
            if one["kind"] == kind
            and match["namespace"] in {None, one["metadata"].get("namespace")}
        ]
        return Reply(body={"kind": f"{kind}List", "items": items})

    with api_server(answer) as api:
        yield Cluster(api)


def adopted(objects: tuple[Json, ...]) -> list[Json]:
    """What the controllers of a real cluster do: UIDs, ReplicaSets, and Pods without an owner.

    A Pod that has owner references keeps them; one that a workload's selector takes in is
    adopted, as controller.PodControllerRefManager does. Returns the ReplicaSets.
    """
    sets = []
    for item in objects:
        item["metadata"].setdefault("uid", f"{item['kind']}-{item['metadata']['name']}")
    for item in objects:
        if item["kind"] not in {"Deployment", "StatefulSet", "DaemonSet"}:
            continue
        meta, owner = item["metadata"], item
        if item["kind"] == "Deployment":
            owner = {"kind": "ReplicaSet", "metadata": {**meta, "uid": f"set-{meta['uid']}"}}
            owner["metadata"] |= owned_by(meta["uid"])
            sets.append(owner)
        for pod_ in objects:
            if (
                pod_["kind"] == "Pod"
                and pod_["metadata"]["namespace"] == meta["namespace"]
                and "ownerReferences" not in pod_["metadata"]
                and selects(item["spec"]["selector"], pod_["metadata"].get("labels") or {})
            ):
                pod_["metadata"] |= {
                    **owned_by(owner["metadata"]["uid"], **pod_["metadata"]["labels"])
                }
    return sets


def owned_by(uid: str, **labels: str) -> Json:
    """The metadata of a Pod that this controller runs."""
    reference = {"kind": "Owner", "name": uid, "uid": uid, "controller": True}
    return {"labels": labels or {"app": "w"}, "ownerReferences": [reference]}


def namespace(name: str, /, **labels: str) -> Json:
    """A namespace, with the label that the API server gives it."""
    return {
        "kind": "Namespace",
        "metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name, **labels}},
    }


def pod(name: str, space: str, labels: Json, *, ready: bool = True, **more: Any) -> Json:  # noqa: ANN401 - raw JSON
    """A running Pod; `ports` is name to number."""
    ports = [{"name": key, "containerPort": value} for key, value in more.get("ports", {}).items()]
    return {
        "kind": "Pod",
        "metadata": {"name": name, "namespace": space, "labels": labels},
        "spec": {"containers": [{"name": "main", "image": "x:1", "ports": ports}]},
        "status": {
            "phase": "Running",
            "podIP": more.get("ip", "10.0.0.1"),
            "conditions": [{"type": "Ready", "status": str(ready)}],
            "containerStatuses": [{"name": "main", "state": more.get("state", {"running": {}})}],
        },
    }


def deployment(name: str, space: str, labels: Json) -> Json:
    """A Deployment that selects `labels`."""
    return {
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": space},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": []}},
        },
    }


def service(name: str, space: str, port: int, target: int | str, selector: Json) -> Json:
    """A Service with one port named `main`."""
    return {
        "kind": "Service",
        "metadata": {"name": name, "namespace": space},
        "spec": {
            "clusterIP": "10.96.0.50",
            "clusterIPs": ["10.96.0.50"],
            "selector": selector,
            "ports": [{"name": "main", "port": port, "targetPort": target, "protocol": "TCP"}],
        },
    }


def endpoints(of: str, space: str, port: int, pods: dict[str, str], *, ready: bool = True) -> Json:
    """An EndpointSlice; `pods` is name to address."""
    return {
        "kind": "EndpointSlice",
        "metadata": {
            "name": f"{of}-x",
            "namespace": space,
            "labels": {"kubernetes.io/service-name": of},
        },
        "ports": [{"name": "main", "port": port, "protocol": "TCP"}],
        "endpoints": [
            {
                "addresses": [address],
                "conditions": {"ready": ready},
                "targetRef": {"kind": "Pod", "name": name},
            }
            for name, address in pods.items()
        ],
    }


def policy(name: str, space: str, **spec: Any) -> Json:  # noqa: ANN401 - raw JSON
    """A NetworkPolicy; without a podSelector it selects every Pod."""
    return {
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": space},
        "spec": {"podSelector": {}, **spec},
    }
