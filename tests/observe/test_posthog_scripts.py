"""The scripts that run inside a Pod, run here against a server on loopback."""

import json
import math
from collections.abc import Callable, Iterator
from typing import Any, Literal

import pytest

from clusterproof.checks.flag import FlagRow, ask_flag
from clusterproof.checks.ingestion import FIGURES, IngestionRow
from clusterproof.errors import ObservationError
from clusterproof.observe.inside import Inside
from clusterproof.product.posthog.ingestion import SCRIPT, EventBatch, read_back, send_events
from clusterproof.product.posthog.status import read_page
from clusterproof.spec.row import Area, Expectation
from clusterproof.spec.settings import PosthogSettings
from tests.judging import doubt
from tests.observe.loopback import PROJECT_KEY, PosthogStandIn, settings_of, with_keys


@pytest.fixture
def posthog() -> PosthogStandIn:
    """Answers as PostHog does, until a test gives it a fault."""
    return PosthogStandIn()


@pytest.fixture
def settings(posthog: PosthogStandIn) -> Iterator[PosthogSettings]:
    """The stand-in, listening."""
    with settings_of(posthog, events=40, late_after_s=1.0) as given:
        yield given


@pytest.fixture
def pod() -> Inside:
    """An interpreter of this machine in place of one in a Pod."""
    return Inside(with_keys, "here", "a process")


def _figures(batch: EventBatch) -> dict[str, Any]:
    return {name: figure(batch) for name, figure in FIGURES.items()}


def test_a_sound_instance_gives_every_event_back(
    posthog: PosthogStandIn, settings: PosthogSettings, pod: Inside
) -> None:
    batch = send_events(pod, settings, "r1")
    found = _figures(batch)
    lag = found.pop("lag_p95_s")
    assert found == {
        "accepted": 1.0,
        "durable": 1.0,
        "lost": 0,
        "duplicate": 0,
        "altered": 0,
        "late": 0,
    }
    assert 0 < lag < 1.0
    assert batch.reading.unseen == ""
    assert len({event["distinct_id"] for _, event in posthog.stored}) == 40


def test_each_fault_shows_in_its_own_figure(
    posthog: PosthogStandIn, settings: PosthogSettings, pod: Inside
) -> None:
    def spoil(event: dict[str, Any]) -> None:
        if event["properties"]["index"] % 10 == 1:
            event["properties"]["share"] = str(event["properties"]["share"])

    posthog.lose = lambda index: index % 10 == 3
    posthog.twice = lambda index: index % 20 == 5
    posthog.spoil = spoil
    found = _figures(send_events(pod, settings, "r2"))
    assert found["accepted"] == 1.0
    assert found["durable"] == 0.9
    assert found["lost"] == 4
    assert found["duplicate"] == 2
    assert found["altered"] == 4


def _as_posthog_writes(event: dict[str, Any]) -> None:
    """A number as capture (Rust) reads it and ingestion (JavaScript) writes it."""
    share = math.nextafter(event["properties"]["share"], math.inf)
    event["properties"]["share"] = round(share) if share < 1e-9 or share % 1 < 1e-9 else share


@pytest.mark.parametrize(
    ("spoil", "altered"),
    [
        (_as_posthog_writes, 0),
        (lambda event: event["properties"].update(share=event["properties"]["share"] + 1e-9), 40),
        (lambda event: event["properties"].update(share=bool(event["properties"]["share"])), 40),
        (lambda event: event["properties"].update(even=int(event["properties"]["even"])), 40),
    ],
    ids=["PostHog's own", "another number", "a truth value", "a number for a truth value"],
)
def test_a_number_that_posthog_writes_otherwise_is_not_altered(
    posthog: PosthogStandIn,
    settings: PosthogSettings,
    pod: Inside,
    spoil: Callable[[dict[str, Any]], None],
    altered: int,
) -> None:
    posthog.spoil = spoil
    assert _figures(send_events(pod, settings, "r9"))["altered"] == altered


def test_a_slow_instance_is_late(
    posthog: PosthogStandIn, settings: PosthogSettings, pod: Inside
) -> None:
    posthog.slow_s = 1.2
    found = _figures(send_events(pod, settings, "r3"))
    assert found["durable"] == 1.0
    assert found["late"] == 40
    assert found["lag_p95_s"] > 1.2


