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
from testbed.oracles.kubeconfig.bench import Bench, Outcome, bench, disagreement
from testbed.oracles.kubeconfig.draw import Drawn, Tally, drawn
from testbed.oracles.kubeconfig.mutants import MUTANTS, Mutant, mutated
from testbed.oracles.kubeconfig.page import Figures

_SHOWN = 10


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare; 0 when nobody disagrees, and every mutant is found out."""
    parser = argparse.ArgumentParser(
        prog="python -m testbed.oracles.kubeconfig", description=__doc__
    )
    parser.add_argument("--cases", type=int, default=500, help="%(default)s")
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
        say(f"{options.cases} kubeconfigs by seed {options.seed}, to {kubectl}")
        tally = Tally()
        cases = [
            drawn(options.seed, number, both.material, tally) for number in range(options.cases)
        ]
        known, disagreements = _compare(both, cases)
        survivors = _survivors(both, cases, known) if options.mutants else None
    figures = Figures(
        cases=len(cases),
        seed=options.seed,
        asked=sum(bool(outcome.asked) for outcome in known),
        disagreements=disagreements,
        tally=tally,
        seconds=time.monotonic() - began,
        mutants=len(MUTANTS) if options.mutants else None,
        survivors=survivors or [],
    )
    say(figures.sentence())
    sys.stdout.write(figures.table())
    return ExitCode.FAILED if disagreements or survivors else ExitCode.PASSED


def _compare(both: Bench, cases: list[Drawn]) -> tuple[list[Outcome], int]:
    """What kubectl did in each case, and in how many we do something else."""
    known, disagreements = [], 0
    for number, drawn_case in enumerate(cases):
        kubectl, ours = both.compare(drawn_case.case)
        known.append(kubectl)
        if difference := disagreement(kubectl, ours):
            disagreements += 1
            if disagreements <= _SHOWN:
                sys.stdout.write(f"case {number}: {drawn_case.odd}\n{difference}\n")
    return known, disagreements


def _survivors(both: Bench, cases: list[Drawn], known: list[Outcome]) -> list[str]:
    """The mutants that no case finds out."""
    survivors = []
    for mutant in MUTANTS:
        number = _found_out(both, mutant, cases, known)
        sys.stdout.write(f"{'lives' if number is None else f'case {number:4}'}  {mutant.name}\n")
        if number is None:
            survivors.append(mutant.name)
    return survivors


def _found_out(both: Bench, mutant: Mutant, cases: list[Drawn], known: list[Outcome]) -> int | None:
    """The first case in which the spoilt rule does something else than kubectl."""
    with mutated(mutant):
        for number, (drawn_case, kubectl) in enumerate(zip(cases, known, strict=True)):
            if disagreement(kubectl, both.ours(drawn_case.case)):
                return number
    return None


if __name__ == "__main__":
    sys.exit(main())
