"""The run record: lossless, and never greener than its rows."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterproof.errors import SpecError
from clusterproof.outcome import Outcome
from clusterproof.report.record import ClusterFacts, RowResult, RunRecord

TEXT = st.text(max_size=30)
MOMENT = st.floats(0, 4e9, allow_nan=False)
ROWS = st.builds(
    RowResult,
    id=TEXT,
    area=TEXT,
    title=TEXT,
    outcome=st.sampled_from(Outcome),
    expected=TEXT,
    observed=TEXT,
    evidence=st.lists(TEXT, max_size=3).map(tuple),
    differences=st.lists(TEXT, max_size=3).map(tuple),
    started_at=MOMENT,
    duration_s=MOMENT,
    cause=TEXT,
    attempts=st.integers(1, 5),
)
RUNS = st.builds(
    RunRecord,
    run_id=TEXT,
    started_at=MOMENT,
    finished_at=MOMENT,
    cluster=st.builds(ClusterFacts, context=TEXT, nodes=st.integers(0, 5000), uid=TEXT),
    options=st.dictionaries(TEXT, TEXT, max_size=3),
    rows=st.lists(ROWS, max_size=4).map(tuple),
    notes=st.lists(TEXT, max_size=2).map(tuple),
)


def run_of(*outcomes: Outcome) -> RunRecord:
    rows = tuple(
        RowResult(id=f"row-{number}", area="health", title="A claim.", outcome=outcome)
        for number, outcome in enumerate(outcomes)
    )
    facts = ClusterFacts(context="c")
    return RunRecord(run_id="r", started_at=1, finished_at=2, cluster=facts, rows=rows)


@given(RUNS)
def test_json_form_is_lossless(record: RunRecord) -> None:
    assert RunRecord.from_json(record.to_json()) == record


@pytest.mark.parametrize(
    ("outcomes", "verdict", "code"),
    [
        pytest.param((), Outcome.INCONCLUSIVE, 6, id="nothing-checked"),
        pytest.param((Outcome.PASSED,), Outcome.PASSED, 0, id="passed"),
        pytest.param((Outcome.PASSED, Outcome.INCONCLUSIVE), Outcome.INCONCLUSIVE, 6, id="blind"),
        pytest.param((Outcome.PASSED, Outcome.NOT_RUN), Outcome.INCONCLUSIVE, 6, id="not-run"),
        pytest.param((Outcome.PASSED, Outcome.ACCEPTED), Outcome.PASSED, 0, id="accepted"),
        pytest.param((Outcome.ACCEPTED,), Outcome.PASSED, 0, id="accepted-alone"),
        pytest.param((Outcome.ACCEPTED, Outcome.FAILED), Outcome.FAILED, 1, id="accepted-not-all"),
        pytest.param((Outcome.ACCEPTED, Outcome.INCONCLUSIVE), Outcome.INCONCLUSIVE, 6, id="both"),
        pytest.param((Outcome.INCONCLUSIVE, Outcome.FAILED), Outcome.FAILED, 1, id="failed"),
    ],
)
def test_verdict_is_never_greener_than_the_rows(
    outcomes: tuple[Outcome, ...], verdict: Outcome, code: int
) -> None:
    record = run_of(*outcomes)
    assert (record.verdict, record.exit_code) == (verdict, code)


def test_counts_name_every_outcome() -> None:
    assert run_of(Outcome.PASSED, Outcome.PASSED, Outcome.FAILED).counts == {
        Outcome.PASSED: 2,
        Outcome.FAILED: 1,
        Outcome.INCONCLUSIVE: 0,
        Outcome.NOT_RUN: 0,
        Outcome.ACCEPTED: 0,
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("{", "expected a run record in JSON", id="half-a-file"),
        pytest.param("[]", "observed list", id="a-list"),
        pytest.param('{"schema": 99}', "observed 99", id="a-later-schema"),
        pytest.param('{"schema": 1, "run_id": "r"}', "started_at", id="a-field-is-missing"),
    ],
)
def test_malformed_record_is_named_with_its_file(text: str, words: str) -> None:
    with pytest.raises(SpecError, match=words) as refusal:
        RunRecord.from_json(text, origin="night.json")
    assert str(refusal.value).startswith("night.json: ")


def test_json_form_has_the_verdict_and_the_counts_for_readers_without_us() -> None:
    record = replace(run_of(Outcome.PASSED, Outcome.FAILED), profile="für alle")
    text = record.to_json()
    assert text.startswith('{\n "schema": 1,\n "verdict": "failed",\n "counts": {\n  "passed": 1,')
    assert '"profile": "für alle"' in text
    document = json.loads(text)
    assert document["counts"] == {
        "passed": 1,
        "failed": 1,
        "inconclusive": 0,
        "not-run": 0,
        "accepted": 0,
    }
    assert record.to_json(indent=None).count("\n") == 0


def test_a_run_takes_as_long_as_it_took_and_never_less_than_nothing() -> None:
    record = replace(run_of(), started_at=1.0, finished_at=1.25)
    assert record.duration_s == 0.25
    assert replace(record, finished_at=0.5).duration_s == 0.0


def test_a_record_without_an_origin_is_called_one() -> None:
    with pytest.raises(SpecError) as refusal:
        RunRecord.from_json("[]")
    assert str(refusal.value) == ("run record: expected a run record of schema 1, observed list")


def test_unknown_outcome_is_refused() -> None:
    document = json.loads(run_of(Outcome.PASSED).to_json())
    document["rows"][0]["outcome"] = "green"
    with pytest.raises(SpecError, match=r"rows\.0\.outcome"):
        RunRecord.from_json(json.dumps(document))
