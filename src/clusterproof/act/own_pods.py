"""Pods of our own: labelled, small, bounded in time, and gone when the run ends.

Rights: `create`, `get` and `delete pods`; `list pods` to find what a run that died left behind;
`list limitranges` only where a Pod is refused, to ask for what they demand.
A run that holds a lock (see `clusterproof.act.lock`) writes it on its Pods: the next holder knows
that whoever made them is dead.
Source: Kubernetes docs, "Pod Security Standards", restricted (v1.35).
"""

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from clusterproof.act.pod_resources import Resources, default_resources, fitted
from clusterproof.errors import NotAllowedError, ObservationError
from clusterproof.kube.client import Json, KubeApi
from clusterproof.kube.kinds import KINDS
from clusterproof.kube.objects import is_terminating, labels_of
from clusterproof.observe.cluster import RUN_LABEL
from clusterproof.production import Production
from clusterproof.wait import wait_until

DEADLINE = "clusterproof.dev/deadline"
"""Annotation: after this moment the Pod belongs to a run that died, and may be removed."""
LOCK = "clusterproof.dev/lock"
"""Annotation: the Lease that the Pod's run held."""
NEVER_READY = "clusterproof.dev/never-ready"
"""A readiness gate that nobody satisfies: no Service sends to a Pod that has it, unless the Service
publishes Pods that are not ready."""
LIFETIME_S = 900
START_WITHIN_S = 60.0
CONTAINER = "clusterproof"
_HOPELESS = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName"}
    | {"CreateContainerConfigError", "CreateContainerError", "RunContainerError"}
)
_PODS = KINDS["Pod"]
_SLEEPER = (
    "import signal, sys, time\n"
    "signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))\n"
    "time.sleep({seconds})"
)


@dataclass(frozen=True, slots=True)
class Place:
    """A container in which a command can be run."""

    namespace: str
    pod: str
    container: str

    def __str__(self) -> str:
        """As a report shows it."""
        return f"{self.namespace}/{self.pod}"


@dataclass(frozen=True, slots=True)
class PodPlan:
    """What a Pod of our own is for.

    Attributes:
        purpose: A word that ends its name.
        env: More of a container's `env`, such as references to a Secret's keys.
        labels: What a policy selects on; a Pod with some is given a readiness gate that is never
            satisfied, so that no Service sends to it.
        memory_limit: Where nobody says what the Pod asks for.
        resources: What it asks for, as the spec says it; None for little, and as much as the
            namespace's LimitRanges demand.
        container: The name of its container.
    """

    namespace: str
    purpose: str
    image: str
    python: str = "python3"
    labels: Mapping[str, str] = field(default_factory=dict)
    env: tuple[Mapping[str, Any], ...] = ()
    memory_limit: str = "128Mi"
    resources: Resources | None = None
    container: str = CONTAINER


def pod_manifest(plan: PodPlan, run_id: str, now: datetime, lock: str = "") -> Json:
    """The Pod: it sleeps until it is told to end, or its deadline ends it."""
    deadline = (now + timedelta(seconds=LIFETIME_S)).strftime("%Y-%m-%dT%H:%M:%SZ")
    gates = [{"conditionType": NEVER_READY}] if plan.labels else []
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"clusterproof-{run_id}-{plan.purpose}".lower(),
            "namespace": plan.namespace,
            "labels": {**plan.labels, RUN_LABEL: run_id},
            "annotations": {DEADLINE: deadline, **({LOCK: lock} if lock else {})},
        },
        "spec": {
            "restartPolicy": "Never",
            "activeDeadlineSeconds": LIFETIME_S,
            "terminationGracePeriodSeconds": 1,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "readinessGates": gates,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 65532,
                "runAsGroup": 65532,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": plan.container,
                    "image": plan.image,
                    "imagePullPolicy": "IfNotPresent",
                    "command": [plan.python, "-c", _SLEEPER.format(seconds=LIFETIME_S)],
                    "env": list(plan.env),
                    "resources": plan.resources or default_resources(plan.memory_limit),
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "readOnlyRootFilesystem": True,
                        "capabilities": {"drop": ["ALL"]},
                    },
                }
            ],
        },
    }


