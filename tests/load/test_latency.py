"""Histograms, intervals and tails against values from tables and from brute force."""

import math

import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import example, given, settings
from hypothesis import strategies as st

from clusterproof.load.distributions import (
    beta_lower,
    binomial_at_most,
    chi_square_tail,
    zero_failures_bound,
)
from clusterproof.load.latency import Latencies, Quantile, interval_ranks, judge_limit
from clusterproof.outcome import Outcome


@pytest.mark.parametrize(
    ("statistic", "degrees", "tail"),
    [(3.841, 1, 0.05), (6.635, 1, 0.01), (10.828, 1, 0.001), (5.991, 2, 0.05), (16.266, 3, 0.001)],
)
def test_chi_square_equals_the_tables(statistic: float, degrees: int, tail: float) -> None:
    assert chi_square_tail(statistic, degrees) == pytest.approx(tail, rel=2e-3)


@settings(deadline=None)
@given(st.integers(1, 60), st.floats(0.01, 0.99), st.data())
def test_binomial_equals_the_sum(trials: int, chance: float, data: st.DataObject) -> None:
    successes = data.draw(st.integers(0, trials))
    direct = sum(
        math.comb(trials, k) * chance**k * (1 - chance) ** (trials - k)
        for k in range(successes + 1)
    )
    assert binomial_at_most(successes, trials, chance) == pytest.approx(direct, abs=1e-9)


@pytest.mark.parametrize(("trials", "bound"), [(1_000, 0.0030), (10_000, 0.00030), (0, 1.0)])
def test_no_failure_still_allows_some(trials: int, bound: float) -> None:
    assert zero_failures_bound(trials) == pytest.approx(bound, rel=0.01)


@pytest.mark.parametrize(("q", "needed"), [(0.95, 72), (0.99, 368), (0.999, 3688)])
def test_the_fewest_samples_for_a_two_sided_interval(q: float, needed: int) -> None:
    assert interval_ranks(needed, q)[1] is not None
    assert interval_ranks(needed - 1, q)[1] is None


@pytest.mark.parametrize(
    ("samples", "low", "high"), [(1_000, 0.984, 0.996), (10_000, 0.9880, 0.9920)]
)
def test_interval_ranks_of_p99(samples: int, low: float, high: float) -> None:
    lower, upper = interval_ranks(samples, 0.99)
    assert lower is not None
    assert upper is not None
    assert lower / samples == pytest.approx(low, abs=1.1e-3)
    assert upper / samples == pytest.approx(high, abs=1.1e-3)


@settings(deadline=None)
@given(st.integers(1, 400), st.floats(0.05, 0.999))
def test_intervals_cover_as_promised(samples: int, q: float) -> None:
    lower, upper = interval_ranks(samples, q)
    missed_below = binomial_at_most((lower or 0) - 1, samples, q)
    missed_above = 0.0 if upper is None else 1 - binomial_at_most(upper - 1, samples, q)
    assert missed_below <= 0.0251
    assert missed_above <= 0.0251


@settings(deadline=None)
@given(st.lists(st.floats(1e-6, 100), min_size=1, max_size=300), st.floats(0.01, 1))
def test_quantiles_are_within_a_thousandth(values: list[float], q: float) -> None:
    latencies = Latencies()
    for value in values:
        latencies.record(value)
    rank = max(1, math.ceil(round(q * len(values), 6)))
    exact = sorted(values)[rank - 1]
    assert latencies.value_s(q) == pytest.approx(exact, rel=1e-3, abs=1.1e-6)


@settings(deadline=None)
@given(st.lists(st.floats(-1, 4000) | st.floats(0, 0.01), max_size=50))
@example([0.0, 1e-6, 2.047e-3, 2.048e-3, 4.095e-3, 4.096e-3, 3599.999999, 3600.0, 3600.1])
def test_a_duration_is_counted_where_the_library_counts_it(values: list[float]) -> None:
    latencies, library = Latencies(), HdrHistogram(1, 3_600_000_000, 3)
    for value in values:
        latencies.record(value)
        library.record_value(min(max(1, int(value * 1e6 + 0.5)), 3_600_000_000))
    read = Latencies.decode({"hdr": library.encode().decode("ascii"), "sum_s": latencies.sum_s})
    assert latencies.curve() == read.curve()
    assert (latencies.count, latencies.max_s) == (read.count, read.max_s)
    assert latencies.encode() == read.encode()


@settings(deadline=None)
@given(st.lists(st.floats(1e-6, 100), max_size=50), st.lists(st.floats(1e-6, 100), max_size=50))
def test_merging_and_encoding_lose_nothing(first: list[float], second: list[float]) -> None:
    parts = [Latencies(), Latencies(), Latencies()]
    for part, values in zip(parts, (first, second, first + second), strict=True):
        for value in values:
            part.record(value)
    parts[0].merge(Latencies.decode(parts[1].encode()))
    assert parts[0].curve() == parts[2].curve()
    assert parts[0].count == len(first) + len(second)
    assert parts[0].sum_s == pytest.approx(parts[2].sum_s)


