"""Dials peers from inside Pods, whatever their image holds.

The ways, in order: exec in the Pod's own container, where it has python3; an ephemeral container,
where the spec opts in, because it stays in the Pod's record for good; a stand-in, a Pod of our own
with the Pod's labels, so that the same policies select it; it is never ready, so that no Service
sends to it, and is not made where a Service publishes Pods that are not ready.
"""

import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from clusterproof.act.ephemeral import start_ephemeral
from clusterproof.act.own_pods import OwnPods, Place, PodPlan
from clusterproof.errors import ObservationError
from clusterproof.kube.execute import execute
from clusterproof.kube.kinds import kind_of
from clusterproof.kube.objects import Json, controller_of, labels_of
from clusterproof.kube.pods import default_container
from clusterproof.kube.selectors import service_selects
from clusterproof.kube.services import publishes_unready
from clusterproof.kube.workloads import DIRECT, pod_spec_of, template_of, would_adopt
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.dialling import Dialled, Peer, command, parse_results
from clusterproof.spec.row import ObjectRef
from clusterproof.spec.settings import DiallerSettings

AT_ONCE = 10
WITHIN_S = 20.0
NOT_OF_THE_TEMPLATE = frozenset(
    {
        "pod-template-hash",
        "rollouts-pod-template-hash",  # Argo Rollouts' own
        "controller-revision-hash",
        # A Job's.
        "batch.kubernetes.io/controller-uid",
        "batch.kubernetes.io/job-completion-index",
        "batch.kubernetes.io/job-name",
        "controller-uid",
        "job-name",
        "statefulset.kubernetes.io/pod-name",
        "apps.kubernetes.io/pod-index",
        # Given to each Pod by the API server when it is bound to its node (since v1.33).
        "topology.kubernetes.io/zone",
        "topology.kubernetes.io/region",
    }
)
"""Labels that are a Pod's own: with its controller's, that would adopt a stand-in."""
_FORBIDDEN, _NOT_FOUND = 403, 404
_NO_SUCH_PROGRAM = ("executable file not found", "no such file or directory", "not found in $PATH")
_EXIT_NO_PROGRAM = frozenset({126, 127, 128})


@dataclass(frozen=True, slots=True)
class Dialling:
    """What one Pod saw.

    Attributes:
        pod: Its name.
        results: Peer id to result; empty where it could not be looked from.
        how: The way, and the rights that it took.
        unseen: Why it could not be looked from, or "".
    """

    pod: str
    results: Mapping[str, Dialled] = field(default_factory=dict)
    how: str = ""
    unseen: str = ""


class NoPythonError(ObservationError):
    """The container has no python3, does not run, or we may not run anything in it."""


def dialable_pods(cluster: Cluster, workload: ObjectRef) -> list[Json]:
    """The Pods of a workload that run, ready or not; where none does, its template as a Pod.

    A policy that denies a workload what it needs keeps it from being ready, and from starting: that
    is the very time to dial. A stand-in is then made from the template's labels.

    Raises:
        ObservationError: There is no such workload.
    """
    running = [pod for pod in cluster.pods_of(workload) if is_running(pod)]
    if running:
        return running
    item = cluster.find(workload)
    if item is None:
        raise ObservationError(
            f"there is no {workload} to dial from",
            next_command=f"kubectl -n {workload.namespace} get {workload.kind.lower()}",
        )
    labels = labels_of(template_of(item) or {})
    meta: Json = {"namespace": workload.namespace, "name": workload.name, "labels": labels}
    if workload.kind in DIRECT:
        meta |= {
            "ownerReferences": [{"kind": workload.kind, "name": workload.name, "controller": True}]
        }
    return [{"metadata": meta, "spec": pod_spec_of(item)}]


def is_running(pod: Json) -> bool:
    """True when its default container runs: something can be executed in it."""
    container = default_container(pod)
    return any(
        status["name"] == container and "running" in (status.get("state") or {})
        for status in (pod.get("status") or {}).get("containerStatuses") or []
    )


