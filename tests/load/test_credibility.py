"""Whether the generator can be believed: each limit, at it and past it, to the letter."""

from dataclasses import replace

import pytest

from clusterproof.load.credibility import CredibilityLimits, GeneratorFigures, judge_generator
from tests.load.saying import said

LIMITS = CredibilityLimits()
AT_ITS_LIMITS = GeneratorFigures(
    planned=1000,
    started=990,
    dropped=7,
    late_p99_s=0.05,
    waited_p99_s=0.0625,
    loop_lag_p99_s=0.05,
    cpu_busiest=0.8,
    cpu_waited=0.3,
)
RATE = """{outcome}: generator-rate of generator
expected sent within 1% of {planned} planned
observed sent {sent}, 7 dropped as too late"""
LATE = """{outcome}: generator-late of generator
expected p99 of our own start delay at most 50 ms
observed {ms} ms (with waiting for a free caller 62.50 ms)"""
LOOP = """{outcome}: generator-loop of generator
expected p99 of the event loop's lag at most 50 ms
observed {ms} ms"""
CPU = """{outcome}: generator-cpu of generator
expected ran or waited for a CPU at most 80% of any 5 s
observed {share}, waited 30%"""


def test_at_each_limit_it_can_be_believed() -> None:
    """The limits belong to what is allowed."""
    assert [said(one) for one in judge_generator(AT_ITS_LIMITS, LIMITS)] == [
        RATE.format(outcome="passed", planned=1000, sent="990 (-1.00%)"),
        LATE.format(outcome="passed", ms="50.00"),
        LOOP.format(outcome="passed", ms="50.00"),
        CPU.format(outcome="passed", share="80%"),
    ]


@pytest.mark.parametrize(
    ("change", "place", "words"),
    [
        (
            {"started": 989},
            0,
            RATE.format(outcome="inconclusive", planned=1000, sent="989 (-1.10%)"),
        ),
        (
            {"started": 1011},
            0,
            RATE.format(outcome="inconclusive", planned=1000, sent="1011 (+1.10%)"),
        ),
        (
            {"planned": 0, "started": 0},
            0,
            RATE.format(outcome="inconclusive", planned=0, sent="0 (-100.00%)"),
        ),
        ({"late_p99_s": 0.051}, 1, LATE.format(outcome="inconclusive", ms="51.00")),
        ({"loop_lag_p99_s": 0.051}, 2, LOOP.format(outcome="inconclusive", ms="51.00")),
        ({"cpu_busiest": 0.81}, 3, CPU.format(outcome="inconclusive", share="81%")),
    ],
)
def test_past_a_limit_the_run_says_nothing(
    change: dict[str, float], place: int, words: str
) -> None:
    """Only that one finding is another one."""
    before = judge_generator(AT_ITS_LIMITS, LIMITS)
    after = judge_generator(replace(AT_ITS_LIMITS, **change), LIMITS)  # type: ignore[arg-type]
    assert said(after[place]) == words
    assert [*after[:place], *after[place + 1 :]] == [*before[:place], *before[place + 1 :]]


def test_one_request_is_enough_to_have_sent_something_and_none_is_not() -> None:
    """Even where any rate would do."""
    lenient = replace(LIMITS, rate_error=1.0)
    one = replace(AT_ITS_LIMITS, planned=1, started=1)
    none = replace(AT_ITS_LIMITS, planned=10, started=0)
    assert said(judge_generator(one, lenient)[0]).startswith("passed: generator-rate")
    assert said(judge_generator(none, lenient)[0]).startswith("inconclusive: generator-rate")


def test_a_run_that_was_cut_short_and_workers_that_were_lost_are_said() -> None:
    """The one is no run; the other is one, where the rest carried the plan."""
    figures = replace(AT_ITS_LIMITS, stopped_early="a signal", workers_lost=2)
    assert [said(one) for one in judge_generator(figures, LIMITS)[4:]] == [
        "inconclusive: generator-ended of generator\nexpected ran to the end\nobserved a signal",
        "passed: generator-workers of generator\n"
        "expected no worker lost, or the rest carried the plan\n"
        "observed 2 lost; the rate above says whether the rest carried it",
    ]