def is_left_over(pod: Json, run_id: str, now: datetime, lock: str = "") -> bool:
    """True for a Pod of another run that died.

    Its deadline has passed, it has ended by itself, or it was made under the lock that is ours now.
    A Pod that is being deleted is on its way out already.
    """
    run = labels_of(pod).get(RUN_LABEL)
    annotations = pod["metadata"].get("annotations") or {}
    deadline = annotations.get(DEADLINE)
    if run in {None, run_id} or deadline is None or is_terminating(pod):
        return False
    if lock and annotations.get(LOCK) == lock:
        return True
    if (pod.get("status") or {}).get("phase") in {"Succeeded", "Failed"}:
        return True
    try:
        return datetime.fromisoformat(deadline) < now
    except ValueError:
        return False


def require_writing(
    api: KubeApi, production: Production, *, read_only: bool, allow_production: bool
) -> None:
    """Nothing, where Pods may be made and entered.

    Raises:
        NotAllowedError: --read-only, or a production cluster without --allow-production.
    """
    if read_only:
        raise NotAllowedError("needs a Pod of our own or an exec, and --read-only was given")
    production.refuse(
        NotAllowedError,
        "a Pod of our own or an exec",
        allowed=allow_production,
        context=api.connection.context,
        host=api.connection.server,
        cluster_uid=api.cluster_uid,
    )


