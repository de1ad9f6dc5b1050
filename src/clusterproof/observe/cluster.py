"""The objects of a cluster: one list call per kind and namespace, shared by every check."""

import threading
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from clusterproof.errors import ObservationError
from clusterproof.kube.client import Json, KubeApi
from clusterproof.spec.row import ObjectRef

RUN_LABEL = "clusterproof.dev/run"
"""On everything that a run makes, with the run's id as its value."""

CLUSTER_WIDE = ""


@dataclass(frozen=True, slots=True)
class Kind:
    """Where the API server keeps the objects of a kind."""

    prefix: str
    plural: str
    namespaced: bool = True

    def collection(self, namespace: str) -> str:
        """The path of the collection; every namespace's for CLUSTER_WIDE."""
        if self.namespaced and namespace != CLUSTER_WIDE:
            return f"{self.prefix}/namespaces/{quote(namespace)}/{self.plural}"
        return f"{self.prefix}/{self.plural}"


KINDS: dict[str, Kind] = {
    "ConfigMap": Kind("/api/v1", "configmaps"),
    "DaemonSet": Kind("/apis/apps/v1", "daemonsets"),
    "Deployment": Kind("/apis/apps/v1", "deployments"),
    "EndpointSlice": Kind("/apis/discovery.k8s.io/v1", "endpointslices"),
    "Event": Kind("/api/v1", "events"),
    "HorizontalPodAutoscaler": Kind("/apis/autoscaling/v2", "horizontalpodautoscalers"),
    "Ingress": Kind("/apis/networking.k8s.io/v1", "ingresses"),
    "LimitRange": Kind("/api/v1", "limitranges"),
    "Namespace": Kind("/api/v1", "namespaces", namespaced=False),
    "NetworkPolicy": Kind("/apis/networking.k8s.io/v1", "networkpolicies"),
    "Node": Kind("/api/v1", "nodes", namespaced=False),
    "PersistentVolumeClaim": Kind("/api/v1", "persistentvolumeclaims"),
    "Pod": Kind("/api/v1", "pods"),
    "PodDisruptionBudget": Kind("/apis/policy/v1", "poddisruptionbudgets"),
    "ReplicaSet": Kind("/apis/apps/v1", "replicasets"),
    "ResourceQuota": Kind("/api/v1", "resourcequotas"),
    "Secret": Kind("/api/v1", "secrets"),
    "Service": Kind("/api/v1", "services"),
    "ServiceAccount": Kind("/api/v1", "serviceaccounts"),
    "StatefulSet": Kind("/apis/apps/v1", "statefulsets"),
}


