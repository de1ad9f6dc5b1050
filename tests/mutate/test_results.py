"""The fates of mutants, from what mutmut leaves, and the page of them."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from testbed.mutate.page import page
from testbed.mutate.reasons import FILE, Reason, read_reasons, reason_for
from testbed.mutate.results import Fate, Mutant, fate_of, read_mutants, score

MODULE = '''def x_more__mutmut_orig(number: int, by: int = 1) -> int:
    """More."""
    return number + by


def x_more__mutmut_1(number: int, by: int = 1) -> int:
    """More."""
    return number - by


def x_more__mutmut_2(number: int, by: int = 2) -> int:
    """More."""
    return number + by


class Pair:
    def xǁPairǁleft__mutmut_orig(self) -> int:
        return 1

    def xǁPairǁleft__mutmut_1(self) -> int:
        return 2
'''
CODES = {
    "clusterproof.a.b.x_more__mutmut_1": 1,
    "clusterproof.a.b.x_more__mutmut_2": 0,
    "clusterproof.a.b.xǁPairǁleft__mutmut_1": 33,
}
LIVED = Mutant(
    "clusterproof.a.b.x_more__mutmut_2",
    "a/b.py",
    "more",
    Fate.SURVIVED,
    "def (number: int, by: int = 1) -> int:",
    "def (number: int, by: int = 2) -> int:",
)


@pytest.fixture
def mutants(tmp_path: Path) -> list[Mutant]:
    """Of one module."""
    folder = tmp_path / "mutants/src/clusterproof/a"
    folder.mkdir(parents=True)
    (folder / "b.py").write_text(MODULE, "utf-8")
    (folder / "b.py.meta").write_text(json.dumps({"exit_code_by_key": CODES}), "utf-8")
    return read_mutants(tmp_path)


def test_each_mutant_says_what_it_changed(mutants: list[Mutant]) -> None:
    """A default, too, though it stands in the line with the name."""
    killed, lived, untested = mutants
    assert (killed.fate, killed.was, killed.now) == (
        Fate.KILLED,
        "return number + by",
        "return number - by",
    )
    assert lived == LIVED
    assert (untested.function, untested.fate) == ("Pair.left", Fate.NO_TESTS)


@pytest.mark.parametrize(
    ("code", "fate"),
    [
        (1, Fate.KILLED),
        (3, Fate.KILLED),
        (0, Fate.SURVIVED),
        (33, Fate.NO_TESTS),
        (-24, Fate.TIMED_OUT),
        (36, Fate.TIMED_OUT),
        (None, Fate.NOT_RUN),
        (2, Fate.NOT_RUN),
        (-11, Fate.BROKEN),
    ],
)
def test_an_exit_code_is_a_fate(code: int | None, fate: Fate) -> None:
    """One that was stopped was not judged."""
    assert fate_of(code) is fate


def test_a_mutant_that_no_test_calls_is_not_killed(mutants: list[Mutant]) -> None:
    """And one that was not run is in no share."""
    figures = score("a/b.py", [*mutants, Mutant("n", "a/b.py", "f", Fate.NOT_RUN, "", "")])
    assert (figures.mutants, figures.run, figures.killed) == (4, 3, 1)
    assert figures.share == pytest.approx(1 / 3)


def test_the_page_lists_every_survivor_with_its_reason(mutants: list[Mutant]) -> None:
    """One that nobody has looked at says so."""
    reasons = (Reason("a/b.py:more", "= 2", "No caller leaves it out."),)
    text = page(mutants, reasons, ["c.py"], "mutmut 3")
    assert "**33.3%** of 3 mutants were killed" in text
    assert "**No caller leaves it out.** (1)" in text
    assert "**not looked at** (1)" in text
    assert "| a/b.py:Pair.left | `` return 1 `` | `` return 2 `` |" in text
    assert "`c.py`" in text


def test_the_first_reason_that_covers_a_mutant_counts() -> None:
    """By the function, and by what the changed line holds."""
    one = Reason("a/*", "= 3", "another line")
    two = Reason("a/b.py:more", "", "this one")
    three = Reason("*", "", "too late")
    assert reason_for(LIVED, (one, two, three)) == "this one"
    assert reason_for(LIVED, (one,)) == ""


def test_a_reason_may_be_of_upper_and_lower_case_alone() -> None:
    """A line that was changed otherwise is not covered."""
    case = Reason("a/*", "", "the database does not care", case=True)
    sql = Mutant("n", "a/b.py", "f", Fate.SURVIVED, 'run("SELECT x")', 'run("select x")')
    assert case.covers(sql)
    assert not case.covers(replace(sql, now='run("XXSELECT xXX")'))


def test_the_reasons_of_the_project_are_sentences() -> None:
    """Something that a reader can check."""
    assert [one for one in read_reasons(FILE) if len(one.because) < 20] == []
