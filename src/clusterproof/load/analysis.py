"""From everything that was seen to the verdict: pure, so a stored run can be judged again."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from clusterproof.load.account import Account
from clusterproof.load.counters import PROCESS_CPU, Growth, growth, statuses_of
from clusterproof.load.finding import Finding, Verdict, judge_run
from clusterproof.load.gateway import judge_gateway, statuses_seen, tell_apart
from clusterproof.load.hpa.replay import Replay, replay
from clusterproof.load.hpa.rules import ControllerFlags, reads_usage
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
from clusterproof.load.lives import judge_containers, steps_to_ready
from clusterproof.load.objectives import LoadSpec
from clusterproof.load.observer import doubt, judge_observer
from clusterproof.load.recording import Recording
from clusterproof.load.scaling import Demand, judge_scaling, turns_of
from clusterproof.load.schedule import Plan, Stage
from clusterproof.load.sections import Metrics, Scenario
from clusterproof.load.serving import (
    SERVES_WITHIN_S,
    judge_service,
    judge_terminations,
    unevenness_of,
)
from clusterproof.load.split import judge_agreement
from clusterproof.load.timeline import Timeline, births, build_timeline, deletions
from clusterproof.outcome import Outcome

_FEWEST_DOWN_S = 60.0
_NEAR_THE_PEAK = 0.9
_TOLERATED = ControllerFlags().tolerance
"""The controller's own: rates that are no further apart need the same replicas."""


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
    scenario = spec.scenario(generator["scenario"])
    service = scenario.target.name
    scaling, metrics = spec.scaling, spec.metrics
    hpa = scaling.hpa if scaling else ""
    timeline = build_timeline(recording, hpa=hpa, service=service)
    demand = find_demand(plan, started_at, scaling.ceiling_rate if scaling else None)
    replayed = None
    if scaling is not None:
        replayed = replay(recording, timeline, hpa=hpa, flags=scaling.controller)
    findings: list[Finding] = []
    spread = pinned = None
    if metrics is not None and plan.duration_s > SERVES_WITHIN_S:
        spread = judge_service(
            recording,
            timeline,
            metrics.requests,
            service,
            per_connection=per_connection(plan, scenario, generator.get("callers")),
            connection_s=scenario.connection_max_age_s,
        )
        is_uneven = spread is not None and spread.outcome is Outcome.FAILED
        pinned = spread if is_uneven and unevenness_of(recording, service) else None
    if scaling is not None:
        findings += judge_scaling(recording, timeline, scaling, demand, replayed, pinned)
    if scaling is not None and demand.up_at is not None:
        requests = metrics.requests if metrics else ""
        steps = steps_to_ready(
            recording, timeline, demand.up_at, requests=requests, service=service
        )
        findings = [
            replace(f, evidence=(*f.evidence, *steps)) if f.id == "ceiling" else f for f in findings
        ]
    containers = judge_containers(recording)
    if containers is not None:
        findings.append(containers)
    if spread is not None and spread not in findings:
        findings.append(spread)
    findings = judge_terminations(
        findings,
        recording,
        account,
        started_at,
        scenario.objectives.failure_ratio,
        scenario.timeout_s,
    )
    served, certain = Growth(0.0, 0.0, ()), frozenset[str]()
    if metrics is not None:
        served, ledger, certain = judge_ledger(inputs, spec, metrics, started_at)
        findings += ledger
    observer = judge_observer(
        recording,
        since=started_at,
        counters=metrics is not None,
        usage=any(reads_usage(change.object) for change in recording.of("hpa", hpa) if hpa),
    )
    of_generator = map(Finding.from_json, generator["findings"])
    findings = [*of_generator, *observer, *doubt(findings, observer, certain)]
    return Analysis(
        verdict=judge_run(findings),
        timeline=timeline,
        replayed=replayed,
        plan=plan,
        demand=demand,
        served=served,
        capacity=capacity(recording, served, started_at),
    )


def per_connection(plan: Plan, scenario: Scenario, callers: int | None = None) -> float:
    """How many requests one connection carries, at the highest rate: all callers hold one each.

    Args:
        plan: Of the run.
        scenario: What it was to be.
        callers: How many there were (-u); default: the scenario's.
    """
    held = callers or scenario.callers
    return max(1.0, plan.peak_rate * scenario.connection_max_age_s / held)


