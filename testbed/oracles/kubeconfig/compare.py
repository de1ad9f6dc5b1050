"""A share of the sets, compared in a process of its own: most of a comparison is waiting."""

import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from testbed.oracles.kubeconfig.bench import (
    Bench,
    Outcome,
    asked_with,
    bench,
    decisions,
    disagreements,
)
from testbed.oracles.kubeconfig.draw import Drawer, Tally
from testbed.oracles.kubeconfig.mutants import MUTANTS, Mutant, mutated
from testbed.oracles.kubeconfig.situation import Case

_SHOWN = 10


@dataclass(frozen=True)
class Share:
    """The sets that one process compares, and whether it spoils our rules for them."""

    kubectl: Path
    seed: int
    numbers: range
    mutants: bool


@dataclass
class Compared:
    """What came of a share.

    Attributes:
        outcomes: Of kubectl, each context of each set.
        noticed: The mutants with which a set goes another way than kubectl.
    """

    tally: Tally
    outcomes: list[Outcome] = field(default_factory=list)
    decisions: int = 0
    disagreements: int = 0
    noticed: set[str] = field(default_factory=set)


@contextmanager
def both_sides(kubectl: Path) -> Iterator[Bench]:
    """Both, in a folder of their own."""
    with (
        tempfile.TemporaryDirectory(prefix="clusterproof-oracle-") as folder,
        bench(kubectl, Path(folder)) as both,
    ):
        yield both


def compare(share: Share) -> Compared:
    """Both sides on each set, and what they do differently."""
    with both_sides(share.kubectl) as both:
        drawer = Drawer(f"{share.seed} {share.numbers.start}", both.material)
        compared = Compared(drawer.tally)
        known: list[tuple[Case, list[Outcome]]] = []
        for number in share.numbers:
            made = drawer.drawn(number)
            theirs, ours = both.theirs(made), both.ours(made)
            drawer.note(asked_with(made, theirs))
            known.append((made, theirs))
            compared.outcomes += theirs
            compared.decisions += decisions(theirs, ours)
            for difference in disagreements(theirs, ours):
                compared.disagreements += 1
                if compared.disagreements <= _SHOWN:
                    sys.stdout.write(f"case {number}: {made.odd}\n{difference}\n")
                    sys.stdout.flush()
        for mutant in MUTANTS if share.mutants else ():
            if _is_noticed(both, mutant, known):
                compared.noticed.add(mutant.name)
    return compared


def _is_noticed(both: Bench, mutant: Mutant, known: Sequence[tuple[Case, list[Outcome]]]) -> bool:
    """True where the spoilt rule does something else with a set than kubectl."""
    with mutated(mutant):
        return any(disagreements(theirs, both.ours(made)) for made, theirs in known)
