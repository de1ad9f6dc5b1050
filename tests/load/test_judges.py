"""Each judge with a passing and a failing case, and properties where they say more."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clusterproof.load.counters import Growth
from clusterproof.load.credibility import (
    GeneratorFigures,
    judge_generator,
)
from clusterproof.load.finding import Finding, Link, Verdict, judge_run
from clusterproof.load.ledger import (
    ClientCounts,
    PrometheusWindow,
    judge_durations,
    judge_events,
    judge_exposures,
    judge_histogram,
    judge_prometheus,
    judge_requests,
    judge_sent,
)
from clusterproof.load.sections import Credibility
from clusterproof.load.split import (
    Exposure,
    judge_agreement,
    judge_split,
    judge_stickiness,
)
from clusterproof.outcome import Outcome

PASSED, FAILED, INCONCLUSIVE = Outcome.PASSED, Outcome.FAILED, Outcome.INCONCLUSIVE
HALVES = {"control": 0.5, "treatment": 0.5}


@pytest.mark.parametrize(
    ("answered", "unanswered", "served", "unseen", "expected"),
    [
        (1000, 0, 1000, 0, PASSED),
        (1000, 0, 1020, 0, FAILED),
        (1000, 0, 999, 0, FAILED),
        (1000, 0, 999, 2, PASSED),
        (1000, 5, 1004, 0, PASSED),
        (0, 0, 0, 0, INCONCLUSIVE),
    ],
)
def test_requests(
    answered: int, unanswered: int, served: float, unseen: float, expected: Outcome
) -> None:
    assert judge_requests(ClientCounts(answered, unanswered), served, unseen).outcome is expected


@settings(deadline=None)
@given(st.integers(50, 100_000))
def test_a_counter_that_counts_one_in_fifty_twice_is_always_seen(answered: int) -> None:
    served = answered + answered // 50
    assert judge_requests(ClientCounts(answered, 0), served, 0).outcome is FAILED


def test_the_size_of_a_disagreement_is_named() -> None:
    assert "+20, +2.000%" in judge_requests(ClientCounts(1000, 0), 1020, 0).observed


def _grown(total: float) -> Growth:
    return Growth(total, 0.0, ())


def test_histogram_and_durations() -> None:
    assert judge_histogram("n", _grown(10), _grown(10)).outcome is PASSED
    assert judge_histogram("n", _grown(10), _grown(9)).outcome is FAILED
    assert judge_histogram("n", _grown(0), _grown(0)).outcome is INCONCLUSIVE
    assert judge_durations(2.0, 1.5, 10).outcome is PASSED
    assert judge_durations(2.0, 2.5, 10).outcome is FAILED
    assert judge_durations(0, 0, 0).outcome is INCONCLUSIVE


def test_prometheus_is_judged_within_its_own_error() -> None:
    window = PrometheusWindow(10_050, scrape_s=5, range_s=600, births=7, deaths=7, pod_rate=20)
    near, far, none = (
        judge_prometheus(10_000, window),
        judge_prometheus(20_000, window),
        judge_prometheus(10_000, None),
    )
    outcomes = [finding and finding.outcome for finding in (near, far, none)]
    assert outcomes == [PASSED, FAILED, INCONCLUSIVE]


def test_exposures_and_events() -> None:
    assert judge_exposures("n", 100, 100, 0).outcome is PASSED
    assert judge_exposures("n", 100, 99, 0).outcome is FAILED
    assert judge_events(["a", "b"], {"a", "b", "c"}).outcome is PASSED
    assert judge_events(["a", "b"], {"a"}).outcome is FAILED
    assert judge_events(["a"], None).outcome is INCONCLUSIVE
    assert judge_events([], set()).outcome is INCONCLUSIVE
    assert judge_sent("n", 10, 10, 0).outcome is PASSED
    assert judge_sent("n", 11, 10, 0).outcome is FAILED
    assert judge_sent("n", 11, None, 0).outcome is INCONCLUSIVE


def _exposures(share: float, users: int, seed: int = 7) -> list[Exposure]:
    chance = random.Random(seed)  # noqa: S311 - a reproducible draw, not a secret
    return [
        Exposure(f"u{n}", "treatment" if chance.random() < share else "control", f"e{n}")
        for n in range(users)
    ]


def test_split_sees_47_to_53_and_spares_50_to_50() -> None:
    assert judge_split(_exposures(0.5, 10_000), HALVES).outcome is PASSED
    assert judge_split(_exposures(0.53, 10_000), HALVES).outcome is FAILED
    assert judge_split(_exposures(0.5, 99), HALVES).outcome is INCONCLUSIVE
    assert judge_split([Exposure("u", "other", "")], HALVES).outcome is FAILED


@settings(deadline=None)
@given(st.integers(100, 5000), st.integers(0, 10_000))
def test_requests_of_one_user_do_not_count_twice(users: int, seed: int) -> None:
    once = _exposures(0.5, users, seed)
    assert judge_split(once, HALVES).observed == judge_split(once * 3, HALVES).observed


def test_stickiness() -> None:
    steady = _exposures(0.5, 20) * 2
    moved = [*steady, Exposure("u3", "other", "x")]
    assert judge_stickiness(steady).outcome is PASSED
    assert judge_stickiness(moved).outcome is FAILED
    assert judge_stickiness(_exposures(0.5, 20)).outcome is INCONCLUSIVE


def test_answer_and_event_carry_the_same_variant() -> None:
    exposures = [Exposure("u", "control", "e1")]
    assert judge_agreement(exposures, {"e1": "control"}).outcome is PASSED
    assert judge_agreement(exposures, {"e1": "treatment"}).outcome is FAILED
    assert judge_agreement(exposures, {}).outcome is INCONCLUSIVE


GOOD = GeneratorFigures(1000, 1000, 0, 0.002, 0.002, 0.003, 0.3)


@pytest.mark.parametrize(
    ("figures", "outcomes"),
    [
        (GOOD, {PASSED}),
        (GeneratorFigures(1000, 900, 100, 0.002, 0.002, 0.003, 0.3), {PASSED}),
        (GeneratorFigures(1000, 900, 99, 0.002, 0.002, 0.003, 0.3), {PASSED, INCONCLUSIVE}),
        (GeneratorFigures(1000, 1000, 0, 0.2, 0.2, 0.003, 0.3), {PASSED, INCONCLUSIVE}),
        (GeneratorFigures(1000, 1000, 0, 0.0, 0.0, 0.3, 0.3), {PASSED, INCONCLUSIVE}),
        (GeneratorFigures(1000, 1000, 0, 0.0, 0.0, 0.0, 0.95), {PASSED, INCONCLUSIVE}),
        (GeneratorFigures(0, 0, 0, 0.0, 0.0, 0.0, 0.1), {PASSED, INCONCLUSIVE}),
    ],
)
def test_a_generator_is_credible_or_inconclusive(
    figures: GeneratorFigures, outcomes: set[Outcome]
) -> None:
    assert {f.outcome for f in judge_generator(figures, Credibility())} == outcomes


links = st.sampled_from(list(Link))
outcomes = st.sampled_from([PASSED, FAILED, INCONCLUSIVE])


@settings(deadline=None)
@given(st.lists(st.builds(Finding, st.just("x"), links, outcomes, st.just(""), st.just(""))))
def test_a_run_is_green_only_when_all_of_it_is(findings: list[Finding]) -> None:
    found = judge_run(findings)
    if found.outcome is PASSED:
        assert findings
        assert all(f.outcome is PASSED for f in findings)
    else:
        assert found.broken is not None or not findings
    generator = [f for f in findings if f.link is Link.GENERATOR and f.outcome is not PASSED]
    if generator:
        assert found.outcome is INCONCLUSIVE
        assert found.broken is Link.GENERATOR


def test_a_green_run_keeps_its_findings() -> None:
    finding = Finding("a", Link.QUOTA, PASSED, "x", "x")
    assert judge_run([finding]) == Verdict(PASSED, None, (finding,))


def test_the_first_broken_link_is_named() -> None:
    findings = [
        Finding("a", Link.LATENCY, FAILED, "", ""),
        Finding("b", Link.QUOTA, FAILED, "", ""),
        Finding("c", Link.SPLIT, INCONCLUSIVE, "", ""),
    ]
    assert judge_run(findings).broken is Link.QUOTA
