"""An autoscaler works: it has figures, it is able to scale, its target and requests are right.

Source: Kubernetes docs, "Horizontal Pod Autoscaling", status conditions (v1.35, read 2026-11-23).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from clusterproof.checks.kind import Kind
from clusterproof.checks.site import Site
from clusterproof.errors import NoSuchKindError, ObservationError
from clusterproof.judgement import Difference, Doubt, Failed, Judgement, judged
from clusterproof.kube.hpa import (
    Metric,
    figures_of,
    idle_by,
    is_averaged_over,
    is_observed,
    metrics_of,
    requests_needed,
)
from clusterproof.kube.kinds import POD_METRICS, kind_of
from clusterproof.kube.objects import (
    Json,
    controller_of,
    is_terminating,
    labels_of,
    status_of,
)
from clusterproof.kube.pods import is_ready
from clusterproof.kube.requests import bounds_of
from clusterproof.kube.selectors import selects
from clusterproof.kube.workloads import WORKLOADS, pod_spec_of, selector_of
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.observed import Observed
from clusterproof.observe.scaling import UNMEASURED_S, target_of
from clusterproof.spec.row import ObjectRef, Ref, Row

STALE_S = 300.0
"""Five times the longest resolution that is usual for a metrics server, 60 s. Our choice."""
_CONDITIONS = {"AbleToScale": "not-able-to-scale", "ScalingActive": "scaling-not-active"}
"""The conditions that are True of an autoscaler that works, with the code where one is not."""


class HpaStateRow(Row):
    """What the controller says of an HorizontalPodAutoscaler.

    `metrics`: each metric that it scales by has a current value. `conditions`: AbleToScale and
    ScalingActive. `target`: the object it scales exists, and its selector takes in no Pods of
    others. `requests`: every container it averages over has the requests that its utilization
    metrics are computed from.

    Attributes:
        resources: For `metrics` and `requests`: these resources, whatever it scales by.
    """

    check: Literal["hpa-state"]
    of: Ref
    aspect: Literal["metrics", "conditions", "target", "requests"]
    resources: tuple[Literal["cpu", "memory"], ...] | None = Field(default=None, min_length=1)


@dataclass(frozen=True, slots=True)
class HpaState:
    """The controller's state.

    Attributes:
        current: Resource to its averageUtilization in percent, where there is one.
        conditions: (type, status, reason, message).
        target: `Kind/name` of the scaleTargetRef.
        target_exists: Looked for where the row's aspect is `target` or `requests`.
        needed: `container resource` of each request that a utilization is computed from; None in
            a run that was recorded before this was.
        without_request: Those of them that are not declared.
        measured: Resources with a figure, by utilization or by average.
        unmeasured: The metrics that it scales by and has no figure for.
        strangers: Pods that the target's selector takes in and that are not the target's.
        ages_s: Pod to the age of its figure in the metrics API, in seconds; looked for where the
            row's aspect is `metrics`.
        ages_unread: Why these could not be read; or "".
        idle_by: What has scaled the target to none, and wakes it by itself; or "".
        generation_observed: Whether the status is of the current spec.
    """

    exists: bool
    current: tuple[tuple[str, int], ...] = ()
    conditions: tuple[tuple[str, str, str, str], ...] = ()
    target: str = ""
    target_exists: bool = False
    needed: tuple[str, ...] | None = None
    without_request: tuple[str, ...] = ()
    measured: tuple[str, ...] = ()
    unmeasured: tuple[str, ...] = ()
    strangers: tuple[str, ...] = ()
    ages_s: tuple[tuple[str, float], ...] = ()
    ages_unread: str = ""
    idle_by: str = ""
    generation_observed: bool = True


def look(row: HpaStateRow, site: Site) -> Observed[HpaState]:
    """State, target, and the requests that utilization is computed from."""
    cluster = site.cluster
    next_command = f"kubectl describe {row.of.kubectl}"
    autoscaler = cluster.find(row.of)
    if autoscaler is None:
        return Observed(HpaState(exists=False), str(row.of), ("no such object",), next_command)
    target_ref = target_of(autoscaler, row.of)
    target = _find(cluster, target_ref) if row.aspect in {"target", "requests"} else None
    figures = figures_of(autoscaler)
    ages_s, unread = _ages(cluster, row, autoscaler, target_ref)
    needed = dict(_needed(cluster, row, autoscaler, target_ref, target))
    state = HpaState(
        exists=True,
        current=_utilizations(autoscaler),
        conditions=tuple(
            (entry["type"], entry["status"], entry.get("reason", ""), entry.get("message", ""))
            for entry in status_of(autoscaler).get("conditions") or []
        ),
        target=f"{target_ref.kind}/{target_ref.name}",
        target_exists=target is not None,
        needed=tuple(needed),
        without_request=tuple(request for request, declared in needed.items() if not declared),
        measured=tuple(sorted({metric.name for metric in figures})),
        unmeasured=tuple(str(metric) for metric in metrics_of(autoscaler) if metric not in figures),
        strangers=tuple(_strangers(cluster, row, target_ref, target)),
        ages_s=ages_s,
        ages_unread=unread,
        idle_by=idle_by(autoscaler),
        generation_observed=is_observed(autoscaler),
    )
    evidence = [f"{kind}={status} {reason}" for kind, status, reason, _ in state.conditions]
    evidence += [f"{metric} at {figure}" for metric, figure in figures.items()]
    if ages_s:
        oldest = max(age_s for _, age_s in ages_s)
        evidence.append(f"figures of {len(ages_s)} Pods, up to {oldest:.0f} s old")
    evidence.append(f"scales {state.target}")
    return Observed(state, str(row.of), tuple(evidence), next_command)


def _find(cluster: Cluster, target: ObjectRef) -> Json | None:
    try:
        return cluster.find(target)
    except NoSuchKindError:
        return None


def _ages(
    cluster: Cluster, row: HpaStateRow, autoscaler: Json, ref: ObjectRef
) -> tuple[tuple[tuple[str, float], ...], str]:
    """How old the figures of the target's Pods are, or why that cannot be told.

    Right: `list pods.metrics.k8s.io`. A controller believes a figure of whatever age.
    """
    of_resources = any("Resource" in metric.type for metric in metrics_of(autoscaler))
    if row.aspect != "metrics" or not of_resources or ref.kind not in WORKLOADS:
        return (), ""
    try:
        items = cluster.api.list(POD_METRICS.collection(ref.namespace))
        pods = {pod["metadata"]["name"]: pod for pod in cluster.pods_of(ref)}
    except ObservationError as error:
        return (), f"how old the figures are was not read: {error}"
    ages_s = tuple(
        (name, age_s)
        for item in items
        if (name := (item.get("metadata") or {}).get("name", "")) in pods
        and (age_s := _age_s(cluster, item.get("timestamp"))) is not None
    )
    undated = sorted(
        name
        for name, pod in pods.items()
        if is_ready(pod) and cluster.age_s(pod) > UNMEASURED_S and name not in dict(ages_s)
    )
    return ages_s, f"the metrics API dates no figure of {', '.join(undated)}" if undated else ""


def _age_s(cluster: Cluster, timestamp: object) -> float | None:
    """Seconds since a time that a metrics API wrote; None where that is none."""
    try:
        return cluster.seconds_since(str(timestamp))
    except (TypeError, ValueError):  # no date, or one without a zone
        return None


def _needed(
    cluster: Cluster,
    row: HpaStateRow,
    autoscaler: Json,
    ref: ObjectRef,
    target: Json | None,
) -> Iterator[tuple[str, bool]]:
    """What the controller needs of the Pods, or of the template where there are none.

    `container resource`, in the order of the names, and whether every Pod declares it.
    """
    if row.aspect != "requests" or target is None:
        return
    metrics = metrics_of(autoscaler)
    if row.resources is not None:
        metrics = tuple(Metric("Resource", name, "", "Utilization") for name in row.resources)
    # A Pod that has ended needs them as well; one that is told to end is gone soon.
    pods = [pod for pod in _selected(cluster, ref, target) if not is_terminating(pod)]
    specs = [pod["spec"] for pod in pods] or [pod_spec_of(target)]
    if not specs[0]:
        raise ObservationError(
            f"{ref} has no Pods and no Pod template: nothing shows the requests of its containers",
            next_command=f"kubectl get {ref.kubectl} -o yaml",
        )
    declared: dict[str, bool] = {}
    for spec in specs:
        for container, resource, is_there in requests_needed(metrics, bounds_of(spec)):
            request = f"{container} {resource}"
            declared[request] = declared.get(request, True) and is_there
    yield from sorted(declared.items())


def _strangers(
    cluster: Cluster, row: HpaStateRow, ref: ObjectRef, target: Json | None
) -> Iterator[str]:
    """Pods of others that the controller averages over: it goes by the selector, not by owner."""
    if row.aspect != "target" or target is None:
        return
    own = {pod["metadata"]["name"] for pod in cluster.owned_pods(ref)}
    for pod in _selected(cluster, ref, target):
        if pod["metadata"]["name"] in own or not is_averaged_over(pod):
            continue
        if ref.kind not in WORKLOADS and _leads_to(cluster, pod, target):
            continue
        yield f"{pod['metadata']['name']} of {_owner(pod)}"


def _selected(cluster: Cluster, ref: ObjectRef, target: Json) -> list[Json]:
    """The Pods in whatever phase that the controller finds by the target's selector."""
    if ref.kind not in WORKLOADS:
        return cluster.selected_by_scale(ref)
    selector = selector_of(ref.kind, target)
    if not selector:
        return []
    pods = cluster.objects("Pod", ref.namespace)
    return [pod for pod in pods if selects(selector, labels_of(pod))]


