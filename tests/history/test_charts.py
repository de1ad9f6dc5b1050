"""Charts, to the letter: what is drawn where, and what a screen reader is told."""

import pytest

from clusterproof.history.charts import columns, durations_label, line, strip
from clusterproof.outcome import Outcome

P, F, U, N = Outcome.PASSED, Outcome.FAILED, Outcome.INCONCLUSIVE, Outcome.NOT_RUN


def counts(passed: int = 0, failed: int = 0, unknown: int = 0) -> dict[Outcome, int]:
    """The outcomes of one night."""
    return {P: passed, F: failed, U: unknown, N: 0}


def test_a_column_stands_on_its_failures() -> None:
    """As high as its share of the busiest night; there is room between columns."""
    assert columns([counts(1, 1, 2), counts(1)], "two <nights>") == (
        '<svg class="chart columns" role="img" aria-label="two &lt;nights&gt;" '
        'viewBox="0 0 1000 100" preserveAspectRatio="none">'
        '<path class="failed" d="M0.0 75.0h410.0v25.0h-410.0z"/>'
        '<path class="inconclusive" d="M0.0 25.0h410.0v50.0h-410.0z"/>'
        '<path class="passed" d="M0.0 0.0h410.0v25.0h-410.0zM500.0 75.0h410.0v25.0h-410.0z"/>'
        "</svg>"
    )


def test_one_failure_among_many_rows_is_seen() -> None:
    """And the passes give way to it: nothing is drawn above the picture."""
    drawn = columns([counts(passed=399, failed=1)], "x")
    assert 'class="failed" d="M0.0 96.0h820.0v4.0h-820.0z"' in drawn
    assert 'class="passed" d="M0.0 0.0h820.0v96.0h-820.0z"' in drawn


def test_an_absent_night_is_marked_over_its_whole_height() -> None:
    """And the next night stands in its own place."""
    drawn = columns([None, counts(1)], "x")
    assert '<path class="absent" d="M0.0 0h410.0v100h-410.0z"/></svg>' in drawn
    assert 'class="passed" d="M500.0 0.0h410.0v100.0h-410.0z"' in drawn
    assert 'd="M0.0 0h410.0v100h-410.0zM500.0 0h410.0v100h-410.0z"' in columns([None] * 2, "x")


@pytest.mark.parametrize(("nights", "width"), [(249, "3.3"), (250, "4.0")])
def test_hairlines_have_no_room_between_them(nights: int, width: str) -> None:
    """A year of nights would be all gaps."""
    assert f"M0.0 0.0h{width}v100.0" in columns([counts(1)] * nights, "x")


def test_no_night_and_an_empty_night_are_drawn_as_nothing() -> None:
    """No division by zero."""
    empty = 'viewBox="0 0 1000 100" preserveAspectRatio="none"></svg>'
    assert columns([], "x").endswith(empty)
    assert columns([counts()], "x").endswith(empty)


def test_a_strip_is_a_piece_for_each_spell() -> None:
    """And says how many nights were bad, and how the last one was."""
    assert strip([(P, 0, 2), (None, 2, 1), (F, 3, 1)], 4) == (
        '<svg class="chart strip" role="img" aria-label="4 runs, 1 failed, last failed" '
        'viewBox="0 0 1000 10" preserveAspectRatio="none">'
        '<rect class="passed" x="0.0" y="0" width="500.0" height="10"/>'
        '<rect class="absent" x="500.0" y="0" width="250.0" height="10"/>'
        '<rect class="failed" x="750.0" y="0" width="250.0" height="10"/></svg>'
    )


def test_a_strip_adds_up_its_bad_spells() -> None:
    """Whatever stands last."""
    assert "5 runs, 3 failed, last not run" in strip([(F, 0, 2), (F, 2, 1), (N, 3, 2)], 5)
    assert "2 runs, 0 failed, last absent" in strip([(P, 0, 1), (None, 1, 1)], 2)
    assert "0 runs, 0 failed, last absent" in strip([], 0)
    assert 'width="1000.0"' in strip([(P, 0, 1)], 1)


def test_a_line_is_from_zero_to_its_longest_and_breaks_where_nothing_is_known() -> None:
    """Each value in its own place."""
    assert line([1.0, 2.0, None, 0.0, 2.0], "took <x>") == (
        '<svg class="chart line" role="img" aria-label="took &lt;x&gt;" '
        'viewBox="0 0 1000 100" preserveAspectRatio="none">'
        '<path class="ground" d="M0 99h1000"/>'
        '<path class="trace" d="M0.0 50.0L250.0 5.0M750.0 95.0L1000.0 5.0"/></svg>'
    )


def test_a_line_of_one_value_or_none_is_drawn() -> None:
    """No division by zero."""
    assert 'd="M0.0 5.0"' in line([3.0], "x")
    assert 'd="M0.0 95.0L1000.0 95.0"' in line([0.0, 0.0], "x")
    assert 'class="trace" d=""' in line([], "x")


def test_the_figures_of_a_line_are_said() -> None:
    """The last, the middle and the longest of what is known."""
    assert durations_label([5.0, None, 2.0, 4.0, 3.0, None], "Run") == (
        "Run: last 3.0 s, median 4.0 s, longest 5.0 s"
    )
    assert durations_label([None], "Run") == "Run: no values"
