"""Two runs side by side, and the exit code that tolerates only what is known."""

from dataclasses import fields, replace

import pytest

from clusterproof.history.compare import (
    CHANGES,
    Comparison,
    compare,
    fail_on_new,
    lines_of,
    with_census,
)
from clusterproof.outcome import Outcome
from clusterproof.report.record import RunRecord
from tests.history.nights import night
from tests.report.samples import row

P, F, U, N = Outcome.PASSED, Outcome.FAILED, Outcome.INCONCLUSIVE, Outcome.NOT_RUN


def run(number: int, **outcomes: Outcome) -> RunRecord:
    rows = (row(place, one, id=name) for place, (name, one) in enumerate(outcomes.items()))
    return night(number, *rows)


@pytest.mark.parametrize(
    ("before", "after", "field", "rows"),
    [
        ({"a": P}, {"a": F}, "new_failures", ("a",)),
        ({"a": U}, {"a": F}, "new_failures", ("a",)),
        ({}, {"a": F}, "new_failures", ("a",)),
        ({"a": F}, {"a": F}, "new_failures", ()),
        ({"a": F}, {"a": F}, "still_failing", ("a",)),
        ({"a": F}, {"a": P}, "mended", ("a",)),
        ({"a": F}, {"a": U}, "mended", ()),
        ({"a": P}, {"a": U}, "new_unknowns", ("a",)),
        ({"a": U}, {"a": N}, "new_unknowns", ()),
        ({"a": P, "b": P}, {"b": P}, "vanished", ("a",)),
        ({"b": P}, {"a": P, "b": P}, "appeared", ("a",)),
    ],
)
def test_a_change_is_named(
    before: dict[str, Outcome], after: dict[str, Outcome], field: str, rows: tuple[str, ...]
) -> None:
    assert getattr(compare(run(0, **before), run(1, **after)), field) == rows


def test_a_comparison_names_its_runs_and_is_quiet_where_nothing_changed() -> None:
    seen = compare(run(0, a=P, b=F), run(1, a=P, b=F, c=P))
    assert (seen.before, seen.after, seen.quiet) == ("night-000", "night-001", True)


@pytest.mark.parametrize("field", ["new_failures", "mended", "new_unknowns", "vanished"])
def test_each_of_these_a_reader_must_hear_of(field: str) -> None:
    assert not Comparison("a", "b", **{field: ("x",)}).quiet


def test_a_row_that_vanished_says_what_it_was_and_how_to_retire_it() -> None:
    first = run(0, a=P, b=P)
    gone = with_census(first, run(1, b=P)).rows[-1]
    assert gone == replace(
        first.rows[0],
        outcome=F,
        expected="checked, as in run night-000",
        observed="no longer a row of this run",
        where="the list of rows",
        evidence=(),
        next="clusterproof history retire a --because REASON",
        how="census: rows of the run before against rows of this run",
        started_at=0.0,
        duration_s=0.0,
    )


def test_a_failure_that_is_seen_otherwise_is_told_from_the_same_one() -> None:
    before, same = run(0, a=F), run(1, a=F)
    other = replace(same, rows=(replace(same.rows[0], observed="1 ready replica"),))
    assert compare(before, same).changed_failures == ()
    assert compare(before, other).changed_failures == ("a",)


@pytest.mark.parametrize(
    ("baseline", "current", "code"),
    [
        ({"a": P}, {"a": P}, 0),
        ({"a": F}, {"a": F}, 0),
        ({"a": F, "b": P}, {"a": P, "b": P}, 0),
        ({"a": P}, {"a": F}, 1),
        ({"a": F, "b": P}, {"a": F, "b": F}, 1),
        ({"a": P, "b": P}, {"a": P}, 1),
        ({"a": P}, {"a": P, "b": F}, 1),
        ({"a": P}, {"a": U}, 6),
        ({"a": F, "b": P}, {"a": U, "b": P}, 6),
        ({"a": U, "b": P}, {"a": U, "b": P}, 0),
        ({"a": U}, {"a": U}, 6),
        ({}, {}, 6),
    ],
)
def test_fail_on_new_tolerates_what_the_baseline_has_and_nothing_else(
    baseline: dict[str, Outcome], current: dict[str, Outcome], code: int
) -> None:
    assert fail_on_new(run(0, **baseline), run(1, **current)) == code


def test_a_row_that_vanished_fails_each_night_until_it_is_retired() -> None:
    first = run(0, a=P, b=P)
    second = with_census(first, run(1, b=P))
    assert (second.verdict, second.exit_code) == (F, 1)
    assert compare(first, second).vanished == ("a",)
    assert compare(first, second).new_failures == ()
    third = with_census(second, run(2, b=P))
    assert third.rows[-1].expected == "checked, as in run night-000"
    assert compare(second, third).still_failing == ("a",)
    fourth = with_census(third, run(3, b=P), retired={"a"})
    assert fourth.verdict is P
    assert compare(third, fourth, retired={"a"}).vanished == ()


def test_a_row_that_is_back_is_mended() -> None:
    second = with_census(run(0, a=P, b=P), run(1, b=P))
    assert compare(second, with_census(second, run(2, a=P, b=P))).mended == ("a",)


def test_a_baseline_does_not_hide_a_vanished_row() -> None:
    baseline = run(0, a=P, b=P)
    assert fail_on_new(baseline, with_census(baseline, run(1, b=P))) == 1
    assert fail_on_new(baseline, run(1, b=P), retired={"a"}) == 0


def test_the_first_run_has_no_census() -> None:
    first = run(0, a=P)
    assert with_census(None, first) is first


def test_rehearsals_are_missed_only_by_a_run_that_rehearsed() -> None:
    rehearsal = row(1, P, id="b", area="rehearsals")
    before = replace(
        run(0, a=P), rows=(row(0, P, id="a"), rehearsal), options={"--rehearse": "True"}
    )
    plain, rehearsed = run(1, a=P), replace(run(1, a=P), options={"--rehearse": "True"})
    assert compare(before, plain).vanished == ()
    assert with_census(before, plain).rows == plain.rows
    assert compare(before, rehearsed).vanished == ("b",)
    assert [one.outcome for one in with_census(before, rehearsed).rows] == [P, F]


def test_every_field_of_a_comparison_has_its_line_and_its_heading() -> None:
    names = [field.name for field in fields(Comparison)][2:]
    assert set(CHANGES) == set(names)
    comparison = Comparison("a", "b", **{field: (field,) for field in names})
    assert sorted(line.split()[-1] for line in lines_of(comparison)) == sorted(names)
