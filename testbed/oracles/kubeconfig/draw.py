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
_INTENDED, _BY_CHANCE, _REFUSING = 0.8, 0.03, 0.06
"""How likely an entry is odd in a feature of these, and in another; and then in a refused way."""
_LEADS = {"NO_PROXY": ("host", "proxy-env"), "host": ("proxy-env",)}
"""What a feature needs beside it: a host that nobody resolves is reached by a proxy alone."""
_REFUSED = {
    "text": "tab-indent list broken latin-1",
    "names": "absent-current absent-user no-user double double-user other-kind other-version"
    " users-map double-extension number-name",
    "place": "explicit-absent env-absent env-folder env-broken nothing",
    "server": "no-port bad-port other-scheme space none null number",
    "authority": "none both insecure+data insecure+file other no-pem no-base64 absent-file folder",
    "tls-server-name": "wrong.test",
    "proxy-url": "socks5h no-scheme ftp",
    "user": "file-absent file-empty token-newline token-number token-y token+basic file+basic none"
    " cert-both cert-no-key cert-other-key cert-absent key-both cert-no-pem gcp azure"
    " unknown-provider provider+exec",
    "as": "groups-only newline",
    "exec.apiVersion": "v1alpha1 none v2",
    "exec.says": "cert-only key-only nothing no-status other-version garbage exit-3 bad-expiry"
    " number cert-no-pem",
    "exec.command": "absent absent-path none",
    "exec.interactiveMode": "Always none never",
}
"""Options that alone keep kubectl from asking: they come in their turn, and else rarely."""
REFUSED = {(feature, option) for feature, options in _REFUSED.items() for option in options.split()}


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

    def drawn(self, number: int) -> Case:
        """The next set. Each has one option in its turn, so that none waits for its chance."""
        turn = every_option()[number % len(every_option())]
        intended = {turn[0], *self._rarest_together()}
        certain = {needed for feature in intended for needed in _LEADS.get(feature, ())}
        in_turn = [turn]

        def pick(feature: str, offered: Sequence[str]) -> str:
            chance = _INTENDED if feature in intended else _BY_CHANCE
            option = offered[0]
            if in_turn and feature == turn[0]:
                option = in_turn.pop()[1]
            elif feature == "user" and any(name.startswith("exec.") for name in intended):
                option = "exec"
            elif feature in certain or self._dice.random() < chance:
                option = self._odd(feature, offered)
            self.tally.chosen.add((feature, option))
            return option

        return case(pick, self._material)

    def note(self, requests: Iterable[Odd]) -> None:
        """What was odd about each request of the set."""
        for odd in requests:
            self.tally.pairs.update(combinations(sorted(odd), 2))

    def _rarest_together(self) -> list[str]:
        """The rarest pair, and one after another the feature that is the rarest beside them."""
        pairs = self.tally.pairs
        rarest = min(all_pairs(), key=lambda pair: (pairs[pair], self._dice.random()))
        together = list(rarest)
        while len(together) < _TOGETHER:
            beside: Counter[str] = Counter()
            for pair in all_pairs():
                for feature, other in (pair, pair[::-1]):
                    if other in together and feature not in together:
                        beside[feature] += pairs[pair]
            together.append(min(beside, key=lambda feature: (beside[feature], self._dice.random())))
        return together

    def _odd(self, feature: str, offered: Sequence[str]) -> str:
        odd = [option for option in dict.fromkeys(offered) if option != offered[0]]
        refused = [option for option in odd if (feature, option) in REFUSED]
        asked = [option for option in odd if option not in refused]
        return self._dice.choice(refused if refused and self._dice.random() < _REFUSING else asked)
