"""What a run keeps of its rows, and what it comes to: by itself, without pytest and a cluster."""

from pathlib import Path

import pytest

from clusterproof.checks import read_spec
from clusterproof.errors import ObservationError
from clusterproof.judgement import Difference, Doubt, Failed, Judgement, Passed
from clusterproof.observe.observed import Observed
from clusterproof.outcome import ExitCode, Outcome
from clusterproof.report.record import RunRecord
from clusterproof.report.terminal import sections
from clusterproof.run.check import Checked
from clusterproof.run.recorder import Recorder
from clusterproof.spec import Row, Spec
from tests.nightly.api_server import write_spec

KEYS = ("a", "b", "c")
DIFFERS = Failed(Difference("data.b", "yes", "no", code="field-differs"))


class Run:
    """A run over a row `settings-KEY` for each key."""

    def __init__(self, folder: Path) -> None:
        """Planned."""
        self.folder = folder
        self.spec: Spec = read_spec(write_spec(folder, *KEYS))
        self.recorder = Recorder()
        self.recorder.plan(self.spec, self.spec.rows)

    def row(self, key: str) -> Row:
        """The row of a key."""
        return next(row for row in self.spec.rows if row.id == f"settings-{key}")

    def reach(self, key: str, judgement: Judgement) -> None:
        """A row that was looked at."""
        seen: Observed[object] = Observed("no", "here/settings")
        checked = Checked(self.row(key), seen, judgement, started_at=1.0, duration_s=0.5)
        self.fail(key, None, checked)

    def fail(self, key: str, error: Exception | None, checked: Checked | None = None) -> None:
        """A row that could not be."""
        self.recorder.reach(
            self.row(key), checked, error, started_at=1.0, duration_s=0.5, folder=self.folder
        )

    def finish(self) -> tuple[ExitCode, RunRecord]:
        """What it comes to."""
        code = self.recorder.finish(self.spec, {"--profile": "small"}, self.folder, since=None)
        assert self.recorder.record is not None
        return code, self.recorder.record


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def test_what_was_not_reached_did_not_run_and_is_no_pass(run: Run) -> None:
    run.reach("a", Passed("data.a"))
    code, record = run.finish()
    assert code == ExitCode.INCONCLUSIVE
    assert [row.outcome for row in record.rows] == [Outcome.PASSED, *[Outcome.NOT_RUN] * 2]
    assert record.rows[2].cause == "the run ended before this row was reached"


def test_every_row_that_passed_is_a_pass_with_its_reports(run: Run) -> None:
    for key in KEYS:
        run.reach(key, Passed("data"))
    code, record = run.finish()
    assert (code, record.options) == (ExitCode.PASSED, {"--profile": "small"})
    written = run.recorder.written["run.json"]
    assert written.parent == run.folder / run.recorder.run_id
    assert RunRecord.from_json(written.read_text("utf-8")).counts[Outcome.PASSED] == 3
    assert len((written.parent / "journal.jsonl").read_text("utf-8").splitlines()) == 3


def test_runs_that_never_reached_a_cluster_keep_their_records_apart(tmp_path: Path) -> None:
    """They may end within one second, and report into one folder."""
    runs = [Run(tmp_path), Run(tmp_path)]
    for run in runs:
        run.fail("a", ObservationError("no answer"))
        run.finish()
    assert len({run.recorder.written["run.json"] for run in runs}) == 2


@pytest.mark.parametrize(
    ("error", "cause", "next_command"),
    [
        (
            ObservationError("no answer", next_command="kubectl get ns"),
            "no answer",
            "kubectl get ns",
        ),
        (KeyError("metadata"), "an error of clusterproof itself: KeyError: 'metadata'", ""),
    ],
    ids=["no-look", "of-our-own"],
)
def test_a_row_that_nothing_was_looked_at_for_is_inconclusive_whatever_the_error(
    run: Run, error: Exception, cause: str, next_command: str
) -> None:
    run.fail("a", error)
    result = run.recorder.results["settings-a"]
    assert (result.outcome, result.cause, result.next) == (
        Outcome.INCONCLUSIVE,
        cause,
        next_command,
    )


def test_a_difference_is_a_failure_though_others_could_not_be_judged(run: Run) -> None:
    run.reach("a", Passed("data.a"))
    run.reach("b", DIFFERS)
    run.reach("c", Doubt("the Secret may not be read"))
    code, record = run.finish()
    assert code == ExitCode.FAILED
    assert [row.outcome for row in record.rows] == [
        Outcome.PASSED,
        Outcome.FAILED,
        Outcome.INCONCLUSIVE,
    ]
    assert record.rows[1].codes == ("field-differs",)


def test_an_error_of_the_run_itself_is_no_success(run: Run) -> None:
    for key in KEYS:
        run.reach(key, Passed("data"))
    run.recorder.errors.append("after settings-a: nothing could be removed")
    assert run.finish()[0] == ExitCode.INCONCLUSIVE


def test_what_cannot_be_written_is_said_and_has_a_code_of_its_own(run: Run) -> None:
    run.reach("a", Passed("data.a"))
    (run.folder / run.recorder.run_id / "run.json").mkdir()
    code, record = run.finish()
    assert code == ExitCode.NOT_WRITTEN
    shown = dict(sections(record, run.recorder.written, run.recorder.keeper.trouble))
    assert any(
        line.startswith("not written  ") and "run.json" in line
        for lines in shown.values()
        for line in lines
    )


def test_the_end_of_a_run_names_what_was_not_judged_once_for_each_reason(run: Run) -> None:
    run.reach("a", DIFFERS)
    for key in ("b", "c"):
        run.fail(key, ObservationError("no answer"))
    shown = dict(sections(run.finish()[1], run.recorder.written, ""))
    assert shown["could not look"] == ["no answer", "  2 rows: settings-b, settings-c"]
    verdict, lines = list(shown.items())[-1]
    assert verdict == "FAILED: 1 failed, 2 inconclusive"
    assert lines[-1] == f"report  {run.recorder.written['report.html']}"
