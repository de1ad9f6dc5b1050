"""`python -m testbed.oracles.kubeconfig`: the same kubeconfigs to kubectl and to us."""

import argparse
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from clusterproof.outcome import ExitCode
from testbed.cluster import binaries
from testbed.cluster.progress import Progress
from testbed.oracles.kubeconfig.bench import Bench, Outcome, disagreements
from testbed.oracles.kubeconfig.compare import Share, both_sides, compare
from testbed.oracles.kubeconfig.draw import Drawn, Tally, drawn
from testbed.oracles.kubeconfig.mutants import MUTANTS, Mutant, mutated
from testbed.oracles.kubeconfig.page import Figures


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare; 0 when nobody disagrees, and every mutant is found out."""
    parser = argparse.ArgumentParser(
        prog="python -m testbed.oracles.kubeconfig", description=__doc__
    )
    parser.add_argument("--cases", type=int, default=250, help="%(default)s")
    parser.add_argument("--seed", type=int, default=20261126, help="%(default)s")
    parser.add_argument("--at-once", type=int, default=3, help="%(default)s; most of it is waiting")
    parser.add_argument("--mutants", action="store_true", help="spoil our rules, one after another")
    options = parser.parse_args(arguments)
    say = Progress().say
    binaries.ensure(say, binaries.FAMILIES[:1])
    kubectl = binaries.program("kubectl")
    began = time.monotonic()
    say(f"{options.cases} sets of kubeconfigs by seed {options.seed}, to {kubectl}")
    shares = [
        Share(kubectl, options.seed, range(start, options.cases, options.at_once))
        for start in range(options.at_once)
    ]
    tally, outcomes, decided, different = Tally(), [], 0, 0
    with ProcessPoolExecutor(options.at_once, mp_context=get_context("spawn")) as pool:
        for compared in pool.map(compare, shares):
            tally.add(compared.tally)
            outcomes += compared.outcomes
            decided += compared.decisions
            different += compared.disagreements
    survivors = _survivors(kubectl, options) if options.mutants else None
    figures = Figures(
        sets=options.cases,
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


def _survivors(kubectl: Path, options: argparse.Namespace) -> list[str]:
    """The mutants that no set finds out."""
    survivors, tally = [], Tally()
    with both_sides(kubectl) as both:
        cases = [
            drawn(options.seed, number, both.material, tally) for number in range(options.cases)
        ]
        known = [both.theirs(drawn_case.case) for drawn_case in cases]
        for mutant in MUTANTS:
            number = _found_out(both, mutant, cases, known)
            sys.stdout.write(
                f"{'lives' if number is None else f'case {number:4}'}  {mutant.name}\n"
            )
            sys.stdout.flush()
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
