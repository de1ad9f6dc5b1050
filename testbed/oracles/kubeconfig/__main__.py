"""`python -m testbed.oracles.kubeconfig`: the same kubeconfigs to kubectl and to us."""

import argparse
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from clusterproof.outcome import ExitCode
from testbed.cluster import binaries
from testbed.cluster.progress import Progress
from testbed.oracles.kubeconfig.compare import Share, compare
from testbed.oracles.kubeconfig.draw import Tally
from testbed.oracles.kubeconfig.mutants import MUTANTS
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
    tally, outcomes, decided, different = Tally(), [], 0, 0
    context = get_context("spawn")
    with context.Manager() as manager, ProcessPoolExecutor(options.at_once, context) as pool:
        noticed = manager.dict()
        shares = [
            Share(
                kubectl,
                options.seed,
                range(start, options.cases, options.at_once),
                noticed if options.mutants else None,
            )
            for start in range(options.at_once)
        ]
        for compared in pool.map(compare, shares):
            tally.add(compared.tally)
            outcomes += compared.outcomes
            decided += compared.decisions
            different += compared.disagreements
        survivors = [mutant.name for mutant in MUTANTS if mutant.name not in noticed]
    if options.mutants:
        sys.stdout.writelines(f"lives: {name}\n" for name in survivors)
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
        survivors=survivors,
    )
    say(figures.sentence())
    sys.stdout.write(figures.table())
    missed = options.mutants and survivors
    return ExitCode.FAILED if different or missed else ExitCode.PASSED


if __name__ == "__main__":
    sys.exit(main())
