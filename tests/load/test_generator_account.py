"""Every arrival is accounted for: sent or dropped, and what was sent has ended.

The real Locust, against a server that answers in ways that are easy to lose count of.
"""

import itertools
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml

from clusterproof.outcome import ExitCode
from clusterproof.redact import MASK
from tests.load.generator import HANGS_S, PROJECT, Ended, load_spec
from tests.observe.loopback import Reply, Request, served

PLANNED = 120
MODELS: dict[str, Any] = {"models": []}


class Router:
    """Answers right, and each `every`-th time with something else."""

    def __init__(self, other: Reply, every: int = 8) -> None:
        """Nothing was asked yet."""
        self.other, self.every = other, every
        self.numbers = itertools.count(1)
        self.asked = 0

    def answer(self, request: Request) -> Reply:
        """One request."""
        del request
        number = self.asked = next(self.numbers)
        return Reply(body=MODELS) if number % self.every else self.other


def _counted(ended: Ended) -> tuple[int, int, int, int]:
    """Started, dropped, right, wrong or missing."""
    account = ended.account
    rows = account["names"].values()
    wrong = sum(sum(r["failed"].values()) + sum(r["unanswered"].values()) for r in rows)
    return account["started"], account["dropped"], sum(row["ok"] for row in rows), wrong


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("null", "expected a JSON object, got null"),
        ('"no models here"', "expected a JSON object, got a string"),
    ],
)
def test_an_answer_that_is_none_of_the_api_is_a_failure(
    tmp_path: Path, content: str, reason: str
) -> None:
    """`null` once was a traceback and no request at all; a string with the word in it was right."""
    router = Router(Reply(body=content))
    with served(router.answer) as host:
        ended = Ended(tmp_path / "out", load_spec(tmp_path), "--host", host)
    assert ended.code == ExitCode.FAILED, ended.text
    assert _counted(ended) == (PLANNED, 0, PLANNED - 15, 15)
    assert ended.account["names"]["list-models"]["failed"] == {reason: 15}
    assert ended.outcome_of("answers") == "failed"
    assert "Traceback" not in ended.text


