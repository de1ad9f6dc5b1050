"""Version 0 capture: which requests are taken, and in what words others are refused."""

import base64
import gzip
import json
import urllib.parse
import uuid
import zlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.posthog.posthog_reference.capture import (
    MAX_BATCH_BYTES,
    MAX_EVENT_BYTES,
    CaptureRequest,
    accept,
    inflate,
    validate_token,
)
from testbed.posthog.posthog_reference.errors import CaptureRejectedError
from testbed.posthog.posthog_reference.events import CapturedEvent, store_row

NOW = datetime(2026, 11, 23, 12, 0, 0, 123456, tzinfo=UTC)
TOKEN = "phc_test"  # noqa: S105 - made up
EVENT = {"event": "seen", "distinct_id": "someone"}


def taken(
    document: object, encoding: str = "", content_type: str = "application/json", **query: str
) -> list[CapturedEvent]:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    request = CaptureRequest(body, encoding, content_type, query)
    return accept(request, limit=MAX_BATCH_BYTES, now=NOW)


def refused(document: object, **more: str) -> tuple[int, str]:
    with pytest.raises(CaptureRejectedError) as caught:
        taken(document, **more)
    return caught.value.status, str(caught.value)


def batch(*events: dict[str, Any], **more: object) -> dict[str, Any]:
    return {"api_key": TOKEN, "batch": list(events), **more}


def test_batch_of_the_sdk_is_taken_with_its_uuids() -> None:
    known = str(uuid.uuid4())
    sent = {**EVENT, "uuid": known, "timestamp": NOW.isoformat(), "properties": {"n": 1}}
    (event,) = taken(batch(sent, historical_migration=False, sent_at=NOW.isoformat()))
    assert (event.uuid, event.distinct_id, event.properties) == (known, "someone", {"n": 1})
    assert event.timestamp == NOW.isoformat()


@pytest.mark.parametrize(
    ("wrap", "encoding", "content_type"),
    [
        (lambda raw: raw, "", "application/json"),
        (gzip.compress, "gzip", "application/json"),
        (gzip.compress, "", "text/plain"),
        (zlib.compress, "deflate", "application/json"),
        (base64.b64encode, "", "application/json"),
        (
            lambda raw: urllib.parse.urlencode({"data": base64.b64encode(raw).decode()}).encode(),
            "",
            "application/x-www-form-urlencoded",
        ),
    ],
    ids=["plain", "gzip", "gzip-unlabelled", "deflate", "base64", "form"],
)
def test_every_packing_of_a_body_is_read(wrap: Any, encoding: str, content_type: str) -> None:  # noqa: ANN401 - a callable of several shapes
    (event,) = taken(wrap(json.dumps(batch(EVENT)).encode()), encoding, content_type)
    assert event.event == "seen"


@pytest.mark.parametrize(
    ("document", "status", "message"),
    [
        ({"api_key": TOKEN, "batch": []}, 400, "request holds no event"),
        ([], 400, "request holds no event"),
        (batch({"distinct_id": "a"}), 400, "event submitted with an empty event name"),
        (batch({"event": "", "distinct_id": "a"}), 400, "event submitted with an empty event name"),
        (batch({"event": "a"}), 400, "event submitted without a distinct_id"),
        (
            batch({"event": "a", "distinct_id": " "}),
            400,
            "event submitted with an empty distinct_id",
        ),
        ({"batch": [EVENT]}, 401, "event submitted without an api_key"),
        (EVENT, 401, "event submitted without an api_key"),
        (
            [{**EVENT, "api_key": "phc_a"}, {**EVENT, "api_key": "phc_b"}],
            401,
            "batch submitted with inconsistent api_key values",
        ),
        ({**EVENT, "api_key": " "}, 401, "API key is not valid: empty"),
        ({**EVENT, "api_key": "x" * 65}, 401, "API key is not valid: too_long"),
        ({**EVENT, "api_key": "ключ"}, 401, "API key is not valid: not_ascii"),
        ({**EVENT, "api_key": "phx_personal"}, 401, "API key is not valid: personal_api_key"),
        ({**EVENT, "api_key": "a\0b"}, 401, "API key is not valid: null_byte"),
    ],
)
def test_refusals_have_the_status_and_words_of_capture(
    document: object, status: int, message: str
) -> None:
    assert refused(document) == (status, message)


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (b"{", ""),
        (b"not json", ""),
        (b'"text"', ""),
        (b'{"api_key": NaN}', ""),
        (b"[" * 100_000, ""),
        (b"\x1f\x8b\x08 broken", "gzip"),
        (gzip.compress(json.dumps(batch(EVENT)).encode(), mtime=0)[:-9], "gzip"),
        (b"{}", "br"),
    ],
)
def test_an_unreadable_body_is_a_bad_request(body: bytes, encoding: str) -> None:
    status, _ = refused(body, encoding=encoding)
    assert status == 400


