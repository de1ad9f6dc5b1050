"""`python -m testbed.oracles --cases 10000 --seed 1`: every rule against Kubernetes' own."""

import argparse
import json
import sys
import time
from collections import Counter
from itertools import combinations
from pathlib import Path

from testbed.oracles.compare import RULES
from testbed.oracles.features import features_of
from testbed.oracles.program import running
from testbed.oracles.put import put


def main() -> int:
    """Put the cases of each rule to both; 1 where one was decided differently."""
    parser = argparse.ArgumentParser(prog="python -m testbed.oracles")
    parser.add_argument("rules", nargs="*", choices=[*RULES, []], help="all without")
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--program", type=Path, help="built already")
    options = parser.parse_args()
    disagreed = False
    with running(options.program) as oracle:
        for name in options.rules or RULES:
            began = time.monotonic()
            pairs: Counter[tuple[str, str]] = Counter()
            features: set[str] = set()

            def count(case: object) -> None:
                found = sorted(features_of(name, case))
                features.update(found)
                pairs.update(combinations(found, 2))

            account = put(oracle, RULES[name], options.cases, options.seed, count)
            rare = [pair for pair in combinations(sorted(features), 2) if pairs[pair] < 30]
            print(
                f"{name}: {account.cases} cases, {account.decisions} decisions, seed "
                f"{options.seed}, {len(account.disagreements)} disagreements, "
                f"{len(features)} features, {len(rare)} pairs of them in fewer than 30 cases, "
                f"{time.monotonic() - began:.0f} s"
            )
            for pair in rare:
                print(f"  rare: {pair[0]} + {pair[1]}: {pairs[pair]}")
            for disagreement in account.disagreements[:3]:
                print(
                    f"  {disagreement.what}: ours {disagreement.ours}, "
                    f"Kubernetes {disagreement.theirs}"
                )
                print(f"  {json.dumps(disagreement.case)}")
            disagreed |= bool(account.disagreements)
    return 1 if disagreed else 0


sys.exit(main())
