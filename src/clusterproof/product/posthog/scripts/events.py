"""Sends events by the official SDK, and reads events back by HogQL, polling until all are there.

A query that is refused for its rate (429) is asked again after the time that PostHog names, one
that is answered later (202) is polled by its id, and after one that took too long the next is asked
to be answered later. Every answer is checked for its shape: what is no table is no evidence.
Source: PostHog docs, "API queries" and "API overview" (read 2026-11-27); posthog/api/query.py.

Keys: POSTHOG_API_KEY and POSTHOG_PERSONAL_API_KEY of the environment; POSTHOG_CA, certificates
that are trusted beside the system's own.
Request:
    do: "send" or "read".     query_host, project_id, within_s, every_s: of the reading.
    queries: how many may be asked.
    send: host, events (a number), run (names the events), settle_s (before they are counted).
    read: uuids, keys (of the properties that are wanted).
Answer:
    send: events: for each {uuid, error, lag_s (to the first answer that has it), absent_s (to the
        last look that had it not), sends (how often the SDK sent it, and sends it again where no
        answer came in time), held (by the SDK, at the end), stored, kept, altered}; unsent (how
        many are held); began_at (this Pod's clock, in
        seconds since 1970); waiting (in PostHog's queue by
        its status page, asked only where events are missing, or null).
    both: reading, took_s.     read: events: uuid -> {event, distinct_id, properties}.
    reading: {answered, refused (a status that ends it), error (the last), cached, complete,
        limited (answers of 429), waited_s (for those), deferred (answers of 202), asks_s (the
        wait that PostHog asked for and that was not left), elsewhere, clock_s}.
"""

import email.utils
import http.client
import json
import math
import os
import re
import ssl
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid as uuids
from collections import Counter
from datetime import datetime, timedelta, timezone
from typing import Any, Union

Json = dict[str, Any]
AT_ONCE = 1000
PAGE = 50000
DENIED = (400, 401, 402, 403, 404)
THROTTLED, GONE_ON = 429, (0, 502, 503, 504)
TIMEOUT_S = 10
LAST_LOOK_S = 5
LAST_PLACES = 1e-15
COUNT_QUERIES, COUNT_WITHIN_S = 3, 20
"""Kept for the copies, whatever the looks before took: one query may meet a rate that is used up,
and one a gateway that gives up."""
UNNAMED_WAIT_S = 5.0
SECRETS = ("POSTHOG_API_KEY", "POSTHOG_PERSONAL_API_KEY")
PAUSE = threading.Event()
UTC = timezone.utc  # noqa: UP017 - the Pod's Python may be older than 3.11
UUID = re.compile(rb"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")


def trust() -> ssl.SSLContext:
    """The system's authorities and those of POSTHOG_CA; the SDK is told as well."""
    context = ssl.create_default_context()
    if os.environ.get("POSTHOG_CA"):
        import certifi  # noqa: PLC0415 - comes with the SDK

        context.load_verify_locations(cadata=os.environ["POSTHOG_CA"])
        with open(certifi.where(), "rb") as known:  # noqa: PTH123 - short
            bundle = known.read() + b"\n" + os.environ["POSTHOG_CA"].encode()
        # A file without a file system: a Pod of our own has none that can be written.
        held = os.memfd_create("ca", 0)
        os.write(held, bundle)
        os.environ["REQUESTS_CA_BUNDLE"] = f"/proc/self/fd/{held}"
    return context


TLS = trust()


def named_wait_s(headers: Any, text: str) -> float:  # noqa: ANN401 - http.client's
    """How long PostHog asks to wait: its header, or the words of the framework that it uses."""
    given = headers.get("retry-after") or ""
    words = re.search(r"available in (\d+) second", text)
    if given.strip().isdigit():
        asked = float(given)
    elif words:
        asked = float(words[1])
    else:
        try:
            at = email.utils.parsedate_to_datetime(given)
            asked = (at - datetime.now(tz=at.tzinfo)).total_seconds()
        except (TypeError, ValueError):
            asked = UNNAMED_WAIT_S
    return max(0.5, asked)


class RefusedError(Exception):
    """An answer that says nothing of the events."""