class Dripping(BaseHTTPRequestHandler):
    """One answer of eight comes a byte at a time: each read is in time, the answer is not."""

    numbers: ClassVar[Any] = itertools.count(1)
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """One answer."""
        body = b'{"models": []}'
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        slowly = next(self.numbers) % 8 == 0
        for byte in body:
            if slowly:
                threading.Event().wait(1.5)
            try:
                self.wfile.write(bytes([byte]))
            except OSError:
                self.close_connection = True
                return

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_the_deadline_is_of_the_whole_answer(tmp_path: Path) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Dripping)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        spec = load_spec(tmp_path, callers=60, timeout_s=6)
        ended = Ended(tmp_path / "out", spec, "--host", f"http://127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        server.server_close()
    assert ended.code == ExitCode.FAILED, ended.text
    assert _counted(ended) == (PLANNED, 0, PLANNED - 15, 15)
    assert ended.account["names"]["list-models"]["unanswered"] == {"Timeout": 15}


def test_requests_that_are_never_answered_are_failures(tmp_path: Path) -> None:
    router = Router(Reply(body=MODELS, after_s=HANGS_S))
    with served(router.answer) as host:
        spec = load_spec(tmp_path, callers=60, timeout_s=6)
        ended = Ended(tmp_path / "out", spec, "--host", host)
    assert ended.code == ExitCode.FAILED, ended.text
    assert _counted(ended) == (PLANNED, 0, PLANNED - 15, 15)


def test_a_target_that_is_overwhelmed_has_failed_and_the_generator_has_not(tmp_path: Path) -> None:
    """Eight callers that wait 0.8 s for each answer cannot send 40 a second."""
    router = Router(Reply(body=MODELS, after_s=0.8), every=1)
    with served(router.answer) as host:
        limits = {"p50_ms": 100, "p95_ms": 200, "p99_ms": 500, "failure_ratio": 0}
        spec = load_spec(tmp_path, drop_after_s=0.5, objectives=limits)
        ended = Ended(tmp_path / "out", spec, "--host", host)
    started, dropped, _, _ = _counted(ended)
    assert started + dropped == PLANNED
    assert dropped > PLANNED / 4
    assert ended.outcome_of("generator-rate") == "passed"
    assert ended.outcome_of("answers") == "failed"
    assert ended.code == ExitCode.FAILED, ended.text
    assert f"{dropped} x never sent: every caller still waited" in str(ended.record["findings"])


def test_a_target_that_refuses_all_has_failed_when_the_breaker_ends_the_run(tmp_path: Path) -> None:
    router = Router(Reply(503, {"error": "no"}), every=1)
    spec = load_spec(tmp_path, shapes={"long": [{"rate": 40, "for_s": 60}]})
    with served(router.answer) as host:
        ended = Ended(tmp_path / "out", spec, "--host", host)
    assert ended.code == ExitCode.FAILED, ended.text
    assert ended.outcome_of("target-collapsed") == "failed"
    started, _, _, wrong = _counted(ended)  # a busy machine drops some before the run is ended
    assert started == wrong
    assert started < 500


def test_a_redirect_is_not_followed(tmp_path: Path) -> None:
    """Not even to where nothing is refused: what was asked for is the load on one host."""
    elsewhere = Router(Reply(body=MODELS))
    with served(elsewhere.answer) as other:
        moved = Router(Reply(308, MODELS, {"location": f"{other}/secret-path"}))
        with served(moved.answer) as host:
            ended = Ended(tmp_path / "out", load_spec(tmp_path), "--host", host)
    assert elsewhere.asked == 0
    assert ended.code == ExitCode.FAILED, ended.text
    reason = "HTTP 308 to http://127.0.0.1, which is not followed"
    assert ended.account["names"]["list-models"]["failed"] == {reason: 15}


def test_a_slash_at_the_end_of_the_host_is_no_part_of_it(tmp_path: Path) -> None:
    router = Router(Reply(body=MODELS))
    with served(router.answer) as host:
        ended = Ended(tmp_path / "out", load_spec(tmp_path), "--host", f"{host}/")
    assert ended.code == ExitCode.PASSED, ended.text
    assert _counted(ended) == (PLANNED, 0, PLANNED, 0)
    assert router.asked == PLANNED


def test_what_an_answer_says_is_redacted_in_the_account_and_counted(tmp_path: Path) -> None:
    """A reason quotes the answer; two that become the same by it are counted together."""
    spec = load_spec(tmp_path, mix={"route-cheapest": 1})
    model = yaml.safe_load(spec.read_text("utf-8"))["scenarios"]["router"]["models"][0]
    tokens = ["glpat-" + part * 4 for part in ("a1B2x", "c3D4y")]  # made up
    wrong = itertools.cycle(tokens)
    numbers = itertools.count(1)

    def answer(_request: Request) -> Reply:
        # Few enough that the breaker lets the run come to its end.
        variant = None if next(numbers) % 8 else next(wrong)
        return Reply(body={"model_id": model, "variant_id": variant})

    with served(answer) as host:
        ended = Ended(tmp_path / "out", spec, "--host", host)
    assert ended.code == ExitCode.FAILED, ended.text
    written = (tmp_path / "out" / "account.json").read_text("utf-8")
    assert not [token for token in tokens if token in written]
    assert _counted(ended) == (PLANNED, 0, 105, 15)
    failed = ended.account["names"]["route-cheapest"]["failed"]
    assert failed == {f"is_ab_test None, variant '{MASK}'": 15}


def test_locusts_own_options_bound_the_plan_and_the_callers(tmp_path: Path) -> None:
    """-t cuts it, and -u is how many callers there are: 40 a second for one second, by three."""
    router = Router(Reply(body=MODELS))
    with served(router.answer) as host:
        options = ("--host", host, "-t", "1s", "-u", "3", "-r", "3")
        ended = Ended(tmp_path / "out", load_spec(tmp_path), *options)
    assert _counted(ended)[0] == 40, ended.text
    assert ended.record["duration_s"] == 1
    assert ended.record["is_cut"]
    assert "ignored" not in ended.text
    assert "3 users" in ended.text or '"RouterCaller": 3' in ended.text


def test_a_run_time_beyond_the_plan_cuts_nothing(tmp_path: Path) -> None:
    """Its runs are of the same series of the history as those without one."""
    router = Router(Reply(body=MODELS))
    with served(router.answer) as host:
        ended = Ended(tmp_path / "out", load_spec(tmp_path), "--host", host, "-t", "1h")
    assert _counted(ended)[0] == PLANNED, ended.text
    assert not ended.record["is_cut"]


def _asked(folder: Path, *options: str) -> tuple[list[str], int]:
    """Which users a run asked for, and the seed in its record."""
    users: list[str] = []

    def answer(request: Request) -> Reply:
        users.append(str(request.json()["user_id"]))
        return Reply(body={"model_id": "gpt-4o", "is_ab_test": False})

    with served(answer) as host:
        spec = load_spec(folder, mix={"route-cheapest": 1})
        ended = Ended(folder / "out", spec, "--host", host, *options)
    return sorted(users), ended.record["seed"]


def test_each_run_has_a_seed_of_its_own_and_repeats_with_it(tmp_path: Path) -> None:
    """The same users in each run would make a split that is wrong by chance wrong for ever."""
    folders = [tmp_path / name for name in "abc"]
    for folder in folders:
        folder.mkdir()
    first, seed = _asked(folders[0])
    second, other = _asked(folders[1])
    assert first != second
    assert seed != other
    assert _asked(folders[2], "--seed", str(seed)) == (first, seed)


def test_a_moment_is_no_reading_of_the_cpu() -> None:
    """The kernel counts in ticks of 10 ms: one of them in 3 ms would be three cores."""
    script = (
        "from types import SimpleNamespace as N\n"
        "from clusterproof.load.account import Account\n"
        "from loadtests.health import Health\n"
        "lane = N(account=Account())\n"
        "health = Health(lane, None, goes_on=None, trip=None)\n"
        "[health.read_cpu() for _ in range(50)]\n"
        "print(len(lane.account.cpu))\n"
    )
    command = [sys.executable, "-c", script]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, cwd=PROJECT)  # noqa: S603 - our own argv
    assert ended.stdout.strip() == "1"


def test_a_watch_of_the_generator_that_dies_is_said() -> None:
    """Without it nobody would know how busy it was, or whether it lagged."""
    script = (
        "import gevent\n"
        "from types import SimpleNamespace as N\n"
        "from clusterproof.load.account import Account\n"
        "from loadtests.health import Health\n"
        "lane = N(account=Account())\n"
        "Health(lane, None, goes_on=lambda: 1 / 0, trip=None).watch()\n"
        "gevent.sleep(0.1)\n"
        "print(dict(lane.account.faults))\n"
    )
    command = [sys.executable, "-c", script]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, cwd=PROJECT)  # noqa: S603 - our own argv
    assert "our own watch died: ZeroDivisionError: division by zero': 3" in ended.stdout
