"""Rows `check: ingestion`.

Source: PostHog's own acceptance tests of its ingestion (read 2026-11-23).
"""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Literal

from clusterproof.checks.kind import Kind
from clusterproof.checks.shared import events
from clusterproof.checks.site import Site
from clusterproof.compare import meets
from clusterproof.errors import ObservationError
from clusterproof.judgement import Difference, Judgement, Undecided, compared_in, judged
from clusterproof.observe.ingestion import EventBatch
from clusterproof.observe.observed import Observed, pods_near
from clusterproof.spec.row import Expectation, Row

_SHOWN = 3


class IngestionRow(Row):
    """One figure of a batch of events with known uuids: sent by the SDK, read back by HogQL."""

    check: Literal["ingestion"]
    figure: Literal["accepted", "durable", "lost", "duplicate", "late", "altered", "lag_p95_s"]
    expect: Expectation


def read_batch(batch: EventBatch, row: IngestionRow) -> Observed[EventBatch]:
    """The batch, as evidence for one of its figures.

    Raises:
        ObservationError: The figure needs a reading, and there was none that counts.
    """
    if row.figure != "accepted" and batch.reading.unseen and _missing(batch):
        raise ObservationError(batch.reading.unseen)
    seen = [one.lag_s for one in batch.events if one.lag_s is not None]
    errors = dict.fromkeys(one.error for one in batch.events if one.error)
    return Observed(
        batch,
        where=batch.where,
        next_command=pods_near(batch.where),
        evidence=(
            f"sent {len(batch.events)} events in one batch, read back {len(seen)} "
            f"within {batch.took_s:.1f} s, {batch.reading.answered} queries",
            *(f"SDK: {error}" for error in list(errors)[:3]),
        ),
        how=batch.how,
    )


def _missing(batch: EventBatch) -> bool:
    return any(one.lag_s is None and not one.error for one in batch.events)


def look(row: IngestionRow, site: Site) -> Observed[EventBatch]:
    """What became of every event of one batch."""
    return read_batch(site.shared(events), row)


def accepted_count(batch: EventBatch) -> int:
    """How many PostHog took, as far as the SDK knows; what was read back was taken for sure."""
    rejected = sum(bool(one.error) and one.lag_s is None for one in batch.events)
    return max(len(batch.events) - rejected - batch.unsent, len(batch.durable))


def lag_p95_s(batch: EventBatch) -> float | None:
    """The lag that 95 of 100 events that arrived did not exceed (nearest rank)."""
    lags = sorted(one.lag_s for one in batch.events if one.lag_s is not None)
    return lags[math.ceil(0.95 * len(lags)) - 1] if lags else None


FIGURES: Mapping[str, Callable[[EventBatch], float | int | None]] = {
    "accepted": lambda batch: accepted_count(batch) / len(batch.events),
    "durable": lambda batch: len(batch.durable) / len(batch.events),
    "lost": lambda batch: accepted_count(batch) - len(batch.durable),
    "duplicate": lambda batch: sum(max(0, one.stored - 1) for one in batch.events),
    "late": lambda batch: sum((one.lag_s or 0) > batch.late_after_s for one in batch.events),
    "altered": lambda batch: sum(bool(one.altered) for one in batch.events),
    "lag_p95_s": lag_p95_s,
}


_OF_STORED = frozenset({"duplicate", "late", "altered"})
"""Figures about events that were read back."""


def differences(rule: IngestionRow, value: EventBatch) -> Iterator[Difference]:
    """The figure meets the row; a lag of events of which none came back meets nothing."""
    if not value.events:
        raise Undecided("no event was sent")
    if rule.figure == "lost" and not accepted_count(value):
        raise Undecided(f"none of {len(value.events)} events was accepted: none could be lost")
    if rule.figure in _OF_STORED and not value.durable:
        raise Undecided(f"none of {len(value.events)} events came back: nothing says {rule.figure}")
    figure = FIGURES[rule.figure](value)
    if figure is None:
        yield Difference(rule.figure, str(rule.expect), "no event came back")
    elif not meets(rule.expect, figure):
        seen = f"{figure:.4g} of {len(value.events)} sent"
        if rule.figure in {"accepted", "durable"}:
            seen = f"{figure:.4g} ({round(figure * len(value.events))} of {len(value.events)})"
        if rule.figure == "lag_p95_s":
            seen = f"{figure:.3g} s"
        yield Difference(rule.figure, str(rule.expect), seen, _because(rule.figure, value))


def _because(figure: str, batch: EventBatch) -> str:
    if figure == "accepted":
        errors = list(dict.fromkeys(one.error for one in batch.events if one.error))
        unsent = [f"{batch.unsent} still unsent"] if batch.unsent else []
        return "; ".join([*errors[:_SHOWN], *unsent])
    if figure in {"durable", "lost"}:
        gone = [one.uuid for one in batch.events if one.lag_s is None and not one.error]
        if not gone:
            return ""
        return f"not read back within {batch.within_s:g} s, such as {', '.join(gone[:_SHOWN])}"
    if figure == "altered":
        return "; ".join(one.altered[0] for one in batch.events if one.altered)[:300]
    if figure == "duplicate":
        twice = [one.uuid for one in batch.events if one.stored > 1]
        return f"such as {', '.join(twice[:_SHOWN])}"
    return ""


def judge(row: IngestionRow, fact: EventBatch) -> Judgement:
    """The figure meets the row; a lag of events of which none came back meets nothing."""
    return judged(differences(row, fact), compared_in(fact))


KIND = Kind(IngestionRow, look, judge, begin=(events,))