class Reading:
    """HogQL, asked again and again; remembers how the asking went."""

    def __init__(self, request: Json, kept: int = 0) -> None:
        """Ask nothing yet; the looks leave `kept` queries for what comes after them."""
        self.request, self.budget = request, request["queries"] - kept
        self.started = datetime.now(tz=UTC)
        self.ends_at = time.monotonic() + request["within_s"]
        # One more query after the last look is worth a short wait, and no long one.
        self.until = self.ends_at + LAST_LOOK_S
        self.asked = self.answered = self.refused = self.limited = self.deferred = 0
        self.waited_s = self.asks_s = 0.0
        self.clock_s: Union[float, None] = None  # noqa: UP007 - Python 3.9 in a Pod
        self.error, self.cached, self.elsewhere = "", False, False
        self.mode = "force_blocking"

    def over(self) -> bool:
        """True where no further look is to be taken."""
        return bool(self.refused) or time.monotonic() >= self.ends_at

    def pause(self, turn: int) -> None:
        """Short at first, so that a lag is measured finely; then as long as was asked for."""
        pause_s = float(min(self.request["every_s"], 0.2 * turn))
        left = self.ends_at - time.monotonic()
        last = self.asked >= self.budget - 1  # one is kept for a look at the end
        PAUSE.wait(max(0.0, left if last else min(pause_s, left)))

    def select(self, columns: list[str], wanted: list[str], tail: str = "") -> list[list[Any]]:
        """Rows of the events with these uuids; what is not answered leaves its `error`."""
        rows: list[list[Any]] = []
        known = set(wanted)
        self.error = ""
        for start in range(0, len(wanted), AT_ONCE):
            chunk = wanted[start : start + AT_ONCE]
            try:
                rows += self._ask(columns, chunk, tail)
            except RefusedError as error:
                self.error = str(error)
                break
        return [row for row in rows if row[0] in known]

    def _ask(self, columns: list[str], wanted: list[str], tail: str) -> list[list[Any]]:
        listed = ", ".join(f"'{uuid}'" for uuid in wanted)
        # A bound that is new each time: no cache has an answer for it.
        first = self.started - timedelta(days=1)
        last = datetime.now(tz=UTC) + timedelta(days=1)
        query = (
            f"SELECT {', '.join(columns)} FROM events WHERE uuid IN ({listed}) "  # noqa: S608 - our uuids
            f"AND timestamp >= toDateTime('{first:%Y-%m-%d %H:%M:%S}') "
            f"AND timestamp < toDateTime('{last:%Y-%m-%d %H:%M:%S.%f}') {tail} LIMIT {PAGE}"
        )
        answer = self._patiently(query)
        try:
            rows = self._table(answer)
            for row in rows:
                if not isinstance(row, list) or len(row) != len(columns):
                    raise TypeError(f"expected rows of {len(columns)} columns")
                if not isinstance(row[0], str) or (tail and not isinstance(row[-1], int)):
                    raise TypeError("expected a uuid first, and a number where rows are counted")
        except (AttributeError, KeyError, TypeError) as error:
            raise RefusedError(f"an answer that is no table: {error}") from error
        self.answered += 1
        return rows

    def _patiently(self, query: str) -> Json:
        """The answer to a query, waiting as long as PostHog asks for."""
        while True:
            body = {"query": {"kind": "HogQLQuery", "query": query}, "refresh": self.mode}
            self.asked += 1
            status, answer, error, wait_s = self.call("query/", body)
            if status == THROTTLED:
                self._wait(wait_s, error, is_last=self.asked >= self.budget)
            elif error:
                self.refused = status if status in DENIED else 0
                if status in GONE_ON:
                    self.mode = "force_async"
                raise RefusedError(error)
            else:
                return answer

    def _wait(self, wait_s: float, error: str, *, is_last: bool = False) -> None:
        self.limited += 1
        if is_last or wait_s > self.until - time.monotonic():
            self.refused, self.asks_s = THROTTLED, wait_s
            raise RefusedError(error)
        self.waited_s += wait_s
        PAUSE.wait(wait_s)

    def _table(self, answer: Json) -> list[list[Any]]:
        status = answer.get("query_status")
        if status and not (status.get("complete") and answer.get("results") is not None):
            self.deferred += 1
            answer = self._later(status)
        if answer.get("error"):
            raise RefusedError(str(answer["error"])[:200])
        if answer.get("hasMore"):
            raise RefusedError(f"more rows than a page of {PAGE} holds")
        self.cached = self.cached or bool(answer.get("is_cached"))
        rows = answer["results"]
        if not isinstance(rows, list):
            raise TypeError(f"results: expected a list, got {type(rows).__name__}")
        return rows

    def _later(self, status: Json) -> Json:
        """What came of a query that was answered 202."""
        path = f"query/{urllib.parse.quote(str(status['id']), safe='')}/"
        turn = 0
        while not status.get("complete") and not status.get("error"):
            turn += 1
            if time.monotonic() >= self.until:
                raise RefusedError("an asynchronous query did not end")
            PAUSE.wait(min(2.0, 0.25 * turn))
            code, answer, error, wait_s = self.call(path)
            if code == THROTTLED:
                self._wait(wait_s, error)
            elif code in GONE_ON:
                continue  # a gateway that gave up on a poll: the query goes on
            elif error:
                raise RefusedError(error)
            else:
                status = answer["query_status"]
        if status.get("error"):
            raise RefusedError(f"an asynchronous query failed: {status.get('error_message')}"[:200])
        found = status["results"]
        return found if isinstance(found, dict) else {"results": found}

    def call(
        self,
        path: str,
        body: Union[Json, None] = None,  # noqa: UP007 - Python 3.9 in a Pod
    ) -> tuple[int, Json, str, float]:
        """Status, body, error and the wait that is asked for; status 0 is no answer."""
        host, project = self.request["query_host"], self.request["project_id"]
        key = os.environ.get("POSTHOG_PERSONAL_API_KEY", "")
        return self.ask_for(
            f"{host}/api/projects/{project}/{path}", body, {"authorization": f"Bearer {key}"}
        )

    def ask_for(
        self,
        url: str,
        body: Union[Json, None],  # noqa: UP007 - Python 3.9 in a Pod
        headers: dict[str, str],
    ) -> tuple[int, Json, str, float]:
        """As `call`, of any URL."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json", **headers}
        call = urllib.request.Request(url, data=data, headers=headers)  # noqa: S310 - the spec's
        sent = time.time()
        try:
            with urllib.request.urlopen(call, timeout=TIMEOUT_S, context=TLS) as answer:  # noqa: S310
                self._clock(answer.headers, sent)
                said = json.loads(answer.read())
        except urllib.error.HTTPError as error:
            text = error.read(400).decode(errors="replace")
            return error.code, {}, f"{error.code}: {text[:200]}", named_wait_s(error.headers, text)
        except OSError as error:
            return 0, {}, f"{type(error).__name__}: {error}", 0.0
        except (ValueError, RecursionError) as error:
            return 200, {}, f"{type(error).__name__}: {error}", 0.0
        if not isinstance(said, dict):
            return 200, {}, f"expected a JSON object, got {type(said).__name__}", 0.0
        return answer.status, said, "", 0.0

    def _clock(self, headers: Any, sent: float) -> None:  # noqa: ANN401 - http.client's
        """Keep how far PostHog's clock is from ours, where it is farthest."""
        try:
            at = email.utils.parsedate_to_datetime(headers.get("date") or "").timestamp()
        except (TypeError, ValueError):
            return
        apart_s = at - sent if at < sent else max(0.0, at - time.time())
        self.clock_s = max(self.clock_s or 0.0, apart_s, key=abs)

    def is_elsewhere(self) -> bool:
        """True where the project that is read has none of the flags of the token's project."""
        token = os.environ.get("POSTHOG_API_KEY", "")
        asked = {"api_key": token, "distinct_id": "clusterproof"}
        _, flags, _, _ = self.ask_for(f"{self.request['host']}/flags/?v=2", asked, {})
        _, known, _, _ = self.call("feature_flags/?limit=500")
        try:
            given = {flag["metadata"]["id"] for flag in flags["flags"].values()}
            there = {flag["id"] for flag in known["results"]}
        except (AttributeError, KeyError, TypeError):
            return False
        return bool(given) and not known.get("next") and not given & there

    def facts(self, *, complete: bool) -> Json:
        """How it went."""
        return {
            "answered": self.answered,
            "refused": self.refused,
            "error": self.error,
            "cached": self.cached,
            "complete": complete,
            "limited": self.limited,
            "waited_s": round(self.waited_s, 1),
            "deferred": self.deferred,
            "asks_s": self.asks_s,
            "elsewhere": self.elsewhere,
            "clock_s": None if self.clock_s is None else round(self.clock_s, 1),
        }


