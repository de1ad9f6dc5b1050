"""The objects of a cluster: one list call per kind and namespace, shared by every check."""

import threading
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from types import MappingProxyType
from typing import Final

from clusterproof.errors import NoSuchKindError, ObservationError
from clusterproof.kube.client import KubeApi
from clusterproof.kube.ingress import address_due
from clusterproof.kube.kinds import CLUSTER_WIDE, KINDS, Kind, group_version
from clusterproof.kube.objects import Json, labels_of, status_of
from clusterproof.kube.pods import is_active, is_ready
from clusterproof.kube.routes import SELECTOR, listeners_of
from clusterproof.kube.workloads import middle_kind, pods_by_owner
from clusterproof.spec.row import ObjectRef

RUN_LABEL = "clusterproof.dev/run"
"""On everything that a run makes, with the run's id as its value."""
_UNREAD: Final = MappingProxyType({"Pod": ("managedFields",)})
"""Metadata of which no row says anything, and that is large where there are many objects."""


class Cluster:
    """A cluster's objects, each collection listed once and kept.

    Attributes:
        api: For what is not a collection (a log, a Pod's own HTTP answer).
        lists_made: How many lists were made so far: the same number, nothing new to read.
    """

    def __init__(self, api: KubeApi) -> None:
        """List nothing yet."""
        self.api = api
        self.lists_made = 0
        self._lists: dict[tuple[str, str], list[Json] | ObservationError] = {}
        self._asked: set[tuple[str, str]] = set()
        self._ahead: set[tuple[str, str]] = set()
        self._discovered: dict[str, Kind] = {}
        self._lock = threading.RLock()

    def objects(self, kind: str, namespace: str) -> list[Json]:
        """Every object of `kind` in `namespace`; without those that a run of ours made.

        Raises:
            ObservationError: The list was refused; the same for everybody who asks.
        """
        with self._lock:
            self._asked.add((kind, namespace))
        return self._listed(kind, namespace)

    def define(self, name: str, kind: Kind) -> None:
        """Say where the objects of a kind that is not built in are: spares its discovery."""
        self._discovered.setdefault(name, kind)

    def on_one_page(self, kind: str) -> list[Json] | None:
        """Every object of `kind` in any namespace, as `objects`; None where one page holds not all.

        Raises:
            ObservationError: The list was refused.
        """
        with self._lock:
            self.lists_made += 1
        try:
            items = self.api.first_page(self.kind(kind).collection(CLUSTER_WIDE))
        except ObservationError as error:
            raise _with_next(error, kind, CLUSTER_WIDE) from error
        return None if items is None else [item for item in items if not is_ours(item)]

    def read_ahead(self, kind: str, namespace: str) -> None:
        """List it now, for whoever asks later; by itself this is no right that a row needs.

        Raises:
            ObservationError: As `objects` does.
        """
        with self._lock:
            self._ahead.add((kind, namespace))
        self._listed(kind, namespace)

    @property
    def only_read_ahead(self) -> frozenset[tuple[str, str]]:
        """The requests (method, path) that were made ahead, and that no row asked for."""
        with self._lock:
            unasked = self._ahead - self._asked
        return frozenset(("GET", self.kind(kind).collection(place)) for kind, place in unasked)

    def _listed(self, kind: str, namespace: str) -> list[Json]:
        key = (kind, namespace)
        with self._lock:
            if key not in self._lists:
                self.lists_made += 1
                try:
                    path = self.kind(kind).collection(namespace)
                    items = self.api.list(path, keep=self._keep(kind))
                    self._lists[key] = [item for item in items if not is_ours(item)]
                except ObservationError as error:
                    self._lists[key] = _with_next(error, kind, namespace)
            listed = self._lists[key]
        if isinstance(listed, ObservationError):
            raise listed
        return listed

    def _keep(self, kind: str) -> Callable[[Json], Json]:
        """Keeps an object without what no row reads, and once where two lists have it.

        The Pods of a namespace are among those of the cluster; what changed between both lists has
        another resourceVersion.
        """
        before: dict[tuple[str, str] | None, Json] = {
            version: item
            for (other, _), items in self._lists.items()
            if other == kind and isinstance(items, list)
            for item in items
            if (version := _version_of(item))
        }
        unread = _UNREAD.get(kind, ())

        def keep(item: Json) -> Json:
            for name in unread:
                item["metadata"].pop(name, None)
            return before.get(_version_of(item), item)

        return keep

    def kind(self, name: str) -> Kind:
        """Where a kind's objects are, by discovery for one that is not built in.

        Raises:
            NoSuchKindError: The API server has none of that name.
            ObservationError: It could not be asked.
        """
        known = KINDS.get(name) or self._discovered.get(name)
        if known is not None:
            return known
        parts = group_version(name)
        if parts is None:
            raise NoSuchKindError(f"expected one of the kinds {', '.join(KINDS)}; got {name}")
        kind, version, group = parts
        prefix = f"/apis/{group}/{version}"
        for resource in self._resources(prefix):
            if resource.get("kind") == kind and "/" not in resource["name"]:
                discovered = Kind(prefix, resource["name"], namespaced=bool(resource["namespaced"]))
                return self._discovered.setdefault(name, discovered)
        raise NoSuchKindError(
            f"the API server has no {kind} in {group}/{version}",
            next_command=f"kubectl api-resources --api-group={group}",
        )

    def _resources(self, prefix: str) -> list[Json]:
        """What a group serves in this version; nothing where there is no such group at all."""
        try:
            return self.api.get(prefix).get("resources") or []
        except ObservationError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            group = prefix.rpartition("/")[0]
            try:
                self.api.get(group)
            except ObservationError as of_group:
                if of_group.status == HTTPStatus.NOT_FOUND:
                    return []
            raise

    def find(self, ref: ObjectRef) -> Json | None:
        """The object, or None where there is none.

        Raises:
            ObservationError: The list was refused, or the kind is in namespaces and the reference
                names none.
        """
        if self.kind(ref.kind).namespaced and not ref.namespace:
            raise ObservationError(f"expected a namespace in {ref}: a {ref.kind} is in one")
        for item in self.objects(ref.kind, ref.namespace):
            if item["metadata"]["name"] == ref.name:
                return item
        return None

    def selected_by_scale(self, ref: ObjectRef) -> list[Json]:
        """The Pods, in whatever phase, that the `scale` subresource of this object selects.

        Asked anew. For a kind that is not Kubernetes' own, this is what autoscalers count
        (scale_client.go).

        Raises:
            ObservationError: There is no such subresource, it is refused, or it has no selector.
        """
        path = f"{self.kind(ref.kind).collection(ref.namespace)}/{ref.name}/scale"
        selector = status_of(self.api.get(path)).get("selector")
        if not selector:
            raise ObservationError(
                f"the scale subresource of {ref} has no selector",
                next_command=f"kubectl get --raw {path}",
            )
        pods = self.api.list(KINDS["Pod"].collection(ref.namespace), label_selector=selector)
        return [pod for pod in pods if not is_ours(pod)]

    def listed(self, kind: str) -> list[Json]:
        """What was listed of a kind so far, in whatever namespace; asks nothing."""
        with self._lock:
            lists = [items for key, items in self._lists.items() if key[0] == kind]
        return [item for items in lists if isinstance(items, list) for item in items]

    def forget(self, *kinds: str) -> None:
        """List these kinds again at the next asking; all of them without arguments."""
        with self._lock:
            for key in [key for key in self._lists if not kinds or key[0] in kinds]:
                del self._lists[key]

    def pods_of(self, workload: ObjectRef) -> list[Json]:
        """The Pods that a workload runs, by owner, and that count as its replicas, by name.

        Takes the right to list what stands between: ReplicaSets, or Jobs of a CronJob.
        """
        return [pod for pod in self.owned_pods(workload) if is_active(pod)]

    def owned_pods(self, workload: ObjectRef) -> list[Json]:
        """Every Pod of a workload by owner, those that finished or are terminating too, by name."""
        item = self.find(workload)
        if item is None:
            return []
        between = middle_kind(workload.kind)
        middle = self.objects(between, workload.namespace) if between else ()
        return pods_by_owner(workload.kind, item, self.objects("Pod", workload.namespace), middle)

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


