"""No LimitRange changes or refuses a Pod of some workloads.

Source: Kubernetes docs, "Limit Ranges" (v1.35, read 2026-11-23).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from clusterproof.checks.kind import Kind
from clusterproof.checks.site import Site
from clusterproof.judgement import Difference, Judgement, judged
from clusterproof.kube.limits import Refusal, claim_refusals, defaulted, refusals
from clusterproof.kube.objects import Json
from clusterproof.kube.quantity import show_quantity
from clusterproof.kube.requests import bounds_of
from clusterproof.observe.observed import Observed
from clusterproof.observe.resources import template_spec
from clusterproof.spec.row import ObjectRef, Row, WorkloadRef


class LimitRangeRow(Row):
    """No LimitRange of the namespace would change or refuse a container of the workloads."""

    check: Literal["limit-range"]
    namespace: str
    workloads: tuple[WorkloadRef, ...] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class LimitRangeEffects:
    """What LimitRanges would do to the workloads' containers, one sentence each."""

    ranges: int
    effects: tuple[str, ...]
    absent: tuple[str, ...]


def look(row: LimitRangeRow, site: Site) -> Observed[LimitRangeEffects]:
    """LimitRanges of the namespace, applied on paper to the Pods and claims of the workloads."""
    cluster = site.cluster
    ranges = cluster.objects("LimitRange", row.namespace)
    effects: list[str] = []
    absent: list[str] = []
    for ref in row.workloads:
        workload = cluster.find(ref)
        if workload is None:
            absent.append(str(ref))
        else:
            effects += _effects(ranges, ref, workload)
    evidence = (f"{len(ranges)} LimitRanges in {row.namespace}", *effects)
    next_command = f"kubectl -n {row.namespace} describe limitrange"
    fact = LimitRangeEffects(len(ranges), tuple(effects), tuple(absent))
    return Observed(fact, f"namespace {row.namespace}", evidence, next_command)


def _effects(ranges: list[Json], ref: ObjectRef, workload: Json) -> Iterator[str]:
    name, bounds = ref.name, bounds_of(template_spec(ref, workload))
    for limit_range in ranges:
        bounds, changes = defaulted(limit_range, bounds)
        for change in changes:
            shown = show_quantity(change.amount, change.resource)
            yield (
                f"{limit_range['metadata']['name']} sets {name}/{change.container} "
                f"{change.bound}.{change.resource} to {shown}"
            )
    for limit_range in ranges:
        for refusal in refusals(limit_range, bounds):
            subject = f"{name}/{refusal.subject}" if refusal.subject else f"a Pod of {name}"
            yield _refusal(limit_range, subject, refusal)
        for claim in workload["spec"].get("volumeClaimTemplates") or []:
            for refusal in claim_refusals(limit_range, claim["spec"]):
                subject = f"the claim {claim['metadata']['name']} of {name}"
                yield _refusal(limit_range, subject, refusal)


def _refusal(limit_range: Json, subject: str, refusal: Refusal) -> str:
    return (
        f"{limit_range['metadata']['name']} refuses {subject}: {refusal.rule} {refusal.resource} "
        f"{refusal.bound}, has {refusal.has}"
    )


def judge(row: LimitRangeRow, fact: LimitRangeEffects) -> Judgement:
    """No effect on any container of the workloads, which are there to be affected."""
    ranges = f"{fact.ranges} LimitRanges of {row.namespace}"
    compared = [f"{ranges} on {workload}" for workload in row.workloads]
    return judged(_differences(row, fact), compared)


def _differences(row: LimitRangeRow, fact: LimitRangeEffects) -> Iterator[Difference]:
    for workload in fact.absent:
        yield Difference(workload, "a workload", "absent", code="workload-absent")
    for effect in fact.effects:
        code = "limit-range-refuses" if " refuses " in effect else "limit-range-changes"
        yield Difference(f"LimitRange in {row.namespace}", "no effect", effect, code=code)


KIND = Kind(
    LimitRangeRow,
    look,
    judge,
    codes=(
        "limit-range-changes",
        "limit-range-refuses",
        "workload-absent",
    ),
)