class Cluster:
    """A cluster's objects, each collection listed once and kept.

    Attributes:
        api: For what is not a collection (a log, a Pod's own HTTP answer).
    """

    def __init__(self, api: KubeApi) -> None:
        """List nothing yet."""
        self.api = api
        self._lists: dict[tuple[str, str], list[Json] | ObservationError] = {}
        self._lock = threading.RLock()

    def objects(self, kind: str, namespace: str) -> list[Json]:
        """Every object of `kind` in `namespace`; without those that a run of ours made.

        Raises:
            ObservationError: The list was refused; the same for everybody who asks.
        """
        key = (kind, namespace)
        with self._lock:
            if key not in self._lists:
                try:
                    items = self.api.list(_kind(kind).collection(namespace))
                    self._lists[key] = [item for item in items if not is_ours(item)]
                except ObservationError as error:
                    self._lists[key] = _with_next(error, kind, namespace)
            found = self._lists[key]
        if isinstance(found, ObservationError):
            raise found
        return found

    def find(self, ref: ObjectRef) -> Json | None:
        """The object, or None where there is none."""
        for item in self.objects(ref.kind, ref.namespace):
            if item["metadata"]["name"] == ref.name:
                return item
        return None

    def listed(self, kind: str) -> list[Json]:
        """What was listed of a kind so far, in whatever namespace; asks nothing."""
        with self._lock:
            found = [items for key, items in self._lists.items() if key[0] == kind]
        return [item for items in found if isinstance(items, list) for item in items]

    def forget(self, *kinds: str) -> None:
        """List these kinds again at the next asking; all of them without arguments."""
        with self._lock:
            for key in [key for key in self._lists if not kinds or key[0] in kinds]:
                del self._lists[key]

    def pods_of(self, workload: ObjectRef) -> list[Json]:
        """The Pods of a workload that are not about to end, in the order of their names."""
        owner = self.find(workload)
        if owner is None:
            return []
        selector = (owner.get("spec") or {}).get("selector") or {}
        return sorted(
            (
                pod
                for pod in self.objects("Pod", workload.namespace)
                if selects(selector, labels_of(pod))
                and not pod["metadata"].get("deletionTimestamp")
                and (pod.get("status") or {}).get("phase") not in {"Succeeded", "Failed"}
            ),
            key=lambda pod: str(pod["metadata"]["name"]),
        )

    def age_s(self, item: Json) -> float:
        """Seconds since the object was created, by the API server's clock."""
        return self.seconds_since(item["metadata"]["creationTimestamp"])

    def seconds_since(self, timestamp: str) -> float:
        """Seconds since a time that the cluster wrote, by the API server's clock."""
        return (self.api.now() - datetime.fromisoformat(timestamp)).total_seconds()

    def ready_pods_of(self, workload: ObjectRef) -> list[Json]:
        """The ready ones of `pods_of`.

        Raises:
            ObservationError: None is ready: there is nothing to look at.
        """
        ready = [pod for pod in self.pods_of(workload) if is_ready(pod)]
        if not ready:
            raise ObservationError(
                f"no ready Pod of {workload} to look at",
                next_command=f"kubectl -n {workload.namespace} get pods -o wide",
            )
        return ready


def _kind(name: str) -> Kind:
    if name not in KINDS:
        raise ObservationError(f"expected one of the kinds {', '.join(KINDS)}; got {name}")
    return KINDS[name]


def _with_next(error: ObservationError, kind: str, namespace: str) -> ObservationError:
    plural = _kind(kind).plural
    place = f" -n {namespace}" if namespace else " -A"
    error.next_command = f"kubectl auth can-i list {plural}{place}"
    return error


def is_ours(item: Json) -> bool:
    """True for an object that a run of this suite made."""
    return RUN_LABEL in labels_of(item)


def labels_of(item: Json) -> dict[str, str]:
    """The labels of an object."""
    return (item.get("metadata") or {}).get("labels") or {}


def is_ready(pod: Json) -> bool:
    """True when the Pod's own condition Ready says so."""
    return condition(pod, "Ready") == "True"


def condition(item: Json, kind: str) -> str:
    """The status of a condition ("True", "False", "Unknown"), or "" when it is not there."""
    for entry in (item.get("status") or {}).get("conditions") or []:
        if entry.get("type") == kind:
            return str(entry.get("status", ""))
    return ""


def selects(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    """True when a LabelSelector selects something with these labels; an empty one selects all.

    Source: Kubernetes docs, "Labels and Selectors": In, NotIn, Exists, DoesNotExist; a key that is
    not there satisfies NotIn.
    """
    for key, value in (selector.get("matchLabels") or {}).items():
        if labels.get(key) != value:
            return False
    return all(_matches(term, labels) for term in selector.get("matchExpressions") or [])


def _matches(term: dict[str, Any], labels: dict[str, str]) -> bool:
    key, values = term["key"], term.get("values") or []
    operators = {
        "In": labels.get(key) in values,
        "NotIn": labels.get(key) not in values,
        "Exists": key in labels,
        "DoesNotExist": key not in labels,
    }
    return operators[term["operator"]]


def containers_of(spec: Json) -> list[Json]:
    """The containers of a Pod spec that the deployment declares."""
    return spec.get("containers") or []


def template_of(workload: Json) -> Json:
    """The Pod spec of a workload's template."""
    template: Json = workload["spec"]["template"]["spec"]
    return template


def container_named(spec: Json, name: str) -> Json | None:
    """The container of that name in a Pod spec."""
    return next((one for one in containers_of(spec) if one["name"] == name), None)