class Dialler:
    """Dials from Pods of the deployment, and from one of our own. Safe to share between threads."""

    def __init__(self, cluster: Cluster, own_pods: OwnPods, settings: DiallerSettings) -> None:
        """Make nothing yet."""
        self._cluster = cluster
        self._own = own_pods
        self._settings = settings
        self._lock = threading.Lock()
        self._stand_ins: dict[str, Dialling | None] = {}

    def dial_from_control(self, peers: Iterable[Peer]) -> Dialling:
        """What a Pod of our own sees, that carries our run's label and no other."""
        place = self._control()
        results = self._dial(place, self._settings.python, list(peers))
        how = f"our own Pod {place} (rights: create and delete pods, get and create pods/exec)"
        return Dialling(str(place), results, how)

    def dial_from_each(
        self, pods: Iterable[Json], peers_of: Callable[[Json], list[Peer]]
    ) -> tuple[Dialling, ...]:
        """What each of `pods` sees of its peers, all at once; a Pod that ended is left out.

        A stand-in that serves for several Pods is in the answer once.

        Raises:
            ObservationError: Every Pod was gone before it was dialled from.
        """
        asked = list(pods)
        with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
            diallings = pool.map(lambda pod: self._from(pod, peers_of(pod)), asked)
            answered = [dialling for dialling in diallings if dialling is not None]
        distinct = {dialling.pod: dialling for dialling in answered}
        if not distinct:
            names = ", ".join(pod["metadata"]["name"] for pod in asked)
            raise ObservationError(f"every Pod was gone before it was dialled from: {names}")
        return tuple(distinct.values())

    def _control(self) -> Place:
        plan = self._plan(self._settings.namespace, "control")
        return self._own.start(plan)

    def _plan(
        self, namespace: str, purpose: str, labels: Mapping[str, str] | None = None
    ) -> PodPlan:
        settings = self._settings
        return PodPlan(
            namespace,
            purpose,
            settings.image,
            settings.python,
            labels or {},
            resources=settings.pod_resources,
        )

    def _from(self, pod: Json, peers: list[Peer]) -> Dialling | None:
        name = pod["metadata"]["name"]
        try:
            return self._by_exec(pod, peers)
        except NoPythonError as error:
            why = str(error)
        except ObservationError as error:
            return None if self._is_gone(pod) else Dialling(name, unseen=str(error))
        try:
            if self._settings.ephemeral_containers and "status" in pod:
                return self._by_ephemeral(pod, peers)
            return self._by_stand_in(pod, peers)
        except ObservationError as error:
            return Dialling(name, unseen=f"{why}; and then: {error}")

    def _by_exec(self, pod: Json, peers: list[Peer]) -> Dialling:
        meta, container = pod["metadata"], default_container(pod)
        if not is_running(pod):
            raise NoPythonError(f"container {container} of {meta['name']} does not run")
        place = Place(meta["namespace"], meta["name"], container)
        try:
            results = self._dial(place, "python3", peers)
        except ObservationError as error:
            if error.status == _FORBIDDEN or any(words in str(error) for words in _NO_SUCH_PROGRAM):
                raise NoPythonError(str(error), status=error.status) from error
            raise
        how = f"exec of python3 in container {container} (rights: get and create pods/exec)"
        return Dialling(meta["name"], results, how)

    def _by_ephemeral(self, pod: Json, peers: list[Peer]) -> Dialling:
        place = start_ephemeral(self._cluster.api, pod, self._settings, self._own.run_id)
        results = self._dial(place, self._settings.python, peers)
        how = (
            "ephemeral container (rights: patch pods/ephemeralcontainers, get and create pods/exec)"
        )
        return Dialling(pod["metadata"]["name"], results, how)

    def _by_stand_in(self, pod: Json, peers: list[Peer]) -> Dialling:
        """One Pod stands in for all that carry the same labels.

        Its container has the name of theirs: an autoscaler whose target selects these labels looks
        for the request of that container in every Pod, and computes nothing without it
        (podautoscaler, calculatePodRequestsFromContainers).
        """
        if pod["spec"].get("hostNetwork"):
            raise ObservationError(
                "it is in its host's network, which a stand-in of ours is not: what policies do to"
                " the one says nothing of the other"
            )
        labels = {k: v for k, v in labels_of(pod).items() if k not in NOT_OF_THE_TEMPLATE}
        if not labels:
            raise ObservationError("the Pod has no label that a stand-in could carry")
        self._refuse_adoption(pod, labels)
        namespace = pod["metadata"]["namespace"]
        self._refuse_traffic(namespace, labels)
        key = f"{namespace} {sorted(labels.items())} {sorted(peer.id for peer in peers)}"
        with self._lock:  # the second Pod with these labels waits for what the first one saw
            known = self._stand_ins.get(key)
            if known is None:
                purpose = f"stand-in-{len(self._stand_ins)}"
                plan = replace(
                    self._plan(namespace, purpose, labels), container=default_container(pod)
                )
                place = self._own.start(plan)
                results = self._dial(place, self._settings.python, peers)
                rights = "rights: create and delete pods, get and create pods/exec"
                how = f"stand-in Pod {place} with the Pod's labels ({rights})"
                known = self._stand_ins[key] = Dialling(place.pod, results, how)
            return known

    def _refuse_adoption(self, pod: Json, labels: Mapping[str, str]) -> None:
        """Nothing, unless the Pod's controller would adopt a stand-in, and end a Pod too many."""
        controller = controller_of(pod)
        if controller is None:
            return
        kind, namespace = kind_of(controller), pod["metadata"]["namespace"]
        ref = ObjectRef(kind=kind, namespace=namespace, name=controller["name"])
        if would_adopt(kind, self._cluster.find(ref) or {}, labels):
            raise ObservationError(f"{ref} would adopt a Pod with the labels of its own")

    def _refuse_traffic(self, namespace: str, labels: Mapping[str, str]) -> None:
        """Nothing, unless a Service would send to a stand-in, which is never ready.

        Raises:
            ObservationError: One would, or Services may not be listed.
        """
        for service in self._cluster.objects("Service", namespace):
            if publishes_unready(service) and service_selects(service, labels):
                raise ObservationError(
                    f"Service {namespace}/{service['metadata']['name']} sends to Pods that are not"
                    " ready too (publishNotReadyAddresses), and so would to one with these labels"
                )

    def _dial(self, place: Place, python: str, peers: list[Peer]) -> Mapping[str, Dialled]:
        argv = command(python, peers)
        ended = execute(
            self._cluster.api, place.namespace, place.pod, place.container, argv, within_s=WITHIN_S
        )
        if ended.exit_code in _EXIT_NO_PROGRAM and not ended.stdout:
            raise NoPythonError(f"no {python} in {place}/{place.container}: {ended.stderr[:120]}")
        if ended.exit_code != 0:
            raise ObservationError(
                f"dial script in {place}: exit {ended.exit_code}: {ended.stderr[-300:]}"
            )
        return parse_results(ended.stdout, peers)

    def _is_gone(self, pod: Json) -> bool:
        meta = pod["metadata"]
        now = self._cluster.api.find(f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}")
        return now is None or bool(now["metadata"].get("deletionTimestamp"))
