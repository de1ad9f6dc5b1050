"""Accounts merge without loss, and the load spec refuses what it must."""

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clusterproof.load.account import Account, CpuShare
from clusterproof.load.callers import judge_answers, judge_latency
from clusterproof.load.latency import Latencies
from clusterproof.load.schedule import Plan, Stage
from clusterproof.load.seconds import Second, cell_of
from clusterproof.load.sections import Objectives
from clusterproof.load.split import Exposure
from clusterproof.outcome import Outcome
from loadtests.verdict import generator_figures

LIMITS = Objectives(p50_ms=100, p95_ms=500, p99_ms=1500, failure_ratio=0.0)
requests = st.lists(
    st.tuples(
        st.sampled_from(["a", "b"]),
        st.floats(1e-5, 5),
        st.integers(0, 20),
        st.sampled_from(["", "HTTP 500", "reset"]),
    ),
    max_size=40,
)


def _account(rows: list[tuple[str, float, int, str]]) -> Account:
    """Late by a millisecond each, every second one because no caller was free."""
    account = Account()
    for number, (name, latency, at_s, fault) in enumerate(rows):
        account.begin(late_s=0.001 * (number + 1), was_idle=number % 2 == 0, at_s=at_s)
        account.end(
            name,
            latency_s=latency,
            service_s=latency / 2,
            at_s=at_s,
            fault=fault,
            answered=fault != "reset",
        )
        account.exposures.append(Exposure("u", "control", f"e{number}", 1.0))
        if number % 3:
            account.drop(0.5 * number)
        account.faults["no request"] += number % 2
        account.lag.record(0.002 * number)
        account.cpu.append(CpuShare(float(at_s), 0.5, 0.25))
    return account


def _counts(latencies: Latencies) -> object:
    """All counts of a histogram."""
    return latencies.encode()["hdr"]


def _facts(account: Account) -> dict[str, Any]:
    """All that an account says, the histograms by their counts."""
    return {
        "names": {
            name: (row.ok, row.failed, row.unanswered, _counts(row.latency), _counts(row.service))
            for name, row in account.names.items()
        },
        "sums": [
            row_sum
            for _, row in sorted(account.names.items())
            for row_sum in (row.latency.sum_s, row.service.sum_s)
        ],
        "seconds": account.seconds,
        **{
            name: _counts(getattr(account, name))
            for name in ("late", "waited", "lag", "dropped_waits")
        },
        "exposures": account.exposures,
        "counts": (account.dropped, account.started, dict(+account.faults)),
        "cpu": account.cpu,
    }


@settings(deadline=None, max_examples=30)
@given(requests, requests)
def test_two_accounts_together_are_one(first: list, second: list) -> None:  # type: ignore[type-arg]
    """Sent as JSON and put together, nothing is lost and nothing is there twice."""
    one, other = _account(first), _account(second)
    merged = Account.from_json(json.loads(json.dumps(one.to_json())))
    assert _facts(merged) == _facts(one)
    merged.merge(Account.from_json(json.loads(json.dumps(other.to_json()))))
    whole, facts = _facts(_account(first + second)), _facts(merged)
    assert facts["names"] == whole["names"]
    assert facts["sums"] == pytest.approx(whole["sums"])
    assert facts["seconds"] == whole["seconds"]
    assert merged.exposures == one.exposures + other.exposures
    assert merged.cpu == sorted(one.cpu + other.cpu)
    assert merged.dropped == one.dropped + other.dropped
    assert merged.started == one.started + other.started
    assert merged.faults == one.faults + other.faults
    for name in ("late", "waited", "lag", "dropped_waits"):
        both = getattr(one, name).count + getattr(other, name).count
        assert getattr(merged, name).count == both


def test_each_request_is_in_one_count() -> None:
    """Right, wrong or without an answer; the second it began in, and the one it ended in."""
    account = _account([("a", 0.01, 3, ""), ("a", 0.02, 3, "HTTP 500"), ("b", 0.04, 4, "reset")])
    account.dropped_waits = Latencies()
    assert (account.started, account.answered, account.failed, account.unanswered) == (3, 2, 2, 1)
    row = account.names["a"]
    assert (row.ok, row.failed, row.unanswered) == (1, {"HTTP 500": 1}, {})
    assert account.names["b"].unanswered == {"reset": 1}
    assert (account.late.count, account.waited.count) == (2, 1)
    assert account.waited.value_s(1.0) == pytest.approx(0.002, rel=0.01)
    assert account.seconds == {
        3: Second(2, 1, 1, 0, Counter([cell_of(0.01), cell_of(0.02)])),
        4: Second(1, 0, 0, 1, Counter([cell_of(0.04)]), sent=Counter([3])),
    }
    assert account.total().latency.value_s(1.0) == pytest.approx(0.04, rel=0.01)
    assert account.total().service.value_s(1.0) == pytest.approx(0.02, rel=0.01)
    total = account.total()
    assert (total.ok, total.failed, total.unanswered) == (1, {"HTTP 500": 1}, {"reset": 1})


def test_an_arrival_that_was_dropped_is_in_the_latency_and_a_failure() -> None:
    """90 of 10,000 that found no caller for 10 s: a p99 without them would be 20 ms."""
    account = Account()
    for latency_s, count in ((0.02, 9850), (5.0, 60)):
        for _ in range(count):
            account.begin(late_s=0.0, was_idle=True, at_s=1)
            account.end("a", latency_s=latency_s, service_s=0.01, at_s=1, fault="", answered=True)
    for _ in range(90):
        account.drop(10.0)
    latency = {finding.id: finding for finding in judge_latency(account, LIMITS)}
    assert latency["latency-p99"].outcome is Outcome.FAILED
    answers = judge_answers(account, LIMITS.model_copy(update={"failure_ratio": 0.0089}))
    assert answers.outcome is Outcome.FAILED
    assert answers.observed == "90 of 10000 (0.9000%)"


