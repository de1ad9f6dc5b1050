"""Put generated cases to the real programs and to ours: `python -m testbed.oracles.reading`."""

import argparse
import sys
from collections import Counter
from itertools import combinations
from random import Random

from testbed.cluster import binaries
from testbed.oracles.program import Json, Program, running
from testbed.oracles.reading.subjects import SUBJECTS, Subject

SEED = 20261126
CASES = 10_000


def disagreements(
    subject: Subject, reader: Program, seed: int, cases: int
) -> tuple[list[tuple[Json, str, str]], Counter[frozenset[str]]]:
    """The cases of this seed in which the two differ, and how often each pair of features came."""
    random = Random(f"{subject.name} {seed}")  # noqa: S311 - cases, no secrets
    apart: list[tuple[Json, str, str]] = []
    pairs: Counter[frozenset[str]] = Counter()
    for _ in range(cases):
        case, features = subject.draw(random)
        ours, theirs = subject.ours(case), subject.theirs(reader, case)
        if ours != theirs:
            apart.append((case, ours, theirs))
        pairs.update(frozenset(pair) for pair in combinations(sorted(features), 2))
    return apart, pairs


def main() -> int:
    """Exit code 1 where any two differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    names = [subject.name for subject in SUBJECTS]
    parser.add_argument("subjects", nargs="*", metavar="SUBJECT", help=f"of {', '.join(names)}")
    parser.add_argument("--cases", type=int, default=CASES, help="of each subject")
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args()
    if unknown := set(options.subjects) - set(names):
        parser.error(f"expected subjects of {', '.join(names)}; got {', '.join(sorted(unknown))}")
    failed = 0
    with running(binaries.READING) as reader:
        for subject in SUBJECTS:
            if options.subjects and subject.name not in options.subjects:
                continue
            apart, pairs = disagreements(subject, reader, options.seed, options.cases)
            rarest = min(pairs.values(), default=0)
            sys.stdout.write(
                f"{subject.name}: {options.cases} cases, {len(apart)} disagreements;"
                f" {len(pairs)} pairs of features, the rarest {rarest} times\n"
            )
            for case, ours, theirs in apart[:3]:
                sys.stdout.write(f"  {case}\n    ours   {ours}\n    theirs {theirs}\n")
            failed += len(apart)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
