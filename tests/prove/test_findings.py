"""What a group of defects did to the rows."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from clusterproof.judgement import Difference
from clusterproof.outcome import Outcome
from clusterproof.report.record import RowResult
from testbed.prove.findings import PROOFS, Finding, Proof, judge_group, rates
from testbed.prove.results import earlier, not_due_before
from testbed.prove.steps import Defect, Due

WRONG = Defect.model_validate(
    {
        "id": "wrong",
        "kind": "wrong",
        "title": "Wrong",
        "reds": {"row": {"code": "field-differs", "observed": "7"}},
        "touches": ["beside-*"],
        "steps": [{"settle_s": 1}],
    }
)


SEVEN = Difference("a", "5", "7", code="field-differs")


def result(name: str, outcome: Outcome, *parts: Difference, cause: str = "") -> RowResult:
    """A row's result."""
    row = RowResult(id=name, area="workloads", title=name, outcome=outcome, cause=cause)
    return row.with_differences(parts)


@pytest.mark.parametrize(
    ("seen", "finding"),
    [
        (result("row", Outcome.FAILED, SEVEN), Finding.RED_AS_DUE),
        (result("row", Outcome.FAILED, replace(SEVEN, what="b"), SEVEN), Finding.RED_AS_DUE),
        (result("row", Outcome.FAILED, replace(SEVEN, reason="why")), Finding.RED_AS_DUE),
        (result("row", Outcome.FAILED, replace(SEVEN, observed="70")), Finding.WRONG_REASON),
        (result("row", Outcome.FAILED, replace(SEVEN, code="pod-stale")), Finding.WRONG_REASON),
        (
            result(
                "row",
                Outcome.FAILED,
                replace(SEVEN, observed="8"),
                replace(SEVEN, code="pod-stale"),
            ),
            Finding.WRONG_REASON,
        ),
        (result("row", Outcome.FAILED), Finding.WRONG_REASON),
        (result("row", Outcome.PASSED), Finding.SILENT),
        (result("row", Outcome.INCONCLUSIVE, cause="observed 7"), Finding.SILENT),
        (result("another", Outcome.PASSED), Finding.SILENT),
    ],
    ids=[
        "red",
        "among-others",
        "other-words",
        "other-value",
        "other-code",
        "code-and-value-of-two",
        "without-parts",
        "green",
        "inconclusive",
        "not-run",
    ],
)
def test_a_due_row_is_red_for_its_reason_or_not_proven(seen: RowResult, finding: Finding) -> None:
    """Only a failure by the difference that the defect names counts."""
    (proof,) = judge_group([WRONG], [seen])
    assert proof.finding is finding


def test_one_of_several_codes_is_enough() -> None:
    due = Due.model_validate(["pod-stale", "field-differs"])
    assert due.is_met(SEVEN)
    assert not due.is_met(replace(SEVEN, code="field-absent"))


@pytest.mark.parametrize("part", ["what", "expected", "observed"])
def test_each_part_that_is_due_has_to_be_so(part: str) -> None:
    due = Due.model_validate({"code": "field-differs", part: getattr(SEVEN, part)})
    assert due.is_met(SEVEN)
    assert not due.is_met(replace(SEVEN, **{part: "else"}))


def test_a_row_that_none_may_touch_has_to_stay_green() -> None:
    """Inconclusive is not green either; what a defect may touch is its own affair."""
    red = result("row", Outcome.FAILED, SEVEN)
    others = [
        result("elsewhere", Outcome.INCONCLUSIVE, cause="no answer"),
        result("beside-it", Outcome.FAILED, SEVEN),
        result("well", Outcome.PASSED),
    ]
    proofs = judge_group([WRONG], [red, *others])
    alarms = [one.row for one in proofs if one.finding is Finding.FALSE_ALARM]
    assert alarms == ["elsewhere"]


def test_the_rates_count_each_finding_once() -> None:
    """An equivalent in a group with a false alarm did not stay green."""
    proofs = [
        Proof("a", "wrong", "r1", Finding.RED_AS_DUE),
        Proof("b", "wrong", "r2", Finding.SILENT),
        Proof("e1,e2", "guard", "r3", Finding.FALSE_ALARM),
    ]
    figures = rates(proofs, ["e1", "e3"])
    assert (figures.due, figures.red, figures.silent, figures.false_alarms) == (2, 1, 1, 1)
    assert (figures.equivalents, figures.equivalents_green) == (2, 1)
    assert figures.kill_rate == pytest.approx(0.5)


RED = Proof("wrong", "wrong", "row", Finding.RED_AS_DUE, "", (SEVEN,))


def written(path: Path, *lines: tuple[list[str], list[Proof], float]) -> Path:
    """A file of results."""
    text = "\n".join(
        json.dumps({"defects": names, "proofs": PROOFS.dump_python(proofs), "took_s": took})
        for names, proofs, took in lines
    )
    path.write_text(text, "utf-8")
    return path


def test_what_was_proven_need_not_be_proven_again(tmp_path: Path) -> None:
    """The last line counts, with the time that its group took."""
    silent = Proof("wrong", "wrong", "row", Finding.SILENT)
    path = written(tmp_path / "r", (["wrong"], [silent], 5.0), (["wrong"], [RED], 7.0))
    assert earlier(path, [WRONG]) == ({"wrong": [RED]}, 7.0)
    assert not_due_before(path) == [silent]


@pytest.mark.parametrize(
    "last",
    [
        [Proof("wrong", "wrong", "row", Finding.SILENT)],
        [
            RED,
            Proof("wrong", "guard", "other", Finding.FALSE_ALARM),
        ],
        [replace(RED, row="a-row-of-before")],
        [replace(RED, differences=(replace(SEVEN, code="pod-stale"),))],
    ],
    ids=["silent", "alarm", "another-row", "another-code"],
)
def test_what_was_not_proven_is_proven_again(tmp_path: Path, last: list[Proof]) -> None:
    """Also where the group had a false alarm, or the defect is another one by now."""
    assert earlier(written(tmp_path / "r", (["wrong"], last, 1.0)), [WRONG]) == ({}, 0)