def test_a_request_that_never_ended_is_a_failure() -> None:
    account = _account([("a", 0.02, 1, "")])
    account.begin(late_s=0.0, was_idle=True, at_s=1)
    found = judge_answers(account, LIMITS)
    assert found.outcome is Outcome.FAILED
    assert found.evidence == ("1 x never ended",)


def test_an_account_begins_empty() -> None:
    account = Account()
    assert (account.started, account.dropped, account.answered, account.failed) == (0, 0, 0, 0)


def test_only_new_exposures_are_sent_again() -> None:
    """A report is the whole account but for these: they would fill it."""
    account = _account([("a", 0.01, 1, "")] * 3)
    assert [one[2] for one in account.to_json(exposures_from=2)["exposures"]] == ["e2"]
    assert account.to_json()["exposures"][0] == ["u", "control", "e0", 1.0]
    account.exposures = [Exposure("u", "v", "e", 1.23456)]
    assert account.to_json()["exposures"] == [["u", "v", "e", 1.235]]


def test_zero_requests_are_never_green() -> None:
    assert judge_answers(Account(), LIMITS).outcome is Outcome.INCONCLUSIVE
    assert {f.outcome for f in judge_latency(Account(), LIMITS)} == {Outcome.INCONCLUSIVE}


def test_one_failure_is_too_many() -> None:
    account = _account([("a", 0.01, 1, "")] * 99 + [("a", 0.01, 1, "reset")])
    account.dropped = 0
    found = judge_answers(account, LIMITS)
    assert found.outcome is Outcome.FAILED
    assert found.evidence == ("1 x a: reset",)


def test_a_generator_that_waits_for_a_cpu_is_busy() -> None:
    """The busiest five seconds are those of the most running and waiting, not of the most use."""
    account = Account()
    account.cpu = [CpuShare(5.0, 0.6), CpuShare(10.0, 0.45, 0.5), CpuShare(15.0, 0.2, 0.6)]
    again = Account.from_json(json.loads(json.dumps(account.to_json())))
    plan = Plan([Stage(1.0, 1.0, 10.0)])
    figures = generator_figures(again, plan, ran_for_s=None, workers_lost=0, stopped_early="")
    assert (figures.cpu_busiest, figures.cpu_waited) == (0.95, 0.5)
    assert figures.planned == 10
    nothing = generator_figures(Account(), plan, ran_for_s=None, workers_lost=0, stopped_early="")
    assert (nothing.cpu_busiest, nothing.cpu_waited) == (None, 0.0)


def test_an_older_record_of_the_cpu_is_read() -> None:
    """Without what was waited."""
    data = {**Account().to_json(), "cpu": [[5.0, 0.25]]}
    assert Account.from_json(data).cpu == [CpuShare(5.0, 0.25, 0.0)]


def test_names_that_become_the_same_in_other_words_are_added_up() -> None:
    account = _account([("a", 0.01, 1, "x"), ("b", 0.02, 1, "y"), ("b", 0.02, 2, "")])
    account.faults = Counter({"x": 2, "y": 3})
    worded = account.worded(lambda text: "***" if text in {"a", "b", "x", "y", "e1"} else text)
    (only,) = worded.names.items()
    assert only[0] == "***"
    assert (only[1].ok, only[1].failed, only[1].unanswered) == (1, {"***": 2}, {})
    assert _counts(worded.total().latency) == _counts(account.total().latency)
    assert (worded.answered, worded.failed, worded.started) == (3, 2, account.started)
    assert worded.faults == {"***": 5}
    assert [one.event_id for one in worded.exposures] == ["e0", "***", "e2"]
    assert set(account.names) == {"a", "b"}


def test_requests_that_never_ended_are_the_slowest_of_all() -> None:
    """In every percentile: a target that keeps a tenth of them has no p99 of the rest."""
    account = Account()
    for number in range(100):
        account.begin(late_s=0, was_idle=True, at_s=0)
        if number < 90:
            account.end("x", latency_s=0.02, service_s=0.02, at_s=0, fault="", answered=True)
    latency = account.total().latency
    assert latency.count == 100
    assert latency.value_s(0.9) < 0.03
    assert latency.value_s(0.91) > 3000


def test_a_stream_without_a_first_token_is_the_slowest_in_the_whole_run_too() -> None:
    """As in the figures of its own name: a fifth without any leaves no p95 of the others."""
    account = Account()
    for number in range(1000):
        is_right = number % 5 > 0
        account.begin(late_s=0, was_idle=True, at_s=number / 10, name="ask")
        account.end(
            "ask",
            latency_s=0.1,
            service_s=0.1,
            at_s=number / 10,
            fault="" if is_right else "HTTP 503",
            answered=True,
            first_s=0.05 if is_right else None,
        )
        account.begin(late_s=0, was_idle=True, at_s=number / 10, name="models")
        account.end("models", latency_s=0.1, service_s=0.1, at_s=0, fault="", answered=True)
    account.drop(10.0, "ask")
    first = account.total().first
    assert (first.count, account.total().latency.count) == (1001, 2001)
    (found,) = judge_latency(account, Objectives(first_token_p95_ms=100), planned=2001)
    assert found.outcome is Outcome.FAILED
