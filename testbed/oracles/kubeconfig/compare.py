"""A share of the sets, compared in a process of its own: most of a comparison is waiting."""

import sys
import tempfile
from collections.abc import Iterator, Mapping, MutableMapping
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
from testbed.oracles.kubeconfig.mutants import MUTANTS, mutated
from testbed.oracles.kubeconfig.situation import Case

_SHOWN = 10


@dataclass(frozen=True)
class Share:
    """The sets that one process compares.

    Attributes:
        noticed: Where our rules are to be spoilt too: for all processes, by the name of a mutant a
            set that goes another way with it.
    """

    kubectl: Path
    seed: int
    numbers: range
    noticed: MutableMapping[str, int] | None


@dataclass
class Compared:
    """What came of a share.

    Attributes:
        outcomes: Of kubectl, each context of each set.
    """

    tally: Tally
    outcomes: list[Outcome] = field(default_factory=list)
    decisions: int = 0
    disagreements: int = 0


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
        known: dict[int, tuple[Case, list[Outcome]]] = {}
        for number in share.numbers:
            made = drawer.drawn(number)
            theirs, ours = both.theirs(made), list(both.ours(made))
            drawer.note(asked_with(made, theirs))
            compared.outcomes += theirs
            compared.decisions += decisions(theirs, ours)
            differences = list(disagreements(theirs, ours))
            if not differences:
                known[number] = made, theirs
            for difference in differences:
                compared.disagreements += 1
                if compared.disagreements <= _SHOWN:
                    sys.stdout.write(f"case {number}: {made.odd}\n{difference}\n")
                    sys.stdout.flush()
        if share.noticed is not None:
            for mutant in MUTANTS:
                with mutated(mutant):
                    _notice(both, known, mutant.name, share.noticed)
    return compared


def _notice(
    both: Bench,
    known: Mapping[int, tuple[Case, list[Outcome]]],
    mutant: str,
    noticed: MutableMapping[str, int],
) -> None:
    """Note the first set with which a spoilt rule does something else than kubectl."""
    for number, (made, theirs) in known.items():
        if mutant in noticed:
            return
        if any(True for _ in disagreements(theirs, both.ours(made))):
            noticed[mutant] = number