def find_demand(plan: Plan, started_at: float, ceiling_rate: float | None = None) -> Demand:
    """When the plan asks for the most replicas.

    Over `ceiling_rate` where that is known; else near its highest rate, if it has less than half of
    that before. Which number that needs, the HPA says. Its turns are counted from there on, after a
    rate of 0 (the replicas begin at the floor): rates over `ceiling_rate` all need the same.
    """
    rates = [plan.rate(second) for second in range(int(plan.duration_s))]
    until = started_at + plan.duration_s
    seconds = groupby(range(len(rates)), key=lambda second: rates[second] > 0)
    spans = [list(span) for is_busy, span in seconds if is_busy]
    busy = tuple((started_at + span[0], started_at + span[-1] + 1) for span in spans)
    least = _NEAR_THE_PEAK * plan.peak_rate if ceiling_rate is None else ceiling_rate
    high = [second for second, rate in enumerate(rates) if rate >= least]
    is_demanded = high and (
        ceiling_rate is not None or min(rates[: high[0] + 1]) <= plan.peak_rate / 2
    )
    most = plan.peak_rate if ceiling_rate is None else ceiling_rate
    needed = [min(rate, most) for rate in rates[high[0] if is_demanded else 0 :]]
    turns = turns_of([0.0, *needed], apart=_TOLERATED)
    if not is_demanded:
        return Demand(None, None, until, turns, busy)
    up_at, down_at = started_at + high[0], started_at + high[-1] + 1
    is_seen = until - down_at >= _FEWEST_DOWN_S
    return Demand(up_at, down_at if is_seen else None, until, turns, busy)


def judge_ledger(
    inputs: Inputs, spec: LoadSpec, metrics: Metrics, started_at: float
) -> tuple[Growth, list[Finding], frozenset[str]]:
    """The client's count, the pods' counters, Prometheus and PostHog, as far as there are any.

    With the ids of the findings that counted too much: no Pod that was not read excuses these.
    """
    account = inputs.account
    ended = {uid: gone for uid, (_, gone) in deletions(inputs.recording).items()}
    scrapes = sorted(inputs.recording.scrapes, key=lambda scrape: scrape.at)
    born = births(inputs.recording)

    def grown(name: str | None, status: str = "") -> Growth | None:
        if not name:
            return None
        return growth(scrapes, name, since=started_at, status=status, ended=ended, born=born)

    served = grown(metrics.requests) or Growth(0.0, 0.0, ())
    observed, durations = grown(metrics.durations_count), grown(metrics.durations_sum)
    exposed, sent = grown(metrics.exposures), grown(metrics.events_sent)
    # What a lost worker counted after its last report may have been served.
    uncounted = int(inputs.generator.get("uncounted_bound", 0))
    counted = {
        status: grown_by.total
        for status in sorted(statuses_of(scrapes, metrics.requests))
        if (grown_by := grown(metrics.requests, status)) is not None
    }
    spare = account.unanswered + max(0, account.unended) + uncounted
    between = tell_apart(
        statuses_seen(account),
        counted,
        unseen=served.unseen_bound,
        surplus=math.inf if metrics.others else served.total - account.answered,
        spare=spare,
    )
    own, again = sum(between.answered.values()), sum(between.retried.values())
    client = ClientCounts(account.answered - own - between.unknown, spare + between.unknown + again)
    findings = [judge_requests(client, served.total, served.unseen_bound, others=metrics.others)]
    if observed is not None and durations is not None:
        findings.append(judge_histogram(metrics.durations_count, served, observed))
        if not metrics.others:
            server_s = durations.total * metrics.durations_unit_s
            client_s = account.total().service.sum_s
            longest_s = inputs.recording.ended_at - started_at
            findings.append(judge_durations(client_s, server_s, account.answered, spare, longest_s))
    if spec.evidence.prometheus is not None:
        agreement = judge_prometheus(served.total, inputs.prometheus)
        findings += [agreement] if agreement is not None else []
    gateway = judge_gateway(
        between,
        account.started + account.dropped,
        spec.scenario(inputs.generator["scenario"]).objectives.failure_ratio,
    )
    findings += [gateway] if gateway is not None else []
    surplus = {"count-requests": served.total > client.answered + client.unanswered}
    if account.exposures and exposed is not None:
        shown = len(account.exposures)
        findings.append(
            judge_exposures(str(metrics.exposures), shown, exposed.total, exposed.unseen_bound)
        )
        surplus["count-exposures"] = exposed.total > shown
    if account.exposures and spec.evidence.posthog is not None:
        findings += _judge_posthog(account, inputs.events, str(metrics.events_sent), sent)
    return served, findings, frozenset(row for row, more in surplus.items() if more)


def _judge_posthog(
    account: Account, events: Mapping[str, str] | None, name: str, sent: Growth | None
) -> list[Finding]:
    """What it holds of the exposures; `sent` is the router's own count of them, by that name."""
    announced = [exposure.event_id for exposure in account.exposures]
    durable = None if events is None else set(events)
    findings = [judge_events(announced, durable)]
    if sent is not None:
        both = None if durable is None else len(set(announced) & durable)
        findings.append(judge_sent(name, sent.total, both, sent.unseen_bound))
    if events is not None:
        findings.append(judge_agreement(account.exposures, events))
    return findings


def capacity(recording: Recording, served: Growth, since: float) -> Mapping[str, float]:
    """What one request costs and what one replica carries, from the pods' own CPU counters."""
    cpu = growth(sorted(recording.scrapes, key=lambda s: s.at), PROCESS_CPU, since=since)
    if not served.total or not cpu.total:
        return {}
    per_request = cpu.total / served.total
    return {"cpu_s_per_request": per_request, "requests_per_cpu_s": 1 / per_request}
