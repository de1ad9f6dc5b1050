"""What a group of defects did to the rows."""

import json
from pathlib import Path

import pytest

from clusterproof.outcome import Outcome
from clusterproof.report.record import RowResult
from testbed.prove.findings import Finding, Proof, judge_group, rates
from testbed.prove.results import earlier, not_due_before
from testbed.prove.steps import Defect

WRONG = Defect.model_validate(
    {
        "id": "wrong",
        "kind": "wrong",
        "title": "Wrong",
        "reds": {"row": "observed 7"},
        "touches": ["beside-*"],
        "steps": [{"settle_s": 1}],
    }
)


def result(name: str, outcome: Outcome, said: str = "", cause: str = "") -> RowResult:
    """A row's result."""
    differences = (said,) if said else ()
    return RowResult(
        id=name,
        area="workloads",
        title=name,
        outcome=outcome,
        differences=differences,
        cause=cause,
    )


@pytest.mark.parametrize(
    ("seen", "finding"),
    [
        (result("row", Outcome.FAILED, "a: expected 5, observed 7"), Finding.RED_AS_DUE),
        (result("row", Outcome.FAILED, "a: expected 5, observed 8"), Finding.WRONG_REASON),
        (result("row", Outcome.PASSED), Finding.SILENT),
        (result("row", Outcome.INCONCLUSIVE, cause="observed 7"), Finding.SILENT),
        (result("another", Outcome.PASSED), Finding.SILENT),
    ],
    ids=["red", "other-words", "green", "inconclusive", "not-run"],
)
def test_a_due_row_is_red_for_its_reason_or_not_proven(seen: RowResult, finding: Finding) -> None:
    """Only a failure with the words that the defect names counts."""
    (proof,) = judge_group([WRONG], [seen])
    assert proof.finding is finding


def test_a_row_that_none_may_touch_has_to_stay_green() -> None:
    """Inconclusive is not green either; what a defect may touch is its own affair."""
    red = result("row", Outcome.FAILED, "observed 7")
    others = [
        result("elsewhere", Outcome.INCONCLUSIVE, cause="no answer"),
        result("beside-it", Outcome.FAILED, "x"),
        result("well", Outcome.PASSED),
    ]
    proofs = judge_group([WRONG], [red, *others])
    alarms = [one.row for one in proofs if one.finding is Finding.FALSE_ALARM]
    assert alarms == ["elsewhere"]


def test_the_rates_count_each_finding_once() -> None:
    """An equivalent in a group with a false alarm did not stay green."""
    proofs = [
        Proof("a", "wrong", "r1", Finding.RED_AS_DUE, ""),
        Proof("b", "wrong", "r2", Finding.SILENT, ""),
        Proof("e1,e2", "guard", "r3", Finding.FALSE_ALARM, ""),
    ]
    figures = rates(proofs, ["e1", "e3"])
    assert (figures.due, figures.red, figures.silent, figures.false_alarms) == (2, 1, 1, 1)
    assert (figures.equivalents, figures.equivalents_green) == (2, 1)
    assert figures.kill_rate == pytest.approx(0.5)


def written(path: Path, *lines: tuple[list[str], list[Proof], float]) -> Path:
    """A file of results."""
    text = "\n".join(
        json.dumps({"defects": names, "proofs": [p.to_json() for p in proofs], "took_s": took})
        for names, proofs, took in lines
    )
    path.write_text(text, "utf-8")
    return path


def test_what_was_proven_need_not_be_proven_again(tmp_path: Path) -> None:
    """The last line counts, with the time that its group took."""
    red = Proof("wrong", "wrong", "row", Finding.RED_AS_DUE, "observed 7")
    silent = Proof("wrong", "wrong", "row", Finding.SILENT, "")
    path = written(tmp_path / "r", (["wrong"], [silent], 5.0), (["wrong"], [red], 7.0))
    assert earlier(path, [WRONG]) == ({"wrong": [red]}, 7.0)
    assert not_due_before(path) == [silent]


@pytest.mark.parametrize(
    "last",
    [
        [Proof("wrong", "wrong", "row", Finding.SILENT, "")],
        [
            Proof("wrong", "wrong", "row", Finding.RED_AS_DUE, ""),
            Proof("wrong", "guard", "other", Finding.FALSE_ALARM, ""),
        ],
        [Proof("wrong", "wrong", "a-row-of-before", Finding.RED_AS_DUE, "")],
    ],
    ids=["silent", "alarm", "another-row"],
)
def test_what_was_not_proven_is_proven_again(tmp_path: Path, last: list[Proof]) -> None:
    """Also where the group had a false alarm, or the defect is another one by now."""
    assert earlier(written(tmp_path / "r", (["wrong"], last, 1.0)), [WRONG]) == ({}, 0)
