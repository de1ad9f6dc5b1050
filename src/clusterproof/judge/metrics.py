"""Judges of metrics: there, of the right type, rising by what was done, and scraped."""

import math
from collections.abc import Iterator

from clusterproof.judge.difference import Difference, judge
from clusterproof.observe.background import Others
from clusterproof.observe.counting import Counted
from clusterproof.observe.metrics import Exposed
from clusterproof.observe.moves import Moved
from clusterproof.observe.targets import Target
from clusterproof.spec.behaviour import MetricMovesRow, MetricRow, TargetsRow


@judge.register
def judge_exposed(rule: MetricRow, value: tuple[Exposed, ...]) -> Iterator[Difference]:
    """Every Pod's page has the metric, with the row's type."""
    for one in value:
        what = f"{one.pod} {rule.name}"
        if one.reason:
            yield Difference(what, f"a {rule.type}", "no metrics page", one.reason)
        elif one.type is None:
            yield Difference(what, f"a {rule.type}", "absent from its metrics page")
        elif one.type != rule.type:
            yield Difference(what, rule.type, one.type)


@judge.register
def judge_moved(rule: MetricMovesRow, value: Moved) -> Iterator[Difference]:
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


def _beside(others: Others, one: Counted, rule: MetricMovesRow) -> Iterator[Difference]:
    """What is left of a rise when others' part is taken off, within what is known of that part."""
    ours = one.risen - others.expected
    reason = f"others added {others.expected:.0f}, give or take {others.slack:.0f}"
    what, seen = f"rise of {rule.name} by ours", f"{ours:.0f}"
    if ours < one.at_least - others.slack:
        yield Difference(what, _bounds(one), seen, f"not all {rule.by} were counted; {reason}")
    if rule.exact and ours > one.at_most + others.slack:
        each = ours / max(1, one.at_most)
        yield Difference(
            what, _bounds(one), seen, f"{each:.3g} for each of our {rule.by}; {reason}"
        )


def _bounds(one: Counted) -> str:
    if one.at_least == one.at_most:
        return f"{one.at_least}"
    return f"{one.at_least} to {one.at_most}"


@judge.register
def judge_targets(rule: TargetsRow, value: tuple[Target, ...]) -> Iterator[Difference]:
    """Every ready Pod is a target, is up, and was scraped of late."""
    for one in value:
        what = f"target {one.pod}:{rule.port}"
        if one.up is None:
            yield Difference(what, "up", "no target", "Prometheus has other targets")
        elif one.up != 1:
            why = f"the last scrape failed: {one.error}" if one.error else "the last scrape failed"
            yield Difference(what, "up", f"up = {one.up:g}", why)
        elif one.age_s > one.fresh_within_s:
            expected = f"scraped within {one.fresh_within_s:g} s"
            yield Difference(what, expected, f"{one.age_s:.0f} s ago")
