"""`python -m testbed.oracles.kubernetes`: every rule of kube/ against Kubernetes' own."""

import argparse
import json
import sys
import time
from collections import Counter
from itertools import combinations
from pathlib import Path

from testbed.cluster import binaries
from testbed.oracles.kubernetes.compare import RULES
from testbed.oracles.kubernetes.features import features_of
from testbed.oracles.kubernetes.put import put
from testbed.oracles.program import Program, running, say

RARE = 30
"""A pair of features in fewer cases than this has hardly been tried together."""


def main() -> int:
    """Put the cases of each rule to both; 1 where one was decided differently."""
    parser = argparse.ArgumentParser(prog="python -m testbed.oracles.kubernetes")
    parser.add_argument("rules", nargs="*", metavar="RULE", help=f"of {', '.join(RULES)}; all")
    parser.add_argument("--cases", type=int, default=4000, help="of each rule, at least")
    parser.add_argument("--decisions", type=int, default=10_000, help="on each rule, at least")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--program", type=Path, help="built already")
    options = parser.parse_args()
    unknown = set(options.rules) - RULES.keys()
    if unknown:
        parser.error(f"expected rules of {', '.join(RULES)}; got {', '.join(sorted(unknown))}")
    with running(binaries.ORACLE, options.program) as oracle:
        agreed = [
            agrees(oracle, name, options.cases, options.decisions, options.seed)
            for name in options.rules or RULES
        ]
    return 0 if all(agreed) else 1


def agrees(oracle: Program, name: str, cases: int, decisions: int, seed: int) -> bool:
    """Put the cases of one rule and say what came of it; True without a disagreement."""
    began = time.monotonic()
    pairs: Counter[tuple[str, str]] = Counter()
    features: set[str] = set()

    def count(case: object) -> None:
        has = sorted(features_of(name, case))
        features.update(has)
        pairs.update(combinations(has, 2))

    account = put(oracle, RULES[name], cases, seed, count, decisions)
    rare = [pair for pair in combinations(sorted(features), 2) if pairs[pair] < RARE]
    say(
        f"{name}: {account.cases} cases, {account.decisions} decisions, seed {seed}, "
        f"{len(account.disagreements)} disagreements, {len(features)} features, {len(rare)} pairs "
        f"of them in fewer than {RARE} cases, {time.monotonic() - began:.0f} s"
    )
    for pair in rare:
        say(f"  rare: {pair[0]} + {pair[1]}: {pairs[pair]}")
    for each in account.disagreements[:3]:
        say(f"  {each.what}: ours {each.ours}, Kubernetes {each.theirs}\n  {json.dumps(each.case)}")
    return not account.disagreements


if __name__ == "__main__":
    sys.exit(main())
