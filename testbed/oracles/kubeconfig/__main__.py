"""`python -m testbed.oracles.kubeconfig`: the same kubeconfigs to kubectl and to us."""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from clusterproof.outcome import ExitCode
from testbed.cluster import binaries
from testbed.cluster.progress import Progress
from testbed.oracles.kubeconfig.bench import Bench, Outcome, bench, decisions, disagreements
from testbed.oracles.kubeconfig.draw import Drawn, Tally, drawn
from testbed.oracles.kubeconfig.mutants import MUTANTS, Mutant, mutated
from testbed.oracles.kubeconfig.page import Figures

_SHOWN = 10


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare; 0 when nobody disagrees, and every mutant is found out."""
    parser = argparse.ArgumentParser(
        prog="python -m testbed.oracles.kubeconfig", description=__doc__
    )
    parser.add_argument("--cases", type=int, default=250, help="%(default)s")
    parser.add_argument("--seed", type=int, default=20261126, help="%(default)s")
    parser.add_argument("--mutants", action="store_true", help="spoil our rules, one after another")
    options = parser.parse_args(arguments)
    say = Progress().say
    binaries.ensure(say, binaries.FAMILIES[:1])
    kubectl = binaries.program("kubectl")
    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="clusterproof-oracle-") as folder,
        bench(kubectl, Path(folder)) as both,
    ):
        say(f"{options.cases} sets of kubeconfigs by seed {options.seed}, to {kubectl}")
        tally = Tally()
        cases = [
            drawn(options.seed, number, both.material, tally) for number in range(options.cases)
        ]
        known, decided, different = _compare(both, cases)
        survivors = _survivors(both, cases, known) if options.mutants else None
    outcomes = [outcome for theirs in known for outcome in theirs]
    figures = Figures(
        sets=len(cases),
        decisions=decided,
        disagreements=different,
        looked_at=len(outcomes),
        asked=sum(outcome.asked for outcome in outcomes),
        refused=sum("refused" in outcome.facts for outcome in outcomes),
        tally=tally,
        seconds=time.monotonic() - began,
        mutants=len(MUTANTS) if options.mutants else None,
        survivors=survivors or [],
    )
    say(figures.sentence())
    sys.stdout.write(figures.table())
    return ExitCode.FAILED if different or survivors else ExitCode.PASSED


def _compare(both: Bench, cases: list[Drawn]) -> tuple[list[list[Outcome]], int, int]:
    """What kubectl did in each case; how many decisions there were, and how many differ."""
    known, decided, different = [], 0, 0
    for number, drawn_case in enumerate(cases):
        theirs, ours = both.theirs(drawn_case.case), both.ours(drawn_case.case)
        known.append(theirs)
        decided += decisions(theirs, ours)
        for difference in disagreements(theirs, ours):
            different += 1
            if different <= _SHOWN:
                sys.stdout.write(f"case {number}: {drawn_case.odd}\n{difference}\n")
    return known, decided, different


def _survivors(both: Bench, cases: list[Drawn], known: list[list[Outcome]]) -> list[str]:
    """The mutants that no case finds out."""
    survivors = []
    for mutant in MUTANTS:
        number = _found_out(both, mutant, cases, known)
        sys.stdout.write(f"{'lives' if number is None else f'case {number:4}'}  {mutant.name}\n")
        if number is None:
            survivors.append(mutant.name)
    return survivors


def _found_out(
    both: Bench, mutant: Mutant, cases: list[Drawn], known: list[list[Outcome]]
) -> int | None:
    """The first case in which the spoilt rule does something else than kubectl."""
    with mutated(mutant):
        for number, (drawn_case, theirs) in enumerate(zip(cases, known, strict=True)):
            if disagreements(theirs, both.ours(drawn_case.case)):
                return number
    return None


if __name__ == "__main__":
    sys.exit(main())
