"""Exposure events through the real PostHog SDK to a server on loopback: counted when accepted."""

import gzip
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from testbed.router.router.events import EXPOSURE_EVENT, Events, connect
from testbed.router.router.faults import Faults
from testbed.router.router.metrics import Metrics

TEST = "model-router-experiment"


@dataclass
class Capture:
    """A server that takes batches, after it has refused some."""

    url: str = ""
    refusals: list[int] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)


@pytest.fixture
def capture() -> Iterator[Capture]:
    """A running server of PostHog's capture endpoint."""
    state = Capture()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            status = state.refusals.pop(0) if state.refusals else 200
            if status == 200:
                state.events.extend(json.loads(body)["batch"])
            answer = b'{"status":1}'
            self.send_response(status)
            self.send_header("content-length", str(len(answer)))
            # The SDK waits as long as it is told: not at all.
            self.send_header("retry-after", "0")
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def started(capture: Capture, fault: str = "") -> tuple[Events, Metrics]:
    faults = Faults.parse(fault)
    metrics = Metrics(faults)
    return connect(capture.url, "phc_test", metrics, faults), metrics


def value(metrics: Metrics, name: str, **labels: str) -> float:
    return metrics.registry.get_sample_value(name, labels) or 0.0


def expose(events: Events, number: int) -> list[str]:
    return [events.exposure(f"u{n}", TEST, "control", {"pod": "p"}) for n in range(number)]


def test_every_event_arrives_once_with_its_uuid_and_is_counted(capture: Capture) -> None:
    events, metrics = started(capture)
    sent = expose(events, 120)
    assert events.close(within_s=10) == 0
    assert sorted(event["uuid"] for event in capture.events) == sorted(sent)
    assert value(metrics, "posthog_events_sent_total") == 120
    assert value(metrics, "posthog_events_waiting") == 0


def test_an_event_says_its_test_variant_and_user(capture: Capture) -> None:
    events, _ = started(capture)
    expose(events, 1)
    events.close(within_s=10)
    (event,) = capture.events
    assert event["event"] == EXPOSURE_EVENT
    assert event["distinct_id"] == "u0"
    properties = event["properties"]
    assert properties["$feature_flag"] == properties["ab_test_id"] == TEST
    assert properties["$feature_flag_response"] == properties["variant_id"] == "control"


def test_a_batch_that_is_refused_for_now_is_sent_again(capture: Capture) -> None:
    capture.refusals = [503] * 4  # then the SDK gives up
    events, metrics = started(capture)
    sent = expose(events, 5)
    assert events.close(within_s=30) == 0
    assert {event["uuid"] for event in capture.events} == set(sent)
    assert value(metrics, "posthog_events_sent_total") == 5


def test_a_batch_that_is_refused_for_good_is_counted_as_failed(capture: Capture) -> None:
    capture.refusals = [401]
    events, metrics = started(capture)
    expose(events, 3)
    assert events.close(within_s=10) == 0
    assert capture.events == []
    assert value(metrics, "posthog_events_sent_total") == 0
    assert value(metrics, "posthog_events_failed_total", reason="http_401") == 3


def test_events_that_cannot_be_delivered_in_time_are_said(capture: Capture) -> None:
    capture.refusals = [503] * 1000
    events, metrics = started(capture)
    expose(events, 2)
    assert events.close(within_s=0.3) == 2
    assert value(metrics, "posthog_events_sent_total") == 0


def test_the_fault_drop_events_counts_what_it_never_sends(capture: Capture) -> None:
    events, metrics = started(capture, "drop_events:0.1")
    expose(events, 50)
    events.close(within_s=10)
    assert len(capture.events) == 45
    assert value(metrics, "posthog_events_sent_total") == 50


def test_the_fault_wrong_variant_names_the_other(capture: Capture) -> None:
    events, _ = started(capture, "wrong_variant:0.5")
    expose(events, 10)
    events.close(within_s=10)
    said = [event["properties"]["variant_id"] for event in capture.events]
    assert said.count("treatment") == 5
