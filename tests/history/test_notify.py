"""The webhook: what is said, how often it is tried, and what is never said."""

import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any

import pytest

from clusterproof.errors import SpecError
from clusterproof.history.compare import compare
from clusterproof.notify.message import message, worth_telling
from clusterproof.notify.webhook import NotDeliveredError, post
from clusterproof.outcome import Outcome
from tests.history.nights import night
from tests.report.samples import records, row

SECRET_PATH = "/services/T000/B000/not-to-be-shown"  # noqa: S105 - a made up one

Answer = tuple[int, dict[str, str]] | None


class Receiver:
    """A webhook on loopback: keeps what it was sent, and answers as it was told, in order."""

    def __init__(self) -> None:
        """Bind a free port; nothing is answered before `serving`."""
        self.answers: list[Answer] = []
        self.received: list[Any] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            """One post."""

            def do_POST(self) -> None:
                """Keep the body, answer as told; None drops the connection."""
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.received.append(json.loads(body))
                answer = receiver.answers.pop(0) if receiver.answers else (200, {})
                if answer is None:
                    self.close_connection = True
                    return
                self.send_response(answer[0])
                for name, text in answer[1].items():
                    self.send_header(name, text)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}{SECRET_PATH}"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


def quick(url: str, payload: dict[str, Any], within_s: float = 2.0) -> int:
    """Posts made until the message was taken."""
    return post(url, payload, within_s=within_s, every_s=0.02)


def test_message_arrives_as_it_was_sent(receiver: Receiver) -> None:
    payload = message(records()["mixed"])
    assert quick(receiver.url, payload) == 1
    assert receiver.received == [payload]


@pytest.mark.parametrize(
    "answers",
    [
        pytest.param([(500, {}), (503, {})], id="server-errors"),
        pytest.param([None, None], id="dropped-connections"),
        pytest.param([(429, {"Retry-After": "0"}), (429, {})], id="too-many"),
    ],
)
def test_passing_fault_is_tried_again(receiver: Receiver, answers: list[Answer]) -> None:
    receiver.answers = answers.copy()
    url = receiver.url
    attempts = post(url, {"text": "x"}, within_s=10, every_s=0.02)
    assert attempts == 3
    assert len(receiver.received) == 3


@pytest.mark.parametrize("status", [301, 400, 403, 404, 410])
def test_refusal_is_final(receiver: Receiver, status: int) -> None:
    receiver.answers = [(status, {"Location": "http://127.0.0.1:9/elsewhere"})]
    with pytest.raises(NotDeliveredError, match=f"observed status {status} after 1 posts"):
        quick(receiver.url, {"text": "x"})
    assert len(receiver.received) == 1


def test_retry_after_is_kept(receiver: Receiver) -> None:
    receiver.answers = [(429, {"Retry-After": "30"})]
    ticks = count(step=5)
    told = post(
        receiver.url,
        {"text": "x"},
        within_s=60,
        every_s=0.01,
        clock=lambda: float(next(ticks)),
        sleep=lambda _: None,
    )
    assert told == 2
    assert next(ticks) >= 35


def test_attempts_end_and_the_address_is_not_shown(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.answers = [(500, {})] * 1000
    caplog.set_level(logging.INFO)
    with pytest.raises(NotDeliveredError) as refusal:
        quick(receiver.url, {"text": "x"}, within_s=0.3)
    assert 2 <= len(receiver.received) <= 20
    shown = f"{refusal.value!r} {refusal.value.__cause__!r} {caplog.text}"
    assert "not-to-be-shown" not in shown
    assert "127.0.0.1" in str(refusal.value)


@pytest.mark.parametrize("url", ["", "hooks.slack.com/x/not-to-be-shown", "file:///etc/passwd"])
def test_what_is_no_webhook_is_refused_unshown(url: str) -> None:
    with pytest.raises(SpecError, match="expected an http or https URL") as refusal:
        post(url, {"text": "x"})
    assert "not-to-be-shown" not in str(refusal.value)


def texts(payload: dict[str, Any]) -> list[str]:
    return [payload["text"], *(block["text"]["text"] for block in payload["blocks"])]


@pytest.mark.parametrize("name", records())
def test_message_stays_within_the_limits(name: str) -> None:
    payload = message(records()[name], link="https://reports.example.com/x")
    assert len(payload["blocks"]) <= 50
    assert len(payload["blocks"][0]["text"]["text"]) <= 150
    assert all(0 < len(text) <= 3000 for text in texts(payload))
    assert len(json.dumps(payload).encode()) < 40_000


def test_message_names_what_is_new() -> None:
    before, after = night(0, row(1), row(2)), night(1, row(1, Outcome.FAILED), row(2))
    said = "\n".join(texts(message(after, comparison=compare(before, after))))
    assert "❌ testbed: 1 of 2 rows differs from the spec." in said
    assert "*New:* `row-001-replicas`" in said
    assert "expected 3 ready replicas, observed 2 ready replicas" in said


def test_value_cannot_mention_or_link() -> None:
    said = message(night(0, row(1, Outcome.FAILED, observed="<!channel> <https://evil|x>")))
    assert not any("<!" in text or "<http" in text for text in texts(said))


@pytest.mark.parametrize(
    ("before", "after", "worth"),
    [
        (Outcome.PASSED, Outcome.PASSED, False),
        (Outcome.FAILED, Outcome.PASSED, True),
        (Outcome.PASSED, Outcome.FAILED, True),
        (Outcome.FAILED, Outcome.FAILED, True),
        (Outcome.PASSED, Outcome.INCONCLUSIVE, True),
    ],
)
def test_only_an_unchanged_pass_is_kept_quiet(
    before: Outcome, after: Outcome, *, worth: bool
) -> None:
    first, second = night(0, row(1, before)), night(1, row(1, after))
    assert worth_telling(second, compare(first, second)) is worth
