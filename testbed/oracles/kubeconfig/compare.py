"""A share of the sets, compared in a process of its own: most of a comparison is waiting."""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from testbed.oracles.kubeconfig.bench import Bench, Outcome, bench, decisions, disagreements
from testbed.oracles.kubeconfig.draw import Tally, drawn

_SHOWN = 10


@dataclass(frozen=True)
class Share:
    """The sets that one process compares."""

    kubectl: Path
    seed: int
    numbers: range


@dataclass
class Compared:
    """What came of a share.

    Attributes:
        outcomes: Of kubectl, each context of each set.
    """

    tally: Tally = field(default_factory=Tally)
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
    compared = Compared()
    with both_sides(share.kubectl) as both:
        for number in share.numbers:
            drawn_case = drawn(share.seed, number, both.material, compared.tally)
            theirs, ours = both.theirs(drawn_case.case), both.ours(drawn_case.case)
            compared.outcomes += theirs
            compared.decisions += decisions(theirs, ours)
            for difference in disagreements(theirs, ours):
                compared.disagreements += 1
                if compared.disagreements <= _SHOWN:
                    sys.stdout.write(f"case {number}: {drawn_case.odd}\n{difference}\n")
                    sys.stdout.flush()
    return compared
