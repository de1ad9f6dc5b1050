"""Several clusters on one page: the worst row first, twins by UID, and one exit code."""

from dataclasses import replace

import pytest

from clusterproof.errors import SpecError
from clusterproof.fleet import _folders, contexts_of
from clusterproof.outcome import ExitCode, Outcome
from clusterproof.report.fleet import Member, compared, exit_code_of, to_fleet_html, twins
from clusterproof.report.record import ClusterFacts, RowResult, RunRecord

PASSED, FAILED, BLIND = Outcome.PASSED, Outcome.FAILED, Outcome.INCONCLUSIVE


def member(context: str, uid: str, **outcomes: Outcome) -> Member:
    rows = tuple(
        RowResult(id=name, area="health", title=f"claim of {name}", outcome=outcome,
                  observed=f"<seen in {context}>")
        for name, outcome in outcomes.items()
    )  # fmt: skip
    record = RunRecord(
        run_id=f"run-{context}",
        started_at=0,
        finished_at=1,
        cluster=ClusterFacts(context=context, uid=uid),
        rows=rows,
    )
    return Member(context, record, page=f"{context}/run/report.html")


NOBODY = Member("gone", None, "no run was made: exit code 4")


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ([member("a", "1", x=PASSED), member("b", "2", x=PASSED)], ExitCode.PASSED),
        ([member("a", "1", x=PASSED), member("b", "2", x=BLIND)], ExitCode.INCONCLUSIVE),
        ([member("a", "1", x=BLIND), member("b", "2", x=FAILED)], ExitCode.FAILED),
        ([member("a", "1", x=PASSED), NOBODY], ExitCode.INCONCLUSIVE),
        ([member("a", "1", x=FAILED), NOBODY], ExitCode.FAILED),
        ([member("a", "1"), member("b", "2", x=PASSED)], ExitCode.INCONCLUSIVE),
    ],
)
def test_the_exit_code_is_the_worst_of_all(members: list[Member], code: ExitCode) -> None:
    assert exit_code_of(members) is code


def test_rows_stand_side_by_side_with_the_worst_first() -> None:
    rows = compared(
        [member("a", "1", x=PASSED, y=PASSED, z=BLIND), member("b", "2", x=PASSED, y=FAILED)]
    )
    assert [(row.id, row.worst) for row in rows] == [("y", FAILED), ("z", BLIND), ("x", PASSED)]
    assert rows[1].results[1] is None, "the other cluster has no such row"


def test_a_row_that_a_cluster_lacks_is_no_pass_there() -> None:
    (row,) = compared([member("a", "1", x=PASSED), member("b", "2")])
    assert row.worst is Outcome.NOT_RUN


def test_two_contexts_of_one_uid_are_one_cluster() -> None:
    members = [member("a", "1"), member("b", "2"), member("c", "1"), member("d", ""), NOBODY]
    assert twins([*members, member("e", "")]) == (("a", "c"),)


def test_the_page_says_what_each_cluster_saw_and_escapes_it() -> None:
    page = to_fleet_html([member("a", "1", x=PASSED), member("b", "2", x=FAILED), NOBODY])
    assert "1 of 1 rows did not pass everywhere" in page
    assert "&lt;seen in b&gt;" in page
    assert "<seen in" not in page
    assert "no run was made: exit code 4" in page
    assert 'href="b/run/report.html"' in page


@pytest.mark.parametrize("text", ["", " , ", "a,b,a"])
def test_contexts_that_cannot_be_meant_are_refused(text: str) -> None:
    with pytest.raises(SpecError, match="--contexts: expected"):
        contexts_of(text)


def test_a_context_may_be_called_what_no_file_should_be() -> None:
    arn = "arn:aws:eks:eu-west-1:1:cluster/a"
    assert _folders(["../x", arn, "a b", "a/b"]) == {
        "../x": "x",
        arn: "arn-aws-eks-eu-west-1-1-cluster-a",
        "a b": "a-b",
        "a/b": "a-b-3",
    }


def test_a_run_that_did_not_end_as_it_should_is_no_pass() -> None:
    ended = replace(member("a", "1", x=PASSED), trouble="its run ended with exit code 7")
    assert ended.outcome is Outcome.INCONCLUSIVE
    assert exit_code_of([ended]) is ExitCode.INCONCLUSIVE
