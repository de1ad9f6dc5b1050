"""Rows `check: ingestion`: what becomes of a batch of events that the SDK sends.

Source: PostHog's own acceptance tests of its ingestion (read 2026-11-23).
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Literal

from clusterproof.checks.kind import Kind
from clusterproof.checks.shared import events
from clusterproof.checks.site import Site
from clusterproof.compare import meets
from clusterproof.judgement import Difference, Doubt, Judgement, judged
from clusterproof.kube.clock import apart
from clusterproof.observe.observed import Observed, pods_near
from clusterproof.product.posthog.ingestion import EventBatch
from clusterproof.spec.row import Expectation, Row

_SHOWN = 3


class IngestionRow(Row):
    """One figure of a batch of events with known uuids: sent by the SDK, read back by HogQL."""

    check: Literal["ingestion"]
    figure: Literal["accepted", "durable", "lost", "duplicate", "late", "altered", "lag_p95_s"]
    expect: Expectation


def look(_row: IngestionRow, site: Site) -> Observed[EventBatch]:
    """What became of every event of one batch."""
    batch = site.shared(events)
    errors = dict.fromkeys(event.error for event in batch.events if event.error)
    return Observed(
        batch,
        where=batch.where,
        next_command=pods_near(batch.where),
        evidence=(
            f"sent {len(batch.events)} events in one batch, read back {len(batch.durable)} "
            f"within {batch.took_s:.1f} s, {batch.reading.answered} queries",
            *batch.reading.evidence,
            *(f"SDK: {error}" for error in list(errors)[:3]),
            *batch.refusals,
            *filter(None, [batch.unread]),
        ),
        how=batch.how,
    )


def lag_p95_s(batch: EventBatch) -> float | None:
    """The lag that 95 of 100 events that arrived did not exceed (nearest rank)."""
    return _p95(event.lag_s for event in batch.events)


def _p95(lags_s: Iterable[float | None]) -> float | None:
    known = sorted(lag_s for lag_s in lags_s if lag_s is not None)
    return known[math.ceil(0.95 * len(known)) - 1] if known else None


FIGURES: Mapping[str, Callable[[EventBatch], float | int | None]] = {
    "accepted": lambda batch: batch.accepted / len(batch.events),
    "durable": lambda batch: len(batch.durable) / len(batch.events),
    "lost": lambda batch: batch.lost,
    "duplicate": lambda batch: sum(max(0, event.stored - 1) for event in batch.events),
    "late": lambda batch: sum((event.surely_s or 0) > batch.late_after_s for event in batch.events),
    "altered": lambda batch: sum(bool(event.altered) for event in batch.events),
    "lag_p95_s": lag_p95_s,
}
_OF_STORED = frozenset({"duplicate", "late", "altered"})
"""Figures about events that were read back."""


def judge(row: IngestionRow, fact: EventBatch) -> Judgement:
    """The figure meets the row; a lag of events of which none came back meets nothing."""
    if reason := _doubt(row, fact):
        return Doubt(reason)
    events = fact.durable if row.figure in _OF_STORED else fact.events
    return judged(_differences(row, fact), (f"event {event.uuid}" for event in events))


def _doubt(row: IngestionRow, fact: EventBatch) -> str:
    """Why nothing can be said of the figure, or ""."""
    if row.figure != "accepted" and fact.reading.unseen and _is_missing_any(fact):
        return fact.reading.unseen
    if not fact.events:
        return "no event was sent"
    if row.figure == "lost" and not fact.accepted:
        return f"none of {len(fact.events)} events was accepted: none could be lost"
    if row.figure in _OF_STORED and not fact.durable:
        return f"none of {len(fact.events)} events came back: nothing says {row.figure}"
    if row.figure == "lost":
        return _doubt_of_lost(row, fact)
    return _doubt_of_copies(row, fact) if row.figure == "duplicate" else _doubt_of_lag(row, fact)


def _doubt_of_lost(row: IngestionRow, fact: EventBatch) -> str:
    """Why nothing can be said of a loss: what is missing may be what the SDK still held, or ""."""
    if meets(row.expect, fact.lost) == meets(row.expect, fact.perhaps_lost):
        return ""
    return (
        f"{len(fact.missing)} events did not come back and the SDK still held {fact.unsent}:"
        " it is not known whether it held those"
    )


def _doubt_of_copies(row: IngestionRow, fact: EventBatch) -> str:
    """Why nothing can be said of rows of one event: they were not counted, or sent twice, or ""."""
    twice = [event for event in fact.events if event.stored > 1]
    uncounted = sum(event.stored == 0 for event in fact.durable)
    is_met = meets(row.expect, FIGURES["duplicate"](fact))
    if uncounted and is_met:
        missing = f"the count lacks {uncounted} of {len(fact.durable)} events that were read back"
        why = fact.reading.unseen or fact.reading.error or missing
        return f"the rows of the events were not counted: {why}"
    if not is_met and all(event.stored <= (event.sends or 1) for event in twice):
        return (
            f"the SDK sent {len(twice)} events again, for PostHog did not confirm them in time:"
            " it may have stored what it was sent"
        )
    return ""


def _doubt_of_lag(row: IngestionRow, fact: EventBatch) -> str:
    """Why nothing can be said of a lag: we could not look while it would have been told, or ""."""
    if row.figure == "late":
        surely = FIGURES["late"](fact)
        perhaps = sum((event.lag_s or 0) > fact.late_after_s for event in fact.events)
        unclear = perhaps and not surely
    elif row.figure == "lag_p95_s" and (most := lag_p95_s(fact)) is not None:
        least = _p95(event.surely_s for event in fact.events)
        unclear = not meets(row.expect, most) and least is not None and meets(row.expect, least)
    else:
        unclear = False
    if not unclear:
        return ""
    said = "; ".join(fact.reading.evidence)
    return f"it was not looked often enough to tell how late events are{said and f': {said}'}"


def _is_missing_any(fact: EventBatch) -> bool:
    return any(event.lag_s is None and not event.error for event in fact.events)


def _differences(row: IngestionRow, fact: EventBatch) -> Iterator[Difference]:
    figure = FIGURES[row.figure](fact)
    code, expected = _CODES[row.figure](fact), str(row.expect)
    if figure is None:
        yield Difference(row.figure, expected, "no event came back", _fate(fact), code=code)
    elif not meets(row.expect, figure):
        observed = f"{figure:.4g} of {len(fact.events)} sent"
        if row.figure in {"accepted", "durable"}:
            observed = f"{figure:.4g} ({round(figure * len(fact.events))} of {len(fact.events)})"
        if row.figure == "lag_p95_s":
            observed = f"{figure:.3g} s"
        yield Difference(row.figure, expected, observed, _reason(row.figure, fact), code=code)


def _reason(figure: str, fact: EventBatch) -> str:
    unsent = [_unsent(fact)] if fact.unsent else []
    if figure == "accepted":
        errors = list(dict.fromkeys(event.error for event in fact.events if event.error))
        return "; ".join([*fact.refusals, *errors[:_SHOWN], *unsent])
    if figure in {"durable", "lost"}:
        lost = [event.uuid for event in fact.missing]
        if not fact.lost:
            return "; ".join([*fact.refusals, *unsent])
        such_as = f"not read back within {fact.within_s:g} s, such as {', '.join(lost[:_SHOWN])}"
        return f"{such_as}; {_fate(fact)}"
    if figure == "altered":
        changes = "; ".join(event.altered[0] for event in fact.events if event.altered)[:300]
        return f"{changes}; {_whose_clock(fact)}" if _is_by_clock(fact) else changes
    if figure == "duplicate":
        twice = [event.uuid for event in fact.events if event.stored > 1]
        until = "; a merge of ClickHouse will leave one row of each" if _are_merged(fact) else ""
        return f"such as {', '.join(twice[:_SHOWN])}{until}"
    return ""


def _unsent(fact: EventBatch) -> str:
    """How many the SDK still held, and whether it had sent them."""
    tries = [
        event.sends
        for event in fact.events
        if event.sends and not event.error and event.lag_s is None and event.held is not False
    ]
    if not tries:
        return f"{fact.unsent} still unsent"
    times = "once" if max(tries) == 1 else f"{max(tries)} times"
    some = f"{len(tries)} of them " if len(tries) < fact.unsent else ""
    up_to = "up to " if len(set(tries)) > 1 else ""
    return f"{fact.unsent} still unsent ({some}sent {up_to}{times}, not confirmed)"


def _whose_clock(fact: EventBatch) -> str:
    """Which clock is wrong: three are compared, and those that agree are not."""
    sender = apart(
        fact.sender_s or 0.0, "the sending Pod's clock", "the API server's: its node's is off"
    )
    if sender:
        return sender
    if fact.reading.clock:
        return fact.reading.clock
    unseen = [] if fact.sender_s is not None else ["the API server's clock"]
    unseen += [] if fact.reading.clock_s is not None else ["PostHog's clock"]
    if unseen:
        return f"nothing is known of {' and '.join(unseen)}, so it is not known whose clock is off"
    return (
        "the clocks of the sending Pod, of the API server and of what answers for PostHog agree:"
        " that of a worker, or of another Pod that PostHog is made of, does not"
    )


def _fate(fact: EventBatch) -> str:
    """What is known of the events that did not come back, or "" where none was accepted."""
    if not fact.lost:
        return "; ".join(fact.refusals)
    return "; ".join([*fact.refusals, _fate_of_missing(fact)])


def _fate_of_missing(fact: EventBatch) -> str:
    if fact.waiting:
        return (
            f"late so far, at least {fact.within_s:g} s: {fact.waiting} events wait in PostHog's "
            "queue, and nothing takes them off in time"
        )
    slowest = max((event.lag_s or 0.0 for event in fact.durable), default=0.0)
    others = f"{len(fact.durable)} of the same batch came back within {slowest:.3g} s"
    if fact.waiting == 0:
        return f"lost: PostHog's queue is empty{f', and {others}' if fact.durable else ''}"
    late = f"lost, or late by more than {fact.within_s:g} s"
    return f"{late}: {others if fact.durable else 'none came back'}, and no queue is seen"


def _rejected(fact: EventBatch) -> str:
    return "store-refuses" if fact.refusals else "event-rejected"


def _missing(fact: EventBatch) -> str:
    if fact.waiting and fact.lost:
        return "event-waiting"
    if fact.refusals:
        return _rejected(fact)
    if fact.lost:
        return "event-lost" if fact.durable or fact.waiting == 0 else "event-not-back"
    # Of fewer missing than unsent some unsent came back: those that are missing may be others.
    is_unclear = fact.perhaps_lost and len(fact.missing) < fact.unsent
    return "event-not-back" if is_unclear else _rejected(fact)


def _is_by_clock(fact: EventBatch) -> bool:
    """True where nothing but times came back otherwise: PostHog corrects them by its clock."""
    changes = [change for event in fact.events for change in event.altered]
    return bool(changes) and all(change.startswith("timestamp:") for change in changes)


def _are_merged(fact: EventBatch) -> bool:
    """True where each event that has several rows keeps one of them at a merge."""
    return all(event.kept == 1 for event in fact.events if event.stored > 1)


_CODES: Mapping[str, Callable[[EventBatch], str]] = {
    "accepted": _rejected,
    "durable": _missing,
    "lost": _missing,
    "duplicate": lambda batch: (
        "event-duplicate-until-merge" if _are_merged(batch) else "event-duplicate"
    ),
    "late": lambda _batch: "event-late",
    "altered": lambda batch: "event-clock" if _is_by_clock(batch) else "event-altered",
    "lag_p95_s": lambda batch: "event-late" if batch.durable else _missing(batch),
}


KIND = Kind(
    IngestionRow,
    look,
    judge,
    begin=(events,),
    codes=(
        "event-altered",
        "event-clock",
        "event-duplicate",
        "event-duplicate-until-merge",
        "event-late",
        "event-lost",
        "event-not-back",
        "event-rejected",
        "event-waiting",
        "store-refuses",
    ),
)
