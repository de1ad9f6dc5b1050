"""From everything that was seen to the verdict: pure, so a stored run can be judged again."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from clusterproof.load.account import Account
from clusterproof.load.counters import PROCESS_CPU, Growth, growth
from clusterproof.load.finding import Finding, Link, Verdict, judge_run
from clusterproof.load.hpa.replay import Replay, replay
from clusterproof.load.ledger import (
    ClientCounts,
    PrometheusWindow,
    judge_durations,
    judge_events,
    judge_exposures,
    judge_histogram,
    judge_prometheus,
    judge_requests,
    judge_sent,
)
from clusterproof.load.objectives import LoadSpec
from clusterproof.load.observer import doubt, judge_observer
from clusterproof.load.recording import Recording
from clusterproof.load.scaling import Demand, judge_scaling
from clusterproof.load.schedule import Plan, Stage
from clusterproof.load.sections import Metrics
from clusterproof.load.serving import (
    SERVES_WITHIN_S,
    affinity_of,
    judge_service,
    judge_terminations,
)
from clusterproof.load.split import judge_agreement
from clusterproof.load.timeline import Timeline, build_timeline, deletions
from clusterproof.outcome import Outcome

_FEWEST_DOWN_S = 60.0


@dataclass(frozen=True, slots=True)
class Inputs:
    """All that was seen.

    Attributes:
        generator: generator.json: what ran, and the generator's own findings.
        events: Exposure events in PostHog: variant by UUID; None when they could not be read.
        prometheus: increase() over the run with its window; None when there was none.
    """

    generator: Mapping[str, Any]
    account: Account
    recording: Recording
    events: Mapping[str, str] | None
    prometheus: PrometheusWindow | None


@dataclass(frozen=True, slots=True)
class Analysis:
    """The judged run, with what a report draws."""

    verdict: Verdict
    timeline: Timeline
    replayed: Replay | None
    plan: Plan
    demand: Demand
    served: Growth
    capacity: Mapping[str, float]


def analyse(inputs: Inputs, spec: LoadSpec) -> Analysis:
    """Judge everything."""
    generator, recording, account = inputs.generator, inputs.recording, inputs.account
    plan = Plan([Stage(*stage) for stage in generator["stages"]])
    started_at = float(generator["started_at"])
    service = spec.scenario(generator["scenario"]).target.name
    timeline = build_timeline(
        recording,
        deployment=spec.scaling.deployment,
        hpa=spec.scaling.hpa,
        service=service,
    )
    demand = find_demand(plan, started_at, spec.scaling.ceiling_rate)
    flags = spec.scaling.controller.flags()
    replayed = replay(recording, timeline, hpa=spec.scaling.hpa, flags=flags)
    generators = [
        Finding(
            id=f["id"],
            link=Link(f["link"]),
            outcome=Outcome(f["outcome"]),
            expected=f["expected"],
            observed=f["observed"],
            evidence=tuple(f["evidence"]),
        )
        for f in generator["findings"]
    ]
    spread = pinned = None
    if plan.duration_s > SERVES_WITHIN_S:
        spread = judge_service(recording, timeline, spec.metrics.requests, service)
        if spread.outcome is Outcome.FAILED and affinity_of(recording, service):
            pinned = spread
    findings = judge_scaling(recording, timeline, spec.scaling, demand, replayed, pinned)
    if spread is not None and spread not in findings:
        findings.append(spread)
    findings = judge_terminations(findings, recording, account, started_at)
    served, ledger, certain = judge_ledger(inputs, spec.metrics, started_at)
    observer = judge_observer(recording)
    findings = [*generators, *observer, *doubt([*findings, *ledger], observer, certain)]
    return Analysis(
        verdict=judge_run(findings),
        timeline=timeline,
        replayed=replayed,
        plan=plan,
        demand=demand,
        served=served,
        capacity=capacity(recording, served, started_at),
    )


def find_demand(plan: Plan, started_at: float, ceiling_rate: float) -> Demand:
    """When the plan asks for more than `ceiling_rate`, which needs every replica."""
    seconds = range(int(plan.duration_s))
    high = [s for s in seconds if plan.rate(s) >= ceiling_rate]
    until = started_at + plan.duration_s
    if not high:
        return Demand(None, None, until)
    up_at, down_at = started_at + high[0], started_at + high[-1] + 1
    return Demand(up_at, down_at if until - down_at >= _FEWEST_DOWN_S else None, until)


def judge_ledger(
    inputs: Inputs, metrics: Metrics, started_at: float
) -> tuple[Growth, list[Finding], frozenset[str]]:
    """The client's count, the pods' counters, Prometheus and PostHog.

    With the ids of the findings that counted too much: no Pod that was not read excuses these.
    """
    account = inputs.account
    ended = {uid: gone for uid, (_, gone) in deletions(inputs.recording).items()}
    scrapes = sorted(inputs.recording.scrapes, key=lambda scrape: scrape.at)

    def grown(name: str) -> Growth:
        return growth(scrapes, name, since=started_at, ended=ended)

    served = grown(metrics.requests)
    observed = grown(metrics.durations_count)
    durations = grown(metrics.durations_sum)
    exposed = grown(metrics.exposures)
    sent = grown(metrics.events_sent)
    # What a lost worker counted after its last report may have been served.
    uncounted = int(inputs.generator.get("uncounted_bound", 0))
    client = ClientCounts(account.answered, account.unanswered + uncounted)
    announced = {e.event_id for e in account.exposures if e.event_id}
    findings = [
        judge_requests(client, served.total, served.unseen_bound),
        judge_histogram(
            metrics.durations_count,
            served.total if client.unanswered else client.answered,
            observed.total,
        ),
        judge_durations(account.total().service.sum_s, durations.total, client.answered),
        judge_prometheus(served.total, inputs.prometheus),
    ]
    if account.exposures:
        events = inputs.events
        durable = None if events is None else set(events)
        findings += [
            judge_exposures(
                metrics.exposures, len(account.exposures), exposed.total, exposed.unseen_bound
            ),
            judge_events(announced, durable),
            judge_sent(
                metrics.events_sent,
                sent.total,
                None if durable is None else len(announced & durable),
                sent.unseen_bound,
            ),
        ]
        if events is not None:
            findings.append(judge_agreement(account.exposures, events))
    surplus = {
        "count-requests": served.total > client.answered + client.unanswered,
        "count-exposures": exposed.total > len(account.exposures),
    }
    return served, findings, frozenset(row for row, more in surplus.items() if more)


def capacity(recording: Recording, served: Growth, since: float) -> Mapping[str, float]:
    """What one request costs and what one replica carries, from the pods' own CPU counters."""
    cpu = growth(sorted(recording.scrapes, key=lambda s: s.at), PROCESS_CPU, since=since)
    if not served.total or not cpu.total:
        return {}
    per_request = cpu.total / served.total
    return {"cpu_s_per_request": per_request, "requests_per_cpu_s": 1 / per_request}
