"""The web UI: each start is asked for again, and several tests in turn are each judged."""

import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import yaml

from clusterproof.outcome import ExitCode
from tests.load.generator import HANGS_S, load_spec, read, started, until
from tests.observe.loopback import Reply, Request, served

if TYPE_CHECKING:
    from subprocess import Popen


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answer(request: Request) -> Reply:
    del request
    return Reply(body={"models": []})


def _swarm(url: str, **form: str) -> dict[str, Any]:
    fields = {"user_count": "1", "spawn_rate": "1", "shape": "short"} | form
    answer: dict[str, Any] = (
        httpx.post(f"{url}/swarm", data=fields, timeout=HANGS_S).raise_for_status().json()
    )
    return answer


def _get(url: str) -> httpx.Response:
    return httpx.get(url, timeout=HANGS_S)


def _is_up(url: str) -> bool:
    try:
        return _get(url).is_success
    except httpx.HTTPError:
        return False


def _assert_shown(url: str) -> None:
    """Planned against sent, and the verdict of both tests, the last one first."""
    page = _get(url).text
    assert '"extended_tabs": [{"key": "plan", "title": "Plan"}' in page
    # Locust keeps an answer for two seconds.
    shown = until(lambda: [t for t in _tables(url)["verdict"] if t["test"] == "2: short"])
    assert (shown[0]["outcome"], shown[0]["claim"]) == ("PASSED", "80 of 80 sent")
    assert "answers" in {row["claim"] for row in shown}
    (stage,) = _tables(url)["plan"]
    assert stage == {"seconds": "0 to 2", "rate": "40 to 40", "due": 80, "sent": 80, "failed": 0}


def _tables(url: str) -> dict[str, Any]:
    stats = _get(f"{url}/stats/requests").json()
    return {table["key"]: table["data"] for table in stats["extended_stats"]}


@contextmanager
def _open(
    path: Path, out: Path, answer: Callable[[Request], Reply]
) -> Iterator[tuple[str, str, "Popen[str]"]]:
    """URL of the web user interface, the host that its tests load, and the process."""
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    options = ("--web-host", "127.0.0.1", "--web-port", str(port), "--out", str(out))
    with served(answer) as host, started(path, *options, "--host", host) as process:
        until(lambda: _is_up(url))
        yield url, host, process


def test_starts_that_may_not_be_are_refused_and_two_tests_in_turn_are_judged(
    tmp_path: Path,
) -> None:
    """A host of production, in any case of letters, and a rate over its bound send nothing."""
    out = tmp_path / "out"
    path = load_spec(tmp_path, shapes={"short": [{"rate": 40, "for_s": 2}]})
    spec = yaml.safe_load(path.read_text(encoding="utf-8"))
    spec["production"]["hosts"] = ["*LOCALHOST*"]
    path.write_text(yaml.safe_dump(spec), encoding="utf-8")
    asked: list[str] = []

    def answer(request: Request) -> Reply:
        asked.append(request.path)
        return _answer(request)

    with _open(path, out, answer) as (url, host, process):
        refused = _swarm(url, host=host.replace("127.0.0.1", "localhost"))
        assert not refused["success"]
        assert "needs --allow-production" in refused["message"]
        refused = _swarm(url, host=host, rate_factor="1000")
        assert not refused["success"]
        assert "over its bound" in refused["message"]
        assert not asked
        assert _swarm(url, host=host)["success"]
        until((out / "generator.json").exists)
        first = read(out / "generator.json")
        until(lambda: _get(f"{url}/stats/requests").json()["state"] == "stopped")
        assert _swarm(url, host=host)["success"]
        until(lambda: read(out / "generator.json")["run"] != first["run"])
        _assert_shown(url)
        process.send_signal(signal.SIGTERM)
        text, _ = process.communicate(timeout=HANGS_S)
    assert read(out / "test-1" / "generator.json") == first
    for folder in (out / "test-1", out):
        assert "<testsuite" in (folder / "junit.xml").read_text(encoding="utf-8")
    for record in (first, read(out / "generator.json")):
        assert (record["outcome"], record["planned"]) == ("passed", 80), text
        assert record["stopped_early"] == ""
    assert len(asked) == 160
    assert process.returncode == ExitCode.PASSED, text


