"""The generator's own verdict: what callers saw, and whether the generator can be believed."""

import sys
from pathlib import Path

from clusterproof.load.account import Account, CpuShare
from clusterproof.load.callers import judge_answers, judge_latency
from clusterproof.load.credibility import GeneratorFigures, judge_generator
from clusterproof.load.finding import Verdict, judge_run
from clusterproof.load.latency import SHOWN
from clusterproof.load.objectives import LoadSpec
from clusterproof.load.schedule import Plan
from clusterproof.load.sections import Scenario
from clusterproof.load.split import judge_split, judge_stickiness
from clusterproof.outcome import Outcome

_FEWEST_FOR_SPLIT = 1000
"""A smoke run makes no claim about the split: it has too few users to make one. Our choice."""


def generator_figures(
    account: Account,
    plan: Plan,
    *,
    ran_for_s: float | None,
    workers_lost: int,
    stopped_early: str,
) -> GeneratorFigures:
    """How the generator did; `ran_for_s` when the plan did not run to its end."""
    planned = plan.total if ran_for_s is None else int(plan.offered(ran_for_s))
    busiest = max(account.cpu, key=lambda share: share.busy, default=CpuShare(0.0, 0.0))
    return GeneratorFigures(
        planned=planned,
        started=account.started,
        dropped=account.dropped,
        late_p99_s=account.late.value_s(0.99),
        waited_p99_s=account.waited.value_s(0.99),
        loop_lag_p99_s=account.lag.value_s(0.99),
        cpu_busiest=busiest.busy,
        cpu_waited=busiest.waited,
        workers_lost=workers_lost,
        stopped_early=stopped_early,
    )


def judge_callers(
    account: Account, figures: GeneratorFigures, spec: LoadSpec, scenario: Scenario
) -> Verdict:
    """All that can be judged without looking into the cluster."""
    findings = judge_generator(figures, spec.credibility.limits())
    findings.append(judge_answers(account, scenario.objectives))
    findings += judge_latency(account, scenario.objectives, planned=figures.planned)
    if scenario.ab_shares and figures.planned >= _FEWEST_FOR_SPLIT:
        findings.append(judge_split(account.exposures, scenario.ab_shares))
        findings.append(judge_stickiness(account.exposures))
    return judge_run(findings)


def print_verdict(verdict: Verdict, account: Account, out: Path) -> None:
    """The end of a run in the terminal: one line per name, one per claim, and the verdict."""
    write = sys.stdout.write
    write(f"\n{'request':<24}{'ok':>9}{'failed':>8}" + "".join(f"{f'p{q:.4g}':>11}" for q in SHOWN))
    for name, row in sorted(account.names.items()):
        wrong = sum(row.failed.values()) + sum(row.unanswered.values())
        write(f"\n{name:<24}{row.ok:>9}{wrong:>8}")
        write("".join(f"{row.latency.value_s(q) * 1000:>8.1f} ms" for q in SHOWN))
    write("\n\n")
    marks = {Outcome.PASSED: "ok  ", Outcome.FAILED: "FAIL", Outcome.INCONCLUSIVE: "??? "}
    for finding in verdict.findings:
        write(f"{marks.get(finding.outcome, '    ')} {finding.id}: expected {finding.expected},")
        write(f" observed {finding.observed}\n")
    broken = f" (broken link: {verdict.broken})" if verdict.broken else ""
    write(f"\n{verdict.outcome.upper()}{broken}; {out}/generator.json\n")
    sys.stdout.flush()
