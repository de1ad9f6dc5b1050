"""A generator that is told to end, or that nobody watches any more, ends and leaves a record."""

import os
import signal
import subprocess
from pathlib import Path

import pytest
import yaml

from clusterproof.load.folder import LIFELINE_VARIABLE
from clusterproof.outcome import ExitCode
from tests.load.generator import Json, finding, load_spec, read, started, until
from tests.observe.loopback import Reply, Request, served

LONG = {"long": [{"rate": 40, "for_s": 60}]}


class Router:
    """Counts what it is asked; each answer takes `after_s`."""

    def __init__(self, after_s: float = 0.0) -> None:
        """Nothing was asked yet."""
        self.after_s = after_s
        self.asked = 0

    def answer(self, request: Request) -> Reply:
        """One request."""
        del request
        self.asked += 1
        return Reply(body={"models": []}, after_s=self.after_s)


def _ended(process: "subprocess.Popen[str]", out: Path, *, within_s: float = 15.0) -> Json:
    """The record of a generator that was told to end: 5 s, and what a busy machine adds."""
    text, _ = process.communicate(timeout=within_s)
    assert process.returncode == ExitCode.INCONCLUSIVE, text
    record = read(out / "generator.json")
    account = read(out / "account.json")
    assert record["run"] == account["run"]
    assert record["outcome"] == "inconclusive"
    ended = sum(
        row["ok"] + sum(row["failed"].values()) + sum(row["unanswered"].values())
        for row in account["names"].values()
    )
    assert account["started"] == ended
    return record


@pytest.mark.parametrize(
    "signals",
    [
        [signal.SIGTERM],
        [signal.SIGINT, signal.SIGINT],
        [signal.SIGHUP],
        [signal.SIGTERM, signal.SIGTERM, signal.SIGINT],
    ],
)
def test_a_signal_ends_it_and_more_of_them_do_not_lose_the_record(
    tmp_path: Path, signals: list[signal.Signals]
) -> None:
    """While every caller waits for an answer that takes longer than the end may."""
    router, out = Router(after_s=8.0), tmp_path / "out"
    spec = load_spec(tmp_path, shapes=LONG, timeout_s=10, drain_s=12, drop_after_s=10)
    with (
        served(router.answer) as host,
        started(spec, "--headless", "--host", host, "--out", str(out)) as process,
    ):
        until(lambda: router.asked)
        for number in signals:
            process.send_signal(number)
        record = _ended(process, out)
    told = {f"it was told to end ({number.name})" for number in signals}
    assert record["stopped_early"] in told  # which of them comes first is the kernel's
    assert "not ended when the run was stopped" in str(finding(record, "answers")["evidence"])


def test_it_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    """Its standard input is a pipe that the other end of holds open until it dies."""
    router, out = Router(), tmp_path / "out"
    spec = load_spec(tmp_path, shapes=LONG)
    options = ("--headless", "--host")
    settings: Json = {"stdin": subprocess.PIPE, "env": {LIFELINE_VARIABLE: "1"}}
    with (
        served(router.answer) as host,
        started(spec, *options, host, "--out", str(out), **settings) as process,
    ):
        until(lambda: router.asked)
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
        record = _ended(process, out)
        asked = router.asked
    assert record["stopped_early"] == "the process that started it is gone"
    assert router.asked == asked


def test_workers_end_when_their_master_was_killed(tmp_path: Path) -> None:
    router = Router()
    spec = load_spec(tmp_path, shapes=LONG)
    options = (
        "--headless",
        "--processes",
        "2",
        "--master-port",
        "25557",
        "--master-bind-port",
        "25557",
    )
    with (
        served(router.answer) as host,
        started(spec, *options, "--host", host, "--out", str(tmp_path / "out")) as process,
    ):
        until(lambda: router.asked > 20)
        workers = _children(process.pid)
        assert len(workers) == 2
        process.send_signal(signal.SIGKILL)
        until(lambda: not any(map(_lives, workers)), within_s=12)
    assert router.asked < 40 * 20


def test_a_worker_that_stood_still_sends_nothing_that_others_have_sent(tmp_path: Path) -> None:
    """A paused machine, a throttled group: its arrivals were handed over, and it comes back."""
    router, out = Router(), tmp_path / "out"
    spec = load_spec(tmp_path, shapes={"longer": [{"rate": 40, "for_s": 16}]})
    ports = ("--processes", "2", "--master-port", "25558", "--master-bind-port", "25558")
    options = ("--headless", *ports, "--out", str(out))
    with (
        served(router.answer) as host,
        started(spec, *options, "--host", host) as process,
    ):
        until(lambda: router.asked > 40)
        frozen, _ = _children(process.pid)
        os.kill(frozen, signal.SIGSTOP)
        try:
            until(lambda: router.asked > 240)  # the other carries all from the fourth second on
        finally:
            os.kill(frozen, signal.SIGCONT)
        text, _ = process.communicate(timeout=60)
    account = read(out / "account.json")
    assert router.asked <= account["started"] <= 640, text
    assert router.asked > 500
    assert "all share the plan again" in text
    assert finding(read(out / "generator.json"), "generator-rate")["outcome"] == "inconclusive"


def test_failures_are_counted_over_all_processes(tmp_path: Path) -> None:
    """16 of each in ten seconds would be too few for a breaker of 20: they are 32."""
    router, out = Router(), tmp_path / "out"
    spec = load_spec(tmp_path, shapes={"long": [{"rate": 4, "for_s": 60}]}, mix={"get-model": 1})
    whole = yaml.safe_load(spec.read_text(encoding="utf-8"))
    whole["circuit_breaker"] = {"window_s": 10, "fewest": 30, "failure_ratio": 0.5}
    spec.write_text(yaml.safe_dump(whole), encoding="utf-8")
    ports = ("--processes", "2", "--master-port", "25559", "--master-bind-port", "25559")
    options = ("--headless", *ports, "--out", str(out))
    with (
        served(router.answer) as host,
        started(spec, *options, "--host", host) as process,
    ):
        process.communicate(timeout=60)
    assert 30 <= router.asked < 120
    collapsed = finding(read(out / "generator.json"), "target-collapsed")
    assert collapsed["outcome"] == "failed"


def _children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return [int(number) for number in text.split()]


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        status = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    except (ProcessLookupError, FileNotFoundError):
        return False
    return status.rpartition(")")[2].split()[0] != "Z"
