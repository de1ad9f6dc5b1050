"""One row over many nights."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterproof.history.trend import Point, Since, changes, failing_since, flakes, flips, spells
from clusterproof.outcome import Outcome

LETTERS = {
    "P": Outcome.PASSED,
    "F": Outcome.FAILED,
    "I": Outcome.INCONCLUSIVE,
    "N": Outcome.NOT_RUN,
}


def points(letters: str) -> list[Point]:
    return [Point(run, LETTERS[one]) for run, one in enumerate(letters) if one != "-"]


@pytest.mark.parametrize(
    ("letters", "since"),
    [
        ("", None),
        ("PPP", None),
        ("PFFP", None),
        ("PPFF", Since(2, 1, 0)),
        ("FFF", Since(0, None, 0)),
        ("PIIFF", Since(3, 0, 2)),
        ("PFIF", Since(1, 0, 0)),
        ("PFFI", Since(1, 0, 0)),
        ("PFFN", Since(1, 0, 0)),
        ("PFPIF", Since(4, 2, 1)),
        ("PIFIF", Since(2, 0, 1)),
        ("III", None),
        ("PP--F", Since(4, 1, 0)),
    ],
)
def test_first_bad_night_is_after_the_last_good_one(letters: str, since: Since | None) -> None:
    assert failing_since(points(letters)) == since


@given(st.text("PFIN", max_size=30))
def test_between_last_good_and_first_bad_nothing_is_known(letters: str) -> None:
    since = failing_since(points(letters))
    if since is None:
        said = letters.rstrip("IN")
        assert not said.endswith("F")
        return
    assert letters[since.first_bad] == "F"
    assert "P" not in letters[since.first_bad :]
    between = letters[0 if since.last_good is None else since.last_good + 1 : since.first_bad]
    assert set(between) <= {"I", "N"}
    assert since.blind == len(between)


def test_a_flake_stays_on_record() -> None:
    seen = [Point(0, Outcome.PASSED, attempts=2), *points("-PPPPP")]
    assert flakes(seen) == (seen[0],)
    assert seen[0] in changes(seen)


def test_a_failure_with_retries_is_no_flake() -> None:
    assert flakes([Point(0, Outcome.FAILED, attempts=3)]) == ()


@pytest.mark.parametrize(("letters", "count"), [("PPP", 0), ("PFP", 2), ("PIFIP", 2), ("FFPF", 2)])
def test_flips_leave_blind_runs_out(letters: str, count: int) -> None:
    assert len(flips(points(letters))) == count


def test_changes_are_where_the_outcome_turned() -> None:
    assert [point.run for point in changes(points("PPFFIP"))] == [0, 2, 4, 5]


def test_spells_cover_every_run_and_absence_is_one() -> None:
    passed, failed = Outcome.PASSED, Outcome.FAILED
    seen = spells(points("PP-FF"), 6)
    assert seen == ((passed, 0, 2), (None, 2, 1), (failed, 3, 2), (None, 5, 1))
