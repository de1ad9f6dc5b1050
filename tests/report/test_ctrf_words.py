"""CTRF to the letter: every field of the document, from the run and from its rows."""

import json
import uuid
from dataclasses import replace
from typing import Any

from clusterproof.outcome import Outcome
from clusterproof.report.ctrf import to_ctrf
from tests.report.samples import record, row

P, F, U, N = Outcome.PASSED, Outcome.FAILED, Outcome.INCONCLUSIVE, Outcome.NOT_RUN


def document(*rows: Any, **changes: object) -> dict[str, Any]:  # noqa: ANN401 - rows
    """The document of a run of these rows."""
    found: dict[str, Any] = json.loads(to_ctrf(record(*rows, **changes)))
    return found


def test_the_document_says_what_the_run_was() -> None:
    """Times are whole milliseconds; an area is a suite."""
    flaky = row(3, P, area="metrics", attempts=2)
    rows = (row(1, P), row(2, F), flaky, row(4, U), row(5, N), row(6, N))
    seen = document(*rows, notes=("a note",))
    results = seen.pop("results")
    assert {key: seen[key] for key in seen if key != "reportId"} == {
        "reportFormat": "CTRF",
        "specVersion": "0.0.0",
        "timestamp": "2026-11-23T02:00:51Z",
        "generatedBy": "clusterproof",
    }
    assert results["tool"] == {"name": "clusterproof", "version": "0.1.0"}
    assert results["summary"] == {
        "tests": 6,
        "passed": 2,
        "failed": 1,
        "skipped": 2,
        "pending": 0,
        "other": 1,
        "flaky": 1,
        "suites": 2,
        "start": 1_795_399_207_500,
        "stop": 1_795_399_251_750,
        "duration": 44_250,
        "extra": {"verdict": "failed"},
    }
    assert results["environment"] == {
        "testEnvironment": "testbed",
        "extra": {
            "serverVersion": "v1.35.4",
            "nodes": 5,
            "profile": "self-hosted",
            "spec": "spec",
            "run": "2026-11-23t0200z-5f3a",
            "notes": ["a note"],
            "errors": [],
        },
    }


def test_a_failure_says_everything_that_is_known() -> None:
    """Its headline is the message, and its explanation the trace."""
    failed = row(
        2,
        F,
        id="a",
        area="health",
        title="It is up",
        expected="3",
        observed="2",
        where="shop/web",
        evidence=("2 of 3",),
        source="README",
        next="kubectl get",
        how="exec",
        started_at=1000.5,
        duration_s=1.25,
        attempts=3,
    )
    (test,) = document(failed)["results"]["tests"]
    assert test == {
        "id": "8afecf87-6feb-574b-8a99-2b28a75979da",
        "name": "a",
        "status": "failed",
        "rawStatus": "failed",
        "duration": 1250,
        "start": 1_000_500,
        "stop": 1_001_750,
        "suite": ["health"],
        "type": "conformance",
        "retries": 2,
        "flaky": False,
        "extra": {
            "claim": "It is up",
            "expected": "3",
            "observed": "2",
            "where": "shop/web",
            "evidence": ["2 of 3"],
            "source": "README",
            "next": "kubectl get",
            "how": "exec",
        },
        "message": "a: expected 3, observed 2",
        "trace": "a: expected 3, observed 2\n  claim     It is up\n  where     shop/web\n"
        "  evidence  2 of 3\n  looked    exec\n  source    README\n  next      kubectl get",
    }


def test_a_pass_needs_no_message() -> None:
    """A row without an id has a name all the same, and no time is negative."""
    (test,) = document(row(1, P, id="", duration_s=-1.0, attempts=0))["results"]["tests"]
    assert (test["name"], test["duration"], test["retries"]) == ("(no id)", 0, 0)
    assert "message" not in test
    assert "trace" not in test


def test_the_same_run_has_the_same_ids_and_another_run_has_others() -> None:
    """Also for a name that UTF-8 cannot hold."""
    made = record(row(1, id="lone \ud800"), row(2, id="b"))
    first, again = json.loads(to_ctrf(made)), json.loads(to_ctrf(made))
    assert first == again
    ids = [one["id"] for one in first["results"]["tests"]]
    ours = uuid.uuid5(uuid.NAMESPACE_URL, "https://clusterproof.dev/rows")
    assert ids == [str(uuid.uuid5(ours, name)) for name in ("lone \\ud800", "b")]
    for other in (replace(made, run_id="x"), replace(made, started_at=1.0)):
        assert json.loads(to_ctrf(other))["reportId"] != first["reportId"]


def test_the_text_is_for_a_reader_too() -> None:
    """Letters as they are, a line for each field."""
    text = to_ctrf(record(row(1, title="für alle")))
    assert "für alle" in text
    assert text.startswith('{\n "reportFormat": "CTRF",\n')