def _leads_to(cluster: Cluster, pod: Json, target: Json) -> bool:
    """Whether the target controls the Pod, or what controls it, at any distance."""
    namespace, controlled = pod["metadata"]["namespace"], pod
    while controlled and (controller := controller_of(controlled)):
        if controller["uid"] == target["metadata"]["uid"]:
            return True
        ref = ObjectRef(kind=kind_of(controller), namespace=namespace, name=controller["name"])
        controlled = cluster.find(ref) or {}
    return False


def _owner(pod: Json) -> str:
    controller = controller_of(pod)
    return f"{controller['kind']}/{controller['name']}" if controller else "nobody"


def _utilizations(autoscaler: Json) -> tuple[tuple[str, int], ...]:
    sources = (
        (entry.get("resource") or {}) for entry in status_of(autoscaler).get("currentMetrics") or []
    )
    return tuple(
        (source["name"], int(source["current"]["averageUtilization"]))
        for source in sources
        if (source.get("current") or {}).get("averageUtilization") is not None
    )


def judge(row: HpaStateRow, state: HpaState) -> Judgement:
    """The aspect of the row."""
    if not state.exists:
        return Failed(Difference(str(row.of), "an autoscaler", "absent", code="autoscaler-absent"))
    if state.idle_by and row.aspect in {"conditions", "metrics"}:
        return _idle(state)
    match row.aspect:
        case "metrics":
            return _metrics(row, state)
        case "conditions":
            return judged(_conditions(state), _CONDITIONS)
        case "target":
            return judged(_target(state), ["scaleTargetRef", f"Pods of {state.target}"])
        case "requests":
            return judged(
                _requests(state),
                [f"request {request}" for request in _compared_requests(row, state)],
                nothing=f"{row.of} scales by no utilization: it needs no request to compute one",
            )