def namespaces_of(cluster: Cluster, gateway: Json) -> dict[str, Json]:
    """The namespaces by name, where a listener chooses routes by their labels; otherwise {}.

    Raises:
        ObservationError: They may not be listed.
    """
    if all(listener.admits != SELECTOR for listener in listeners_of(gateway)):
        return {}
    items = cluster.objects("Namespace", CLUSTER_WIDE)
    return {item["metadata"]["name"]: item for item in items}


def may_list_all(cluster: Cluster, kind: str) -> bool:
    """Whether what explains a row may be listed in the whole cluster, and is in `listed` now.

    By itself this is no right that a row needs.

    Raises:
        ObservationError: It is permitted, and failed.
    """
    try:
        cluster.read_ahead(kind, CLUSTER_WIDE)
    except ObservationError as error:
        if error.status != HTTPStatus.FORBIDDEN:
            raise
        return False
    return True


def why_address_due(cluster: Cluster, ingress: Json) -> str:
    """Why an Ingress without an address should have one, or "" where nothing says so.

    Raises:
        ObservationError: The other Ingresses, or the IngressClasses, could not be read.
    """
    may_list_all(cluster, "Ingress")
    classes = None
    if may_list_all(cluster, "IngressClass"):
        classes = [each["metadata"]["name"] for each in cluster.listed("IngressClass")]
    return address_due(ingress, cluster.listed("Ingress"), classes)


def _version_of(item: Json) -> tuple[str, str] | None:
    """What two reads of an object that did not change have in common; None where it has none."""
    uid, version = (item["metadata"].get(name) for name in ("uid", "resourceVersion"))
    return (uid, version) if uid and version else None


def _with_next(error: ObservationError, kind: str, namespace: str) -> ObservationError:
    plural = KINDS[kind].plural if kind in KINDS else kind.lower()
    place = f" -n {namespace}" if namespace else " -A"
    error.next_command = f"kubectl auth can-i list {plural}{place}"
    return error


def is_ours(item: Json) -> bool:
    """True for an object that a run of this suite made."""
    return RUN_LABEL in labels_of(item)
