"""How far the Pods of a workload are: what is under way, and what keeps them from running."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from clusterproof.errors import ObservationError
from clusterproof.kube.containers import Container, ContainerKind
from clusterproof.kube.dns import services_meant
from clusterproof.kube.env import environment_of, values_of
from clusterproof.kube.objects import Json, condition_entry, is_terminating, labels_of
from clusterproof.kube.pods import (
    has_ended_for_good,
    is_finished,
    is_healthy,
    is_leaving,
    is_ready,
    phase_of,
    pod_containers,
)
from clusterproof.kube.rollout import is_observed, may_progress
from clusterproof.kube.selectors import selects
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.configuration import reader_of
from clusterproof.observe.observed import Observed
from clusterproof.spec.row import ObjectRef

T = TypeVar("T")
_VARIABLE = re.compile(r"\$[({]?([A-Za-z_][A-Za-z0-9_]*)[)}]?")
_HOST = r"([a-z](?:[a-z0-9.-]*[a-z0-9])?)"
_DIALS = (
    re.compile(rf"\b(?:nc|ncat|netcat|telnet)(?:\s+-\S+(?:\s+\d+(?=\s+[a-z-]))?)*\s+{_HOST}\s+\d"),
    re.compile(rf"/dev/tcp/{_HOST}/\d"),
    re.compile(rf"(?<![\w.@-]){_HOST}:\d{{2,5}}\b"),
    re.compile(rf"\b(?:pg_isready|psql|redis-cli|mysqladmin|mysql)\b[^;|&]*?\s-h\s*{_HOST}"),
)
"""How a shell script dials a host, with the host as the group."""
_STARTING = frozenset({"", "ContainerCreating", "PodInitializing"})
_LINES, _LOG_BYTES, _LONGEST = 5, 4096, 200
"""Of a log: the last of so many lines, which may be empty, cut after so many characters."""
_LOGGING_PODS, _RECENT_LINES, _RECENT_BYTES = 12, 200, 64 * 1024
"""Of a namespace whose logs are searched: Pods, and for each container lines and bytes."""
YOUNG_S = 45.0
"""A Pod that is not ready yet is given this long before its unreadiness counts. Our choice."""
COUNTED_S = 15.0
"""A budget that does not count a Pod's change within this does not count it. Our choice."""


def is_settling(cluster: Cluster, ref: ObjectRef) -> bool:
    """True while a rollout or a start is under way that may yet end well."""
    workload = cluster.find(ref)
    if workload is None:
        return False
    if not is_observed(workload):
        return True
    pods = cluster.pods_of(ref)
    stuck = [pod for pod in pods if is_stuck(cluster, pod)]
    if any(_is_starting(pod) and cluster.age_s(pod) < YOUNG_S for pod in pods if pod not in stuck):
        return True
    if stuck:
        return False
    if ref.kind == "Deployment":
        return may_progress(ref.kind, workload)
    unready = any(not is_ready(pod) for pod in pods)  # those that are young were seen above
    return not unready and may_progress(ref.kind, workload)


def running_pods(cluster: Cluster, workload: ObjectRef) -> list[Json]:
    """The Pods that run; one that is not ready yet only after it had its time to become so.

    A Pod that says 503 is among them: it runs, whether its kubelet calls it ready or not.

    Raises:
        ObservationError: There is none.
    """
    running = [
        pod
        for pod in cluster.pods_of(workload)
        if phase_of(pod) == "Running" and (is_ready(pod) or cluster.age_s(pod) >= YOUNG_S)
    ]
    if not running:
        raise ObservationError(
            f"no running Pod of {workload} to ask",
            next_command=f"kubectl -n {workload.namespace} get pods -o wide",
        )
    return running


def is_counting(cluster: Cluster, budget: ObjectRef) -> bool:
    """True while a PodDisruptionBudget's status may not know a Pod that became ready just now.

    Its controller counts the healthy Pods that it selects, and writes it a moment later.
    """
    item = cluster.find(budget)
    if item is None:
        return False
    pods = [
        pod
        for pod in cluster.objects("Pod", budget.namespace)
        if selects(item["spec"].get("selector"), labels_of(pod))
    ]
    status = item.get("status") or {}
    if sum(map(is_healthy, pods)) == status.get("currentHealthy"):
        return False
    changes = (condition_entry(pod, "Ready").get("lastTransitionTime") for pod in pods)
    return any(abs(cluster.seconds_since(change)) < COUNTED_S for change in changes if change)


def is_stuck(cluster: Cluster, pod: Json) -> bool:
    """Whether a Pod is in a state that does not end well by itself.

    Its container ends again and again, its image is not pulled, or its configuration is missing; or
    an init container waits for a Service that does not exist.
    """
    return any(
        container.waiting.get("reason", "") not in _STARTING
        or _awaited(cluster, pod, container) is not None
        for container in pod_containers(pod)
    )


