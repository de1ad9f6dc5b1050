"""A generator that is told to end, or that nobody watches any more, ends and leaves a record."""

import os
import re
import resource
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest
import yaml

from clusterproof.load.folder import LIFELINE_VARIABLE
from clusterproof.outcome import ExitCode
from tests.load.generator import HANGS_S, Ended, Json, finding, load_spec, read, started, until
from tests.observe.loopback import Reply, Request, served

RATE, HOUR_S = 40, 3600
LONG = {"long": [{"rate": RATE, "for_s": HOUR_S}]}
"""Who goes on to the end of it is not over when the test looks."""


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


def _ended(process: "subprocess.Popen[str]", out: Path) -> Json:
    """The record of a generator that was told to end."""
    text, _ = process.communicate(timeout=HANGS_S)
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
    """While every caller waits for an answer that does not come, and would wait for an hour.

    The time until they are cut off is the generator's own, by the second of its account: what this
    machine takes to judge, write and end is not in it.
    """
    router, out = Router(after_s=HOUR_S), tmp_path / "out"
    spec = load_spec(tmp_path, shapes=LONG, timeout_s=HOUR_S, drain_s=HOUR_S + 1)
    with (
        served(router.answer) as host,
        started(spec, "--headless", "--host", host, "--out", str(out)) as process,
    ):
        until(lambda: router.asked)
        told_at = time.time()
        for number in signals:
            process.send_signal(number)
        record = _ended(process, out)
    cut_at = record["started_at"] + max(map(int, read(out / "account.json")["seconds"]))
    assert cut_at - told_at < 15
    told = {f"it was told to end ({number.name})" for number in signals}
    assert record["stopped_early"] in told  # which of them comes first is the kernel's
    assert "x list-models: not ended when the run was stopped" in str(finding(record, "answers"))


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
        until(lambda: not any(map(_lives, workers)))


def test_a_worker_that_stood_still_sends_nothing_that_others_have_sent(tmp_path: Path) -> None:
    """A paused machine, a throttled group: its arrivals were handed over, and it comes back.

    How soon each is noticed, the log says.
    """
    for_s = 20
    with _two_workers(tmp_path, for_s, port=25558) as (router, process, out, log):
        until(lambda: router.asked > RATE)
        frozen, _ = _children(process.pid)
        os.kill(frozen, signal.SIGSTOP)
        try:
            lost_at = _told(log, r"the rest take over from ([\d.]+) s")
            asked = router.asked
            until(lambda: router.asked > asked + 2 * RATE)  # by the other
        finally:
            os.kill(frozen, signal.SIGCONT)
        back_at = _told(log, r"all share the plan again from ([\d.]+) s")
        process.communicate(timeout=HANGS_S)
    text = log.read_text(encoding="utf-8")
    account = read(out / "account.json")
    assert lost_at < back_at < for_s, text
    assert router.asked <= account["started"] <= RATE * for_s, text
    # Half of them, until the other took over: of those that came later none is missing.
    missing = RATE * for_s - account["started"] - account["dropped"]
    assert missing <= RATE / 2 * lost_at + 1, text
    assert finding(read(out / "generator.json"), "generator-rate")["outcome"] == "inconclusive"


def test_a_worker_that_is_told_to_end_leaves_its_arrivals_to_the_others(tmp_path: Path) -> None:
    """A node that is drained: it sends its account, and its lane is handed over."""
    for_s = 12
    with _two_workers(tmp_path, for_s, port=25561) as (router, process, out, log):
        until(lambda: router.asked > RATE)
        told, _ = _children(process.pid)
        os.kill(told, signal.SIGTERM)
        lost_at = _told(log, r"the rest take over from ([\d.]+) s")
        process.communicate(timeout=HANGS_S)
    account, text = read(out / "account.json"), log.read_text(encoding="utf-8")
    assert router.asked <= account["started"], text
    missing = RATE * for_s - account["started"] - account["dropped"]
    assert missing <= RATE / 2 * lost_at + 1, text
    record = read(out / "generator.json")
    assert (record["workers_lost"], record["uncounted_bound"]) == (1, 0)
    assert finding(record, "generator-rate")["outcome"] == "inconclusive"


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
        process.communicate(timeout=HANGS_S)
    assert router.asked >= 30
    collapsed = finding(read(out / "generator.json"), "target-collapsed")
    assert collapsed["outcome"] == "failed"


def test_each_request_of_a_caller_has_the_whole_time(tmp_path: Path) -> None:
    """Of its one caller: the answers of 4 s together, and one that comes after its 1 s."""
    numbers = count()

    def answer(request: Request) -> Reply:
        del request
        return Reply(body={"models": []}, after_s=2.0 if next(numbers) == 20 else 0.1)

    shapes = {"short": [{"rate": 8, "for_s": 6}]}
    spec = load_spec(tmp_path, shapes=shapes, callers=1, timeout_s=1)
    with served(answer) as host:
        ended = Ended(tmp_path / "out", spec, "--host", host)
    row = ended.account["names"]["list-models"]
    assert (row["ok"], row["unanswered"]) == (47, {"Timeout": 1}), ended.text


def test_workers_that_do_not_come_are_no_failure_of_the_target(tmp_path: Path) -> None:
    """Locust's own exit code for it is 1."""
    router = Router()
    ports = ("--master", "--master-bind-port", "25560", "--expect-workers", "1")
    options = (*ports, "--expect-workers-max-wait", "2", "--out", str(tmp_path / "out"))
    with (
        served(router.answer) as host,
        started(load_spec(tmp_path), "--headless", *options, "--host", host) as process,
    ):
        text, _ = process.communicate(timeout=HANGS_S)
    assert process.returncode == ExitCode.INCONCLUSIVE, text
    assert "INCONCLUSIVE: 0 of 1 workers came within 2 s" in text


def test_too_few_descriptors_are_no_failure_of_the_target(tmp_path: Path) -> None:
    """80 requests are under way at once, each with a connection."""
    router = Router(after_s=2)
    with served(router.answer) as host:
        spec = load_spec(tmp_path, callers=96)
        limit = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))}
        ended = Ended(tmp_path / "out", spec, "--host", host, **limit)
    assert ended.code == ExitCode.INCONCLUSIVE, ended.text
    assert "list-models: OSError: [Errno 24] Too many open files" in str(ended.account["faults"])
    assert ended.outcome_of("answers") == "passed"


@contextmanager
def _two_workers(
    folder: Path, for_s: int, *, port: int
) -> Iterator[tuple[Router, "subprocess.Popen[str]", Path, Path]]:
    """A router under a steady load: it, the master, and where that writes record and log."""
    router, out, log = Router(), folder / "out", folder / "locust.log"
    shapes = {"steady": [{"rate": RATE, "for_s": for_s}]}
    ports = ("--master-port", str(port), "--master-bind-port", str(port))
    options = ("--headless", "--processes", "2", *ports, "--out", str(out), "--logfile", str(log))
    spec = load_spec(folder, shapes=shapes, drop_after_s=5)
    with (
        served(router.answer) as host,
        started(spec, *options, "--host", host) as process,
    ):
        yield router, process, out, log


def _told(log: Path, sentence: str) -> float:
    """The number in the first line of the log that has the sentence, once there is one."""
    told = until(lambda: log.exists() and re.search(sentence, log.read_text(encoding="utf-8")))
    return float(told[1])


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