@pytest.mark.parametrize(
    ("samples", "limit", "expected"),
    [
        (10_000, 2.0, Outcome.PASSED),
        (10_000, 0.5, Outcome.FAILED),
        (10_000, 0.99, Outcome.INCONCLUSIVE),
        (100, 2.0, Outcome.INCONCLUSIVE),
        (0, 2.0, Outcome.INCONCLUSIVE),
    ],
)
def test_a_limit_is_judged_by_the_whole_interval(
    samples: int, limit: float, expected: Outcome
) -> None:
    latencies = Latencies()
    for index in range(samples):
        latencies.record((index + 1) / samples)
    assert judge_limit(latencies.quantile(0.99), limit) is expected


def test_what_is_no_sample_is_no_time() -> None:
    empty = Latencies()
    assert (empty.max_s, empty.value_s(0.5)) == (0.0, 0.0)
    found = empty.quantile(0.95)
    assert (found.q, found.samples, found.lower_s, found.upper_s) == (0.95, 0, 0.0, None)


@pytest.mark.parametrize(
    ("seconds", "kept"),
    [
        (0.0, 1e-6),
        (-1.0, 1e-6),
        (1e-6, 1e-6),
        (1.4e-6, 1e-6),
        (1.6e-6, 2e-6),
        (0.25, 0.25),
        (3600.0, 3600.0),
        (1e6, 3600.0),
    ],
)
def test_a_duration_is_kept_within_the_histogram(seconds: float, kept: float) -> None:
    latencies = Latencies()
    latencies.record(seconds)
    assert latencies.max_s == pytest.approx(kept, rel=1e-3)


def test_the_sum_and_the_curve_are_of_all_durations() -> None:
    latencies = Latencies()
    for millis in (1, 2, 2):
        latencies.record(millis / 1000)
    assert latencies.sum_s == pytest.approx(0.005)
    assert latencies.curve() == [(0.001, 1), (0.002, 3)]
    latencies.merge(latencies)
    assert latencies.sum_s == pytest.approx(0.010)
    assert latencies.curve() == [(0.001, 2), (0.002, 6)]


def test_nine_of_ten_are_within_the_p90() -> None:
    latencies = Latencies()
    for index in range(1000):
        latencies.record((index + 1) / 1000)
    assert latencies.value_s(0.9) == pytest.approx(0.9, rel=1e-3)


def test_more_confidence_is_a_wider_interval() -> None:
    latencies = Latencies()
    for index in range(1000):
        latencies.record((index + 1) / 1000)
    usual, surer = latencies.quantile(0.5), latencies.quantile(0.5, 0.999)
    assert surer.lower_s < usual.lower_s < 0.5
    assert surer.upper_s is not None
    assert usual.upper_s is not None
    assert 0.5 < usual.upper_s < surer.upper_s


@pytest.mark.parametrize(
    ("samples", "q", "ranks"),
    [(0, 0.5, (None, None)), (1, 0.5, (None, None)), (1, 0.99, (1, None)), (1, 0.01, (None, 1))],
)
def test_one_sample_bounds_only_what_is_nearly_always_on_one_side(
    samples: int, q: float, ranks: tuple[int | None, int | None]
) -> None:
    assert interval_ranks(samples, q) == ranks


@pytest.mark.parametrize(
    ("lower", "upper", "outcome"),
    [
        (1.0, 2.0, Outcome.PASSED),
        (1.0, 2.1, Outcome.INCONCLUSIVE),
        (2.0, 2.1, Outcome.INCONCLUSIVE),
        (2.1, 2.2, Outcome.FAILED),
        (2.1, None, Outcome.FAILED),
        (1.0, None, Outcome.INCONCLUSIVE),
    ],
)
def test_the_limit_itself_is_within(lower: float, upper: float | None, outcome: Outcome) -> None:
    assert judge_limit(Quantile(0.99, 1.5, lower, upper, 1000), 2.0) is outcome


def test_the_ends_of_the_distributions() -> None:
    """Nothing below zero, all below one; one trial without a failure says little."""
    assert beta_lower(2, 3, 0) == 0.0
    assert beta_lower(2, 3, -0.1) == 0.0
    assert beta_lower(2, 3, 1) == 1.0
    assert beta_lower(2, 3, 1.1) == 1.0
    assert zero_failures_bound(1) == pytest.approx(0.95)


@pytest.mark.parametrize("size", [1, 2, 7, 10, 99, 100, 101, 399])
def test_a_quantile_is_the_nearest_rank(size: int) -> None:
    """The smallest value that has at least q of all at or under it: no rank less by rounding."""
    latencies = Latencies()
    for number in range(1, size + 1):
        latencies.record(number / 1000)
    for percent in (1, 7, 50, 90, 95, 99):
        rank = -(-percent * size // 100)
        assert round(latencies.value_s(percent / 100) * 1000) == rank