def _awaited(cluster: Cluster, pod: Json, container: Container) -> ObjectRef | None:
    """The Service that a running init container waits for, and that does not exist."""
    if not _is_running_init(container):
        return None
    return next(iter(missing_services(cluster, pod, container)), None)


def _is_running_init(container: Container) -> bool:
    return container.kind is ContainerKind.INIT and container.is_running


def _is_starting(pod: Json) -> bool:
    reasons = {each.waiting.get("reason", "") for each in pod_containers(pod)}
    return not is_ready(pod) and reasons <= _STARTING


def troubles_of(cluster: Cluster, pod: Json, within_s: float) -> list[str]:
    """Why a Pod does not run, by the names of the README: PVC, memory, image pull, and others."""
    name = pod["metadata"]["name"]
    scheduled = condition_entry(pod, "PodScheduled")
    troubles = []
    if scheduled.get("status") == "False":
        why = scheduled.get("message") or scheduled.get("reason") or ""
        troubles.append(f"{name}: not scheduled: {why[:160]}")
    containers = pod_containers(pod)
    for container in containers:
        reason = container.waiting.get("reason", "")
        if reason not in _STARTING:
            message = container.waiting.get("message", "")[:160]
            troubles.append(f"{name}/{container.name}: {reason}: {message}")
        end = container.last_end
        if end.get("reason") == "OOMKilled" and _is_recent(cluster, end, within_s):
            troubles.append(f"{name}/{container.name}: memory short: OOMKilled")
        elif has_ended_for_good(pod, container):
            code, reason = end.get("exitCode"), end.get("reason", "")
            troubles.append(
                f"{name}/{container.name}: ended with {code} ({reason}), and is not run again"
            )
    if not troubles and not is_ready(pod):
        troubles += _late_starts(cluster, pod, containers)
    return troubles


def gates_of(pod: Json) -> Iterator[str]:
    """What a Pod whose containers are all ready waits for: the gates that somebody else opens."""
    ready = condition_entry(pod, "Ready")
    if ready.get("reason") == "ReadinessGatesNotReady":  # pkg/kubelet/status, generate.go
        yield f"{pod['metadata']['name']}: {ready.get('message', '')[:160]}"


def outstayed(cluster: Cluster, ref: ObjectRef) -> Iterator[str]:
    """The Pods of a workload that were told to end long ago: a StatefulSet waits for each.

    The kubelet of a node that is lost ends none, and nobody else does.
    """
    now = cluster.api.now()
    for pod in cluster.owned_pods(ref):
        if is_terminating(pod) and not is_finished(pod) and not is_leaving(pod, now):
            since = cluster.seconds_since(pod["metadata"]["deletionTimestamp"])
            node = pod["spec"].get("nodeName", "none")
            yield f"{pod['metadata']['name']}: should have ended {since:.0f} s ago, on node {node}"


def last_words_of(cluster: Cluster, pod: Json) -> Iterator[str]:
    """The last line in the log of each container that ended, or that a Pod waits for.

    Right: `get pods/log`. A log that cannot be read says why, and is no error: it is no more than
    evidence.
    """
    meta = pod["metadata"]
    path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}/log"
    for container in pod_containers(pod):
        ended = not container.is_running and bool(container.last_end)
        if not ended and not (_is_running_init(container) and not is_ready(pod)):
            continue
        place = f"log of {meta['name']}/{container.name}"
        try:
            text = cluster.api.text(
                path,
                container=container.name,
                tailLines=str(_LINES),
                limitBytes=str(_LOG_BYTES),
                previous=str(bool(ended and container.restarts)).lower(),
            )
        except ObservationError as error:
            yield f"{place}: not read: {error}"
            continue
        lines = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
        if lines:
            yield f'{place}: "{lines[-1][:_LONGEST]}"'


@dataclass(frozen=True, slots=True)
class RecentLines:
    """The latest lines in the logs of some Pods.

    Attributes:
        lines: Each with its place.
        unread: Which logs could not be read, with the first reason; "" where all were.
    """

    lines: tuple[tuple[str, str], ...]
    unread: str = ""


