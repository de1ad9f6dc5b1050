"""The words and numbers that every report shares, to the letter."""

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from clusterproof.outcome import Outcome
from clusterproof.report import words
from tests.report.samples import record, row

P, F, U, N = Outcome.PASSED, Outcome.FAILED, Outcome.INCONCLUSIVE, Outcome.NOT_RUN
BARE = replace(row(1), expected="", observed="", cause="", title="All is well")


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"outcome": F, "expected": "3", "observed": "2"}, "a: expected 3, observed 2"),
        (
            {"outcome": F, "expected": "3", "observed": "2", "differences": ("x",)},
            "a: expected 3, observed 2",
        ),
        (
            {"outcome": F, "expected": "3", "observed": "2", "differences": ("x", "y", "z")},
            "a: expected 3, observed 2 (and 2 more)",
        ),
        (
            {"outcome": F, "expected": "3", "observed": "2", "differences": ("x", "y")},
            "a: expected 3, observed 2 (and 1 more)",
        ),
        ({"outcome": P, "expected": "3"}, "a: as expected: 3"),
        ({"outcome": P}, "a: as expected: All is well"),
        ({"outcome": U, "cause": "403", "observed": "x"}, "a: could not look: 403"),
        ({"outcome": U, "observed": "half"}, "a: could not look: half"),
        ({"outcome": N}, "a: did not run: no cause was recorded"),
    ],
)
def test_a_row_is_one_line(changes: dict[str, object], line: str) -> None:
    """What was expected and seen, or why nothing can be said."""
    assert words.headline(replace(BARE, id="a", **changes)) == line  # type: ignore[arg-type]


def test_an_explanation_has_everything_that_is_known() -> None:
    """Each behind its name, and what is not known is left out."""
    full = replace(
        BARE,
        id="a",
        expected="3",
        where="shop/web",
        evidence=("2 of 3", "since noon"),
        differences=("one", "two"),
        source="README",
        next="kubectl get",
        how="exec",
        attempts=2,
    )
    assert words.explanation(full).splitlines() == [
        "a: as expected: 3",
        "  claim     All is well",
        "  where     shop/web",
        "  differs   one",
        "  differs   two",
        "  evidence  2 of 3",
        "  evidence  since noon",
        "  looked    exec",
        "  source    README",
        "  next      kubectl get",
        "  flaky     passed at attempt 2",
    ]
    little = replace(BARE, id="a", where="", evidence=(), source="", next="", how="")
    assert words.explanation(little) == "a: as expected: All is well\n  claim     All is well"


@pytest.mark.parametrize(
    ("outcomes", "sentence"),
    [
        ((), "Nothing was checked."),
        ((P,), "All 1 row are as the spec says."),
        ((P, P), "All 2 rows are as the spec says."),
        ((P, F), "1 of 2 rows differs from the spec."),
        ((F, F, P), "2 of 3 rows differ from the spec."),
        ((F, U, N), "1 of 3 rows differs from the spec; 2 more could not be judged."),
        ((P, U, N, N), "No difference was seen, but 3 of 4 rows could not be judged."),
        ((U,), "No difference was seen, but 1 of 1 row could not be judged."),
    ],
)
def test_a_run_is_one_sentence(outcomes: tuple[Outcome, ...], sentence: str) -> None:
    """Never greener than its rows."""
    made = record(*(row(number, one) for number, one in enumerate(outcomes)))
    assert words.verdict_sentence(made) == sentence


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine whose clock is not that of UTC."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "America/New_York")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("elsewhere")
def test_a_moment_is_said_in_utc() -> None:
    """For a person, and for a machine."""
    assert words.moment(1_795_399_207.9) == "2026-11-23 02:00:07 UTC"
    assert words.iso(1_795_399_207.9) == "2026-11-23T02:00:07Z"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0 ms"),
        (0.0384, "38 ms"),
        (0.9994, "999 ms"),
        (1.0, "1.0 s"),
        (4.24, "4.2 s"),
        (59.9, "59.9 s"),
        (60.0, "1 min 0 s"),
        (65.4, "1 min 5 s"),
        (3599.0, "59 min 59 s"),
        (3600.0, "1 h 0 min"),
        (7380.0, "2 h 3 min"),
    ],
)
def test_a_duration_is_read_at_a_glance(seconds: float, text: str) -> None:
    """In the units that a person would take."""
    assert words.duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1_468_006, "1.4 MiB"),
        (1024**3 - 1, "1024.0 MiB"),
        (3 * 1024**3, "3.0 GiB"),
    ],
)
def test_a_size_is_in_binary_units(count: int, text: str) -> None:
    """Bytes are whole."""
    assert words.size(count) == text