def made(request: Json) -> list[Json]:
    """The events to send: known uuids, a spread of users, values that are easy to spoil.

    `$process_person_profile` keeps them from making persons, which would stay and cost more.
    """
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
                "$process_person_profile": False,
            },
        }
        for index in range(request["events"])
    ]


def properties_of(stored: Any) -> Json:  # noqa: ANN401 - JSON
    """The properties of a row, which are JSON in a text, or an object."""
    try:
        properties = json.loads(stored) if isinstance(stored, str) else stored
    except ValueError:
        properties = None
    return properties if isinstance(properties, dict) else {}


def is_same(sent: Any, stored: Any) -> bool:  # noqa: ANN401 - JSON
    """True where a value came back as it was sent.

    PostHog's capture reads a fraction to its last binary place but one, and its ingestion, which is
    JavaScript, writes 1.0 as 1: neither changes a number.
    Source: PostHog's rust/Cargo.toml (serde_json without `float_roundtrip`) and
    nodejs/src/ingestion/event-processing/emit-event-step.ts (stored versions, read 2026-11-27).
    """
    if isinstance(sent, float) and isinstance(stored, (int, float)):
        return not isinstance(stored, bool) and math.isclose(sent, stored, rel_tol=LAST_PLACES)
    return bool(stored == sent) and type(stored) is type(sent)


