"""Caught, missed, and what could not be seen."""

from fnmatch import fnmatch
from pathlib import Path

import pytest

from clusterproof.checks import read_spec
from clusterproof.spec.document import read_document
from testbed.compare.findings import Finding
from testbed.compare.verdicts import NONE, Judged, Notes, Verdict, counted, judge
from testbed.prove.catalogue import read_catalogue
from testbed.prove.steps import Defect

PROJECT = Path(__file__).parents[2]
TIMED = Notes({"one": "the order of changes"}, {})
OLD = Finding("probes", "Deployment/router", "no liveness probe")
NEW = Finding("image", "Deployment/router/main", "latest")


def defect(kind: str = "wrong") -> Defect:
    """A defect, or an equivalent."""
    reds = {} if kind == "equivalent" else {"row": "x"}
    fields = {"id": "one", "kind": kind, "title": "One", "reds": reds, "steps": [{"settle_s": 1}]}
    return Defect.model_validate(fields)


@pytest.mark.parametrize(
    ("kind", "after", "notes", "verdict", "new"),
    [
        ("wrong", [OLD, NEW], NONE, Verdict.CAUGHT, (NEW,)),
        ("wrong", [OLD, OLD], NONE, Verdict.CAUGHT, (OLD,)),
        ("wrong", [OLD], NONE, Verdict.MISSED, ()),
        ("wrong", [], NONE, Verdict.MISSED, ()),
        ("wrong", None, NONE, Verdict.NOT_SEEN, ()),
        ("lying", [OLD], TIMED, Verdict.NOT_SEEN, ()),
        ("lying", [OLD, NEW], TIMED, Verdict.CAUGHT, (NEW,)),
        ("equivalent", [OLD, NEW], NONE, Verdict.ALARMED, (NEW,)),
        ("equivalent", [OLD], NONE, Verdict.QUIET, ()),
        ("equivalent", None, NONE, Verdict.QUIET, ()),
    ],
)
def test_only_what_is_new_counts(
    kind: str,
    after: list[Finding] | None,
    notes: Notes,
    verdict: Verdict,
    new: tuple[Finding, ...],
) -> None:
    """A second finding of the same words is new as well; a missing one catches nothing."""
    assert judge(defect(kind), "t", [OLD], after, notes) == Judged("one", kind, "t", verdict, new)


def test_what_is_beside_the_point_is_noted_where_something_was_said() -> None:
    """It still counts as caught."""
    notes = Notes({}, {"o*": "of the carrier"})
    caught = judge(defect(), "t", [OLD], [OLD, NEW], notes)
    assert (caught.verdict, caught.beside) == (Verdict.CAUGHT, "of the carrier")
    assert judge(defect(), "t", [OLD], [OLD], notes).beside == ""


def test_every_note_is_of_a_defect_that_there_is() -> None:
    """A note of a defect that was renamed would say nothing."""
    defects = read_catalogue(read_spec(PROJECT / "spec" / "self-hosted.yaml").rehearsed())
    notes = Notes(**read_document(PROJECT / "testbed" / "compare" / "notes.yaml").data)
    patterns = [*notes.timing, *notes.beside]
    assert [one for one in patterns if not any(fnmatch(x.id, one) for x in defects)] == []


def test_verdicts_are_counted_by_tool_and_kind() -> None:
    """A kind without a verdict counts zero."""
    judged = [
        Judged("a", "wrong", "t", Verdict.CAUGHT),
        Judged("b", "wrong", "t", Verdict.CAUGHT),
        Judged("a", "wrong", "u", Verdict.MISSED),
    ]
    figures = counted(judged)
    assert figures["t", "wrong", Verdict.CAUGHT] == 2
    assert figures["u", "wrong", Verdict.MISSED] == 1
    assert figures["u", "lying", Verdict.CAUGHT] == 0
