"""Nights of the real suites, as a process, against an API server on loopback."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from clusterproof.bundle.journal import JOURNAL, line
from clusterproof.checks import read_spec
from clusterproof.cli import main
from clusterproof.errors import SpecError
from clusterproof.history.store import History
from clusterproof.nightly.night import Night, only_one, run_night
from clusterproof.nightly.partial import record_without_report
from clusterproof.nightly.suite import Ended
from clusterproof.notify.webhook import NotDeliveredError
from clusterproof.outcome import ExitCode, Outcome
from clusterproof.redact import Redactor
from clusterproof.report.record import RowResult, RunRecord
from tests.nightly.api_server import (
    CONFIG_MAPS,
    Answers,
    kubeconfig,
    served,
    settings,
    write_spec,
)

PROJECT = Path(__file__).parents[2]


class Stage:
    """An API server, a spec, and a night that uses both."""

    def __init__(self, folder: Path, server: str, answers: Answers) -> None:
        """Two settings, both as they must be."""
        self.answers = answers
        self.server = server
        self.said: list[str] = []
        self.folder = folder
        answers.lists[CONFIG_MAPS] = settings(one="yes", two="yes")
        spec = write_spec(folder / "spec", "one", "two")
        self.night = Night(
            results=folder / "results",
            arguments=("--spec", str(spec), "--kubeconfig", str(kubeconfig(folder, server))),
            spec=spec,
            within_s=60,
        )

    def run(self) -> ExitCode:
        """One night."""
        return run_night(self.night, self.said.append)

    def records(self) -> list[RunRecord]:
        """Every night that is kept, oldest first."""
        with History(self.night.results / "history.sqlite3") as history:
            return [
                history.record(run)
                for series in history.all_series()
                for run in history.runs(series.id)
            ]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    answers = Answers()
    with served(answers) as server:
        yield Stage(tmp_path, server, answers)


def test_a_night_is_kept_shown_and_counted(stage: Stage, capfd: pytest.CaptureFixture[str]) -> None:
    assert stage.run() is ExitCode.PASSED
    first = capfd.readouterr().out.splitlines()[0]
    assert first.startswith(f"cluster: context loopback, server {stage.server}, from /")
    results = stage.night.results
    labels = 'cluster="loopback",outcome="passed",profile="small",uid="uid-of-this-cluster"'
    assert f"clusterproof_rows{{{labels}}} 2.0" in (results / "metrics.prom").read_text(
        encoding="utf-8"
    )
    assert (results / "site" / "index.html").is_file()
    assert (results / "runs" / stage.records()[0].run_id / "report.html").is_file()
    assert not (results / ".tmp").exists()


def test_a_new_failure_and_its_mending_are_named(stage: Stage) -> None:
    stage.run()
    stage.answers.lists[CONFIG_MAPS] = settings(one="yes", two="no")
    assert stage.run() is ExitCode.FAILED
    assert "  new failure       settings-two" in stage.said
    stage.answers.lists[CONFIG_MAPS] = settings(one="yes", two="yes")
    assert stage.run() is ExitCode.PASSED
    assert "  mended            settings-two" in stage.said


def test_a_row_that_vanished_fails_the_night(stage: Stage) -> None:
    stage.run()
    write_spec(stage.folder / "spec", "one")
    assert stage.run() is ExitCode.FAILED
    gone = stage.records()[-1].rows[-1]
    assert (gone.id, gone.outcome) == ("settings-two", Outcome.FAILED)


def test_the_deadline_leaves_a_report_that_lists_what_did_not_run(stage: Stage) -> None:
    stage.answers.hangs = True
    stage.night = replace(stage.night, within_s=4.0)
    began = time.monotonic()
    assert stage.run() is ExitCode.INCONCLUSIVE
    assert time.monotonic() - began < 40
    record = stage.records()[-1]
    assert len(record.rows) == 2
    assert {row.outcome for row in record.rows} <= {Outcome.NOT_RUN, Outcome.INCONCLUSIVE}
    assert "stopped at the deadline of 4 s" in record.notes


def test_suites_that_are_killed_leave_a_record_too(stage: Stage) -> None:
    stage.run()
    stage.answers.hangs = True
    stage.night = replace(stage.night, within_s=3.0, grace_s=0.0)
    assert stage.run() is ExitCode.INCONCLUSIVE
    first, last = stage.records()
    assert [row.outcome for row in last.rows] == [Outcome.NOT_RUN] * 2
    assert first.profile == last.profile
    assert last.cluster.context == "loopback", "the cluster that the night was told to look at"
    assert last.cluster.uid == first.cluster.uid
    assert "a report of their own" in last.rows[0].cause


def test_an_old_journal_with_redacted_ids_takes_no_record_with_it(tmp_path: Path) -> None:
    """An older version redacted ids: what can be read is kept, and a note says what cannot."""
    spec = write_spec(tmp_path / "spec", "one", "two")
    rows = read_spec(spec).rows
    runs = tmp_path / "runs"
    (runs / "r1").mkdir(parents=True)
    results = [
        RowResult(id=row.id, area="configuration", title=row.claim, outcome=Outcome.INCONCLUSIVE)
        for row in rows
    ]
    first, second = (
        line(row, result, None, Redactor()) for row, result in zip(rows, results, strict=True)
    )
    second = second.replace("settings-two", "[redacted]-two")
    (runs / "r1" / JOURNAL).write_text(f"{second}\n{first}\n", "utf-8")
    ended = Ended(-9, "stopped at the deadline of 3 s", 1.0, 2.0)
    record = record_without_report(spec, ended, runs, set())
    assert [row.outcome for row in record.rows] == [Outcome.INCONCLUSIVE, Outcome.NOT_RUN]
    assert "lines that hold none: 1;" in record.notes[1]


def test_two_nights_at_once_are_refused_and_the_first_is_named(stage: Stage) -> None:
    with only_one(stage.night.results), pytest.raises(SpecError, match=r"process \d+"):
        stage.run()


def test_a_webhook_is_told_of_a_change_only(stage: Stage) -> None:
    stage.night = replace(stage.night, webhook=f"{stage.server}/hook")
    stage.run()
    assert stage.answers.posted == []
    stage.answers.lists[CONFIG_MAPS] = settings(one="no", two="yes")
    stage.run()
    assert "settings-one" in json.dumps(stage.answers.posted)


def test_a_webhook_that_is_gone_hides_no_verdict(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise NotDeliveredError("webhook on nowhere: nobody there")

    monkeypatch.setattr("clusterproof.nightly.night.post", refused)
    stage.night = replace(stage.night, webhook="http://nowhere.invalid/")
    stage.answers.lists[CONFIG_MAPS] = settings(one="no", two="yes")
    assert stage.run() is ExitCode.FAILED
    assert any("NOT TOLD" in line for line in stage.said)


def test_old_folders_go_and_the_history_keeps_their_records(stage: Stage) -> None:
    stage.night = replace(stage.night, keep=1)
    stage.run()
    stage.run()
    assert len(list((stage.night.results / "runs").iterdir())) == 1
    assert len(stage.records()) == 2


def test_the_folder_of_this_night_stays_whatever_the_names_of_the_others(stage: Stage) -> None:
    """Two nights in one second sort by chance, and a clock that was ahead sorts last."""
    ahead = stage.night.results / "runs" / "99991231-235959-ffffff"
    ahead.mkdir(parents=True)
    stage.night = replace(stage.night, keep=1)
    assert stage.run() is ExitCode.PASSED
    (folder,) = (stage.night.results / "runs").iterdir()
    assert folder.name == stage.records()[0].run_id


def test_nothing_is_forgotten_at_the_limit(stage: Stage) -> None:
    stage.night = replace(stage.night, keep=2)
    stage.run()
    stage.run()
    assert len(list((stage.night.results / "runs").iterdir())) == 2


def test_a_night_that_the_history_took_and_whose_pages_fail_says_so(stage: Stage) -> None:
    """A folder stands where the file of metrics goes."""
    (stage.night.results / "metrics.prom").mkdir(parents=True)
    assert stage.run() is ExitCode.INTERNAL
    assert any("the history took this night, but" in line for line in stage.said)
    assert not any("did not take" in line for line in stage.said)
    (record,) = stage.records()
    assert not any("did not take" in note for note in record.notes)


def test_a_night_that_the_history_does_not_take_is_told_and_no_pass(stage: Stage) -> None:
    """Its reports are written, old folders go, and the verdict of a failure stays."""
    stage.run()
    store = stage.night.results / "history.sqlite3"
    store.write_bytes(b"SQLite format 3\0" + b"\xff" * 4096)
    stage.night = replace(stage.night, webhook=f"{stage.server}/hook", keep=1)
    assert stage.run() is ExitCode.INTERNAL
    assert any("the history did not take this night" in line for line in stage.said)
    assert not any("the history took this night" in line for line in stage.said)
    assert any(line.startswith("webhook: told") for line in stage.said)
    (folder,) = (stage.night.results / "runs").iterdir()
    assert (folder / "junit.xml").is_file()
    stage.answers.lists[CONFIG_MAPS] = settings(one="yes", two="no")
    assert stage.run() is ExitCode.FAILED


def test_a_disk_that_is_full_kills_no_night_silently(stage: Stage) -> None:
    """Nothing can be written any more: the oldest folder goes, and somebody is told."""
    stage.run()
    results, hook = stage.night.results, f"{stage.server}/hook"
    (before,) = (results / "runs").iterdir()
    ended = subprocess.run(  # noqa: S603 - our own argv
        [
            *("prlimit", "--fsize=0", sys.executable, "-m", "clusterproof", "nightly", "run"),
            *("--results", str(results), "--keep", "1", *stage.night.arguments),
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=PROJECT,
        env={**os.environ, "CLUSTERPROOF_WEBHOOK": hook},
    )
    assert ended.returncode == ExitCode.INCONCLUSIVE, ended.stderr
    assert f"the history did not take this night: {results}/history.sqlite3: " in ended.stdout
    assert "webhook: told" in ended.stdout
    assert not before.exists()


def test_sonobuoy_is_not_told_the_report_of_another_night(stage: Stage, tmp_path: Path) -> None:
    stage.run()
    done = tmp_path / "done" / "done"
    done.parent.mkdir()
    options = ("--results", str(stage.night.results), "--done", str(done))
    assert main(["nightly", "run", *options, "--spec", str(tmp_path / "nosuch.yaml")]) != 0
    assert Path(done.read_text(encoding="utf-8")).name == "error.txt"


def test_sonobuoy_is_told_where_the_junit_report_is(stage: Stage) -> None:
    done = stage.folder / "done"
    arguments = ["nightly", "run", "--results", str(stage.night.results), "--done", str(done)]
    stage.answers.lists[CONFIG_MAPS] = settings(one="yes", two="no")
    assert main([*arguments, *stage.night.arguments]) == ExitCode.FAILED
    suites = ET.parse(done.read_text()).getroot()  # noqa: S314 - our own report
    assert suites.get("failures") == "1"


def test_sonobuoy_is_told_what_went_wrong_where_there_is_no_report(tmp_path: Path) -> None:
    done = tmp_path / "done"
    arguments = ["nightly", "run", "--results", str(tmp_path / "results"), "--done", str(done)]
    assert main([*arguments, "--spec", str(tmp_path / "none.yaml")]) == ExitCode.USAGE
    assert "none.yaml" in Path(done.read_text()).read_text()


def test_a_results_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SpecError, match="--results"), only_one(tmp_path / "file" / "results"):
        pass
