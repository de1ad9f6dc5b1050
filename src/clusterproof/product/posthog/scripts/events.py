"""Sends events by the official SDK, and reads events back by HogQL, polling until all are there.

Keys: POSTHOG_API_KEY and POSTHOG_PERSONAL_API_KEY of the environment.
Request:
    do: "send" or "read".     query_host, project_id, within_s, every_s: of the reading.
    send: host, events (a number), run (names the events), settle_s (before they are counted).
    read: uuids, keys (of the properties that are wanted).
Answer:
    send: events: for each {uuid, error, lag_s, stored, altered}; unsent.   both: reading, took_s.
    read: events: uuid -> {event, distinct_id, properties}.
    reading: {answered, refused (a status that ends it), error (the last), cached, complete}.
"""

import json
import os
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid as uuids
from datetime import datetime, timedelta, timezone
from typing import Any

Json = dict[str, Any]
AT_ONCE = 1000
DENIED = (401, 403, 404, 429)
TIMEOUT_S = 10
SECRETS = ("POSTHOG_API_KEY", "POSTHOG_PERSONAL_API_KEY")
PAUSE = threading.Event()
UTC = timezone.utc  # noqa: UP017 - the Pod's Python may be older than 3.11


class Reading:
    """HogQL, asked again and again; remembers how the asking went."""

    def __init__(self, request: Json) -> None:
        """Ask nothing yet."""
        self.request = request
        self.started = datetime.now(tz=UTC)
        self.answered, self.refused, self.error, self.cached = 0, 0, "", False

    def select(self, columns: str, wanted: list[str], tail: str = "") -> list[list[Any]]:
        """Rows of the events with these uuids; none where the query was not answered."""
        rows: list[list[Any]] = []
        for start in range(0, len(wanted), AT_ONCE):
            chunk = wanted[start : start + AT_ONCE]
            rows += self._ask(columns, chunk, tail)
        return rows

    def _ask(self, columns: str, wanted: list[str], tail: str) -> list[list[Any]]:
        listed = ", ".join(f"'{one}'" for one in wanted)
        # A bound that is new each time: no cache has an answer for it.
        first = self.started - timedelta(days=1)
        last = datetime.now(tz=UTC) + timedelta(days=1)
        query = (
            f"SELECT {columns} FROM events WHERE uuid IN ({listed}) "  # noqa: S608 - our uuids
            f"AND timestamp >= toDateTime('{first:%Y-%m-%d %H:%M:%S}') "
            f"AND timestamp < toDateTime('{last:%Y-%m-%d %H:%M:%S.%f}') {tail} LIMIT 50000"
        )
        host, project = self.request["query_host"], self.request["project_id"]
        body = {"query": {"kind": "HogQLQuery", "query": query}, "refresh": "force_blocking"}
        call = urllib.request.Request(  # noqa: S310 - the URL is the spec's
            f"{host}/api/projects/{project}/query/",
            data=json.dumps(body).encode(),
            headers={
                "content-type": "application/json",
                "authorization": f"Bearer {os.environ.get('POSTHOG_PERSONAL_API_KEY', '')}",
            },
        )
        try:
            with urllib.request.urlopen(call, timeout=TIMEOUT_S) as answer:  # noqa: S310
                said = json.loads(answer.read())
                rows: list[list[Any]] = said["results"]
        except urllib.error.HTTPError as error:
            self.refused = error.code if error.code in DENIED else 0
            self.error = f"{error.code}: {error.read(200).decode(errors='replace')}"
            return []
        except (OSError, ValueError, KeyError, TypeError) as error:
            self.error = f"{type(error).__name__}: {error}"
            return []
        self.answered += 1
        self.refused, self.error = 0, ""
        self.cached = self.cached or bool(said.get("is_cached"))
        return rows

    def facts(self, *, complete: bool) -> Json:
        """How it went."""
        return {
            "answered": self.answered,
            "refused": self.refused,
            "error": self.error,
            "cached": self.cached,
            "complete": complete,
        }


def made(request: Json) -> list[Json]:
    """The events to send: known uuids, a spread of users, values that are easy to spoil."""
    started = datetime.now(tz=UTC).replace(microsecond=0)
    return [
        {
            "uuid": str(uuids.uuid4()),
            "event": "clusterproof_ingestion_check",
            "distinct_id": f"clusterproof-{request['run']}-{index % 50}",
            "timestamp": started - timedelta(milliseconds=index),
            "properties": {
                "clusterproof_run": request["run"],
                "index": index,
                "share": index / 7,
                "even": index % 2 == 0,
                "text": "Grüße, 'quoted' \"twice\" \\ 語 🙂",
                "nested": {"list": [1, "two", None], "map": {"a": True}},
            },
        }
        for index in range(request["events"])
    ]


