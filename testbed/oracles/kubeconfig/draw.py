"""Sets of kubeconfigs by a seed, odd in what was odd together most rarely until then."""

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import combinations

from testbed.oracles.kubeconfig.cases import case
from testbed.oracles.kubeconfig.situation import Case, Material, Odd

_TOGETHER = 7
"""Features that are odd in a set by intent; where more are, a refusal for one hides the rest."""
_INTENDED, _BY_CHANCE = 0.8, 0.03
"""How likely an entry is odd in a feature of these, and in another."""


@dataclass
class Tally:
    """What was covered.

    Attributes:
        chosen: The options of features that a case chose.
        pairs: In how many requests to an API server two features were odd together.
    """

    chosen: set[tuple[str, str]] = field(default_factory=set)
    pairs: Counter[tuple[str, ...]] = field(default_factory=Counter)

    def add(self, other: "Tally") -> None:
        """Take what another process covered."""
        self.chosen |= other.chosen
        self.pairs.update(other.pairs)

    def rarest(self) -> tuple[tuple[str, ...], int]:
        """The pair that came most rarely, and how often it came."""
        pair = min(all_pairs(), key=lambda pair: self.pairs[pair])
        return pair, self.pairs[pair]

    def pairs_in(self, requests: int) -> int:
        """How many pairs came in so many requests."""
        return sum(self.pairs[pair] >= requests for pair in all_pairs())


@cache
def every_option() -> tuple[tuple[str, str], ...]:
    """Every option of every feature, once."""
    options: dict[tuple[str, str], None] = {}
    leading = {"user": "exec", "proxy-env": "both"}

    def pick(feature: str, offered: Sequence[str]) -> str:
        options.update(dict.fromkeys((feature, option) for option in offered))
        return leading.get(feature, offered[0])

    nothing: dict[str, str] = defaultdict(str)
    case(pick, Material(nothing, defaultdict(int)))
    return tuple(options)


@cache
def all_pairs() -> tuple[tuple[str, ...], ...]:
    """Every two features."""
    return tuple(combinations(sorted({feature for feature, _ in every_option()}), 2))


class Drawer:
    """Draws one set after another; the same again for the same seed and the same answers."""

    def __init__(self, seed: str, material: Material) -> None:
        """Nothing drawn yet."""
        self.tally = Tally()
        self._dice = random.Random(seed)  # noqa: S311 - no secret
        self._material = material
        self._drawn: Counter[tuple[str, str]] = Counter()
        self._asked: Counter[tuple[str, str]] = Counter()

    def drawn(self, number: int) -> Case:
        """The next set. Each has one option in its turn, so that none waits for its chance."""
        turn = every_option()[number % len(every_option())]
        intended = {turn[0], *self._rarest_together()}
        in_turn = [turn]

        def pick(feature: str, offered: Sequence[str]) -> str:
            chance = _INTENDED if feature in intended else _BY_CHANCE
            if feature == "proxy-env" and "NO_PROXY" in intended:
                chance = 1.0
            option = offered[0]
            if in_turn and feature == turn[0]:
                option = in_turn.pop()[1]
            elif feature == "user" and any(name.startswith("exec.") for name in intended):
                option = "exec"
            elif self._dice.random() < chance:
                option = self._odd(feature, offered)
            self.tally.chosen.add((feature, option))
            self._drawn[feature, option] += 1
            return option

        return case(pick, self._material)

    def note(self, requests: Iterable[Odd]) -> None:
        """What was odd about each request of the set."""
        for odd in requests:
            self.tally.pairs.update(combinations(sorted(odd), 2))
            self._asked.update(odd.items())

    def _rarest_together(self) -> list[str]:
        """The rarest pair, and one after another the feature that is the rarest beside them."""
        pairs = self.tally.pairs
        together = list(min(all_pairs(), key=lambda pair: (pairs[pair], self._dice.random())))
        while len(together) < _TOGETHER:
            beside: Counter[str] = Counter()
            for pair in all_pairs():
                for feature, other in (pair, pair[::-1]):
                    if other in together and feature not in together:
                        beside[feature] += pairs[pair]
            together.append(min(beside, key=lambda feature: (beside[feature], self._dice.random())))
        return together

    def _odd(self, feature: str, offered: Sequence[str]) -> str:
        """An odd option; the likelier the more often a request came of it."""
        options = [option for option in dict.fromkeys(offered) if option != offered[0]]
        weights = [
            (1 + self._asked[feature, option]) / (2 + self._drawn[feature, option])
            for option in options
        ]
        return self._dice.choices(options, weights)[0]
