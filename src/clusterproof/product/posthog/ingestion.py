"""Events sent by the official SDK from a Pod of our own, and read back by HogQL, by uuid.

A 200 of PostHog's capture says only that the batch had the right shape: that an event is stored is
proven by reading it. The keys go from their Secret into the Pod's environment, and not by us.
Source: PostHog's own acceptance tests of its ingestion; posthog-python 7.91 (read 2026-11-23).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from clusterproof.kube.clock import apart
from clusterproof.observe.inside import Inside
from clusterproof.spec.settings import PosthogSettings

SCRIPT = "product.posthog.scripts.events"
POLL_EVERY_S = 1.0
"""At the most often; more seldom where the queries would not last for the time."""
SETTLE_S = 1.0
"""A second copy of an event is stored with the same or the next batch of a worker. Our choice."""
AFTER_S = 90.0
"""For an interpreter to start in a Pod whose CPU is short, for the last look, and for the count of
the copies: each request is bounded by 10 s."""
_REFUSALS = {
    400: "the query is not accepted",
    401: "the personal API key is not accepted",
    402: "the plan has no queries left",
    403: "the personal API key may not read this project (scope: query:read)",
    404: "there is no such project, or no query endpoint",
    429: "PostHog limits the rate of queries",
}


@dataclass(frozen=True, slots=True)
class Reading:
    """How the reading back went.

    Attributes:
        answered: Queries with an answer.
        refused: The HTTP status that ended it, or 0.
        error: The last query's error, or "".
        cached: An answer came from a cache although a fresh one was asked for.
        complete: The last look at what was still missing was answered.
        limited: Queries that were answered 429, and asked again.
        waited_s: What those waits took.
        deferred: Queries that were answered 202, and polled.
        asks_s: The wait that PostHog asked for at last, and that was longer than what was left.
        elsewhere: The project that is read has none of the flags of the token's project.
        clock_s: How far PostHog's clock was ahead of the sending Pod's, where it was farthest; None
            where no answer had a date.
    """

    answered: int
    refused: int = 0
    error: str = ""
    cached: bool = False
    complete: bool = True
    limited: int = 0
    waited_s: float = 0.0
    deferred: int = 0
    asks_s: float = 0.0
    elsewhere: bool = False
    clock_s: float | None = None

    @property
    def clock(self) -> str:
        """How far the clocks are apart, or "" where that is little."""
        return apart(self.clock_s or 0.0, "PostHog's clock", "the sending Pod's")

    @property
    def evidence(self) -> tuple[str, ...]:
        """What the asking met beside answers, in sentences."""
        limited = f"PostHog limited the rate {self.limited} times (429): waited {self.waited_s:g} s"
        deferred = f"{self.deferred} queries were answered later (202)"
        return tuple(
            sentence
            for sentence, holds in (
                (limited, self.limited and not self.refused),
                (deferred, self.deferred),
                (self.clock, self.clock),
            )
            if holds
        )

    @property
    def unseen(self) -> str:
        """Why nothing can be said of an event that was not read back, or ""."""
        if self.refused:
            asks = f", and asks for {self.asks_s:.0f} s: that is not left" if self.asks_s else ""
            return f"HogQL answers {self.refused}: {_REFUSALS.get(self.refused, 'refused')}{asks}"
        if not self.complete or not self.answered:
            return f"HogQL did not answer: {self.error or 'it was never asked'}"
        if self.cached:
            return "HogQL answers from a cache although force_blocking was asked for"
        if self.elsewhere:
            return "the project that is read has none of the flags of the token's: another project"
        return ""


@dataclass(frozen=True, slots=True)
class EventFate:
    """What became of one event.

    Attributes:
        error: Why the SDK gave it up, or "".
        lag_s: From the capture to the first answer that had it; None when none had.
        absent_s: From the capture to the last look that had it not: it was stored later than that.
            None in a record of an earlier version.
        stored: How often it is stored; 0 where that is not known.
        kept: How many of these rows a merge of ClickHouse leaves; None where that is not known.
        sends: How often the SDK sent it; None in a record of an earlier version.
        held: The SDK still held it when the time was up, sent or not; None in a record of an
            earlier version.
        altered: What came back otherwise than it was sent.
    """

    uuid: str
    error: str = ""
    lag_s: float | None = None
    stored: int = 0
    altered: tuple[str, ...] = ()
    absent_s: float | None = None
    kept: int | None = None
    sends: int | None = None
    held: bool | None = None

    @property
    def surely_s(self) -> float | None:
        """The least that its lag can have been; None when no answer had it."""
        if self.lag_s is None or self.absent_s is None:
            return self.lag_s
        return min(self.absent_s, self.lag_s)


@dataclass(frozen=True, slots=True)
class EventBatch:
    """What became of all events.

    Attributes:
        unsent: Events that the SDK still held when the time was up.
        late_after_s: An event with more lag than this is late.
        within_s: How long they were awaited.
        waiting: Events in PostHog's queue by its own status page, when some were missing at the
            end; None where that is not known.
        began_at: When they were sent, in seconds since 1970 by the sending Pod's clock; 0 in a
            record of an earlier version.
        sender_s: How far that clock is ahead of the API server's, at the least; 0 where they
            agree, and None where that is not known.
        refusals: The stores that refuse what is written, by PostHog's answers and logs.
        unread: Which of those logs could not be read, and why; "" where all were or none was asked.
    """

    events: tuple[EventFate, ...]
    reading: Reading
    unsent: int = 0
    late_after_s: float = 30.0
    within_s: float = 45.0
    took_s: float = 0.0
    where: str = ""
    how: str = ""
    waiting: int | None = None
    refusals: tuple[str, ...] = ()
    began_at: float = 0.0
    sender_s: float | None = None
    unread: str = ""

    @property
    def durable(self) -> list[EventFate]:
        """The events that were read back."""
        return [event for event in self.events if event.lag_s is not None]

    @property
    def accepted(self) -> int:
        """How many PostHog took, as far as the SDK knows; what was read back was taken for sure.

        The least, where it is not known which events the SDK still held.
        """
        rejected = sum(
            bool(event.error or event.held) and event.lag_s is None for event in self.events
        )
        unknown = self.unsent if any(event.held is None for event in self.events) else 0
        return max(len(self.events) - rejected - unknown, len(self.durable))

    @property
    def lost(self) -> int:
        """How many PostHog took and did not give back; the least, as `accepted`."""
        return self.accepted - len(self.durable)

    @property
    def missing(self) -> list[EventFate]:
        """The events that did not come back, although nothing says that PostHog lacks them."""
        return [
            event
            for event in self.events
            if event.lag_s is None and not event.error and not event.held
        ]

    @property
    def perhaps_lost(self) -> int:
        """How many were confirmed and did not come back, at the most."""
        confirmed = sum(not event.error for event in self.events) - self.unsent
        return max(self.lost, min(len(self.missing), confirmed))


@dataclass(frozen=True, slots=True)
class Stored:
    """One event as it was read back."""

    event: str
    distinct_id: str
    properties: Mapping[str, Any]


def send_events(inside: Inside, settings: PosthogSettings, run: str) -> EventBatch:
    """Send a batch of events with known uuids and read all of them back.

    Raises:
        ObservationError: The sending Pod could not run the script.
    """
    request = {
        **_query(settings),
        "do": "send",
        "events": settings.events,
        "run": run,
        "settle_s": SETTLE_S,
    }
    reply = inside.ask(SCRIPT, request, within_s=settings.within_s + SETTLE_S + AFTER_S)
    return EventBatch(
        events=tuple(_fate(event) for event in reply["events"]),
        reading=Reading(**reply["reading"]),
        unsent=reply["unsent"],
        waiting=reply["waiting"],
        late_after_s=settings.late_after_s,
        within_s=settings.within_s,
        took_s=reply["took_s"],
        began_at=reply["began_at"],
        where=f"{inside.where} -> {settings.host}",
        how=inside.how,
    )


def _fate(fields: Mapping[str, Any]) -> EventFate:
    return EventFate(**{**fields, "altered": tuple(fields["altered"])})


def _query(settings: PosthogSettings) -> dict[str, Any]:
    return {
        "host": settings.host,
        "query_host": settings.query_host,
        "project_id": settings.project_id,
        "within_s": settings.within_s,
        "every_s": max(POLL_EVERY_S, settings.within_s / settings.queries),
        "queries": settings.queries,
    }


def read_back(
    inside: Inside, settings: PosthogSettings, uuids: Iterable[str], keys: Iterable[str]
) -> tuple[dict[str, Stored], Reading]:
    """The events with these uuids, as soon as all are there or the time is up.

    Raises:
        ObservationError: The Pod could not run the script.
    """
    wanted = sorted(set(uuids))
    if not wanted:
        return {}, Reading(answered=0, error="no uuid to ask for")
    request = {**_query(settings), "do": "read", "uuids": wanted, "keys": list(keys)}
    reply = inside.ask(SCRIPT, request, within_s=settings.within_s + AFTER_S)
    stored = {uuid: Stored(**fields) for uuid, fields in reply["events"].items()}
    return stored, Reading(**reply["reading"])