def test_each_field_of_the_page_decides_the_test_that_it_starts(tmp_path: Path) -> None:
    """As --users, --spawn-rate, --run-time and --seed do; one that is emptied decides nothing."""
    out = tmp_path / "out"
    path = load_spec(tmp_path, shapes={"short": [{"rate": 40, "for_s": 2}]})
    with _open(path, out, _answer) as (url, _, process):
        assert '"num_users": 8' in _get(url).text  # the scenario's callers
        for field, text, why in (
            ("user_count", "3000", "callers 3000 is over its bound"),
            ("user_count", "0", "--users 0: expected a number over 0"),
            ("spawn_rate", "-1", "--spawn-rate -1: expected a number over 0"),
            ("seed", "six", "--seed 'six': expected a whole number"),
            ("allow_production", "true", "expected on the command line alone"),
        ):
            refused = _swarm(url, **{field: text})
            assert not refused["success"]
            assert why in refused["message"]
        assert _swarm(url, user_count="3", spawn_rate="3", run_time="1s", seed="6")["success"]
        until((out / "generator.json").exists)
        first = read(out / "generator.json")
        until(lambda: _get(f"{url}/stats/requests").json()["state"] == "stopped")
        assert _swarm(url, user_count="2", run_time="", seed="")["success"]
        until(lambda: read(out / "generator.json")["run"] != first["run"])
        process.send_signal(signal.SIGTERM)
        text, _ = process.communicate(timeout=HANGS_S)
    second = read(out / "generator.json")
    assert [first[name] for name in ("callers", "planned", "seed")] == [3, 40, 6], text
    assert [second[name] for name in ("callers", "planned")] == [2, 80], text
    assert second["seed"] != 6


def test_a_test_that_was_stopped_is_over_and_says_so(tmp_path: Path) -> None:
    """However long the user interface stays open after it; a start that is refused sends none."""
    out = tmp_path / "out"
    path = load_spec(tmp_path, shapes={"short": [{"rate": 40, "for_s": 3600}]})
    asked: list[str] = []

    def answer(request: Request) -> Reply:
        asked.append(request.path)
        return _answer(request)

    with _open(path, out, answer) as (url, host, process):
        assert _swarm(url, host=host)["success"]
        until(lambda: len(asked) > 40)
        httpx.post(f"{url}/stop", timeout=HANGS_S).raise_for_status()
        until((out / "junit.xml").exists)
        stopped = read(out / "generator.json")
        sent = len(asked)
        assert not _swarm(url, host=host, rate_factor="1000")["success"]
        process.send_signal(signal.SIGTERM)
        text, _ = process.communicate(timeout=HANGS_S)
    assert stopped["stopped_early"] == "it was stopped before the plan ended"
    assert sent == len(asked) == read(out / "account.json")["started"]
    assert read(out / "generator.json") == stopped, text
    assert stopped["outcome"] == "inconclusive"
    assert process.returncode == ExitCode.INCONCLUSIVE


def test_a_user_interface_that_is_opened_and_closed_leaves_the_record(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "generator.json").write_text('{"outcome": "passed"}', encoding="utf-8")
    port = _free_port()
    options = ("--web-host", "127.0.0.1", "--web-port", str(port), "--out", str(out))
    with (
        served(_answer) as host,
        started(load_spec(tmp_path), *options, "--host", host) as process,
    ):
        until(lambda: _is_up(f"http://127.0.0.1:{port}"))
        process.send_signal(signal.SIGTERM)
        text, _ = process.communicate(timeout=HANGS_S)
    assert read(out / "generator.json") == {"outcome": "passed"}
    assert process.returncode == ExitCode.INCONCLUSIVE
    assert "no test was started" in text
