"""Rows `check: metric-moves`: a metric rises by what we sent, over all Pods.

Source: Prometheus docs, "Metric types: Counter" (read 2026-11-23).
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from clusterproof.checks.kind import Kind
from clusterproof.checks.shared import traffic
from clusterproof.checks.site import Site
from clusterproof.judgement import Difference, Doubt, Failed, Judgement, judged
from clusterproof.observe.metrics import Page, family_named
from clusterproof.observe.observed import Observed
from clusterproof.product.router.counting import (
    Counted,
    Spent,
    counted,
    is_excess,
    rise,
    served,
    spent,
)
from clusterproof.product.router.traffic import AMONG_QUIET_S, QUIET_S, Traffic
from clusterproof.spec.behaviour import MetricMovesRow

RESOLUTION = 0.25
"""A miscount of a quarter of ours must be told from others' requests. Our choice."""
LONGER = 3.0
"""A request cannot take the router longer than its caller; what it does after the answer may be in
its sum, and is less than twice as long. Our choice."""
_UNITS = ((3e6, "nanoseconds"), (3e3, "microseconds"), (LONGER, "milliseconds"))
"""From which ratio to the callers' time a sum is in another unit: a request spends a thousandth of
that time in the router, or more."""
COARSE_S = 0.002
"""Requests that take no longer by our clock may each be 0 to a router that counts in whole
milliseconds: a part of that time is the way to it. Our choice."""
SIGMAS = 4.0
"""A false alarm in 16,000 looks. Our choice."""


@dataclass(frozen=True, slots=True)
class Others:
    """What others added in the time of our batch.

    Attributes:
        expected: How much.
        slack: Give or take so much: a miscount of ours that is smaller cannot be told.
        window_s: The time of our batch, from one reading of the counters to the next.
    """

    expected: float
    slack: float
    window_s: float


@dataclass(frozen=True, slots=True)
class Moved:
    """How a metric moved while we sent one batch, or in doubt two.

    Attributes:
        present: Some Pod exposes the metric.
        batches: The second is twice the first.
        quiet_rise: How much it rose in a time in which we sent nothing; None when the first batch
            left no doubt.
        unfiltered: The rise in the first batch with any labels.
        others: What others added beside the large batch; None where none was sent.
        unsound: Samples that are no count: NaN, infinite, negative.
        among: The large batch, which stands out among others' requests; None in a record of an
            earlier version, which has it as the only one of `batches`.
        unanswered: Why nothing of the first batch was answered, or "".
        spent: How long the first batch took, where the metric is of seconds and counted nothing
            of others.
    """

    present: bool
    batches: tuple[Counted, ...]
    quiet_rise: float | None = None
    unfiltered: float = 0.0
    others: Others | None = None
    unsound: tuple[str, ...] = ()
    among: Counted | None = None
    unanswered: str = ""
    spent: Spent | None = None


def look(row: MetricMovesRow, site: Site) -> Observed[Moved]:
    """The metric's rise over all Pods while our traffic was sent."""
    port = site.spec.settings.traffic.metrics_port if site.spec.settings.traffic else 9090
    return read_moves(site.shared(traffic), row, port)


def read_moves(traffic: Traffic, row: MetricMovesRow, port: int = 9090) -> Observed[Moved]:
    """How a metric moved over all Pods while we sent; `port` is that of their metrics.

    Raises:
        ObservationError: Pods came or went: what they counted is not known.
    """
    first, last = traffic.batches[0], traffic.batches[-1]
    if not any(served(answer) for answer in first.answers):
        error = first.answers[0].error if first.answers else "nothing was sent"
        why = f"none of {len(first.answers)} requests ({error})"
        return _observed(traffic, row, Moved(present=True, batches=(), unanswered=why), (), port)
    quiet_rise, large, beside = None, None, None
    if traffic.quiet is not None and is_excess(first, row):
        quiet_rise = rise(traffic.quiet, row.name, row.labels)
        if traffic.among is not None:
            before, last, after = traffic.among
            large = counted(last, row)
            calm = [
                (rise(quiet, row.name, row.labels), quiet.window_s) for quiet in (before, after)
            ]
            beside = others(calm, last.window_s)
    moved = Moved(
        present=any(family_named(page, row.name) for page in first.after),
        batches=tuple(counted(batch, row) for batch in traffic.batches),
        quiet_rise=quiet_rise,
        unfiltered=rise(first, row.name, {}),
        others=beside,
        unsound=tuple(
            sample for page in last.after for sample in unsound(page, row.name, row.labels)
        ),
        among=large,
        spent=spent(first, row),
    )
    return _observed(traffic, row, moved, _evidence(traffic, row, moved), port)


