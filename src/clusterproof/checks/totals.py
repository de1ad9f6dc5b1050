"""The requests or limits of some workloads, summed over all their replicas, are this quantity.

Source: the deployment's contract, Topology.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from pydantic import Field

from clusterproof.checks.kind import Kind
from clusterproof.checks.site import Site
from clusterproof.judgement import Difference, Judgement, judged
from clusterproof.kube.containers import ContainerKind
from clusterproof.kube.quantity import parse_quantity, show_quantity
from clusterproof.kube.requests import bounds_of
from clusterproof.kube.rollout import pods_at_once
from clusterproof.observe.observed import Observed
from clusterproof.observe.resources import template_spec
from clusterproof.spec.row import QuantityText, Row, WorkloadRef


class TotalsRow(Row):
    """The sum over all replicas of some workloads.

    A request that is not declared is the limit, as the API server defaults it. A Job counts by
    its parallelism, a CronJob by that of one run.

    Attributes:
        documented: What the deployment's own table says, reported beside the true sum.
    """

    check: Literal["totals"]
    workloads: tuple[WorkloadRef, ...] = Field(min_length=1)
    bound: Literal["requests", "limits"]
    resource: Literal["cpu", "memory"]
    quantity: QuantityText
    documented: str = ""


@dataclass(frozen=True, slots=True)
class Totals:
    """The sum, the workloads that are not there, and the containers without the bound."""

    total: Decimal
    absent: tuple[str, ...]
    unbounded: tuple[str, ...]


def look(row: TotalsRow, site: Site) -> Observed[Totals]:
    """Sum of a bound over the containers that last, times the replicas that are desired.

    A bound of the Pod itself stands for those of its containers (component-helpers, PodRequests).
    """
    total, absent, unbounded, parts = Decimal(0), [], [], []
    for ref in row.workloads:
        workload = site.cluster.find(ref)
        if workload is None:
            absent.append(str(ref))
            continue
        replicas = pods_at_once(ref.kind, workload)
        bounds = bounds_of(template_spec(ref, workload))
        amounts = {
            f"{ref.name}/{container.name}": container.bounds.of(row.bound).get(row.resource)
            for container in bounds.containers
            if container.kind is not ContainerKind.INIT
        }
        if bounds.pod is not None and row.resource in bounds.pod.of(row.bound):
            amounts = {ref.name: bounds.pod.of(row.bound)[row.resource]}
        for place, amount in amounts.items():
            if amount is None:
                unbounded.append(place)
                continue
            total += amount * replicas
            parts.append(f"{ref.name} {replicas} x {show_quantity(amount, row.resource)}")
    evidence = [f"{row.bound}.{row.resource}: {' + '.join(parts)}"]
    if row.documented:
        evidence.append(
            f"the deployment's own table says {row.documented}: it does not multiply by replicas"
        )
    where = f"namespace {row.workloads[0].namespace}"
    next_command = f"kubectl -n {row.workloads[0].namespace} describe resourcequota,limitrange"
    totals = Totals(total, tuple(absent), tuple(unbounded))
    return Observed(totals, where, tuple(evidence), next_command)


def judge(row: TotalsRow, totals: Totals) -> Judgement:
    """The sum is the row's, and nothing was left out of it."""
    summed = f"{row.bound}.{row.resource}"
    return judged(
        _differences(row, totals, summed),
        [f"{workload} {summed}" for workload in row.workloads],
    )


def _differences(row: TotalsRow, totals: Totals, summed: str) -> Iterator[Difference]:
    for workload in totals.absent:
        yield Difference(workload, "a workload to sum", "absent", code="workload-absent")
    for container in totals.unbounded:
        yield Difference(container, summed, "none", code=f"{row.bound[:-1]}-absent")
    if totals.total != parse_quantity(row.quantity):
        yield Difference(
            f"sum of {summed}",
            row.quantity,
            show_quantity(totals.total, row.resource),
            code="total-differs",
        )


KIND = Kind(
    TotalsRow,
    look,
    judge,
    codes=(
        "limit-absent",
        "request-absent",
        "total-differs",
        "workload-absent",
    ),
)
