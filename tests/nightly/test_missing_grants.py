"""A run without one grant beside the run with all: what counts as noticed, and what as wrong."""

from pathlib import Path

import pytest

from clusterproof.nightly.rights import Grant
from clusterproof.outcome import Outcome
from clusterproof.report.record import ClusterFacts, RowResult, RunRecord
from testbed.nightly.missing_grants import (
    NOTED,
    STAGES,
    MissingGrant,
    compared,
    grants_of,
    keep,
    kept,
    table,
)

LIST_PODS = Grant("", "", "pods", "list")
REFUSED = "GET /api/v1/pods: 403 Forbidden: pods is forbidden"


def record(
    *rows: tuple[str, Outcome, str], notes: tuple[str, ...] = (), uid: str = "u"
) -> RunRecord:
    return RunRecord(
        run_id="r",
        started_at=0,
        finished_at=1,
        cluster=ClusterFacts(context="c", uid=uid),
        rows=tuple(
            RowResult(id=name, area="health", title=name, outcome=outcome, cause=cause)
            for name, outcome, cause in rows
        ),
        notes=notes,
    )


WHOLE = record(("a", Outcome.PASSED, ""), ("b", Outcome.FAILED, ""), notes=("as ever",))


def test_blind_rows_are_what_a_grant_is_noticed_by() -> None:
    run = record(
        ("a", Outcome.INCONCLUSIVE, REFUSED), ("b", Outcome.FAILED, ""), notes=("as ever",)
    )
    found = compared("full", LIST_PODS, WHOLE, run)
    assert found == MissingGrant("full", "list pods", ("a",), (), (), (), ())
    assert found.is_noticed


def test_a_pass_a_failure_and_a_cause_that_is_no_refusal_are_wrong() -> None:
    run = record(("a", Outcome.FAILED, ""), ("b", Outcome.PASSED, ""))
    found = compared("full", LIST_PODS, WHOLE, run)
    assert (found.passes, found.failures, found.is_noticed) == (("b",), ("a",), False)
    run = record(("a", Outcome.INCONCLUSIVE, "no answer"), ("b", Outcome.NOT_RUN, "too late"))
    assert compared("full", LIST_PODS, WHOLE, run).unexplained == ("a: no answer", "b: too late")


@pytest.mark.parametrize("grant", NOTED)
def test_a_grant_without_rows_is_noticed_by_its_note_alone(grant: str) -> None:
    silent = MissingGrant("full", grant, ("a",), (), (), (), ())
    assert not silent.is_noticed
    assert MissingGrant("full", grant, (), (), (), (), (f"so: {NOTED[grant]}",)).is_noticed


def test_a_cluster_without_a_uid_is_a_note() -> None:
    run = record(("a", Outcome.PASSED, ""), ("b", Outcome.FAILED, ""), uid="")
    found = compared("read-only", Grant("", "", "namespaces", "get"), WHOLE, run)
    assert found.is_noticed


def test_each_grant_that_is_noted_is_taken_away_in_some_stage() -> None:
    every = {str(one) for stage in STAGES.values() for one in grants_of(*stage.taken_away)}
    assert set(NOTED) <= every


def test_for_one_grant_the_last_line_of_the_journal_counts(tmp_path: Path) -> None:
    journal = tmp_path / "missing-grants.jsonl"
    for rows in ((), ("router-replicas",)):
        keep(MissingGrant("read-only", "list pods", rows, (), (), (), ()), journal)
    found = kept(journal)
    assert found[("read-only", "list pods")].blind == ("router-replicas",)
    assert "| `list pods` | 1 | router-replicas |  |" in table(found)
    assert "| `list nodes` | not tried | | |" in table(found)


def test_a_grant_that_only_explains_leaves_no_row_blind() -> None:
    assert MissingGrant("full", "list services in default", (), (), (), (), ()).is_noticed
    assert not MissingGrant("full", "list services in posthog", (), (), (), (), ()).is_noticed
