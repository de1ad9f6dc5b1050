"""Version 1 capture: one verdict for each event."""

import json
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from testbed.posthog.posthog_reference.capture_v1 import Verdicts, bearer, judge_batch
from testbed.posthog.posthog_reference.errors import CaptureRejectedError

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
KNOWN = str(uuid.uuid4())
EVENT = {
    "event": "seen",
    "uuid": KNOWN,
    "distinct_id": "someone",
    "timestamp": "2026-11-23T11:59:59+00:00",
    "options": {"process_person_profile": False},
    "properties": {"n": 1},
}


def judged(*events: dict[str, Any], **more: object) -> Verdicts:
    document = {"created_at": NOW.isoformat(), "batch": list(events), **more}
    return judge_batch(json.dumps(document).encode(), "phc_a", "posthog-python/7.91.1", NOW)


def test_a_good_event_is_ok_and_gets_library_and_options_as_properties() -> None:
    verdicts = judged(EVENT)
    assert verdicts.results == {KNOWN: {"result": "ok"}}
    assert verdicts.accepted[0].properties == {
        "$lib": "posthog-python",
        "$lib_version": "7.91.1",
        "n": 1,
        "$process_person_profile": False,
    }
    assert verdicts.accepted[0].timestamp == EVENT["timestamp"]


@pytest.mark.parametrize(
    ("change", "details"),
    [
        ({"distinct_id": ""}, "event submitted with an empty distinct_id"),
        ({"event": ""}, "event submitted with an empty event name"),
        ({"timestamp": "soon"}, "invalid timestamp"),
        ({"properties": [1]}, "properties and options should be objects"),
    ],
)
def test_a_bad_event_is_dropped_and_its_neighbour_is_not(
    change: dict[str, Any], details: str
) -> None:
    other = str(uuid.uuid4())
    verdicts = judged({**EVENT, **change}, {**EVENT, "uuid": other})
    assert verdicts.results[KNOWN] == {"result": "drop", "details": details}
    assert verdicts.results[other] == {"result": "ok"}
    assert [event.uuid for event in verdicts.accepted] == [other]


@pytest.mark.parametrize("event", [{**EVENT, "uuid": "x"}, {**EVENT, "uuid": 1}, {}])
def test_an_event_without_a_uuid_refuses_the_batch(event: dict[str, Any]) -> None:
    with pytest.raises(CaptureRejectedError, match="uuid"):
        judged(event)


@pytest.mark.parametrize("more", [{"batch": []}, {"batch": None}, {"created_at": "never"}])
def test_a_wrong_envelope_is_a_bad_request(more: dict[str, Any]) -> None:
    with pytest.raises(CaptureRejectedError) as caught:
        judged(EVENT, **more)
    assert caught.value.status == 400


@pytest.mark.parametrize("header", ["", "Basic x", "Bearer ", "Bearer phx_personal"])
def test_authorization_needs_a_project_token(header: str) -> None:
    with pytest.raises(CaptureRejectedError) as caught:
        bearer(header)
    assert caught.value.status == 401
