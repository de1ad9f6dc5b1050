"""`python -m loadtests.resample FOLDER...`: how often a healthy run would not have passed.

Each folder holds a real run that passed. What chance decided in it is drawn again, many times, and
judged as the run itself was: latencies by blocks of ten seconds of one load and as many Ready Pods,
from near in time (a block bootstrap), the variant of each user by the declared shares, and the Pod
of each connection among those that were there. The rest of a run is no chance and stays as it was
seen. One seed gives one answer.
"""

import argparse
import json
import math
import random
import sys
import time
from collections import Counter
from copy import copy
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from clusterproof.load.account import Account, NameAccount
from clusterproof.load.analysis import Inputs, analyse, per_connection
from clusterproof.load.finding import Finding, Link, judge_run
from clusterproof.load.objectives import LoadSpec, read_objectives
from clusterproof.load.schedule import Plan, Stage
from clusterproof.load.seconds import Second, cell_middle_s
from clusterproof.load.serving import judge_service
from clusterproof.load.session import judge
from clusterproof.load.split import Exposure
from clusterproof.load.timeline import value_at
from clusterproof.outcome import Outcome
from loadtests.verdict import generator_figures, judge_callers

_BLOCK_S, _NEAR = 10, 2
"""A block is drawn from those two before to two after it: what a run does once, it does once."""
_STEP_S = 5.0
_OF_CALLERS = frozenset({Link.GENERATOR, Link.ANSWERS, Link.LATENCY, Link.SPLIT, Link.STICKINESS})


def main() -> int:
    """Resample each run in turn; 0 when all that was asked for is within the bound."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path, help="of runs that passed")
    parser.add_argument("--runs", type=int, default=1000, help="over all folders together")
    parser.add_argument("--seed", type=int, default=20261127)
    parser.add_argument("--most", type=int, default=4, help="that may not pass, of 1,000")
    options = parser.parse_args()
    began, not_passed, why = time.monotonic(), 0, Counter[str]()
    worlds = [World(folder) for folder in options.folders]
    for number in range(options.runs):
        findings = worlds[number % len(worlds)].again(random.Random(options.seed + number))  # noqa: S311 - a reproducible draw
        if judge_run(findings).outcome is not Outcome.PASSED:
            not_passed += 1
            why.update(f"{f.id} {f.outcome}" for f in findings if f.outcome is not Outcome.PASSED)
    summary = {
        "folders": [str(folder) for folder in options.folders],
        "runs": options.runs,
        "seeds": [options.seed, options.seed + options.runs - 1],
        "not_passed": not_passed,
        "why": dict(why.most_common()),
        "seconds": round(time.monotonic() - began, 1),
    }
    sys.stdout.write(json.dumps(summary, indent=1) + "\n")
    return 0 if not_passed <= options.most * options.runs / 1000 else 1


class World:
    """One run that passed, and others that might have been."""

    def __init__(self, folder: Path) -> None:
        """Read and judge it once."""
        self.spec: LoadSpec = read_objectives(folder / "objectives.yaml")
        self.inputs: Inputs = judge(self.spec, folder)[1]
        analysis = analyse(self.inputs, self.spec)
        self.timeline = analysis.timeline
        generator = self.inputs.generator
        self.plan = Plan([Stage(*stage) for stage in generator["stages"]])
        self.scenario = self.spec.scenario(generator["scenario"])
        self.still = [
            finding
            for finding in analysis.verdict.findings
            if finding.link not in _OF_CALLERS and finding.id != "service-spread"
        ]

    def again(self, chance: random.Random) -> list[Finding]:
        """All findings of another run."""
        account = self._account(chance)
        figures = generator_figures(
            account, self.plan, ran_for_s=None, workers_lost=0, stopped_early=""
        )
        figures = replace(figures, planned=account.started + account.dropped)
        callers = judge_callers(account, figures, self.spec, self.scenario).findings
        spread = self._spread(chance)
        return [*callers, *self.still, *([spread] if spread is not None else [])]

    def _account(self, chance: random.Random) -> Account:
        seen = self.inputs.account
        blocks: dict[int, list[Second]] = {}
        for number, second in seen.seconds.items():
            blocks.setdefault(number // _BLOCK_S, []).append(second)
        alike = {block: self._state((block + 0.5) * _BLOCK_S) for block in blocks}
        account, whole = copy(seen), NameAccount()
        account.seconds = {}
        for block in blocks:
            near = [b for b in blocks if abs(b - block) <= _NEAR and alike[b] == alike[block]]
            for place, second in enumerate(blocks[chance.choice(near)]):
                account.seconds[block * _BLOCK_S + place] = second
                for cell, count in second.cells.items():
                    for _ in range(count):
                        whole.latency.record(cell_middle_s(cell))
                whole.ok += second.ok
        whole.service.merge(whole.latency)
        account.names, account.started, account.dropped = {"all": whole}, whole.latency.count, 0
        shares = self.scenario.ab_shares
        users = sorted({exposure.user for exposure in seen.exposures})
        drawn = chance.choices(list(shares), list(shares.values()), k=len(users)) if shares else []
        variants = dict(zip(users, drawn, strict=False))
        account.exposures = [
            Exposure(e.user, variants.get(e.user, e.variant), e.event_id, e.at)
            for e in seen.exposures
        ]
        return account

    def _state(self, at_s: float) -> tuple[int, float]:
        """What latencies hang on: the load, and how many Pods were Ready for it."""
        started_at = float(self.inputs.generator["started_at"])
        ready = value_at(self.timeline.ready, started_at + at_s)
        return round(2 * math.log2(self.plan.rate(at_s) + 1)), ready

    def _spread(self, chance: random.Random) -> Finding | None:
        metrics, recording = self.spec.metrics, copy(self.inputs.recording)
        if metrics is None or self.plan.duration_s <= 2 * _STEP_S:
            return None
        together = per_connection(self.plan, self.scenario, self.inputs.generator.get("callers"))
        reads = sorted(recording.scrapes, key=lambda scrape: scrape.at)
        last: dict[str, float] = {}
        drawn: dict[str, float] = {}
        recording.scrapes = []
        edges = [reads[0].at, *(s.at for a, s in pairwise(reads) if s.at - a.at > _STEP_S / 10)]
        for since, until in pairwise([*edges, math.inf]):
            group = [scrape for scrape in reads if since <= scrape.at < until]
            counts = {scrape.uid: scrape.total(metrics.requests) for scrape in group}
            grown = {uid: max(0.0, count - last.get(uid, 0.0)) for uid, count in counts.items()}
            there = [uid for uid, count in grown.items() if count > 0 and uid in last]
            total = sum(grown[uid] for uid in there)
            drawing = max(1, round(total / together)) if there else 0
            picks = Counter(chance.choices(there, k=drawing) if there else ())
            for scrape in group:
                if scrape.uid in there:
                    more = total * picks[scrape.uid] / sum(picks.values())
                else:
                    more = grown[scrape.uid]
                last[scrape.uid] = counts[scrape.uid]
                drawn[scrape.uid] = drawn.get(scrape.uid, 0.0) + more
                values = {f"{metrics.requests}{{}}": drawn[scrape.uid]}
                recording.scrapes.append(replace(scrape, values=values))
        return judge_service(
            recording,
            self.timeline,
            metrics.requests,
            self.scenario.target.name,
            per_connection=together,
            connection_s=self.scenario.connection_max_age_s,
        )


if __name__ == "__main__":
    sys.exit(main())