def others(quiet: Sequence[tuple[float, float]], window_s: float) -> Others:
    """What to expect of others in `window_s`, from two (rise, seconds) in which we sent nothing.

    Requests of others are taken to come independently of one another, so that their number varies
    by its root (Poisson). Where the two quiet times differ by more than that, their difference
    counts instead: a load that grows or shrinks is known less well.
    """
    (first, first_s), (last, last_s) = quiet
    risen, seconds = first + last, first_s + last_s
    share = window_s / seconds
    drift = (first / first_s - last / last_s) / 2 * window_s
    variance = risen * share + max(risen * share**2, drift**2)
    return Others(risen * share, SIGMAS * math.sqrt(variance), window_s)


def _observed(
    traffic: Traffic, row: MetricMovesRow, moved: Moved, evidence: Iterable[str], port: int
) -> Observed[Moved]:
    pods = f"/api/v1/namespaces/{row.workload.namespace}/pods"
    after = traffic.batches[-1].after
    page = f"{pods}/{after[0].pod}:{port}/proxy/metrics" if after else pods
    return Observed(
        moved,
        where=f"{traffic.where}; {row.workload}",
        evidence=tuple(evidence),
        next_command=f"kubectl get --raw {page}",
        how=traffic.how,
    )


def _evidence(traffic: Traffic, row: MetricMovesRow, moved: Moved) -> Iterator[str]:
    for batch, count in zip(traffic.batches, moved.batches, strict=True):
        answered = sum(map(served, batch.answers))
        yield (
            f"sent {len(batch.answers)} requests in {batch.took_s:.1f} s, {answered} answered; "
            f"rose by {count.risen:g} over {len(batch.after)} Pods"
        )
    if moved.spent is not None:
        took, by_clock_s = moved.spent.summed, moved.spent.by_clock_s
        yield f"its sum rose by {took:.4g}; by our clock they took {by_clock_s:.3g} s in all"
    if row.labels:
        yield f"with labels {dict(row.labels)}; with any labels it rose by {moved.unfiltered:g}"
    if moved.quiet_rise is not None:
        yield f"rose by {moved.quiet_rise:g} in {QUIET_S:g} s in which we sent nothing"
    if traffic.among is not None and moved.among is not None and moved.others is not None:
        large, beside, count = traffic.among[1], moved.others, moved.among
        yield (
            f"sent {len(large.answers)} requests in {large.took_s:.1f} s, {count.at_least} "
            f"{row.by}; rose by {count.risen:g} in {large.window_s:.1f} s"
        )
        yield (
            f"others add {beside.expected:.0f} in that time, by {AMONG_QUIET_S:g} s before and "
            f"after it: a miscount of up to {beside.slack:.0f} is not seen"
        )


def unsound(page: Page, name: str, labels: Mapping[str, str]) -> tuple[str, ...]:
    """The samples of a metric that count nothing: not finite, or a counter under zero."""
    family = family_named(page, name)
    return tuple(
        f"{page.pod} {sample.name}{_shown(sample.labels)} is {sample.value:g}"
        for sample in (family.samples if family else ())
        if labels.items() <= sample.labels.items()
        and not sample.name.endswith("_created")
        and (
            not math.isfinite(sample.value)
            or (family is not None and family.type == "counter" and sample.value < 0)
        )
    )


def _shown(labels: Mapping[str, str]) -> str:
    inner = ", ".join(f'{key}="{text}"' for key, text in labels.items())
    return f"{{{inner}}}" if inner else ""


def judge(row: MetricMovesRow, fact: Moved) -> Judgement:
    """The rise over all Pods is what we sent: never less, and no more where the row is exact."""
    if fact.unanswered:
        return Doubt(
            f"the router answered {fact.unanswered}: what a metric counts cannot be seen",
            next_command=f"kubectl logs {row.workload.kubectl} --tail=50",
        )
    if differences := tuple(_unsound_differences(row, fact)):
        return Failed(*differences)
    if fact.others is not None and (fact.among is None or _others_send(row, fact)):
        large = fact.among or fact.batches[-1]  # the latter was looked at when it was recorded
        if fact.among and (reason := _doubt_among(row, fact, fact.others, large)):
            return Doubt(reason)
        return judged(_beside(row, fact.others, large), (f"rise of {row.name} by ours",))
    if _others_send(row, fact):
        reason = f"{_rise_of_others(row, fact)}: others send as well"
        return Doubt(f"{reason}, so a rise cannot be told to be ours")
    return _by_ours(row, fact)


def _by_ours(row: MetricMovesRow, fact: Moved) -> Judgement:
    """What is to be said where all that rose is ours."""
    differences = (*_batch_differences(row, fact), *_unit_differences(row, fact))
    if not differences and fact.spent is not None and _is_too_fast(fact.spent):
        return Doubt(
            f"the sum of {row.name} did not move, and {fact.spent.counted:g} requests that took"
            f" {fact.spent.by_clock_s * 1000:.3g} ms in all are too fast to tell why: whole"
            " milliseconds may each be 0"
        )
    compared = (f"rise of {row.name} by {count.risen:g}" for count in fact.batches)
    return judged(differences, compared)