def _metrics(row: HpaStateRow, state: HpaState) -> Judgement:
    figures = {*(name for name, _ in state.current), *state.measured}
    differences = [*_unobserved(state), *_unmeasured(row, state, figures), *_stale(state)]
    if state.ages_unread and not differences:
        path = POD_METRICS.collection(row.of.namespace)
        return Doubt(state.ages_unread, next_command=f"kubectl get --raw {path}")
    return judged(
        differences,
        [f"current {name}" for name in sorted(figures)],
        nothing=f"{row.of} scales by no metric: there is no figure to look for",
    )


def _idle(state: HpaState) -> Judgement:
    """A doubt, unless it could not scale either once there is a replica."""
    differences = [each for each in _conditions(state) if each.what != "ScalingActive"]
    if differences:
        return Failed(*differences)
    return Doubt(
        f"{state.idle_by} has scaled {state.target} to none: nothing is measured until it has a"
        " replica again"
    )


def _unmeasured(row: HpaStateRow, state: HpaState, figures: set[str]) -> Iterator[Difference]:
    # While another metric has a figure the condition is True, and its message is of that one.
    why = "; ".join(
        message
        for kind, status, _, message in state.conditions
        if kind == "ScalingActive" and status != "True"
    )
    missing = [name for name in row.resources or () if name not in figures]
    for name in dict.fromkeys([*missing, *state.unmeasured]):
        yield Difference(f"current {name}", "a figure", "unknown", why, code="metric-unknown")


