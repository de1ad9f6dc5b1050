"""When the fault matrix calls a pass false: some request of its row was spoilt, or never made."""

from dataclasses import replace

import pytest

from testbed.faultproxy.faults import FAULTS
from testbed.faultproxy.matrix import CLEAN, Line, Run, line_of, summary
from testbed.faultproxy.server import Hit

PODS = "/api/v1/namespaces/n/pods"
NEEDED = [f"GET {PODS}", f"EXEC {PODS}/web-1/exec", f"GET {PODS}/clusterproof-1-control"]
MADE = (
    Hit("GET", PODS, faulted=False),
    Hit("EXEC", f"{PODS}/web-2/exec", faulted=False),
    Hit("GET", f"{PODS}/clusterproof-2-control", faulted=False),
    Hit("DELETE", f"{PODS}/clusterproof-2-control", faulted=True),
)
RUN = Run(
    {"a": "passed", "b": "inconclusive"}, (), ("networking",), 6, 1.0, "", MADE, {"a": NEEDED}
)


def line(*hits: Hit, fault: str = "internal-error", outcome: str = "passed") -> Line:
    run = replace(RUN, hits=hits, outcomes={**RUN.outcomes, "a": outcome})
    return line_of(run, FAULTS[fault], RUN)


def test_a_pass_whose_requests_were_answered_is_sound() -> None:
    assert line(*MADE).sound


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_pass_without_one_of_its_requests_is_false(place: int) -> None:
    assert line(*MADE[:place], *MADE[place + 1 :]).false_passes == ("a",)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_pass_whose_last_answer_was_the_faults_is_false_and_a_late_one_is_not(place: int) -> None:
    hits = [*MADE[:place], replace(MADE[place], faulted=True), *MADE[place + 1 :]]
    assert line(*hits).false_passes == ("a",)
    assert line(*hits, MADE[place]).false_passes == ()
    assert line(*hits, fault="slow").sound


def test_another_outcome_than_without_the_fault_is_wrong() -> None:
    assert line(*MADE, outcome="failed").wrong == ("a: failed, without the fault passed",)
    assert line(*MADE, outcome="inconclusive").sound
    assert line(*MADE, outcome="inconclusive", fault="slow").wrong


def test_a_run_that_reported_nothing_is_not_sound() -> None:
    nothing = line_of(replace(RUN, outcomes={}, hits=()), FAULTS["internal-error"], RUN)
    assert nothing.unreported == ("a", "b")
    assert not nothing.sound


def test_the_sums_stand_at_the_end() -> None:
    said = summary(RUN, [line(*MADE), line(*MADE[1:])])
    assert said.splitlines() == [
        "without a fault 1 rows pass, 1 are inconclusive",
        "2 faults, 2 rows of 1 areas each: 1 false passes, 0 wrong verdicts, 0 tracebacks,"
        " longest run 1.0 s",
    ]
    assert CLEAN.act == "nothing"
