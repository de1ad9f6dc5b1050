"""One captured event on its way from web through the queue to the store; pure.

The rules of time, of `$set` and of properties are those of PostHog's ingestion:
the event's time is corrected by the client's clock skew when the batch says when it was sent.
"""

import json
import uuid as uuids
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

MAX_DISTINCT_ID_LENGTH = 200
"""Longer distinct_ids are shortened, as PostHog's capture does."""


@dataclass(frozen=True)
class CapturedEvent:
    """An accepted event, as it lies in the queue. Times are ISO 8601 strings, UTC."""

    token: str
    uuid: str
    event: str
    distinct_id: str
    timestamp: str
    now: str
    properties: dict[str, Any]

    def to_json(self) -> str:
        """The queue's form."""
        return json.dumps(asdict(self), separators=(",", ":"), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> "CapturedEvent":
        """Read the queue's form.

        Raises:
            ValueError: It is not such an event.
        """
        raw = json.loads(text)
        if not isinstance(raw, dict):
            message = f"expected an object, found {type(raw).__name__}"
            raise ValueError(message)  # noqa: TRY004  # one error for every malformed entry
        texts = ("token", "uuid", "event", "distinct_id", "timestamp", "now")
        wrong = [name for name in texts if not isinstance(raw.get(name), str)]
        if wrong or not isinstance(raw.get("properties"), dict):
            message = f"missing or mistyped: {', '.join(wrong) or 'properties'}"
            raise ValueError(message)
        return cls(**{name: raw[name] for name in texts}, properties=raw["properties"])


def parse_time(text: object) -> datetime | None:
    """A client's time, or None when it is absent or unreadable (PostHog then takes now)."""
    if not isinstance(text, str) or not text:
        return None
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return None
    if parsed.tzinfo is None:
        parsed = parsed.replace(tzinfo=UTC)
    try:
        return parsed.astimezone(UTC)
    except OverflowError:
        return None


def event_time(raw: dict[str, Any], sent_at: datetime | None, now: datetime) -> datetime:
    """When the event happened, in the server's clock.

    `timestamp`, corrected by the skew between `sent_at` and now unless `$ignore_sent_at` is
    set; else now minus `offset` milliseconds; else now.
    """
    properties = raw.get("properties") or {}
    stamped = parse_time(raw.get("timestamp"))
    if stamped is not None:
        if sent_at is None or properties.get("$ignore_sent_at"):
            return stamped
        try:
            return now + (stamped - sent_at)
        except OverflowError:
            return stamped
    offset = raw.get("offset")
    if isinstance(offset, int | float) and not isinstance(offset, bool):
        try:
            return now - timedelta(milliseconds=offset)
        except (OverflowError, ValueError):
            return now
    return now


def known_uuid(value: object) -> str:
    """The client's uuid in canonical form, or a new one when it is absent or malformed."""
    if isinstance(value, str):
        try:
            return str(uuids.UUID(value))
        except ValueError:
            pass
    return str(uuids.uuid4())


def to_micros(time: datetime) -> int:
    """Microseconds since 1970, exact."""
    return (time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def property_text(value: object) -> str | None:
    """A property as HogQL shows it: strings as they are, everything else as JSON, null absent."""
    if value is None:
        return None
    if isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def store_row(event: CapturedEvent, team_id: int, inserted_at: datetime) -> dict[str, Any]:
    """The row of the `events` table.

    Raises:
        ValueError: The event cannot be stored (its times or uuid are unreadable).
    """
    stamped = parse_time(event.timestamp)
    queued = parse_time(event.now)
    if stamped is None or queued is None:
        message = f"unreadable times: timestamp={event.timestamp!r} now={event.now!r}"
        raise ValueError(message)
    shown = {
        key: text
        for key, text in ((k, property_text(v)) for k, v in event.properties.items())
        if text is not None
    }
    return {
        "team_id": team_id,
        "uuid": str(uuids.UUID(event.uuid)),
        "event": event.event,
        "distinct_id": event.distinct_id,
        "timestamp": to_micros(stamped),
        "_timestamp": to_micros(queued),
        "inserted_at": to_micros(inserted_at),
        "properties": json.dumps(event.properties, separators=(",", ":"), ensure_ascii=False),
        "property_keys": list(shown),
        "property_values": list(shown.values()),
    }
