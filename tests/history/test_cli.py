"""The history commands, as they are typed."""

import json
import re
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from clusterproof.cli import main
from clusterproof.history.store import History
from clusterproof.outcome import ExitCode, Outcome
from clusterproof.report.record import RunRecord
from clusterproof.report.write import write_reports
from tests.history.nights import night
from tests.report.samples import row
from tests.report.test_redact import PLANTED


def saved(base: Path, record: RunRecord) -> str:
    return str(write_reports(record, base / record.run_id)["run.json"])


def typed(base: Path, command: str, *arguments: str) -> int:
    return main(["history", command, "--store", str(base / "h.sqlite3"), *arguments])


def test_add_diff_pin_and_fail_on_new(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = saved(tmp_path, night(0, row(1), row(2, Outcome.FAILED)))
    second = saved(tmp_path, night(1, row(1), row(2, Outcome.FAILED)))
    third = saved(tmp_path, night(2, row(1, Outcome.FAILED), row(2)))
    assert typed(tmp_path, "add", first, second) == 0
    assert typed(tmp_path, "diff", "--fail-on-new") == 4
    assert "next: clusterproof history pin" in capsys.readouterr().err
    assert typed(tmp_path, "pin", "night-000") == 0
    assert typed(tmp_path, "diff", "--fail-on-new") == 0
    assert typed(tmp_path, "add", third) == 0
    capsys.readouterr()
    assert typed(tmp_path, "diff", "--fail-on-new") == 1
    said = capsys.readouterr().out
    assert "new failure       row-001-replicas" in said
    assert "mended            row-002-replicas" in said
    assert typed(tmp_path, "diff") == 0
    assert typed(tmp_path, "list") == 0
    assert "night-000  baseline" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words", [["list"], ["diff"], ["pin"], ["retire", "r", "--because", "b"], ["forget"]]
)
def test_a_misspelt_store_is_wrong_usage_and_is_not_made(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed(tmp_path / "typo", *words) == 4
    assert "expected a history store, observed none; next: " in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_vanished_row_fails_the_night_and_its_reports_until_retired(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed(tmp_path, "add", saved(tmp_path, night(0, row(1), row(2)))) == 0
    second = saved(tmp_path, night(1, row(1)))
    assert typed(tmp_path, "add", second) == 1
    assert "vanished          row-002-replicas" in capsys.readouterr().out
    again = RunRecord.from_json(Path(second).read_text(encoding="utf-8"))
    assert again.verdict is Outcome.FAILED
    assert "no longer a row of this run" in Path(second).with_name("report.html").read_text("utf-8")
    assert typed(tmp_path, "add", second) == 0
    assert typed(tmp_path, "retire", "row-002-replicas", "--because", "one Deployment less") == 0
    assert typed(tmp_path, "add", saved(tmp_path, night(2, row(1)))) == 0


def test_retire_knows_only_rows_that_were(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    typed(tmp_path, "add", saved(tmp_path, night(0, row(1))))
    assert typed(tmp_path, "retire", "row-99", "--because", "a slip of the finger") == 4
    assert "observed 'row-99'" in capsys.readouterr().err


def test_a_partial_run_is_kept_apart(tmp_path: Path) -> None:
    typed(tmp_path, "add", saved(tmp_path, night(0, row(1), row(2))))
    assert typed(tmp_path, "add", "--partial", saved(tmp_path, night(1, row(1)))) == 0
    assert typed(tmp_path, "add", saved(tmp_path, night(2, row(1)))) == 1


def _profiles_with_metrics(base: Path, capsys: pytest.CaptureFixture[str]) -> set[str]:
    capsys.readouterr()
    assert typed(base, "metrics") == 0
    shown = capsys.readouterr().out
    named = re.findall(r'last_run_timestamp_seconds\{.*profile="([^"]*)"', shown)
    return set(named)


def test_a_series_that_goes_on_no_more_is_forgotten_and_missed_no_more(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A profile that was tried once; its absence would be told for ever."""
    for number in range(2):
        typed(tmp_path, "add", saved(tmp_path, night(number, row(1))))
    typed(tmp_path, "add", saved(tmp_path, night(2, row(1), row(2), profile="cloud")))
    typed(tmp_path, "pin", "--profile", "cloud")
    typed(tmp_path, "retire", "row-002-replicas", "--because", "tried", "--profile", "cloud")
    assert _profiles_with_metrics(tmp_path, capsys) == {"self-hosted", "cloud"}
    assert typed(tmp_path, "forget") == 4  # which of them?
    capsys.readouterr()
    assert typed(tmp_path, "forget", "--profile", "cloud") == 0
    assert capsys.readouterr().out == "testbed, cloud: forgotten, with 1 run\n"
    assert _profiles_with_metrics(tmp_path, capsys) == {"self-hosted"}
    assert typed(tmp_path, "list") == 0
    assert "cloud" not in capsys.readouterr().out
    with History(tmp_path / "h.sqlite3") as history:
        (series,) = history.all_series()
        assert len(history.runs(series.id)) == 2
        assert len(history.points(series.id)["row-001-replicas"]) == 2


def test_a_history_is_forgotten_by_its_name_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing brings it back: there is no default, though the store has one series only."""
    typed(tmp_path, "add", saved(tmp_path, night(0, row(1))))
    assert typed(tmp_path, "forget") == ExitCode.USAGE
    assert "next: --profile self-hosted\n" in capsys.readouterr().err
    assert _profiles_with_metrics(tmp_path, capsys) == {"self-hosted"}
    assert typed(tmp_path, "forget", "--cluster", "testbed") == 0
    assert _profiles_with_metrics(tmp_path, capsys) == set()


def test_no_night_misses_the_runs_of_a_selection(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    typed(tmp_path, "add", saved(tmp_path, night(0, row(1))))
    typed(tmp_path, "add", "--partial", saved(tmp_path, night(1, row(1))))
    assert _profiles_with_metrics(tmp_path, capsys) == {"self-hosted"}


def test_what_is_no_record_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = tmp_path / "run.json"
    wrong.write_text("{", encoding="utf-8")
    assert typed(tmp_path, "add", str(wrong)) == 4
    assert typed(tmp_path, "add", str(tmp_path / "none.json")) == 4
    said = capsys.readouterr().err
    assert said.count("expected a run record") == 2
    assert "Traceback" not in said


COMMANDS = (["list"], ["diff"], ["pin"], ["forget"], ["metrics"], ["site", "out"])


@pytest.mark.parametrize("command", COMMANDS, ids=lambda words: words[0])
def test_a_store_that_is_damaged_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    """And no exit code that would say that a row failed."""
    store = tmp_path / "h.sqlite3"
    for number in range(30):
        typed(tmp_path, "add", saved(tmp_path, night(number, *(row(n) for n in range(40)))))
    page, whole = 4096, store.read_bytes()
    store.write_bytes(whole[:page] + b"\xff" * (len(whole) - page))
    capsys.readouterr()
    words = [str(tmp_path / word) if word == "out" else word for word in command]
    assert typed(tmp_path, *words) == ExitCode.USAGE
    assert "damaged: " in capsys.readouterr().err


def test_a_record_that_cannot_be_unpacked_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(2):
        typed(tmp_path, "add", saved(tmp_path, night(number, row(1))))
    with sqlite3.connect(tmp_path / "h.sqlite3") as database:
        database.execute("UPDATE run SET record = x'00'")
    database.close()
    capsys.readouterr()
    for command in ("diff", "metrics"):
        assert typed(tmp_path, command) == ExitCode.USAGE
        assert "run night-000: damaged: " in capsys.readouterr().err.replace("001", "000")
    for number in (0, 2):  # the first again, and another one
        assert typed(tmp_path, "add", saved(tmp_path, night(number, row(1)))) == ExitCode.USAGE
        assert "damaged: " in capsys.readouterr().err


def test_a_store_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    """As on a full disk."""
    typed(tmp_path, "add", saved(tmp_path, night(0, row(1))))
    record = saved(tmp_path, night(1, *(row(n) for n in range(400))))
    store = tmp_path / "h.sqlite3"
    ended = subprocess.run(  # noqa: S603 - our own argv
        [
            *("prlimit", f"--fsize={store.stat().st_size + 4096}"),
            *(sys.executable, "-m", "clusterproof", "history", "add", record),
            *("--store", str(store)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == ExitCode.NOT_WRITTEN, ended.stderr
    assert f"{store}: " in ended.stderr
    assert "cannot rollback" not in ended.stderr
    assert "Traceback" not in ended.stderr


def test_several_series_ask_which(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    typed(tmp_path, "add", saved(tmp_path, night(0, row(1))))
    typed(tmp_path, "add", saved(tmp_path, night(1, row(1), profile="cloud")))
    assert typed(tmp_path, "pin") == 4
    assert "next: --cluster CONTEXT --profile PROFILE" in capsys.readouterr().err
    assert typed(tmp_path, "pin", "--profile", "cloud") == 0


def test_history_holds_no_secret(tmp_path: Path) -> None:
    record = night(0, row(1, Outcome.FAILED, observed=PLANTED[0], evidence=(PLANTED[5],)))
    path = tmp_path / "run.json"
    path.write_text(record.to_json(), encoding="utf-8")
    assert typed(tmp_path, "add", str(path)) == 0
    with History(tmp_path / "h.sqlite3") as history:
        (series,) = history.all_series()
        kept = history.record(history.runs(series.id)[0]).to_json()
    assert not any(secret in kept for secret in PLANTED)


def test_metrics_are_written_as_a_whole_file(tmp_path: Path) -> None:
    typed(tmp_path, "add", saved(tmp_path, night(0, row(1))))
    target = tmp_path / "clusterproof.prom"
    assert typed(tmp_path, "metrics", "--out", str(target)) == 0
    assert 'clusterproof_rows{cluster="testbed",outcome="passed"' in target.read_text("utf-8")


def test_notify_needs_the_webhook_in_the_environment(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CLUSTERPROOF_WEBHOOK", raising=False)
    assert typed(tmp_path, "notify", saved(tmp_path, night(0, row(1)))) == 4
    assert "$CLUSTERPROOF_WEBHOOK" in capsys.readouterr().err


def test_serve_shows_pages_and_fresh_metrics_and_stops_when_told(tmp_path: Path) -> None:
    typed(tmp_path, "add", saved(tmp_path, night(0, row(1))))
    typed(tmp_path, "site", str(tmp_path / "site"))
    command = (sys.executable, "-m", "clusterproof", "history", "serve", "--port", "0")
    paths = ("--site", str(tmp_path / "site"), "--store", str(tmp_path / "h.sqlite3"))
    with subprocess.Popen((*command, *paths), stdout=subprocess.PIPE, text=True) as serving:  # noqa: S603 - our own
        try:
            assert serving.stdout is not None
            base = serving.stdout.readline().strip()

            def read(path: str) -> str:
                with urllib.request.urlopen(f"{base}{path}", timeout=10) as answer:  # noqa: S310 - loopback
                    return str(answer.read().decode())

            assert "History of 1 cluster" in read("")
            assert read("healthz") == "ok\n"
            assert 'outcome="failed",profile="self-hosted",uid="u-1"} 0.0' in read("metrics")
            typed(tmp_path, "add", saved(tmp_path, night(1, row(1, Outcome.FAILED))))
            assert 'outcome="failed",profile="self-hosted",uid="u-1"} 1.0' in read("metrics")
            for outside in ("../h.sqlite3", "%2e%2e/h.sqlite3", "nothing.html"):
                with pytest.raises(urllib.error.HTTPError, match="404"):
                    read(outside)
        finally:
            serving.terminate()
        assert serving.wait(timeout=10) == 0


def test_schema_of_a_record_is_what_is_saved(tmp_path: Path) -> None:
    document = json.loads(Path(saved(tmp_path, night(0, row(1)))).read_text(encoding="utf-8"))
    assert document["counts"] == {
        "passed": 1,
        "failed": 0,
        "inconclusive": 0,
        "not-run": 0,
        "accepted": 0,
    }
