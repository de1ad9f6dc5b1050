"""Coarse latency by second."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterproof.load.seconds import Second, cell_of, cell_quantile


@given(st.floats(1e-6, 100))
def test_a_cell_is_within_5_percent(seconds: float) -> None:
    assert cell_quantile({cell_of(seconds): 1}, 0.5) == pytest.approx(seconds, rel=0.026)


@pytest.mark.parametrize("seconds", [0.0, -1.0, 1e-9, 1e-6])
def test_what_is_under_a_microsecond_is_in_the_first_cell(seconds: float) -> None:
    assert cell_of(seconds) == 0


def test_a_quantile_is_taken_over_all_cells() -> None:
    """Half of two is the first, all of them the last; by latency, not by when they came."""
    cells = {cell_of(1.0): 1, cell_of(0.1): 1}
    assert cell_quantile(cells, 0.5) == pytest.approx(0.1, rel=0.026)
    assert cell_quantile(cells, 0.51) == pytest.approx(1.0, rel=0.026)
    assert cell_quantile(cells, 1.0) == pytest.approx(1.0, rel=0.026)
    assert cell_quantile({cell_of(0.1): 99, cell_of(1.0): 1}, 0.99) == pytest.approx(0.1, rel=0.026)


def test_no_cells_have_no_quantile() -> None:
    assert cell_quantile({}, 0.5) is None


def test_two_seconds_together_are_one() -> None:
    one = Second(5, 1, 2, 3, cells=Counter({1: 1, 2: 5}), sent=Counter({0: 1, 1: 2}))
    one.merge(Second(50, 10, 20, 30, cells=Counter({2: 10, 3: 7}), sent=Counter({1: 30})))
    assert one == Second(55, 11, 22, 33, Counter({1: 1, 2: 15, 3: 7}), Counter({0: 1, 1: 32}))
