"""Cases by seed and number, and how many options and pairs of options they cover."""

import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import combinations
from math import comb

from testbed.oracles.kubeconfig.cases import case
from testbed.oracles.kubeconfig.situation import Case, Material

_USUAL = (0.7, 0.85, 0.92, 0.97)
"""How likely a feature is as usual; where too much is odd, the first of it hides the rest."""


@dataclass
class Tally:
    """What was covered.

    Attributes:
        options: Every option of every feature that a case could choose.
        chosen: Those that one did.
        pairs: In how many sets two features were unusual together.
    """

    options: set[tuple[str, str]] = field(default_factory=set)
    chosen: set[tuple[str, str]] = field(default_factory=set)
    pairs: Counter[tuple[str, ...]] = field(default_factory=Counter)

    def add(self, other: "Tally") -> None:
        """Take what another process covered."""
        self.options |= other.options
        self.chosen |= other.chosen
        self.pairs.update(other.pairs)

    @property
    def all_pairs(self) -> int:
        """How many pairs of features there are."""
        return comb(len({feature for feature, _ in self.options}), 2)

    def pairs_in(self, sets: int) -> int:
        """How many of them were unusual together in so many sets."""
        return sum(count >= sets for count in self.pairs.values())


@dataclass(frozen=True)
class Drawn:
    """A case, and the options in it that are unusual."""

    case: Case
    odd: tuple[tuple[str, str], ...]


@cache
def every_option() -> tuple[tuple[str, str], ...]:
    """Every option of every feature, once."""
    options: dict[tuple[str, str], None] = {}

    def pick(feature: str, offered: Sequence[str]) -> str:
        options.update(dict.fromkeys((feature, option) for option in offered))
        return "exec" if feature == "user" else offered[0]

    nothing: dict[str, str] = defaultdict(str)
    case(pick, Material(nothing, defaultdict(int)))
    return tuple(options)


def drawn(seed: int, number: int, material: Material, tally: Tally) -> Drawn:
    """The case of that number; the same again for the same seed.

    Each has one option in its turn, so that no option waits for its chance; the rest is by chance.
    """
    dice = random.Random(f"{seed} {number}")  # noqa: S311 - no secret
    usual = dice.choice(_USUAL)
    turn = every_option()[number % len(every_option())]
    odd: set[tuple[str, str]] = set()
    drawn_already: set[str] = set()

    def pick(feature: str, options: Sequence[str]) -> str:
        option = options[0] if dice.random() < usual else dice.choice(options)
        if feature not in drawn_already:
            if feature == turn[0]:
                option = turn[1]
            elif feature == "user" and turn[0].startswith("exec."):
                option = "exec"
        drawn_already.add(feature)
        tally.options |= {(feature, each) for each in options}
        tally.chosen.add((feature, option))
        if option != options[0]:
            odd.add((feature, option))
        return option

    made = case(pick, material)
    tally.pairs.update(combinations(sorted({feature for feature, _ in odd}), 2))
    return Drawn(made, tuple(sorted(odd)))
