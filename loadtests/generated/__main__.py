"""`python -m loadtests.generated`: how often the judges are right about runs that are generated.

Healthy runs have to pass, and a run with a fault has to name the link that was broken. Each run is
another one: other Pods, loads, autoscalers and sizes of the fault. One seed gives one answer.
"""

import argparse
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import NamedTuple

from clusterproof.load.analysis import analyse
from clusterproof.load.finding import Link
from clusterproof.outcome import Outcome
from loadtests.generated.faults import FAULTS
from loadtests.generated.run import play
from loadtests.generated.world import climbing, healthy

_INCONCLUSIVE = frozenset({Link.GENERATOR, Link.OBSERVER, Link.DEMAND})
"""What is theirs says nothing of the target."""


class Judged(NamedTuple):
    """One run.

    Attributes:
        link: That was broken; None in a healthy run.
        fault: Its name.
        right: Whether the verdict is the one that is due.
        said: The verdict, and what did not pass.
    """

    link: Link | None
    fault: str
    seed: int
    right: bool
    said: str


def judged(link: Link | None, seed: int, fault: int = 0) -> Judged:
    """One run of the seed, with that fault of the link."""
    chance = random.Random(seed)  # noqa: S311 - a reproducible draw
    world, name = healthy(chance), ""
    if link is not None:
        break_it = FAULTS[link][fault % len(FAULTS[link])]
        world, name = break_it(climbing(world), chance), break_it.__name__.strip("_")
    verdict = analyse(play(world, seed), world.spec()).verdict
    due = Outcome.PASSED
    if link is not None:
        due = Outcome.INCONCLUSIVE if link in _INCONCLUSIVE else Outcome.FAILED
    wrong = [f"{f.id} {f.outcome}" for f in verdict.findings if f.outcome is not Outcome.PASSED]
    said = f"{verdict.outcome}, {verdict.broken}: {', '.join(wrong)}"
    return Judged(link, name, seed, (verdict.outcome, verdict.broken) == (due, link), said)


def main() -> int:
    """Generate and judge; 0 when few enough are wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--healthy", type=int, default=1000, help="how many runs without a fault")
    parser.add_argument("--faults", type=int, default=200, help="how many with a fault, per link")
    parser.add_argument("--links", nargs="*", type=Link, default=list(FAULTS))
    parser.add_argument("--seed", type=int, default=20261127)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    began = time.monotonic()

    def asked() -> Iterator[tuple[Link | None, int, int]]:
        yield from ((None, options.seed + number, 0) for number in range(options.healthy))
        for link in options.links:
            yield from ((link, options.seed + number, number) for number in range(options.faults))

    with ProcessPoolExecutor(options.processes) as pool:
        runs = list(pool.map(judged, *zip(*asked(), strict=True), chunksize=10))
    total, right = Counter(run.link for run in runs), Counter(r.link for r in runs if r.right)
    for run in runs:
        if not run.right:
            where = f"{run.link}: {run.fault}" if run.link else "healthy"
            sys.stderr.write(f"{where}, seed {run.seed}: {run.said}\n")
    summary = {
        "seeds": [options.seed, options.seed + max(options.healthy, options.faults) - 1],
        "healthy": f"{right[None]} of {total[None]} passed",
        "faults": {link: f"{right[link]} of {total[link]}" for link in options.links},
        "seconds": round(time.monotonic() - began),
    }
    sys.stdout.write(json.dumps(summary, indent=1) + "\n")
    few = total[None] - right[None] <= 0.004 * total[None]
    return 0 if few and all(right[link] >= 0.99 * total[link] for link in options.links) else 1


if __name__ == "__main__":
    sys.exit(main())