def _unsound_differences(row: MetricMovesRow, fact: Moved) -> Iterator[Difference]:
    """What is no count at all."""
    if not fact.present:
        yield Difference(
            row.name, "a metric", "absent from every Pod's metrics page", code="metric-missing"
        )
        return
    for sample in fact.unsound:
        yield Difference(row.name, "a count", sample, code="sample-unsound")
    if not fact.unsound and not all(math.isfinite(count.risen) for count in fact.batches):
        yield Difference(
            f"rise of {row.name}", "a number", "not a finite one", code="sample-unsound"
        )


def _others_send(row: MetricMovesRow, fact: Moved) -> bool:
    """True where the metric rises without us, and by more than ours in each batch."""
    is_excess = row.exact and all(count.is_excess for count in fact.batches)
    return is_excess and (fact.quiet_rise or 0) > 0


def _rise_of_others(row: MetricMovesRow, fact: Moved) -> str:
    return f"{row.name} rose by {fact.quiet_rise:g} in {QUIET_S:g} s in which we sent nothing"


def _doubt_among(row: MetricMovesRow, fact: Moved, others: Others, large: Counted) -> str:
    """Why ours cannot be told from others' requests, or ""."""
    if others.slack <= RESOLUTION * large.at_least:
        return ""
    return (
        f"{_rise_of_others(row, fact)}: others add {others.expected:.0f}, give or take"
        f" {others.slack:.0f}, while we send {large.at_least}, so a rise cannot be told to be ours;"
        " ask again when it is quiet"
    )


def _batch_differences(row: MetricMovesRow, fact: Moved) -> Iterator[Difference]:
    what = f"rise of {row.name}"
    for count in fact.batches:
        if count.risen < count.at_least:
            missing = count.at_least - count.risen
            reason = f"{missing:g} of {count.at_least} {row.by} were not counted"
            yield Difference(
                what, _bounds(count), f"{count.risen:g}", reason, code="counted-too-few"
            )
    if row.exact and all(count.is_excess for count in fact.batches):
        for count in fact.batches:
            rate = count.risen / max(1, count.at_most)
            reason = f"{rate:.3g} for each of our {row.by}"
            if count.risen == count.sent:
                reason = f"as many as all requests, of which {count.at_least} are {row.by}"
            yield Difference(
                what, _bounds(count), f"{count.risen:g}", reason, code="counted-too-many"
            )


def _is_too_fast(took: Spent) -> bool:
    """True where a sum did not move, and whole milliseconds may be the reason."""
    return took.summed <= 0 < took.counted and took.by_clock_s <= COARSE_S * took.counted


def _unit_differences(row: MetricMovesRow, fact: Moved) -> Iterator[Difference]:
    """A sum that cannot be of seconds: the router took longer than those who waited for it."""
    took = fact.spent
    if took is None or not took.counted or _is_too_fast(took):
        return
    what, expected = f"sum of {row.name}", f"over 0 and about {took.by_clock_s:.3g} s at most"
    ratio = took.summed / took.by_clock_s
    if took.summed <= 0:
        reason = f"{took.counted:g} requests were counted, and their time was not"
        yield Difference(what, expected, f"{took.summed:g}", reason, code="sum-not-seconds")
        return
    unit = next((unit for least, unit in _UNITS if ratio > least), "")
    if unit:
        reason = f"{took.counted:g} requests took so long by our clock: {unit}?"
        yield Difference(what, expected, f"{took.summed:.4g}", reason, code="sum-not-seconds")


def _beside(row: MetricMovesRow, others: Others, large: Counted) -> Iterator[Difference]:
    """What is left of a rise when others' part is taken off, within what is known of that part."""
    ours = large.risen - others.expected
    reason = f"others added {others.expected:.0f}, give or take {others.slack:.0f}"
    what, observed = f"rise of {row.name} by ours", f"{ours:.0f}"
    if ours < large.at_least - others.slack:
        why = f"not all {row.by} were counted; {reason}"
        yield Difference(what, _bounds(large), observed, why, code="counted-too-few")
    if row.exact and ours > large.at_most + others.slack:
        rate = ours / max(1, large.at_most)
        why = f"{rate:.3g} for each of our {row.by}; {reason}"
        yield Difference(what, _bounds(large), observed, why, code="counted-too-many")


def _bounds(count: Counted) -> str:
    if count.at_least == count.at_most:
        return f"{count.at_least}"
    return f"{count.at_least} to {count.at_most}"


KIND = Kind(
    MetricMovesRow,
    look,
    judge,
    begin=(traffic,),
    codes=(
        "counted-too-few",
        "counted-too-many",
        "metric-missing",
        "sample-unsound",
        "sum-not-seconds",
    ),
)