def changes(sent: Json, row: list[Any]) -> list[str]:
    """What came back otherwise than it was sent; a clock's skew of a minute is none."""
    _, event, distinct_id, timestamp, stored = row
    found = []
    for name, value in (("event", event), ("distinct_id", distinct_id)):
        if value != sent[name]:
            found.append(f"{name}: sent {sent[name]!r}, stored {value!r}")
    properties = properties_of(stored)
    for key, value in sent["properties"].items():
        if not is_same(value, properties.get(key)):
            found.append(f"{key}: sent {value!r}, stored {properties.get(key)!r}")
    try:
        at = datetime.fromisoformat(str(timestamp).replace("Z", "+00:00"))  # noqa: FURB162 - Python 3.9
    except ValueError:
        return [*found, f"timestamp: stored {str(timestamp)[:60]!r}"]
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    apart_s = (at - sent["timestamp"]).total_seconds()
    if abs(apart_s) > 60:  # noqa: PLR2004 - as said above
        found.append(f"timestamp: {apart_s:+.0f} s apart")
    return found


def waiting(reading: Reading) -> Union[int, None]:  # noqa: UP007 - Python 3.9 in a Pod
    """How many events wait in PostHog's queue by its own status page; None where it has none."""
    key = os.environ.get("POSTHOG_PERSONAL_API_KEY", "")
    url = f"{reading.request['query_host']}/api/instance_status/"
    _, page, _, _ = reading.ask_for(url, None, {"authorization": f"Bearer {key}"})
    lines = page.get("results")
    lines = lines.get("overview") if isinstance(lines, dict) else None
    for line in lines if isinstance(lines, list) else []:
        if isinstance(line, dict) and line.get("key") == "queue_depth":
            depth = str(line.get("value"))
            return int(depth) if depth.isdigit() else None
    return None


def count_sends() -> "Counter[str]":
    """How often the SDK sends each event from now on, by what its own threads write.

    Not by the audit event http.client.send, which Python raises from 3.10 on only.
    """
    sends: Counter[str] = Counter()
    usual = http.client.HTTPConnection.send

    def send_noted(connection: Any, data: Any) -> None:  # noqa: ANN401 - http.client's
        is_ours = threading.current_thread() is threading.main_thread()
        if not is_ours and isinstance(data, bytes):
            sends.update({uuid.decode() for uuid in UUID.findall(data)})
        usual(connection, data)

    http.client.HTTPConnection.send = send_noted  # type: ignore[assignment,method-assign]
    return sends


