"""The generator's own verdict: what callers saw, and whether the generator can be believed."""

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import TextIO

from clusterproof.load.account import Account, NameAccount
from clusterproof.load.callers import judge_answers, judge_collapse, judge_latency, judge_row
from clusterproof.load.credibility import GeneratorFigures, judge_generator
from clusterproof.load.finding import Verdict, judge_run
from clusterproof.load.latency import SHOWN
from clusterproof.load.objectives import LoadSpec
from clusterproof.load.schedule import Plan
from clusterproof.load.sections import Limits, Scenario
from clusterproof.load.split import judge_split, judge_stickiness
from clusterproof.outcome import Outcome

_SHARES = {0.5: 0.5, 0.95: 0.45, 0.99: 0.05}
_FEWEST_FOR_SPLIT = 1000
"""A smoke run makes no claim about the split: it has too few users to make one. Our choice."""


def generator_figures(
    account: Account,
    plan: Plan,
    *,
    ran_for_s: float | None,
    workers_lost: int,
    stopped_early: str,
    few_callers: str = "",
) -> GeneratorFigures:
    """How the generator did; `ran_for_s` when the plan did not run to its end."""
    planned = plan.total if ran_for_s is None else plan.due_until(ran_for_s)
    busiest = max(account.cpu, key=lambda share: share.busy, default=None)
    return GeneratorFigures(
        planned=planned,
        started=account.started,
        dropped=account.dropped,
        late_p99_s=account.late.value_s(0.99),
        waited_p99_s=account.waited.value_s(0.99),
        loop_lag_p99_s=account.lag.value_s(0.99),
        loop_lag_max_s=account.lag.max_s,
        cpu_busiest=None if busiest is None else busiest.busy,
        cpu_waited=0.0 if busiest is None else busiest.waited,
        faults=account.faults,
        unended=account.unended,
        workers_lost=workers_lost,
        stopped_early=stopped_early,
        cut_short=ran_for_s is not None,
        few_callers=few_callers,
    )


def few_callers(account: Account, plan: Plan, scenario: Scenario) -> str:
    """Why the callers are too few for any target, where some arrivals were dropped; or "".

    By Little's law callers = rate x time of an answer. The time is the mean of answers that just
    meet the objectives: half at the p50, 45 % at the p95, the rest at the p99; without all three
    nothing is said. Where that needs more callers than there are, and the answers did meet them,
    the target is not to blame.
    """
    limits = scenario.objectives.limits_ms
    if limits.keys() != _SHARES.keys():
        return ""
    mean_s = sum(_SHARES[q] * limit_ms for q, limit_ms in limits.items()) / 1000
    needed = plan.peak_rate * mean_s
    service = account.total().service
    met = all(service.value_s(q) * 1000 <= most for q, most in limits.items())
    if not account.dropped or needed <= scenario.callers or not met:
        return ""
    return (
        f"{scenario.callers} callers; {plan.peak_rate:g} requests a second that take {mean_s:.2f} s"
        f" need {needed:.0f}"
    )


def judge_callers(
    account: Account,
    figures: GeneratorFigures,
    spec: LoadSpec,
    scenario: Scenario,
    *,
    collapsed: str = "",
    requests: Collection[str] = (),
    stages: Mapping[int, Limits] = MappingProxyType({}),
) -> Verdict:
    """All that can be judged without looking into the cluster.

    Args:
        account: What was counted.
        figures: How the generator did.
        spec: The limits of a credible generator.
        scenario: The objectives.
        collapsed: Why the circuit breaker ended the run, or "".
        requests: The names of those that were to be sent.
        stages: The objectives of each stage that has some, by its number from 0.
    """
    findings = judge_generator(figures, spec.credibility)
    if collapsed:
        findings.append(judge_collapse(collapsed))
    findings.append(judge_answers(account, scenario.objectives))
    findings += judge_latency(account, scenario.objectives, planned=figures.planned)
    for name in sorted(scenario.requests.keys() & set(requests)):
        row = account.names.get(name, NameAccount())
        findings += judge_row(account, row, scenario.requests[name], name)
    for number, limits in stages.items():
        row = account.stages.get(number, NameAccount())
        findings += judge_row(account, row, limits, f"stage-{number + 1}")
    if scenario.ab_shares and figures.planned >= _FEWEST_FOR_SPLIT:
        findings.append(judge_split(account.exposures, scenario.ab_shares))
        findings.append(judge_stickiness(account.exposures))
    return judge_run(findings)


def print_verdict(verdict: Verdict, account: Account, out: TextIO) -> None:
    """The end of a run in the terminal: one line per name, one per claim, and the verdict."""
    write = out.write
    write(f"\n{'request':<24}{'ok':>9}{'failed':>8}" + "".join(f"{f'p{q:.4g}':>11}" for q in SHOWN))
    for name, row in sorted(account.names.items()):
        wrong = sum(row.failed.values()) + sum(row.unanswered.values())
        write(f"\n{name:<24}{row.ok:>9}{wrong:>8}")
        write("".join(f"{row.latency.value_s(q) * 1000:>8.1f} ms" for q in SHOWN))
        if row.first.count:
            write(f"\n{'  its first token':<41}")
            write("".join(f"{row.first.value_s(q) * 1000:>8.1f} ms" for q in SHOWN))
    write("\n\n")
    marks = {Outcome.PASSED: "ok  ", Outcome.FAILED: "FAIL", Outcome.INCONCLUSIVE: "??? "}
    for finding in verdict.findings:
        write(f"{marks.get(finding.outcome, '    ')} {finding.id}: expected {finding.expected},")
        write(f" observed {finding.observed}\n")
    broken = f" (broken link: {verdict.broken})" if verdict.broken else ""
    write(f"\n{verdict.outcome.upper()}{broken}\n")
    out.flush()
