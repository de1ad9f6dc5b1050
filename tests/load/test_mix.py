"""Reproducible data: by the seed and the arrival's number alone."""

from collections import Counter
from collections.abc import Mapping

import pytest

from clusterproof.load.schedule import Mix, chance_of

WEIGHTS = {"route": 14, "ask": 4, "never": 0, "pay": 2}


def _drawn(weights: Mapping[str, float], seed: int, arrivals: int) -> list[str]:
    mix = Mix(weights)
    return [mix.draw(chance_of(seed, index)) for index in range(arrivals)]


def test_the_order_of_a_file_decides_nothing() -> None:
    """A spec that was written out again, with its keys sorted, offers the same requests."""
    turned = dict(reversed(WEIGHTS.items()))
    assert _drawn(WEIGHTS, 7, 500) == _drawn(turned, 7, 500)


def test_names_come_by_their_weights() -> None:
    """Within four standard deviations of 20,000 draws."""
    found = Counter(_drawn(WEIGHTS, 7, 20_000))
    for name, weight in WEIGHTS.items():
        share = weight / 20
        assert found[name] == pytest.approx(
            20_000 * share, abs=4 * (20_000 * share * (1 - share)) ** 0.5
        )


def test_another_seed_is_another_run() -> None:
    """Also where the arrivals of the one are as many as the difference of the seeds."""
    one = [chance_of(7, index).random() for index in range(100)]
    other = [chance_of(8, index).random() for index in range(100)]
    assert not set(one) & set(other)
    assert one == [chance_of(7, index).random() for index in range(100)]


def test_a_seed_means_the_same_data_for_ever() -> None:
    """Two runs of different versions are compared: what they offered must be the same."""
    assert [chance_of(20261123, index).randrange(1000) for index in range(4)] == [
        684,
        996,
        908,
        159,
    ]