def changes(sent: Json, row: list[Any]) -> list[str]:
    """What came back otherwise than it was sent; a clock's skew of a minute is none."""
    _, event, distinct_id, timestamp, stored = row
    found = []
    for name, value in (("event", event), ("distinct_id", distinct_id)):
        if value != sent[name]:
            found.append(f"{name}: sent {sent[name]!r}, stored {value!r}")
    properties = json.loads(stored) if isinstance(stored, str) else stored
    for key, value in sent["properties"].items():
        if properties.get(key) != value or type(properties.get(key)) is not type(value):
            found.append(f"{key}: sent {value!r}, stored {properties.get(key)!r}")
    at = datetime.fromisoformat(timestamp.replace("Z", "+00:00"))  # noqa: FURB162 - Python 3.9
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    apart_s = abs((at - sent["timestamp"]).total_seconds())
    if apart_s > 60:  # noqa: PLR2004 - as said above
        found.append(f"timestamp: {apart_s:.0f} s apart")
    return found


def pause_s(request: Json, turn: int) -> float:
    """Short at first, so that a lag is measured finely; then as long as was asked for."""
    return float(min(request["every_s"], 0.2 * turn))


def send(request: Json) -> Json:
    """Capture them all, and read back until every one that was accepted is there."""
    from posthog import Posthog  # noqa: PLC0415 - only this part needs the SDK

    events = made(request)
    errors: dict[str, str] = {}

    def note(error: Exception, batch: list[Json]) -> None:
        for item in batch:
            errors[item["uuid"]] = f"{type(error).__name__}: {error}"[:200]

    client = Posthog(
        os.environ.get("POSTHOG_API_KEY", ""),
        host=request["host"],
        on_error=note,
        flush_interval=0.5,
        timeout=5,
    )
    captured: dict[str, float] = {}
    for event in events:
        captured[event["uuid"]] = time.monotonic()
        if client.capture(**event) is None:
            errors[event["uuid"]] = "the SDK dropped it"
    reading = Reading(request)
    ends_at = time.monotonic() + request["within_s"]
    seen: dict[str, float] = {}
    altered: dict[str, list[str]] = {}
    sent = {event["uuid"]: event for event in events}
    turn = 0
    while True:
        turn += 1
        wanted = [one for one in sent if one not in seen and one not in errors]
        columns = "uuid, event, distinct_id, timestamp, properties"
        for row in reading.select(columns, wanted):
            if row[0] in sent:
                seen.setdefault(row[0], time.monotonic() - captured[row[0]])
                # One copy as it was sent is enough; the others are counted as duplicates.
                found = changes(sent[row[0]], row)
                altered[row[0]] = min(altered.get(row[0], found), found, key=len)
        if (
            len(set(seen) | set(errors)) == len(sent)
            or reading.refused
            or time.monotonic() >= ends_at
        ):
            break
        PAUSE.wait(pause_s(request, turn))
    # PostHog may accept them although their reading was refused at once.
    while client.queue.unfinished_tasks and time.monotonic() < ends_at:
        PAUSE.wait(0.1)
    unsent = client.queue.unfinished_tasks  # neither sent nor given up
    complete = not reading.error
    PAUSE.wait(request["settle_s"] if seen else 0)
    counts = dict(reading.select("uuid, count()", list(seen), "GROUP BY uuid"))
    return {
        "events": [
            {
                "uuid": one,
                "error": errors.get(one, ""),
                "lag_s": round(seen[one], 3) if one in seen else None,
                "stored": counts.get(one, 0),
                "altered": altered.get(one, []),
            }
            for one in sent
        ],
        "unsent": unsent,
        "reading": reading.facts(complete=complete and not reading.error),
    }


def read(request: Json) -> Json:
    """The events with known uuids, as soon as all are there."""
    reading = Reading(request)
    ends_at = time.monotonic() + request["within_s"]
    found: dict[str, Json] = {}
    turn = 0
    while True:
        turn += 1
        wanted = [one for one in request["uuids"] if one not in found]
        for row in reading.select("uuid, event, distinct_id, properties", wanted):
            properties = json.loads(row[3]) if isinstance(row[3], str) else row[3]
            kept = {key: properties.get(key) for key in request["keys"]}
            found[row[0]] = {"event": row[1], "distinct_id": row[2], "properties": kept}
        complete = len(found) == len(request["uuids"])
        if complete or reading.refused or time.monotonic() >= ends_at:
            break
        PAUSE.wait(pause_s(request, turn))
    return {"events": found, "reading": reading.facts(complete=not reading.error)}


def main(argument: str) -> None:
    """Do what is asked; write the answer without any key in it."""
    request = json.loads(argument)
    started = time.monotonic()
    answer = send(request) if request["do"] == "send" else read(request)
    text = json.dumps({**answer, "took_s": round(time.monotonic() - started, 3)})
    for name in SECRETS:
        if os.environ.get(name):
            text = text.replace(os.environ[name], f"[{name}]")
    sys.stdout.write(text)


if __name__ == "__main__":
    main(sys.argv[1])