def send(request: Json) -> Json:
    """Capture them all, and read back until every one that was accepted is there."""
    from posthog import Posthog  # noqa: PLC0415 - only this part needs the SDK

    events = made(request)
    errors: dict[str, str] = {}

    def note(error: Exception, batch: list[Json]) -> None:
        for event in batch:
            errors[event["uuid"]] = f"{type(error).__name__}: {error}"[:200]

    sends = count_sends()
    # With the SDK's own timeout: after a shorter one it sends again what a slow PostHog took.
    client = Posthog(
        os.environ.get("POSTHOG_API_KEY", ""),
        host=request["host"],
        on_error=note,
        flush_interval=0.5,
    )
    captured: dict[str, float] = {}
    dropped: set[str] = set()
    for event in events:
        captured[event["uuid"]] = time.monotonic()
        taken = client.capture(**event)
        # Its uuid, or None; before version 6, whether it was queued, and the message.
        if taken is None or (isinstance(taken, tuple) and not taken[0]):
            errors[event["uuid"]] = "the SDK dropped it"
            dropped.add(event["uuid"])
    reading = Reading(request, kept=COUNT_QUERIES)
    seen: dict[str, float] = {}
    absent: dict[str, float] = {}
    altered: dict[str, list[str]] = {}
    sent = {event["uuid"]: event for event in events}
    columns = ["uuid", "event", "distinct_id", "timestamp", "properties"]
    turn = 0
    while True:
        turn += 1
        wanted = [uuid for uuid in sent if uuid not in seen and uuid not in errors]
        looked = time.monotonic()
        for row in reading.select(columns, wanted):
            seen.setdefault(row[0], time.monotonic() - captured[row[0]])
            # One copy as it was sent is enough; the others are counted as duplicates.
            found = changes(sent[row[0]], row)
            altered[row[0]] = min(altered.get(row[0], found), found, key=len)
        if not reading.error:
            absent.update({uuid: looked - captured[uuid] for uuid in wanted if uuid not in seen})
        if len(set(seen) | set(errors)) == len(sent) or reading.over():
            break
        reading.pause(turn)
    # PostHog may accept them although their reading was refused at once.
    while client.queue.unfinished_tasks and time.monotonic() < reading.ends_at:
        PAUSE.wait(0.1)
    unsent = client.queue.unfinished_tasks  # neither sent nor given up
    # The SDK's one thread takes them in their order: those that it holds are the last.
    queued = [uuid for uuid in sent if uuid not in dropped]
    held = set(queued[max(0, len(queued) - unsent) :])
    complete, refused = not reading.error, reading.error
    missing = [uuid for uuid in sent if uuid not in seen and uuid not in errors]
    depth = waiting(reading) if missing else None
    reading.elsewhere = bool(missing) and not seen and complete and reading.is_elsewhere()
    copies = counted(reading, list(seen), request["settle_s"])
    reading.error = reading.error or refused
    return {
        "events": [
            {
                "uuid": uuid,
                "error": errors.get(uuid, ""),
                "lag_s": round(seen[uuid], 3) if uuid in seen else None,
                "absent_s": round(absent.get(uuid, 0.0), 3),
                "sends": sends[uuid],
                "held": uuid in held,
                "stored": copies.get(uuid, (0, 0))[0],
                "kept": copies.get(uuid, (0, 0))[1],
                "altered": altered.get(uuid, []),
            }
            for uuid in sent
        ],
        "unsent": unsent,
        "began_at": round(reading.started.timestamp(), 3),
        "waiting": depth,
        "reading": reading.facts(complete=complete),
    }


def counted(reading: Reading, uuids: list[str], settle_s: float) -> dict[str, tuple[int, int]]:
    """For each uuid its rows, and how many of them a merge of ClickHouse leaves.

    Rows of one uuid become one where event and distinct_id are equal too. The most of all answers
    count: what one has twice was stored twice, whatever the next, more complete, has.
    """
    copies: dict[str, tuple[int, int]] = {}
    if not uuids:
        return copies
    PAUSE.wait(settle_s)
    reading.budget = reading.request["queries"]
    reading.until = max(reading.until, time.monotonic() + COUNT_WITHIN_S)
    columns = ["uuid", "event", "distinct_id", "count()"]
    for turn in range(COUNT_QUERIES):
        if reading.refused or (turn and reading.asked >= reading.budget):
            break
        PAUSE.wait(min(turn, 1))
        answer: dict[str, tuple[int, int]] = {}
        for uuid, _, _, rows in reading.select(columns, uuids, "GROUP BY uuid, event, distinct_id"):
            stored, kept = answer.get(uuid, (0, 0))
            answer[uuid] = (stored + rows, kept + 1)
        for uuid, rows_of_it in answer.items():
            copies[uuid] = max(copies.get(uuid, (0, 0)), rows_of_it)
        if not reading.error and len(copies) == len(uuids):
            break
    return copies


def read(request: Json) -> Json:
    """The events with known uuids, as soon as all are there."""
    reading = Reading(request)
    found: dict[str, Json] = {}
    turn = 0
    while True:
        turn += 1
        wanted = [uuid for uuid in request["uuids"] if uuid not in found]
        for uuid, event, user, stored in reading.select(
            ["uuid", "event", "distinct_id", "properties"], wanted
        ):
            properties = properties_of(stored)
            kept = {key: properties.get(key) for key in request["keys"]}
            found[uuid] = {"event": event, "distinct_id": user, "properties": kept}
        if len(found) == len(request["uuids"]) or reading.over():
            break
        reading.pause(turn)
    complete = not reading.error
    reading.elsewhere = complete and not found and reading.is_elsewhere()
    return {"events": found, "reading": reading.facts(complete=complete)}


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
    sys.stdout.flush()
    os._exit(0)  # what the SDK still holds was told: it is not waited for
