"""What callers saw: in words, and at the edges of each objective."""

import random

import pytest

from clusterproof.load.account import Account
from clusterproof.load.callers import judge_answers, judge_latency
from clusterproof.load.latency import judge_limit
from clusterproof.load.sections import Objectives
from clusterproof.outcome import Outcome
from tests.load.saying import said

OBJECTIVES = Objectives(p50_ms=100, p95_ms=500, p99_ms=1500, failure_ratio=0.0)


def _account(ok: int, *wrong: tuple[str, str, bool], latency_s: float = 0.05) -> Account:
    """So many right answers, and wrong ones of (name, reason, answered)."""
    account = Account()
    for name, fault, answered in [("ask", "", True)] * ok + list(wrong):
        account.end(
            name,
            latency_s=latency_s,
            service_s=latency_s / 2,
            at_s=1.0,
            fault=fault,
            answered=answered,
        )
    return account


def test_no_failure_says_what_it_still_allows() -> None:
    assert said(judge_answers(_account(300), OBJECTIVES)).splitlines() == [
        "passed: answers of answers",
        "expected at most 0.000% of all requests fail",
        "observed 0 of 300 (0.0000%)",
        "no failure in 300 still allows a rate under 0.0099 (95 %)",
    ]


def test_each_reason_is_counted_with_its_request_most_frequent_first() -> None:
    """Wrong answers and missing ones are failures alike."""
    wrong = [("pay", "HTTP 500", True), ("pay", "timeout", False), ("ask", "timeout", False)]
    found = judge_answers(_account(6, *wrong, ("pay", "timeout", False)), OBJECTIVES)
    assert said(found).splitlines() == [
        "failed: answers of answers",
        "expected at most 0.000% of all requests fail",
        "observed 4 of 10 (40.0000%)",
        "2 x pay: timeout",
        "1 x ask: timeout",
        "1 x pay: HTTP 500",
    ]


def test_at_most_eight_reasons_are_shown() -> None:
    wrong = [("ask", f"reason {number}", True) for number in range(9)]
    assert len(judge_answers(_account(1, *wrong), OBJECTIVES).evidence) == 8


@pytest.mark.parametrize(
    ("ratio", "outcome"), [(0.1, Outcome.PASSED), (0.0999, Outcome.FAILED), (0.2, Outcome.PASSED)]
)
def test_the_ratio_itself_is_allowed(ratio: float, outcome: Outcome) -> None:
    objectives = OBJECTIVES.model_copy(update={"failure_ratio": ratio})
    found = judge_answers(_account(9, ("ask", "x", True)), objectives)
    assert found.outcome is outcome
    assert found.expected == f"at most {ratio:.3%} of all requests fail"


def test_no_request_is_never_green() -> None:
    assert said(judge_answers(Account(), OBJECTIVES)).splitlines() == [
        "inconclusive: answers of answers",
        "expected at most 0.000% of all requests fail",
        "observed no request ended",
    ]


def test_each_objective_is_judged_from_the_due_time() -> None:
    """The interval and the samples are said, and what stock Locust would have reported."""
    found = judge_latency(_account(2000, latency_s=0.2), OBJECTIVES)
    assert [one.outcome for one in found] == ["failed", "passed", "passed"]
    assert said(found[0]).splitlines() == [
        "failed: latency-p50 of latency",
        "expected p50 at most 100 ms, from when each request was due",
        "observed 200.06 ms, 95 % interval 200.06 to 200.06 ms, 2000 samples",
        "from when it was sent, as stock Locust reports: 100.03 ms",
    ]
    assert [one.expected.split(",")[0] for one in found[1:]] == [
        "p95 at most 500 ms",
        "p99 at most 1500 ms",
    ]


def test_a_plan_too_small_for_a_quantile_makes_no_claim_about_it() -> None:
    """But a run that lost requests keeps the claim of its plan, and is inconclusive."""
    few = _account(50)
    assert [one.id for one in judge_latency(few, OBJECTIVES, planned=50)] == ["latency-p50"]
    kept = judge_latency(few, OBJECTIVES, planned=2000)
    assert [one.id for one in kept] == ["latency-p50", "latency-p95", "latency-p99"]
    assert kept[2].outcome is Outcome.INCONCLUSIVE
    assert "to none yet ms" in kept[2].observed
    assert len(judge_latency(few, OBJECTIVES)) == 3


@pytest.mark.parametrize(("latency_s", "outcome"), [(0.0999, "passed"), (0.1001, "failed")])
def test_the_limit_is_in_milliseconds(latency_s: float, outcome: str) -> None:
    """To the resolution of the histogram, three digits."""
    assert (
        judge_latency(_account(50, latency_s=latency_s), OBJECTIVES, planned=50)[0].outcome
        == outcome
    )


def test_a_quantile_without_a_claim_does_not_end_the_others() -> None:
    """Of 6 requests the median has an interval; of 3 not even that."""
    assert judge_latency(_account(3), OBJECTIVES, planned=3) == []


def _slow_in_stalls(seed: int, *, of: int) -> Account:
    """60,000 requests in 600 s; 0.85 % take 2 s, `of` neighbours at a time."""
    chance = random.Random(seed)  # noqa: S311 - a reproducible draw, not a secret
    account = Account()
    slow = 0
    for number in range(60_000):
        if not slow and chance.random() < 0.0085 / of:
            slow = of
        latency_s, slow = (2.0, slow - 1) if slow else (0.02, 0)
        at_s = number / 100
        account.begin(late_s=0, was_idle=True, at_s=at_s)
        account.end("x", latency_s=latency_s, service_s=0.02, at_s=at_s, fault="", answered=True)
    return account


def test_slow_requests_that_come_together_are_no_breach_that_independent_ones_are_not() -> None:
    """A p99 that holds in the long run: by the plain interval a sixth of these runs would fail."""
    objectives = Objectives(p99_ms=1500)
    runs = [_slow_in_stalls(seed, of=50) for seed in range(12)]
    plain = [judge_limit(run.total().latency.quantile(0.99), 1.5) for run in runs]
    clustered = [judge_latency(run, objectives)[0] for run in runs]
    assert Outcome.FAILED in plain
    assert Outcome.FAILED not in {claim.outcome for claim in clustered}
    assert any("slow ones come together" in claim.evidence[-1] for claim in clustered)


def test_a_p99_that_is_far_over_its_limit_fails_however_it_comes() -> None:
    account = Account()
    for number in range(12_000):
        slow = number // 100 % 10 == 0  # every tenth second
        latency_s = 2.0 if slow else 0.02
        account.begin(late_s=0, was_idle=True, at_s=number / 100)
        account.end(
            "x", latency_s=latency_s, service_s=0.02, at_s=number / 100, fault="", answered=True
        )
    assert judge_latency(account, Objectives(p99_ms=1500))[0].outcome is Outcome.FAILED