def test_a_refusal_of_capture_is_not_accepted_and_tells_no_key(
    posthog: PosthogStandIn, settings: PosthogSettings, pod: Inside
) -> None:
    posthog.capture_status = 401
    batch = send_events(pod, settings, "r4")
    found = _figures(batch)
    assert (found["accepted"], found["durable"], found["lost"]) == (0.0, 0.0, 0)
    assert found["lag_p95_s"] is None
    assert "401" in batch.events[0].error
    assert PROJECT_KEY not in repr(batch)


@pytest.mark.parametrize(("status", "why"), [(401, "personal API key"), (429, "rate of queries")])
def test_a_refused_query_is_no_finding(
    posthog: PosthogStandIn, settings: PosthogSettings, pod: Inside, status: int, why: str
) -> None:
    posthog.query_status = status
    batch = send_events(pod, settings, "r5")
    assert why in doubt(_row("durable"), batch)
    assert doubt(_row("accepted"), batch) == ""


def test_a_query_endpoint_that_is_down_is_no_finding(
    posthog: PosthogStandIn, settings: PosthogSettings, pod: Inside
) -> None:
    posthog.query_status = 503
    batch = send_events(pod, settings, "r6")
    assert "HogQL did not answer: 503" in doubt(_row("lost"), batch)


def test_an_answer_from_a_cache_is_no_proof_of_a_loss(
    posthog: PosthogStandIn, settings: PosthogSettings, pod: Inside
) -> None:
    posthog.lose, posthog.cached = lambda _: True, True
    assert "from a cache" in doubt(_row("lost"), send_events(pod, settings, "r7"))


def test_no_two_queries_are_the_same(
    posthog: PosthogStandIn, settings: PosthogSettings, pod: Inside
) -> None:
    posthog.slow_s = 1.2
    send_events(pod, settings, "r8")
    assert len(posthog.queries) == len(set(posthog.queries)) > 2


def test_events_are_read_back_by_uuid(settings: PosthogSettings, pod: Inside) -> None:
    sent = send_events(pod, settings, "r9").events
    asked = [sent[0].uuid, sent[7].uuid]
    stored, reading = read_back(pod, settings, asked, ["index", "absent"])
    assert sorted(stored) == sorted(asked)
    assert stored[sent[7].uuid].properties == {"index": 7, "absent": None}
    assert reading.unseen == ""


def test_nothing_to_read_back_asks_nothing(settings: PosthogSettings, pod: Inside) -> None:
    stored, reading = read_back(pod, settings, [], ["index"])
    assert stored == {}
    assert reading.unseen == "HogQL did not answer: no uuid to ask for"


@pytest.mark.parametrize(
    ("flag", "found"),
    [
        ({"enabled": True, "variant": "control"}, ("control", True)),
        ({"enabled": True, "variant": None}, (None, True)),
        (None, (None, False)),
    ],
)
def test_a_flag_is_asked_twice_for_each_user(
    posthog: PosthogStandIn,
    settings: PosthogSettings,
    pod: Inside,
    flag: dict[str, Any] | None,
    found: tuple[str | None, bool],
) -> None:
    posthog.flag = flag
    row = FlagRow(
        id="f",
        area=Area.INGESTION,
        claim="it evaluates",
        source="test",
        check="flag",
        flag="the-flag",
        variants=("control",),
    )
    answers = ask_flag(pod, settings, row, ["u1", "u2"]).value
    assert [one.user for one in answers] == ["u1", "u2", "u1", "u2"]
    assert {(one.variant, one.found) for one in answers} == {found}


def test_the_status_page_is_read_with_our_own_measurements(
    posthog: PosthogStandIn, settings: PosthogSettings, pod: Inside
) -> None:
    page = read_page(pod, settings)
    assert page.lines == {"db_alive": True}
    assert page.events_last_hour == 0
    assert len(page.query_s) == 3
    posthog.query_status = 403
    assert read_page(pod, settings).query_error.startswith("403")


def test_an_answer_that_is_no_json_is_an_observation_error() -> None:
    broken = Inside(lambda _argv, _within_s: json.dumps([1]), "here", "a process")
    with pytest.raises(ObservationError, match="expected a JSON object"):
        broken.ask(SCRIPT, {}, within_s=1.0)


def _row(figure: Literal["accepted", "durable", "lost"]) -> IngestionRow:
    return IngestionRow(
        id="i",
        area=Area.INGESTION,
        claim="it arrives",
        source="test",
        check="ingestion",
        figure=figure,
        expect=Expectation(equals=0),
    )