def test_one_bad_event_refuses_the_whole_batch() -> None:
    assert refused(batch(EVENT, EVENT, {"event": "no one"}))[0] == 400


def test_a_compression_bomb_is_refused_without_unfolding_it() -> None:
    with pytest.raises(CaptureRejectedError) as caught:
        inflate(gzip.compress(b"0" * 1_000_000), "gzip", limit=1000)
    assert caught.value.status == 413


def test_a_body_over_the_limit_is_refused() -> None:
    with pytest.raises(CaptureRejectedError) as caught:
        accept(CaptureRequest(b"x" * 11, "", "", {}), limit=10, now=NOW)
    assert caught.value.status == 413


def test_an_event_over_a_megabyte_is_refused() -> None:
    status, message = refused(batch({**EVENT, "properties": {"big": "x" * MAX_EVENT_BYTES}}))
    assert (status, message) == (400, "maximum event size exceeded")


def test_a_clock_that_is_wrong_is_corrected_by_when_the_batch_was_sent() -> None:
    wrong = NOW + timedelta(days=400)
    event = {**EVENT, "timestamp": (wrong - timedelta(seconds=5)).isoformat()}
    (found,) = taken(batch(event, sent_at=wrong.isoformat()))
    assert datetime.fromisoformat(found.timestamp) == NOW - timedelta(seconds=5)


def test_skew_is_not_corrected_when_the_event_says_so() -> None:
    event = {**EVENT, "timestamp": "2020-01-01T00:00:00Z", "properties": {"$ignore_sent_at": True}}
    (found,) = taken(batch(event, sent_at="2020-01-02T00:00:00Z"))
    assert found.timestamp == "2020-01-01T00:00:00+00:00"


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, NOW),
        ({"timestamp": "yesterday"}, NOW),
        ({"offset": 2000}, NOW - timedelta(seconds=2)),
        ({"offset": 1e300}, NOW),
        ({"timestamp": "2026-11-23T12:00:00"}, datetime(2026, 11, 23, 12, tzinfo=UTC)),
    ],
)
def test_time_of_an_event_without_a_full_timestamp(
    more: dict[str, Any], expected: datetime
) -> None:
    (found,) = taken(batch({**EVENT, **more}))
    assert datetime.fromisoformat(found.timestamp) == expected


def test_set_moves_into_the_properties() -> None:
    (found,) = taken(batch({**EVENT, "event": "$set", "$set": {"plan": "pro"}}))
    assert found.properties == {"$set": {"plan": "pro"}}


def test_a_malformed_uuid_is_replaced() -> None:
    (found,) = taken(batch({**EVENT, "uuid": "not one"}))
    assert str(uuid.UUID(found.uuid)) == found.uuid


def test_a_long_distinct_id_is_shortened() -> None:
    (found,) = taken(batch({**EVENT, "distinct_id": "x" * 500}))
    assert len(found.distinct_id) == 200


def test_half_of_a_surrogate_pair_is_replaced() -> None:
    (found,) = taken(b'{"api_key":"phc_a","event":"a","distinct_id":"b\\ud83d","properties":{}}')
    assert found.distinct_id == "b\ufffd"
    assert taken(b'{"api_key":"phc_a","event":"\\ud83d\\ude00","distinct_id":"b"}')[0].event == "😀"


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(JSON_VALUES)
def test_any_json_is_taken_or_refused_and_never_breaks(document: object) -> None:
    body = json.dumps(document).encode()
    refusal = None
    try:
        found = accept(CaptureRequest(body, "", "", {}), limit=MAX_BATCH_BYTES, now=NOW)
    except CaptureRejectedError as error:
        refusal = error.status
    assert refusal in {400, 401, 413} if refusal else found


@given(st.dictionaries(st.text(), JSON_VALUES, max_size=4), st.text(min_size=1))
def test_an_event_survives_the_queue_and_becomes_a_row(
    properties: dict[str, Any], distinct_id: str
) -> None:
    body = json.dumps(batch({**EVENT, "distinct_id": distinct_id + "!", "properties": properties}))
    (found,) = taken(body.encode())
    again = CapturedEvent.from_json(found.to_json())
    assert again == found
    row = store_row(again, 1, NOW)
    json.dumps(row, ensure_ascii=False).encode()
    assert len(row["property_keys"]) == len(row["property_values"])
    assert row["timestamp"] == 1_795_435_200_123_456


@given(st.text(max_size=80))
def test_a_token_is_trimmed_or_refused(token: str) -> None:
    refusal = None
    valid = ""
    try:
        valid = validate_token(token)
    except CaptureRejectedError as error:
        refusal = error.status
    usable = 0 < len(valid) <= 64 and valid == token.strip() and not valid.startswith("phx_")
    assert usable if refusal is None else refusal == 401
