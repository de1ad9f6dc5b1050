"""How one metric moved while we sent: alone, or beside others who send as well."""

from collections.abc import Iterator
from dataclasses import dataclass

from clusterproof.errors import ObservationError
from clusterproof.observe.background import Others, others
from clusterproof.observe.counting import (
    Batch,
    Counted,
    are_others,
    counted,
    is_excess,
    rise,
    served,
)
from clusterproof.observe.metrics import family_named, unsound
from clusterproof.observe.observed import Observed
from clusterproof.observe.traffic import AMONG_QUIET_S, QUIET_S, Traffic
from clusterproof.spec.behaviour import MetricMovesRow

RESOLUTION = 0.25
"""A miscount of a quarter of ours must be told from others' requests. Our choice."""


@dataclass(frozen=True, slots=True)
class Moved:
    """How a metric moved while we sent one batch, or in doubt two.

    Attributes:
        present: Some Pod exposes the metric.
        batches: The second is twice the first; only the large one where others send as well.
        quiet_rise: How much it rose in a time in which we sent nothing; None when the first batch
            left no doubt.
        unfiltered: The rise in the first batch with any labels.
        others: What others added beside the large batch; None where nobody else sends.
        unsound: Samples that are no count: NaN, infinite, negative.
    """

    present: bool
    batches: tuple[Counted, ...]
    quiet_rise: float | None = None
    unfiltered: float = 0.0
    others: Others | None = None
    unsound: tuple[str, ...] = ()


def read_moves(traffic: Traffic, rule: MetricMovesRow) -> Observed[Moved]:
    """How a metric moved over all Pods while we sent.

    Raises:
        ObservationError: Nothing was answered, Pods came or went, or others send too.
    """
    first = traffic.batches[0]
    if not any(served(answer) for answer in first.answers):
        why = first.answers[0].error if first.answers else "nothing was sent"
        raise ObservationError(
            f"the router answered none of {len(first.answers)} requests ({why}): "
            "what a metric counts cannot be seen",
            next_command=f"kubectl logs {rule.workload.kubectl} --tail=50",
        )
    quiet = None
    if traffic.quiet is not None and is_excess(first, rule):
        quiet = rise(traffic.quiet, rule.name, rule.labels)
        if are_others(traffic.quiet, traffic.batches, rule):
            return _moves_among_others(traffic, rule, quiet)
    value = Moved(
        present=any(family_named(page, rule.name) for page in first.after),
        batches=tuple(counted(batch, rule) for batch in traffic.batches),
        quiet_rise=quiet,
        unfiltered=rise(first, rule.name, {}),
        unsound=_unsound(traffic.batches[-1], rule),
    )
    return Observed(
        value,
        where=f"{traffic.where}; {rule.workload}",
        evidence=tuple(_evidence(traffic, rule, value)),
        next_command=f"kubectl port-forward {rule.workload.kubectl} 9090:9090",
        how=traffic.how,
    )


def _unsound(batch: Batch, rule: MetricMovesRow) -> tuple[str, ...]:
    return tuple(said for page in batch.after for said in unsound(page, rule.name, rule.labels))


def _moves_among_others(traffic: Traffic, rule: MetricMovesRow, quiet: float) -> Observed[Moved]:
    """As `read_moves`, where a part of the rise is not ours.

    Raises:
        ObservationError: What others add hides what we do.
    """
    seen = f"{rule.name} rose by {quiet:g} in {QUIET_S:g} s in which we sent nothing"
    if traffic.among is None:
        raise ObservationError(f"{seen}: others send as well, so a rise cannot be told to be ours")
    before, large, after = traffic.among
    one = counted(large, rule)
    calm = [(rise(each, rule.name, rule.labels), each.window_s) for each in (before, after)]
    beside = others(calm, large.window_s)
    if beside.slack > RESOLUTION * one.at_least:
        raise ObservationError(
            f"{seen}: others add {beside.expected:.0f}, give or take {beside.slack:.0f}, while we "
            f"send {one.at_least}, so a rise cannot be told to be ours; ask again when it is quiet"
        )
    return Observed(
        Moved(
            present=True,
            batches=(one,),
            quiet_rise=quiet,
            unfiltered=rise(large, rule.name, {}),
            others=beside,
            unsound=_unsound(large, rule),
        ),
        where=f"{traffic.where}; {rule.workload}",
        evidence=(
            f"{seen}: others send as well",
            f"sent {len(large.answers)} requests in {large.took_s:.1f} s, {one.at_least} "
            f"{rule.by}; rose by {one.risen:g} in {large.window_s:.1f} s",
            f"others add {beside.expected:.0f} in that time, by {AMONG_QUIET_S:g} s before and "
            f"after it: a miscount of up to {beside.slack:.0f} is not seen",
        ),
        next_command=f"kubectl port-forward {rule.workload.kubectl} 9090:9090",
        how=traffic.how,
    )


def _evidence(traffic: Traffic, rule: MetricMovesRow, value: Moved) -> Iterator[str]:
    for batch, one in zip(traffic.batches, value.batches, strict=True):
        answered = sum(map(served, batch.answers))
        yield (
            f"sent {len(batch.answers)} requests in {batch.took_s:.1f} s, {answered} answered; "
            f"rose by {one.risen:g} over {len(batch.after)} Pods"
        )
    if rule.labels:
        yield f"with labels {dict(rule.labels)}; with any labels it rose by {value.unfiltered:g}"
    if value.quiet_rise is not None:
        yield f"rose by {value.quiet_rise:g} in {QUIET_S:g} s in which we sent nothing"