def recent_lines(cluster: Cluster, workloads: Iterable[ObjectRef], within_s: float) -> RecentLines:
    """The latest lines in the logs of some workloads' running Pods.

    Right: `get pods/log`. A log that cannot be read is no error: it is no more than evidence.

    Args:
        cluster: Where they are.
        workloads: Whose Pods.
        within_s: How old a line may be, in seconds.
    """
    pods: list[Json] = []
    lines: list[tuple[str, str]] = []
    unread: dict[str, ObservationError] = {}
    for workload in workloads:
        try:
            pods += (pod for pod in cluster.pods_of(workload) if phase_of(pod) == "Running")
        except ObservationError as error:
            unread[str(workload)] = error
    for pod in pods[:_LOGGING_PODS]:
        name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
        for container in pod_containers(pod):
            if not container.stays_up:
                continue
            place = f"{name}/{container.name}"
            try:
                text = cluster.api.text(
                    f"/api/v1/namespaces/{namespace}/pods/{name}/log",
                    container=container.name,
                    sinceSeconds=str(int(within_s) + 1),
                    tailLines=str(_RECENT_LINES),
                    limitBytes=str(_RECENT_BYTES),
                )
            except ObservationError as error:
                unread[place] = error
                continue
            lines += ((f"log of {place}", line) for line in text.splitlines())
    reason = next((f"not read: {error}" for error in unread.values()), "")
    return RecentLines(tuple(lines), f"logs of {', '.join(unread)} {reason}" if unread else "")


def _is_recent(cluster: Cluster, end: Json, within_s: float) -> bool:
    """Whether a container ended within the window; one without a time is taken to have."""
    return not end.get("finishedAt") or cluster.seconds_since(end["finishedAt"]) <= within_s


def missing_services(cluster: Cluster, pod: Json, container: Container) -> list[ObjectRef]:
    """The Services that a container's command dials, and that are not there.

    A name with dots is a Service's only where it says so (`NAME.NAMESPACE.svc`): it may be a name
    outside of the cluster. Empty where Services may not be listed.
    """
    namespace = pod["metadata"]["namespace"]
    reader = reader_of(
        cluster, ObjectRef(kind="Pod", namespace=namespace, name=""), contents=values_of
    )
    variables = environment_of(container.spec, reader).variables
    known = {
        name: variable.value.decode(errors="replace")
        for name, variable in variables.items()
        if variable.value is not None and variable.kind != "Secret"
    }
    command = " ".join(
        [*(container.spec.get("command") or []), *(container.spec.get("args") or [])]
    )
    command = _VARIABLE.sub(lambda match: known.get(match[1], match[0]), command)
    return [
        ref
        for host in dict.fromkeys(host for dial in _DIALS for host in dial.findall(command))
        if (ref := _service_of(host, namespace)) and not _may_be_there(cluster, ref)
    ]


def _service_of(host: str, namespace: str) -> ObjectRef | None:
    if "." in host and ".svc" not in host:
        return None
    meant = next((name for name in services_meant(host, namespace) if not name.hostname), None)
    if meant is None:
        return None
    return ObjectRef(kind="Service", namespace=meant.namespace, name=meant.name)


def _may_be_there(cluster: Cluster, ref: ObjectRef) -> bool:
    try:
        return cluster.find(ref) is not None
    except ObservationError:
        return True


def _late_starts(cluster: Cluster, pod: Json, containers: tuple[Container, ...]) -> Iterator[str]:
    """What a Pod still waits for that should have started by now."""
    age = cluster.age_s(pod)
    name = pod["metadata"]["name"]
    for container in containers:
        missing = _awaited(cluster, pod, container)
        if missing or (age >= YOUNG_S and _is_running_init(container)):
            why = f": it waits for {missing}, which does not exist" if missing else ""
            yield f"{name}/{container.name}: init container still runs after {age:.0f} s{why}"
            return
    for container in containers if age >= YOUNG_S else ():
        if container.kind is ContainerKind.SIDECAR and container.status.get("started") is False:
            # What comes behind a native sidecar in the Pod waits for its startup probe.
            runs_s = _runs_s(cluster, container)
            if runs_s >= YOUNG_S:
                why = "its startup probe has not succeeded"
                yield f"{name}/{container.name}: sidecar not started after {runs_s:.0f} s: {why}"
                return
        if container.is_waiting:
            reason = container.waiting.get("reason") or "waiting"
            message = container.waiting.get("message", "")[:160]
            yield f"{name}/{container.name}: {reason} for {age:.0f} s: {message}".rstrip(": ")
            return
    if phase_of(pod) == "Pending":
        yield f"{name}: Pending for {age:.0f} s: its kubelet says nothing of its containers"


def _runs_s(cluster: Cluster, container: Container) -> float:
    """For how long it has been running; 0 for one that is not."""
    began = ((container.status.get("state") or {}).get("running") or {}).get("startedAt")
    return cluster.seconds_since(began) if began else 0.0


def observed_of(fact: T, ref: ObjectRef, evidence: tuple[str, ...]) -> Observed[T]:
    """A fact about a workload, and the command that describes the workload."""
    return Observed(fact, str(ref), evidence, f"kubectl describe {ref.kubectl}")
