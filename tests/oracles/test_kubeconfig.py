"""kubectl itself: generated kubeconfigs, and the same choice by both."""

import ast
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from testbed.cluster import binaries
from testbed.oracles.kubeconfig.bench import (
    Bench,
    Outcome,
    asked_with,
    bench,
    decisions,
    disagreements,
)
from testbed.oracles.kubeconfig.cases import case
from testbed.oracles.kubeconfig.draw import Drawer, all_pairs, every_option
from testbed.oracles.kubeconfig.merged import as_kubectl_prints_it
from testbed.oracles.kubeconfig.mutants import MUTANTS, Mutant, spoilt
from testbed.oracles.kubeconfig.situation import Case, Material, mark

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
        theirs, ours = both.theirs(made), list(both.ours(made))
        assert list(disagreements(theirs, ours)) == [], odd
        decided.append(decisions(theirs, ours))

    agree()
    assert sum(decided) >= _AT_LEAST


MATERIAL = Material(
    dict.fromkeys(("ca.crt", "other.crt", "client.crt", "client.key", "other.key"), "PEM"),
    dict.fromkeys(
        ("http-1", "http-2", "https-1", "https-2", "http-proxy", "tls-proxy", "socks"), 1
    ),
)


def test_a_seed_gives_the_same_sets_again() -> None:
    first, again = Drawer("7", MATERIAL), Drawer("7", MATERIAL)
    sets = [first.drawn(number) for number in range(len(every_option()))]
    assert sets[:20] == [again.drawn(number) for number in range(20)]
    assert first.tally.chosen == set(every_option()), "each option has its turn"


def test_the_rarest_pair_is_drawn_next() -> None:
    drawer = Drawer("7", MATERIAL)
    drawer.note(dict.fromkeys(pair, "odd") for pair in all_pairs() if pair != ("NO_PROXY", "place"))
    assert drawer.tally.rarest() == (("NO_PROXY", "place"), 0)
    assert drawer.tally.pairs_in(1) == len(all_pairs()) - 1
    odd = [set(drawer.drawn(number).odd) for number in range(20)]
    assert sum({"NO_PROXY", "place"} <= features for features in odd) > 10


def test_a_request_counts_for_what_kubectl_merged_for_it() -> None:
    printed = {
        "current-context": "a",
        "clusters": [{"name": "c", "cluster": {"server": "s", **mark({"server": "path"})}}],
        "users": [{"name": "u", "user": mark({"as": "jane"})}],
        "contexts": [{"name": "a", "context": {"cluster": "c", "user": "u", **mark({})}}],
    }
    merge = Outcome("merge", as_kubectl_prints_it(printed))
    asked, refused = Outcome("ask", {"server": "https-1"}), Outcome("ask", {"refused": "yes"})
    case = Case(contexts=["a", "a", None], odd={"place": "home"})
    assert list(asked_with(case, [merge, asked, merge, refused, merge, asked])) == [
        {"place": "home", "server": "path", "as": "jane", "--context": "given"},
        {"place": "home", "server": "path", "as": "jane"},
    ]
    ours = [merge, refused]
    assert decisions([merge, asked], ours) == len(merge.facts) - 2 + len({"server", "refused"})


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_every_rule_that_is_spoilt_is_still_worded_so(mutant: Mutant) -> None:
    ast.parse(spoilt(mutant))