def _stale(state: HpaState) -> Iterator[Difference]:
    for pod, age_s in state.ages_s:
        if age_s > STALE_S:
            expected = f"at most {STALE_S:.0f} s old"
            why = "the metrics API repeats what it read then, or the clock of its node is behind"
            yield Difference(
                f"figure of {pod}", expected, f"{age_s:.0f} s old", why, code="metric-stale"
            )


def _unobserved(state: HpaState) -> Iterator[Difference]:
    if not state.generation_observed:
        yield Difference(
            "status.observedGeneration",
            "the current generation",
            "an older one",
            "its controller has not looked at it since it was changed",
            code="generation-not-observed",
        )


def _conditions(state: HpaState) -> Iterator[Difference]:
    yield from _unobserved(state)
    conditions = {kind: details for kind, *details in state.conditions}
    for kind, code in _CONDITIONS.items():
        status, reason, message = conditions.get(kind, ("absent", "", ""))
        if status != "True":
            why = f"{reason}: {message}".strip(": ")
            yield Difference(kind, "True", status, why, code=code)


def _target(state: HpaState) -> Iterator[Difference]:
    yield from _absent_target(state)
    for stranger in state.strangers:
        yield Difference(
            "Pods that it averages over",
            f"those of {state.target}",
            stranger,
            f"the selector of {state.target} takes it in",
            code="selects-pods-of-others",
        )


def _requests(state: HpaState) -> Iterator[Difference]:
    yield from _absent_target(state)
    for container in state.without_request:
        why = "utilization cannot be computed without it"
        yield Difference(container, "a request", "none", why, code="request-absent")


def _compared_requests(row: HpaStateRow, state: HpaState) -> tuple[str, ...]:
    """The requests that were looked for; in a run of before, the resources with a utilization."""
    if state.needed is not None:
        return state.needed
    return row.resources or tuple(name for name, _ in state.current)


def _absent_target(state: HpaState) -> Iterator[Difference]:
    if not state.target_exists:
        observed = f"{state.target}, absent"
        yield Difference("scaleTargetRef", "an object that exists", observed, code="target-absent")


KIND = Kind(
    HpaStateRow,
    look,
    judge,
    codes=(
        "autoscaler-absent",
        "generation-not-observed",
        "metric-stale",
        "metric-unknown",
        "not-able-to-scale",
        "request-absent",
        "scaling-not-active",
        "selects-pods-of-others",
        "target-absent",
    ),
)
