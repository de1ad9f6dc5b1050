"""A load run as every other run: its record, its reports, and its place in the history."""

from pathlib import Path

import pytest

from clusterproof.load.account import Account
from clusterproof.load.analysis import Inputs, analyse
from clusterproof.load.objectives import read_objectives
from clusterproof.load.record import run_record
from clusterproof.load.recording import Recording
from clusterproof.outcome import Outcome
from clusterproof.report.record import RunRecord
from clusterproof.report.write import WRITERS, write_reports

T0 = 1_800_000_000.0


@pytest.fixture(scope="module")
def record() -> RunRecord:
    """Of a run of a second that answered one request, and of which nothing else was seen."""
    account = Account()
    account.begin(late_s=0, was_idle=True, at_s=0)
    account.end("x", latency_s=0.02, service_s=0.02, at_s=0, fault="", answered=True)
    recording = Recording(T0 - 5, T0 + 10, run="abc", context="shop", cluster_uid="u-1")
    recording.notes.append("the run was ended: SIGTERM")
    generator = {
        "scenario": "router",
        "shape": "smoke",
        "host": "http://a",
        "started_at": T0,
        "run": "abc",
        "duration_s": 1,
        "stages": [[1, 1, 1]],
        "findings": [],
    }
    spec = read_objectives()
    inputs = Inputs(generator, account, recording, None, None)
    findings = analyse(inputs, spec).verdict.findings
    return run_record(findings, generator, recording, spec_path="spec/objectives.yaml")


def test_each_finding_is_a_row_of_the_area_load(record: RunRecord) -> None:
    assert {row.area for row in record.rows} == {"load"}
    ids = [row.id for row in record.rows]
    assert len(ids) == len(set(ids))
    assert {"observer-watches", "hpa-steady", "count-requests"} <= set(ids)
    assert record.verdict is Outcome.FAILED
    assert (record.profile, record.cluster.uid, record.run_id) == (
        "load-router-smoke",
        "u-1",
        "abc",
    )
    steady = next(row for row in record.rows if row.id == "hpa-steady")
    assert steady.outcome is Outcome.FAILED
    assert steady.differences[0].endswith("observed no HPA")


def test_all_reports_of_a_run_are_written_of_it(record: RunRecord, tmp_path: Path) -> None:
    """JUnit, CTRF, a page and a summary for CI; and what was written is read again."""
    paths = write_reports(record, tmp_path)
    assert set(paths) == set(WRITERS)
    text = paths["run.json"].read_text(encoding="utf-8")
    again = RunRecord.from_json(text)
    assert [row.id for row in again.rows] == [row.id for row in record.rows]
    assert "hpa-steady" in paths["junit.xml"].read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("offered", "profile"),
    [
        ({"rate_factor": 1.0, "time_factor": 1.0, "is_cut": False}, "load-router-step"),
        ({"rate_factor": 0.5, "time_factor": 2.0}, "load-router-step-rate-0.5-time-2"),
        ({"is_cut": True}, "load-router-step-60s"),
    ],
)
def test_a_run_that_offered_another_load_is_of_another_series(
    offered: dict[str, object], profile: str
) -> None:
    """Half the rate that passes has repaired nothing."""
    generator = {"scenario": "router", "shape": "step", "host": "http://a", "started_at": T0}
    record = run_record((), {**generator, "duration_s": 60.0, **offered}, spec_path="o.yaml")
    assert record.profile == profile
