"""Rows `check: metric-moves`.

Source: Prometheus docs, "Metric types: Counter" (read 2026-11-23).
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from clusterproof.checks.kind import Kind
from clusterproof.checks.shared import traffic
from clusterproof.checks.site import Site
from clusterproof.errors import ObservationError
from clusterproof.judgement import Difference, Judgement, compared_in, judged
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
from clusterproof.observe.metrics import Page, family_named
from clusterproof.observe.observed import Observed
from clusterproof.observe.traffic import AMONG_QUIET_S, QUIET_S, Traffic
from clusterproof.spec.behaviour import MetricMovesRow


def unsound(page: Page, name: str, labels: Mapping[str, str]) -> tuple[str, ...]:
    """The samples of a metric that count nothing: not finite, or a counter under zero."""
    found = family_named(page, name)
    return tuple(
        f"{page.pod} {sample.name}{_shown(sample.labels)} is {sample.value:g}"
        for sample in (found.samples if found else ())
        if labels.items() <= sample.labels.items()
        and not sample.name.endswith("_created")
        and (
            not math.isfinite(sample.value)
            or (found is not None and found.type == "counter" and sample.value < 0)
        )
    )


def _shown(labels: Mapping[str, str]) -> str:
    inner = ", ".join(f'{key}="{text}"' for key, text in labels.items())
    return f"{{{inner}}}" if inner else ""


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


def read_moves(traffic: Traffic, row: MetricMovesRow) -> Observed[Moved]:
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
            next_command=f"kubectl logs {row.workload.kubectl} --tail=50",
        )
    quiet = None
    if traffic.quiet is not None and is_excess(first, row):
        quiet = rise(traffic.quiet, row.name, row.labels)
        if are_others(traffic.quiet, traffic.batches, row):
            return _moves_among_others(traffic, row, quiet)
    value = Moved(
        present=any(family_named(page, row.name) for page in first.after),
        batches=tuple(counted(batch, row) for batch in traffic.batches),
        quiet_rise=quiet,
        unfiltered=rise(first, row.name, {}),
        unsound=_unsound(traffic.batches[-1], row),
    )
    return Observed(
        value,
        where=f"{traffic.where}; {row.workload}",
        evidence=tuple(_evidence(traffic, row, value)),
        next_command=f"kubectl port-forward {row.workload.kubectl} 9090:9090",
        how=traffic.how,
    )


def _unsound(batch: Batch, row: MetricMovesRow) -> tuple[str, ...]:
    return tuple(said for page in batch.after for said in unsound(page, row.name, row.labels))


def _moves_among_others(traffic: Traffic, row: MetricMovesRow, quiet: float) -> Observed[Moved]:
    """As `read_moves`, where a part of the rise is not ours.

    Raises:
        ObservationError: What others add hides what we do.
    """
    seen = f"{row.name} rose by {quiet:g} in {QUIET_S:g} s in which we sent nothing"
    if traffic.among is None:
        raise ObservationError(f"{seen}: others send as well, so a rise cannot be told to be ours")
    before, large, after = traffic.among
    one = counted(large, row)
    calm = [(rise(each, row.name, row.labels), each.window_s) for each in (before, after)]
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
            unfiltered=rise(large, row.name, {}),
            others=beside,
            unsound=_unsound(large, row),
        ),
        where=f"{traffic.where}; {row.workload}",
        evidence=(
            f"{seen}: others send as well",
            f"sent {len(large.answers)} requests in {large.took_s:.1f} s, {one.at_least} "
            f"{row.by}; rose by {one.risen:g} in {large.window_s:.1f} s",
            f"others add {beside.expected:.0f} in that time, by {AMONG_QUIET_S:g} s before and "
            f"after it: a miscount of up to {beside.slack:.0f} is not seen",
        ),
        next_command=f"kubectl port-forward {row.workload.kubectl} 9090:9090",
        how=traffic.how,
    )


def _evidence(traffic: Traffic, row: MetricMovesRow, value: Moved) -> Iterator[str]:
    for batch, one in zip(traffic.batches, value.batches, strict=True):
        answered = sum(map(served, batch.answers))
        yield (
            f"sent {len(batch.answers)} requests in {batch.took_s:.1f} s, {answered} answered; "
            f"rose by {one.risen:g} over {len(batch.after)} Pods"
        )
    if row.labels:
        yield f"with labels {dict(row.labels)}; with any labels it rose by {value.unfiltered:g}"
    if value.quiet_rise is not None:
        yield f"rose by {value.quiet_rise:g} in {QUIET_S:g} s in which we sent nothing"


def look(row: MetricMovesRow, site: Site) -> Observed[Moved]:
    """The metric's rise over all Pods while our traffic was sent."""
    return read_moves(site.shared(traffic), row)


def differences(rule: MetricMovesRow, value: Moved) -> Iterator[Difference]:
    """The rise over all Pods is what we sent: never less, and no more where the row is exact."""
    if not value.present:
        yield Difference(rule.name, "a metric", "absent from every Pod's metrics page")
        return
    for said in value.unsound:
        yield Difference(rule.name, "a count", said)
    if value.unsound or not all(math.isfinite(one.risen) for one in value.batches):
        if not value.unsound:
            yield Difference(f"rise of {rule.name}", "a number", "not a finite one")
        return
    if value.others is not None:
        yield from _beside(value.others, value.batches[-1], rule)
        return
    for one in value.batches:
        if one.risen < one.at_least:
            reason = f"{one.at_least - one.risen:g} of {one.at_least} {rule.by} were not counted"
            yield Difference(f"rise of {rule.name}", _bounds(one), f"{one.risen:g}", reason)
    if rule.exact and all(one.risen > one.at_most for one in value.batches):
        for one in value.batches:
            each = one.risen / max(1, one.at_most)
            reason = f"{each:.3g} for each of our {rule.by}"
            yield Difference(f"rise of {rule.name}", _bounds(one), f"{one.risen:g}", reason)


def _beside(others: Others, one: Counted, row: MetricMovesRow) -> Iterator[Difference]:
    """What is left of a rise when others' part is taken off, within what is known of that part."""
    ours = one.risen - others.expected
    reason = f"others added {others.expected:.0f}, give or take {others.slack:.0f}"
    what, seen = f"rise of {row.name} by ours", f"{ours:.0f}"
    if ours < one.at_least - others.slack:
        yield Difference(what, _bounds(one), seen, f"not all {row.by} were counted; {reason}")
    if row.exact and ours > one.at_most + others.slack:
        each = ours / max(1, one.at_most)
        yield Difference(what, _bounds(one), seen, f"{each:.3g} for each of our {row.by}; {reason}")


def _bounds(one: Counted) -> str:
    if one.at_least == one.at_most:
        return f"{one.at_least}"
    return f"{one.at_least} to {one.at_most}"


def judge(row: MetricMovesRow, fact: Moved) -> Judgement:
    """The rise over all Pods is what we sent: never less, and no more where the row is exact."""
    return judged(differences(row, fact), compared_in(fact))


KIND = Kind(MetricMovesRow, look, judge, begin=(traffic,))
