"""Cases by seed and number, and how many options and pairs of options they cover."""

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import combinations

from testbed.oracles.kubeconfig.cases import case
from testbed.oracles.kubeconfig.situation import Case, Material

_USUAL = (0.6, 0.85, 0.95, 1.0)
"""How likely a feature is as usual; where too much is odd, the first of it hides the rest."""


@dataclass
class Tally:
    """What was covered.

    Attributes:
        options: Every option of every feature that a case could choose.
        chosen: Those that one did.
        pairs: Pairs of unusual options that one case had together.
    """

    options: set[tuple[str, str]] = field(default_factory=set)
    chosen: set[tuple[str, str]] = field(default_factory=set)
    pairs: set[tuple[tuple[str, str], ...]] = field(default_factory=set)

    @property
    def feature_pairs(self) -> tuple[int, int]:
        """Pairs of features that were unusual together, of all that there are."""
        features = {feature for feature, _ in self.options}
        together = {tuple(sorted(feature for feature, _ in pair)) for pair in self.pairs}
        return len(together), len(features) * (len(features) - 1) // 2


@dataclass(frozen=True)
class Drawn:
    """A case, and what is unusual about it."""

    case: Case
    odd: dict[str, str]


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
    odd: dict[str, str] = {}

    def pick(feature: str, options: Sequence[str]) -> str:
        option = options[0] if dice.random() < usual else dice.choice(options)
        if feature == turn[0]:
            option = turn[1]
        elif feature == "user" and turn[0].startswith("exec."):
            option = "exec"
        tally.options |= {(feature, each) for each in options}
        tally.chosen.add((feature, option))
        if option != options[0]:
            odd[feature] = option
        return option

    made = case(pick, material)
    tally.pairs |= set(combinations(sorted(odd.items()), 2))
    return Drawn(made, odd)
