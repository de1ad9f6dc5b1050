"""Caught, missed, and what could not be seen."""

import pytest

from testbed.compare.findings import Finding
from testbed.compare.verdicts import Judged, Verdict, counted, judge
from testbed.prove.steps import Defect

OLD = Finding("probes", "Deployment/router", "no liveness probe")
NEW = Finding("image", "Deployment/router/main", "latest")


def defect(kind: str = "wrong") -> Defect:
    """A defect, or an equivalent."""
    reds = {} if kind == "equivalent" else {"row": "x"}
    fields = {"id": "one", "kind": kind, "title": "One", "reds": reds, "steps": [{"settle_s": 1}]}
    return Defect.model_validate(fields)


@pytest.mark.parametrize(
    ("kind", "after", "timing", "verdict", "new"),
    [
        ("wrong", [OLD, NEW], (), Verdict.CAUGHT, (NEW,)),
        ("wrong", [OLD, OLD], (), Verdict.CAUGHT, (OLD,)),
        ("wrong", [OLD], (), Verdict.MISSED, ()),
        ("wrong", [], (), Verdict.MISSED, ()),
        ("wrong", None, (), Verdict.NOT_SEEN, ()),
        ("lying", [OLD], ("one",), Verdict.NOT_SEEN, ()),
        ("lying", [OLD, NEW], ("one",), Verdict.CAUGHT, (NEW,)),
        ("equivalent", [OLD, NEW], (), Verdict.ALARMED, (NEW,)),
        ("equivalent", [OLD], (), Verdict.QUIET, ()),
        ("equivalent", None, (), Verdict.QUIET, ()),
    ],
)
def test_only_what_is_new_counts(
    kind: str,
    after: list[Finding] | None,
    timing: tuple[str, ...],
    verdict: Verdict,
    new: tuple[Finding, ...],
) -> None:
    """A second finding of the same words is new as well; a missing one catches nothing."""
    assert judge(defect(kind), "t", [OLD], after, timing) == Judged("one", kind, "t", verdict, new)


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
