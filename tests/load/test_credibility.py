"""Whether the generator can be believed: each limit, at it and past it, to the letter."""

from dataclasses import replace

import pytest

from clusterproof.load.credibility import GeneratorFigures, judge_generator
from clusterproof.load.sections import Credibility
from tests.load.saying import said

LIMITS = Credibility()
AT_ITS_LIMITS = GeneratorFigures(
    planned=1000,
    started=993,
    dropped=7,
    late_p99_s=0.05,
    waited_p99_s=0.0625,
    loop_lag_p99_s=0.05,
    loop_lag_max_s=1.0,
    cpu_busiest=0.8,
    cpu_waited=0.3,
)
RATE = """{outcome}: generator-rate of generator
expected each of {planned} planned sent, or dropped while every caller waited
observed sent {sent}, dropped 7, missing {missing}"""
ACCOUNT = """{outcome}: generator-account of generator
expected each request that was sent ended, or the target kept it; no fault of our own
observed {ended} never ended; faults: {faults}"""
LATE = """{outcome}: generator-late of generator
expected p99 of our own start delay at most 50 ms
observed {ms} ms (with waiting for a free caller 62.50 ms)"""
LOOP = """{outcome}: generator-loop of generator
expected p99 of the event loop's lag at most 50 ms, and none over 1 s where arrivals were dropped
observed {ms} ms, at most {most} s"""
CPU = """{outcome}: generator-cpu of generator
expected ran or waited for a CPU at most 80% of any 5 s
observed {share}"""


def test_at_each_limit_it_can_be_believed() -> None:
    """The limits belong to what is allowed; what was dropped while all waited is the target's."""
    assert [said(one) for one in judge_generator(AT_ITS_LIMITS, LIMITS)] == [
        RATE.format(outcome="passed", planned=1000, sent=993, missing=0),
        ACCOUNT.format(outcome="passed", ended=0, faults="none"),
        LATE.format(outcome="passed", ms="50.00"),
        LOOP.format(outcome="passed", ms="50.00", most="1.00"),
        CPU.format(outcome="passed", share="80%, waited 30%"),
    ]


DOUBT = "inconclusive"


@pytest.mark.parametrize(
    ("change", "place", "words"),
    [
        ({"started": 992}, 0, RATE.format(outcome=DOUBT, planned=1000, sent=992, missing=1)),
        ({"started": 994}, 0, RATE.format(outcome=DOUBT, planned=1000, sent=994, missing=-1)),
        (
            {"planned": 7, "started": 0},
            0,
            RATE.format(outcome=DOUBT, planned=7, sent=0, missing=0),
        ),
        ({"unended": 1}, 1, ACCOUNT.format(outcome="passed", ended=1, faults="none")),
        ({"unended": -1}, 1, ACCOUNT.format(outcome=DOUBT, ended=-1, faults="none")),
        ({"faults": {"no": 2}}, 1, ACCOUNT.format(outcome=DOUBT, ended=0, faults="2 x no")),
        ({"late_p99_s": 0.051}, 2, LATE.format(outcome=DOUBT, ms="51.00")),
        ({"loop_lag_p99_s": 0.051}, 3, LOOP.format(outcome=DOUBT, ms="51.00", most="1.00")),
        ({"loop_lag_max_s": 1.01}, 3, LOOP.format(outcome=DOUBT, ms="50.00", most="1.01")),
        ({"cpu_busiest": 0.81}, 4, CPU.format(outcome=DOUBT, share="81%, waited 30%")),
        ({"cpu_busiest": None}, 4, CPU.format(outcome=DOUBT, share="never read")),
    ],
)
def test_past_a_limit_the_run_says_nothing(
    change: dict[str, object], place: int, words: str
) -> None:
    """Only that one finding is another one."""
    before = judge_generator(AT_ITS_LIMITS, LIMITS)
    after = judge_generator(replace(AT_ITS_LIMITS, **change), LIMITS)  # type: ignore[arg-type]
    assert said(after[place]) == words
    assert [*after[:place], *after[place + 1 :]] == [*before[:place], *before[place + 1 :]]


@pytest.mark.parametrize(
    "change",
    [
        {"late_p99_s": 0.051},
        {"loop_lag_p99_s": 0.051},
        {"cpu_busiest": 0.81},
        {"cpu_busiest": None},
        {"workers_lost": 1},
        {"faults": {"no": 1}},
    ],
    ids=str,
)
def test_a_request_that_never_ended_is_the_targets_only_where_the_generator_was_well(
    change: dict[str, object],
) -> None:
    """The failure ratio and the percentiles count it; here it is only asked whose it may be."""
    hanging = replace(AT_ITS_LIMITS, unended=1)
    assert judge_generator(hanging, LIMITS)[1].outcome == "passed"
    unwell = replace(hanging, **change)  # type: ignore[arg-type]
    assert judge_generator(unwell, LIMITS)[1].outcome == DOUBT


def test_an_event_loop_that_stood_still_has_dropped_nothing_of_a_run_that_dropped_nothing() -> None:
    figures = replace(AT_ITS_LIMITS, planned=993, dropped=0, loop_lag_max_s=5.0)
    assert {finding.outcome for finding in judge_generator(figures, LIMITS)} == {"passed"}


def test_what_was_due_is_not_known_to_the_letter_when_a_run_was_cut_short() -> None:
    figures = replace(AT_ITS_LIMITS, started=900, cut_short=True)
    assert judge_generator(figures, LIMITS)[0].outcome == "passed"


def test_a_run_that_was_cut_short_and_workers_that_were_lost_are_said() -> None:
    """The one is no run; the other is one, where the rest carried the plan."""
    figures = replace(AT_ITS_LIMITS, stopped_early="a signal", workers_lost=2)
    assert [said(one) for one in judge_generator(figures, LIMITS)[5:]] == [
        "inconclusive: generator-ended of generator\nexpected ran to the end\nobserved a signal",
        "passed: generator-workers of generator\n"
        "expected no worker lost, or the rest carried the plan\n"
        "observed 2 lost; the rate above says whether the rest carried it",
    ]
