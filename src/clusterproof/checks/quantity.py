"""A container's request or limit is this quantity, in its template and in every Pod that runs.

Source: Kubernetes docs, "Resource Management for Pods and Containers" (v1.35, read 2026-11-23).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from clusterproof.checks.kind import Kind
from clusterproof.checks.site import Site
from clusterproof.judgement import Difference, Doubt, Failed, Judgement, judged
from clusterproof.kube.containers import Container, container_named
from clusterproof.kube.objects import Json, annotations_of, condition_entry
from clusterproof.kube.pods import pod_containers
from clusterproof.kube.quantity import parse_quantity
from clusterproof.kube.rollout import wanted_pods
from clusterproof.observe.observed import Observed
from clusterproof.observe.resources import template_spec
from clusterproof.observe.workloads import observed_of
from clusterproof.spec.row import QuantityText, Row, WorkloadRef

_LIMIT_RANGER = "kubernetes.io/limit-ranger"
"""The annotation that the admission of LimitRanges leaves (plugin/pkg/admission/limitranger)."""


class QuantityRow(Row):
    """A container's request or limit, in its template and in every Pod that runs."""

    check: Literal["quantity"]
    workload: WorkloadRef
    container: str
    bound: Literal["requests", "limits"]
    resource: Literal["cpu", "memory"]
    quantity: QuantityText


@dataclass(frozen=True, slots=True)
class Bound:
    """One request or limit: in the template, and in every Pod.

    Attributes:
        limit: The template's limit, where it declares no request: the API server takes it for one
            in every Pod (SetDefaults_Pod).
        pods: Pod to its quantity; None where it has none.
        limit_ranged: Pods that a LimitRange has changed.
        resizing: Pods that run with another bound than their spec says, and why.
        pods_wanted: How many Pods the workload's controller wants to run at this moment.
    """

    container_exists: bool
    template: str | None
    pods: tuple[tuple[str, str | None], ...]
    limit_ranged: tuple[str, ...] = ()
    resizing: tuple[tuple[str, str], ...] = ()
    pods_wanted: int = 0
    limit: str | None = None


def look(row: QuantityRow, site: Site) -> Observed[Bound]:
    """One request or limit of a container, declared and as admitted in each Pod."""
    cluster, ref = site.cluster, row.workload
    workload = cluster.find(ref)
    container = container_named(template_spec(ref, workload), row.container) if workload else None
    if workload is None or container is None:
        absent = Bound(container_exists=False, template=None, pods=())
        return observed_of(absent, ref, (f"no container {row.container}",))
    admitted = [
        (pod, container)
        for pod in cluster.pods_of(ref)
        for container in pod_containers(pod)
        if container.name == row.container
    ]
    declared = container.bound(row.bound, row.resource)
    bound = Bound(
        container_exists=True,
        template=declared,
        limit=container.bound("limits", row.resource) if declared is None else None,
        pods=tuple(
            (pod["metadata"]["name"], container.bound(row.bound, row.resource))
            for pod, container in admitted
        ),
        limit_ranged=tuple(
            pod["metadata"]["name"] for pod, _ in admitted if _LIMIT_RANGER in annotations_of(pod)
        ),
        resizing=tuple(
            (pod["metadata"]["name"], sentence)
            for pod, container in admitted
            if (sentence := _resizing(pod, container, row))
        ),
        pods_wanted=wanted_pods(ref.kind, workload),
    )
    quantities = sorted({str(quantity) for _, quantity in bound.pods})
    evidence = (
        f"template {bound.template}; {len(bound.pods)} Pods with {', '.join(quantities) or 'none'}",
        *(f"{pod}: {sentence}" for pod, sentence in bound.resizing),
    )
    return observed_of(bound, ref, evidence)


def _resizing(pod: Json, container: Container, row: QuantityRow) -> str:
    """What a container runs with while a resize of its Pod has not been carried out; or ""."""
    pending = condition_entry(pod, "PodResizePending") or condition_entry(
        pod, "PodResizeInProgress"
    )
    actual = (container.status.get("resources") or {}).get(row.bound) or {}
    runs_with, declared = actual.get(row.resource), container.bound(row.bound, row.resource)
    # A kubelet writes what it reads of a runtime: 1G of memory as 1000000000.
    if not pending or runs_with == declared or (declared and _same(runs_with, declared)):
        return ""
    why = f"{pending.get('reason', '')}: {pending.get('message', '')}".strip(": ")
    return f"runs with {runs_with}, its resize is not done ({why})"


def judge(row: QuantityRow, bound: Bound) -> Judgement:
    """The template's quantity and each Pod's, compared as numbers.

    Where no Pod is wanted (scaled to none, a Job that is over) the template alone is judged.
    """
    field = f"{row.bound}.{row.resource}"
    places = ["template", *(pod for pod, _ in bound.pods)]
    judgement = judged(_differences(row, bound, field), [f"{place} {field}" for place in places])
    if bound.pods_wanted and not bound.pods and not isinstance(judgement, Failed):
        return Doubt(
            f"the template is right, but {row.workload} has no Pod with the container"
            f" {row.container}: what is admitted cannot be seen",
            next_command=f"kubectl describe {row.workload.kubectl}",
        )
    return judgement


def _differences(row: QuantityRow, bound: Bound, field: str) -> Iterator[Difference]:
    if not bound.container_exists:
        yield Difference(
            str(row.workload), f"container {row.container}", "absent", code="container-absent"
        )
        return
    if not _same(bound.template or bound.limit, row.quantity):
        reason = ""
        if bound.limit is not None:
            reason = f"the API server uses the limit as the request: {bound.limit}"
        elif bound.template is None and any(_same(of, row.quantity) for _, of in bound.pods):
            reason = "the Pods have it from a LimitRange, the template does not declare it"
        code = f"{row.bound[:-1]}-{'absent' if bound.template is None else 'differs'}"
        yield Difference(
            f"template {field}", row.quantity, bound.template or "none", reason, code=code
        )
    for pod, quantity in bound.pods:
        if not _same(quantity, row.quantity):
            reason = "set by a LimitRange" if pod in bound.limit_ranged else ""
            code = f"pod-{row.bound[:-1]}-differs"
            yield Difference(f"{pod} {field}", row.quantity, quantity or "none", reason, code=code)
    for pod, sentence in bound.resizing:
        yield Difference(f"{pod} {field}", row.quantity, sentence, code="resize-not-done")


def _same(quantity: str | None, expected: str) -> bool:
    return quantity is not None and parse_quantity(quantity) == parse_quantity(expected)


KIND = Kind(
    QuantityRow,
    look,
    judge,
    codes=(
        "container-absent",
        "limit-absent",
        "limit-differs",
        "pod-limit-differs",
        "pod-request-differs",
        "request-absent",
        "request-differs",
        "resize-not-done",
    ),
)