class OwnPods:
    """The Pods that this run made. Safe to share between threads."""

    def __init__(
        self,
        api: KubeApi,
        run_id: str,
        *,
        lock: str = "",
        may_write: Callable[[], None] = lambda: None,
    ) -> None:
        """None yet; `lock` is the Lease that we hold, `may_write` raises where we may no more."""
        self._api = api
        self.run_id = run_id
        self._held = lock
        self._may_write = may_write
        self._made: dict[tuple[str, str], Place] = {}
        self._unsure: list[Place] = []
        self._lock = threading.Lock()
        self._closed = False

    def start(self, plan: PodPlan) -> Place:
        """The container of a Pod as planned, once it runs; the same again for the same purpose.

        Raises:
            ObservationError: Not permitted, or it does not run within START_WITHIN_S.
        """
        key = (plan.namespace, plan.purpose)
        with self._lock:
            if self._closed:
                raise ObservationError(f"the run is ending: no Pod {plan.purpose} is made any more")
            if key not in self._made:
                self._may_write()
                self._create(plan, key)
            place = self._made[key]
        status = wait_until(
            lambda: self._status(place),
            lambda state: "running" in state or _hopeless(state) != "",
            waiting_for=f"Pod {place} to run",
            within_s=START_WITHIN_S,
            every_s=0.25,
        )
        if why := _hopeless(status):
            raise ObservationError(
                f"our own Pod {place} cannot run: {why}",
                next_command=f"kubectl -n {place.namespace} describe pod {place.pod}",
            )
        return place

    def end(self, plan: PodPlan) -> None:
        """Remove the Pod that was started as planned, before the run ends; none is no error.

        Raises:
            ObservationError: It could not be removed; `close` tries again.
        """
        key = (plan.namespace, plan.purpose)
        with self._lock:
            if (place := self._made.get(key)) is not None:
                self._delete(place.namespace, place.pod)
                del self._made[key]

    def remove_left_over(
        self, namespaces: Iterable[str]
    ) -> tuple[list[str], list[ObservationError]]:
        """Remove the Pods of runs that died: the names of those removed, and the refusals.

        Raises:
            ObservationError: The Pods of a namespace cannot be listed.
        """
        removed, refusals = [], []
        now = self._api.now()
        for namespace in sorted(set(namespaces)):
            for pod in self._ours(namespace):
                if not is_left_over(pod, self.run_id, now, self._held):
                    continue
                try:
                    self._delete(namespace, pod["metadata"]["name"])
                    removed.append(f"{namespace}/{pod['metadata']['name']}")
                except ObservationError as error:
                    refusals.append(error)
        return removed, refusals

    def _ours(self, namespace: str) -> list[Json]:
        try:
            return self._api.list(_PODS.collection(namespace), label_selector=RUN_LABEL)
        except ObservationError as error:
            error.next_command = f"kubectl auth can-i list pods -n {namespace}"
            raise

    def close(self) -> None:
        """Remove all that this run made, and try every one before the first error is raised."""
        errors = []
        with self._lock:
            self._closed = True
            for place in self._unsure:
                try:
                    self._delete(place.namespace, place.pod)
                except ObservationError as error:
                    errors.append(error)
            for key, place in list(self._made.items()):
                try:
                    self._delete(place.namespace, place.pod)
                    del self._made[key]
                except ObservationError as error:
                    errors.append(error)
        if errors:
            raise errors[0]

    def _create(self, plan: PodPlan, key: tuple[str, str]) -> None:
        """Make the Pod, and know of it from before it can be there: an answer may be lost."""
        manifest = pod_manifest(plan, self.run_id, self._api.now(), self._held)
        self._made[key] = Place(plan.namespace, manifest["metadata"]["name"], plan.container)
        try:
            self._api.request("POST", _PODS.collection(plan.namespace), body=manifest)
        except ObservationError as error:
            if error.status == HTTPStatus.CONFLICT:
                return  # an earlier request whose answer was lost: the name has our run's id
            if error.status is None:
                self._unsure.append(self._made[key])
            del self._made[key]
            error.next_command = f"kubectl auth can-i create pods -n {plan.namespace}"
            if _is_of_admission(error):
                if (fits := self._fitted(plan)) is not None:
                    self._create(replace(plan, resources=fits), key)
                    return
                command = f"kubectl -n {plan.namespace} describe limitrange,resourcequota"
                error.next_command = command
            raise

    def _fitted(self, plan: PodPlan) -> Resources | None:
        """What the LimitRanges of the namespace take, where they refused what nobody asked for."""
        if plan.resources is not None:
            return None
        try:
            limit_ranges = self._api.list(KINDS["LimitRange"].collection(plan.namespace))
        except ObservationError:
            return None  # the refusal itself says what they demand
        return fitted(default_resources(plan.memory_limit), limit_ranges)

    def _status(self, place: Place) -> Json:
        try:
            pod = self._api.get(f"{_PODS.collection(place.namespace)}/{quote(place.pod)}")
        except ObservationError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                error.next_command = f"kubectl auth can-i get pods -n {place.namespace}"
                raise
            return {"terminated": {"reason": "Gone", "message": "there is no such Pod any more"}}
        status = pod.get("status") or {}
        states = status.get("containerStatuses") or [{}]
        state: Json = dict(states[0].get("state") or {})
        if status.get("phase") in {"Succeeded", "Failed"}:
            state.setdefault("terminated", {"reason": status.get("reason", status["phase"])})
        return state

    def _delete(self, namespace: str, name: str) -> None:
        path = f"{_PODS.collection(namespace)}/{quote(name)}"
        try:
            self._api.request("DELETE", path, query={"gracePeriodSeconds": "1"})
        except ObservationError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return
            raise ObservationError(
                f"our own Pod {namespace}/{name} could not be removed: {error}",
                status=error.status,
                next_command=f"kubectl get pods -A -l {RUN_LABEL}",
            ) from error


def _is_of_admission(error: ObservationError) -> bool:
    """Whether a Pod was refused as it is, and not we: by a quota, a LimitRange or a policy."""
    return error.status == HTTPStatus.FORBIDDEN and "cannot create resource" not in str(error)


def _hopeless(state: Json) -> str:
    waiting, ended = state.get("waiting") or {}, state.get("terminated")
    if waiting.get("reason") in _HOPELESS:
        return f"{waiting['reason']}: {waiting.get('message', '')[:160]}"
    if ended is not None:
        return f"it ended: {ended.get('reason', '')} {ended.get('message', '')[:160]}".strip()
    return ""
