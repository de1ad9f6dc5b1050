"""Rows `check: totals`.

Source: the deployment's contract, Topology.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from pydantic import Field

from clusterproof.checks.kind import Kind
from clusterproof.checks.site import Site
from clusterproof.judgement import Difference, Judgement, compared_in, judged
from clusterproof.kube.containers import lasting_containers
from clusterproof.kube.quantity import parse_quantity, show_quantity
from clusterproof.kube.rollout import progress_of
from clusterproof.observe.observed import Observed
from clusterproof.observe.resources import _template_spec
from clusterproof.spec.row import QuantityText, Row, WorkloadRef


class TotalsRow(Row):
    """The sum over all replicas of some workloads.

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
    """Sum of a bound over containers times desired replicas."""
    cluster = site.cluster
    total, absent, unbounded, parts = Decimal(0), [], [], []
    for ref in row.workloads:
        workload = cluster.find(ref)
        if workload is None:
            absent.append(str(ref))
            continue
        replicas = progress_of(ref.kind, workload).desired
        for container in lasting_containers(_template_spec(ref, workload)):
            text = container.bound(row.bound, row.resource)
            if text is None:
                unbounded.append(f"{ref.name}/{container.name}")
                continue
            total += parse_quantity(text) * replicas
            parts.append(f"{ref.name} {replicas} x {text}")
    evidence = [f"{row.bound}.{row.resource}: {' + '.join(parts)}"]
    if row.documented:
        evidence.append(
            f"the deployment's own table says {row.documented}: it does not multiply by replicas"
        )
    where = f"namespace {row.workloads[0].namespace}"
    next_command = f"kubectl -n {row.workloads[0].namespace} describe resourcequota,limitrange"
    value = Totals(total, tuple(absent), tuple(unbounded))
    return Observed(value, where, tuple(evidence), next_command)


def differences(rule: TotalsRow, value: Totals) -> Iterator[Difference]:
    """The sum is the row's, and nothing was left out of it."""
    for name in value.absent:
        yield Difference(name, "a workload to sum", "absent")
    for name in value.unbounded:
        yield Difference(name, f"{rule.bound}.{rule.resource}", "none")
    if value.total != parse_quantity(rule.quantity):
        yield Difference(
            f"sum of {rule.bound}.{rule.resource}",
            rule.quantity,
            show_quantity(value.total, rule.resource),
        )


def judge(row: TotalsRow, fact: Totals) -> Judgement:
    """The sum is the row's, and nothing was left out of it."""
    return judged(differences(row, fact), compared_in(fact))


KIND = Kind(TotalsRow, look, judge)
