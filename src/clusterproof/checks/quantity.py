"""Rows `check: quantity`.

Source: Kubernetes docs, "Resource Management for Pods and Containers" (v1.35, read 2026-11-23).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from clusterproof.checks.kind import Kind
from clusterproof.checks.site import Site
from clusterproof.judgement import Difference, Judgement, compared_in, judged
from clusterproof.kube.containers import Container, container_named
from clusterproof.kube.objects import Json, annotations_of, condition_entry
from clusterproof.kube.pods import pod_containers
from clusterproof.kube.quantity import parse_quantity
from clusterproof.kube.workloads import pod_spec_of
from clusterproof.observe.observed import Observed
from clusterproof.observe.workloads import _observed
from clusterproof.spec.row import QuantityText, Row, WorkloadRef


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
        resizing: Pods that run with another bound than their spec says, and why.
    """

    container_exists: bool
    template: str | None
    pods: tuple[tuple[str, str | None], ...]
    limit_ranged: tuple[str, ...] = ()
    resizing: tuple[tuple[str, str], ...] = ()


def look(row: QuantityRow, site: Site) -> Observed[Bound]:
    """One request or limit of a container, declared and as admitted in each Pod."""
    cluster = site.cluster
    ref = row.workload
    workload = cluster.find(ref)
    container = container_named(pod_spec_of(workload), row.container) if workload else None
    if container is None:
        value = Bound(container_exists=False, template=None, pods=())
        return _observed(value, ref, (f"no container {row.container}",))
    pods = [
        (pod, each)
        for pod in cluster.pods_of(ref)
        for each in pod_containers(pod)
        if each.name == row.container
    ]
    value = Bound(
        container_exists=True,
        template=container.bound(row.bound, row.resource),
        pods=tuple(
            (pod["metadata"]["name"], each.bound(row.bound, row.resource)) for pod, each in pods
        ),
        limit_ranged=tuple(
            pod["metadata"]["name"]
            for pod, _ in pods
            if "kubernetes.io/limit-ranger" in annotations_of(pod)
        ),
        resizing=tuple(
            (pod["metadata"]["name"], words)
            for pod, each in pods
            if (words := _resizing(pod, each, row))
        ),
    )
    shown = sorted({str(quantity) for _, quantity in value.pods})
    evidence = (
        f"template {value.template}; {len(value.pods)} Pods with {', '.join(shown) or 'none'}",
        *(f"{pod}: {words}" for pod, words in value.resizing),
    )
    return _observed(value, ref, evidence)


def _resizing(pod: Json, container: Container, row: QuantityRow) -> str:
    """What a container runs with while a resize of its Pod has not been carried out; or ""."""
    pending = condition_entry(pod, "PodResizePending") or condition_entry(
        pod, "PodResizeInProgress"
    )
    actual = (container.status.get("resources") or {}).get(row.bound) or {}
    if not pending or actual.get(row.resource) == container.bound(row.bound, row.resource):
        return ""
    why = f"{pending.get('reason', '')}: {pending.get('message', '')}".strip(": ")
    return f"runs with {actual.get(row.resource)}, its resize is not done ({why})"


def differences(row: QuantityRow, value: Bound) -> Iterator[Difference]:
    """The template's quantity and each Pod's, compared as numbers."""
    if not value.container_exists:
        yield Difference(str(row.workload), f"container {row.container}", "absent")
        return
    what = f"{row.bound}.{row.resource}"
    if not _same(value.template, row.quantity):
        reason = ""
        if value.template is None and any(_same(found, row.quantity) for _, found in value.pods):
            reason = "the Pods have it from a LimitRange, the template does not declare it"
        yield Difference(f"template {what}", row.quantity, value.template or "none", reason)
    for pod, found in value.pods:
        if not _same(found, row.quantity):
            reason = "set by a LimitRange" if pod in value.limit_ranged else ""
            yield Difference(f"{pod} {what}", row.quantity, found or "none", reason)
    for pod, words in value.resizing:
        yield Difference(f"{pod} {what}", row.quantity, words)


def _same(found: str | None, expected: str) -> bool:
    return found is not None and parse_quantity(found) == parse_quantity(expected)


def judge(row: QuantityRow, fact: Bound) -> Judgement:
    """The template's quantity and each Pod's, compared as numbers."""
    return judged(differences(row, fact), compared_in(fact))


KIND = Kind(QuantityRow, look, judge)
