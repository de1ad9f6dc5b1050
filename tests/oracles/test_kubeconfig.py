"""kubectl itself: generated kubeconfigs, and the same choice by both."""

import ast
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from testbed.cluster import binaries
from testbed.oracles.kubeconfig.bench import Bench, bench, decisions, disagreements
from testbed.oracles.kubeconfig.cases import case
from testbed.oracles.kubeconfig.draw import Tally, drawn, every_option
from testbed.oracles.kubeconfig.mutants import MUTANTS, Mutant, spoilt
from testbed.oracles.kubeconfig.situation import Case, Material

SETS = 25
_AT_LEAST = 200
"""Decisions that are compared; a set has about seventy."""


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """Both sides, with servers that record."""
    binaries.ensure(print)
    with bench(binaries.program("kubectl"), tmp_path_factory.mktemp("oracle")) as ready:
        yield ready


@st.composite
def cases(draw: st.DrawFn, material: Material) -> tuple[Case, dict[str, str]]:
    """A set with a few unusual features; it shrinks to the one that matters."""
    odd: dict[str, str] = {}

    def pick(feature: str, options: Sequence[str]) -> str:
        if not draw(st.integers(0, 9)):
            option = draw(st.sampled_from(options))
            if option != options[0]:
                odd[feature] = option
            return option
        return options[0]

    return case(pick, material), odd


@pytest.mark.oracle
def test_kubectl_and_we_choose_the_same(both: Bench) -> None:
    decided: list[int] = []

    @settings(
        max_examples=SETS,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(cases(both.material))
    def agree(drawn_case: tuple[Case, dict[str, str]]) -> None:
        made, odd = drawn_case
        theirs, ours = both.theirs(made), both.ours(made)
        assert disagreements(theirs, ours) == [], odd
        decided.append(decisions(theirs, ours))

    agree()
    assert sum(decided) >= _AT_LEAST


def test_a_seed_gives_the_same_cases_again() -> None:
    material = Material(
        dict.fromkeys(("ca.crt", "other.crt", "client.crt", "client.key", "other.key"), "PEM"),
        dict.fromkeys(
            ("http-1", "http-2", "https-1", "https-2", "http-proxy", "tls-proxy", "socks"), 1
        ),
    )
    tally = Tally()
    made = [drawn(7, number, material, tally) for number in range(len(every_option()))]
    assert [each.odd for each in made[:20]] == [
        drawn(7, number, material, Tally()).odd for number in range(20)
    ]
    assert tally.chosen == tally.options, "each option has its turn"


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_every_rule_that_is_spoilt_is_still_worded_so(mutant: Mutant) -> None:
    ast.parse(spoilt(mutant))
