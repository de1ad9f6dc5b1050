"""The autoscaler's chain, judged: who kept the deployment from doing what was demanded.

Each claim is about one link; when the ceiling was demanded and not reached, the links are asked in
order (metrics, request, bounds, quota, scheduler, readiness, Service) and the first that explains
it is named.
"""

from dataclasses import dataclass
from itertools import pairwise

from clusterproof.load.finding import Finding, Link
from clusterproof.load.hpa.replay import SETTLED_S, Replay
from clusterproof.load.hpa.rules import ControllerFlags, Policy, Rules, spec_from_object
from clusterproof.load.objectives import Scaling
from clusterproof.load.recording import Recording
from clusterproof.load.timeline import (
    Series,
    Timeline,
    condition,
    first_at,
    pods_over_time,
    value_at,
)
from clusterproof.outcome import Outcome

_BLIND_S = 45.0
"""Metrics that fail this long are a finding: three sync periods; one failure is not."""
_UNSCHEDULED_S = 20.0
_UNREADY_S = 60.0
_AGREEMENT = 0.9
"""Our choice: the reconcile times are inferred, so one in ten may fall on the other side."""
_TOLERATED = 1 + ControllerFlags().tolerance
"""Up to this share of the target the controller adds nothing, by its own default."""
_LATELY_S = 2 * ControllerFlags().sync_s


@dataclass(frozen=True, slots=True)
class Demand:
    """What the plan demands of the autoscaler.

    Attributes:
        up_at: When the load that needs the ceiling began, or None.
        down_at: When it ended, or None when the run ends before.
        until: End of the run.
    """

    up_at: float | None
    down_at: float | None
    until: float


def judge_scaling(
    recording: Recording,
    timeline: Timeline,
    scaling: Scaling,
    demand: Demand,
    replayed: Replay | None,
) -> list[Finding]:
    """All claims about the chain from metrics to Ready pods."""
    cause = find_cause(recording, scaling)
    findings = [
        judge_spec_bounds(recording, scaling),
        judge_policies(recording, scaling),
        judge_metrics(recording, scaling),
        judge_bounds_kept(timeline, scaling),
    ]
    if demand.up_at is not None:
        findings.append(judge_ceiling(timeline, scaling, demand, cause))
        findings.append(judge_reaction(timeline, scaling, demand, cause))
    if demand.down_at is not None:
        findings += judge_scale_down(timeline, scaling, demand, replayed)
    findings.append(judge_flapping(timeline, demand))
    findings.append(judge_model(replayed))
    if cause is not None and all(f.link is not cause.link for f in findings):
        findings.append(cause)
    return findings


def find_cause(recording: Recording, scaling: Scaling) -> Finding | None:
    """The first thing seen that keeps replicas from coming, in the chain's order."""
    metrics = judge_metrics(recording, scaling)
    if metrics.outcome is Outcome.FAILED:
        return metrics
    bounds = judge_spec_bounds(recording, scaling)
    if bounds.outcome is Outcome.FAILED:
        return bounds
    for change in recording.of("deployment", scaling.deployment):
        failure = condition(change.object, "ReplicaFailure")
        if failure.get("status") == "True":
            message = str(failure.get("message", ""))
            link = Link.QUOTA if "quota" in message else Link.SCHEDULER
            return Finding(
                "pods-created",
                link,
                Outcome.FAILED,
                "every replica that is asked for is created",
                f"{failure.get('reason')}: {message[:300]}",
            )
    return _pods_cause(recording)


def judge_metrics(recording: Recording, scaling: Scaling) -> Finding:
    """The HPA could read its metrics all the time."""
    expected = "the HPA reads its metrics (ScalingActive)"
    blind_since: float | None = None
    longest, worst = 0.0, ""
    changes = recording.of("hpa", scaling.hpa)
    for index, change in enumerate(changes):
        active = condition(change.object, "ScalingActive")
        until = changes[index + 1].at if index + 1 < len(changes) else recording.ended_at
        if active.get("status") == "False":
            blind_since = change.at if blind_since is None else blind_since
            if until - blind_since > longest:
                longest = until - blind_since
                worst = f"{active.get('reason')}: {active.get('message')}"
        else:
            blind_since = None
    unread_from, unread = _unread(recording)
    link = Link.CPU_REQUEST if "missing request" in worst else Link.METRICS
    if not changes:
        return Finding("hpa-metrics", Link.METRICS, Outcome.FAILED, expected, "there is no HPA")
    if max(longest, unread) > _BLIND_S:
        observed = f"not for {longest:.0f} s: {worst}" if worst else "it was not seen to fail"
        evidence = (f"metrics.k8s.io gave us no usage for {unread:.0f} s on end",)
        meanwhile = [c for c in changes if unread_from < c.at <= unread_from + unread]
        read = any(condition(c.object, "ScalingActive").get("status") == "True" for c in meanwhile)
        only_we = read and longest <= _BLIND_S  # the HPA read what we could not
        outcome = Outcome.INCONCLUSIVE if only_we else Outcome.FAILED
        return Finding("hpa-metrics", link, outcome, expected, observed, evidence)
    observed = f"longest gap {max(longest, unread):.0f} s"
    return Finding("hpa-metrics", Link.METRICS, Outcome.PASSED, expected, observed)


def judge_spec_bounds(recording: Recording, scaling: Scaling) -> Finding:
    """The HPA's minReplicas and maxReplicas are the spec's."""
    expected = f"HPA bounds {scaling.floor} to {scaling.ceiling}"
    seen = sorted(
        {
            (int(c.object["spec"].get("minReplicas", 1)), int(c.object["spec"]["maxReplicas"]))
            for c in recording.of("hpa", scaling.hpa)
        }
    )
    wrong = [pair for pair in seen if pair != (scaling.floor, scaling.ceiling)]
    outcome = Outcome.FAILED if wrong or not seen else Outcome.PASSED
    observed = ", ".join(f"{low} to {high}" for low, high in seen) or "no HPA"
    return Finding("hpa-bounds", Link.HPA_BOUNDS, outcome, expected, observed)


def judge_policies(recording: Recording, scaling: Scaling) -> Finding:
    """The HPA's windows and policies are the spec's."""
    wanted_up = (scaling.up_window_s, frozenset(scaling.up_policies))
    wanted_down = (scaling.down_window_s, frozenset(scaling.down_policies))
    expected = f"up: {_shown(wanted_up)}; down: {_shown(wanted_down)}"
    differing: list[str] = []
    for change in recording.of("hpa", scaling.hpa):
        behavior = spec_from_object(change.object).behavior
        if behavior is None:
            differing.append("no behavior block")
            continue
        for way, rules, wanted in (
            ("up", behavior.up, wanted_up),
            ("down", behavior.down, wanted_down),
        ):
            if _plain(rules) != wanted:
                differing.append(f"{way}: {_shown(_plain(rules))}")
    outcome = Outcome.FAILED if differing else Outcome.PASSED
    observed = "; ".join(dict.fromkeys(differing)) or "as expected"
    return Finding("hpa-policy", Link.HPA_POLICY, outcome, expected, observed)


def judge_bounds_kept(timeline: Timeline, scaling: Scaling) -> Finding:
    """spec.replicas never left the bounds."""
    values = sorted({int(value) for _, value in timeline.replicas})
    expected = f"spec.replicas within {scaling.floor} to {scaling.ceiling} at all times"
    if not values:
        return Finding(
            "replicas-bounds", Link.HPA_BOUNDS, Outcome.INCONCLUSIVE, expected, "nothing seen"
        )
    kept = scaling.floor <= values[0] and values[-1] <= scaling.ceiling
    outcome = Outcome.PASSED if kept else Outcome.FAILED
    observed = f"{values[0]} to {values[-1]}"
    return Finding("replicas-bounds", Link.HPA_BOUNDS, outcome, expected, observed)


def judge_ceiling(
    timeline: Timeline, scaling: Scaling, demand: Demand, cause: Finding | None
) -> Finding:
    """All replicas of the ceiling were Ready in time, or the link that kept them back."""
    since = demand.up_at or 0.0
    reached = first_at(timeline.ready, scaling.ceiling, since=since)
    expected = (
        f"{scaling.ceiling} Ready within {scaling.ceiling_within_s:.0f} s of the load that needs it"
    )
    if reached is not None and reached - since <= scaling.ceiling_within_s:
        steps = _steps(timeline, since, reached)
        return Finding(
            "ceiling",
            Link.HPA_DECISION,
            Outcome.PASSED,
            expected,
            f"{reached - since:.1f} s",
            steps,
        )
    until = min(since + scaling.ceiling_within_s, demand.until)
    best = int(_highest(timeline.ready, since, until))
    wanted = int(value_at(timeline.desired, until))
    observed = f"{best} Ready, {wanted} desired by the HPA after {until - since:.0f} s"
    if cause is not None:
        evidence = (f"{cause.id}: {cause.observed}", *_steps(timeline, since, until))
        return Finding("ceiling", cause.link, Outcome.FAILED, expected, observed, evidence)
    # What it saw before it had any replicas says nothing of those that it has by now.
    ends = until if demand.down_at is None else min(until, demand.down_at)
    seen = _highest(timeline.cpu_seen, max(since, ends - _LATELY_S), ends)
    demanded = seen > scaling.cpu_target * _TOLERATED and wanted < scaling.ceiling
    evidence = (f"highest CPU utilization that the HPA saw at the end: {seen:.0f} %",)
    if not demanded and wanted < scaling.ceiling:
        return Finding(
            "ceiling", Link.GENERATOR, Outcome.INCONCLUSIVE, expected, observed, evidence
        )
    link = Link.READINESS if wanted >= scaling.ceiling else Link.HPA_DECISION
    in_time = demand.until - since >= scaling.ceiling_within_s
    outcome = Outcome.FAILED if in_time else Outcome.INCONCLUSIVE
    return Finding("ceiling", link, outcome, expected, observed, evidence)


def _highest(values: Series, since: float, until: float) -> float:
    """The largest value in [since, until]; 0 where there was none."""
    return max([value_at(values, since), *(v for t, v in values if since <= t <= until)])


def judge_reaction(
    timeline: Timeline, scaling: Scaling, demand: Demand, cause: Finding | None
) -> Finding:
    """The first step up came within Kubernetes' own envelope."""
    since = demand.up_at or 0.0
    start = value_at(timeline.replicas, since)
    first = first_at(timeline.replicas, start + 1, since=since)
    expected = f"first step up within {scaling.react_within_s:.0f} s"
    link = cause.link if cause else Link.HPA_DECISION
    if start >= scaling.ceiling:
        observed = f"the run began with {start:.0f} replicas: there was nothing to step up to"
        return Finding("reaction", Link.GENERATOR, Outcome.INCONCLUSIVE, expected, observed)
    if first is None:
        return Finding("reaction", link, Outcome.FAILED, expected, "no step up")
    late = first - since > scaling.react_within_s
    observed = f"{first - since:.1f} s"
    outcome = Outcome.FAILED if late else Outcome.PASSED
    return Finding("reaction", link, outcome, expected, observed)


def judge_scale_down(
    timeline: Timeline, scaling: Scaling, demand: Demand, replayed: Replay | None
) -> list[Finding]:
    """Not before the window, and down to the floor at the allowed pace.

    The window counts from the last reconcile that needed the peak, which may be a sync period
    before the high load ends.
    """
    since = demand.down_at or 0.0
    peak = value_at(timeline.replicas, since)
    downs = [(t, v) for t, v in timeline.replicas if t >= since and v < peak]
    window = scaling.down_window_s
    expected = f"no scale-down within {window} s of the last reconcile that needs {peak:.0f}"
    findings = []
    if downs:
        first, to = downs[0]
        waited = first - _last_need(replayed, peak, first, since)
        outcome = Outcome.PASSED if waited >= window - SETTLED_S else Outcome.FAILED
        after = f"{waited:.0f} s after it, {first - since:.0f} s after the end of the high load"
        observed = f"{peak:.0f} to {to:.0f}, {after}"
        findings.append(Finding("down-window", Link.HPA_POLICY, outcome, expected, observed))
    floor = next((t for t, v in downs if v <= scaling.floor), None)
    expected = f"back to {scaling.floor} within {scaling.floor_within_s:.0f} s"
    path = " -> ".join(f"{v:.0f} ({t - since:.0f} s)" for t, v in [(since, peak), *downs])
    if floor is not None:
        outcome = Outcome.PASSED if floor - since <= scaling.floor_within_s else Outcome.FAILED
    elif demand.until - since >= scaling.floor_within_s:
        outcome = Outcome.FAILED
    else:
        outcome = Outcome.INCONCLUSIVE
    findings.append(Finding("floor", Link.HPA_DECISION, outcome, expected, path))
    return findings


def _last_need(replayed: Replay | None, peak: float, until: float, otherwise: float) -> float:
    """When the metrics last asked for `peak` replicas before `until`."""
    steps = replayed.steps if replayed else ()
    asked = [step.at for step in steps if step.at < until and (step.proposed or 0) >= peak]
    return max(asked, default=otherwise)


def judge_flapping(timeline: Timeline, demand: Demand) -> Finding:
    """The replicas went up once and down once, not to and fro."""
    turns, last = 0, 0.0
    values = [v for t, v in timeline.replicas if t >= (demand.up_at or 0.0) - 1]
    for before, after in pairwise(values):
        way = after - before
        if last and way * last < 0:
            turns += 1
        last = way or last
    allowed = 1 if demand.down_at is not None else 0
    outcome = Outcome.PASSED if turns <= allowed else Outcome.FAILED
    path = " -> ".join(f"{v:.0f}" for v in values)
    expected = f"at most {allowed} change of direction"
    return Finding("no-flapping", Link.HPA_POLICY, outcome, expected, f"{turns}: {path}")


def judge_model(replayed: Replay | None) -> Finding:
    """The controller did what its published algorithm says, from what it saw."""
    expected = f"the model sets the same in at least {_AGREEMENT:.0%} of the reconciles"
    if replayed is None or not replayed.steps:
        observed = "no reconcile could be replayed"
        return Finding("hpa-model", Link.HPA_DECISION, Outcome.INCONCLUSIVE, expected, observed)
    differing = replayed.first_divergence
    evidence = [
        f"on its own replicas: observed within one sync period of predicted for"
        f" {replayed.within_sync:.1%} of the time"
    ]
    if differing is not None:
        evidence.append(
            f"first difference at {differing.at:.0f}: from {differing.before} the model sets"
            f" {differing.predicted} ({differing.reason}), the controller {differing.observed}"
        )
    outcome = Outcome.PASSED if replayed.agreement >= _AGREEMENT else Outcome.FAILED
    observed = f"{replayed.agreement:.1%} of {len(replayed.steps)} reconciles"
    return Finding("hpa-model", Link.HPA_DECISION, outcome, expected, observed, tuple(evidence))


def _pods_cause(recording: Recording) -> Finding | None:
    unscheduled: dict[str, tuple[float, str]] = {}
    unready: dict[str, tuple[float, str]] = {}
    for at, pods in pods_over_time(recording):
        for name, pod in pods.items():
            scheduled = condition(pod, "PodScheduled")
            if scheduled.get("status") == "False":
                unscheduled.setdefault(name, (at, str(scheduled.get("message"))))
            else:
                unscheduled.pop(name, None)
            phase = (pod.get("status") or {}).get("phase")
            deleting = "deletionTimestamp" in pod["metadata"]
            ready = condition(pod, "Ready")
            if phase == "Running" and ready.get("status") == "False" and not deleting:
                unready.setdefault(name, (at, str(ready.get("message"))))
            else:
                unready.pop(name, None)
        for name in [n for n in {*unscheduled, *unready} if n not in pods]:
            unscheduled.pop(name, None)
            unready.pop(name, None)
    for found, longest, row, link, expected in (
        (unscheduled, _UNSCHEDULED_S, "pods-scheduled", Link.SCHEDULER, "every pod finds a node"),
        (unready, _UNREADY_S, "pods-ready", Link.READINESS, "every running pod becomes Ready"),
    ):
        late = {n: v for n, v in found.items() if recording.ended_at - v[0] > longest}
        if late:
            name, (_, message) = next(iter(late.items()))
            observed = f"{len(late)} not: {name}: {message[:300]}"
            return Finding(row, link, Outcome.FAILED, expected, observed)
    return None


def _unread(recording: Recording) -> tuple[float, float]:
    """The longest time in which we read no usage: when it began, and its seconds."""
    begun, longest, since = 0.0, 0.0, None
    for read in recording.usage:
        if read.error or not read.pods:
            since = read.at if since is None else since
            if read.at - since > longest:
                begun, longest = since, read.at - since
        else:
            since = None
    return begun, longest


def _steps(timeline: Timeline, since: float, until: float) -> tuple[str, ...]:
    named = {
        "CPU utilization the HPA saw": timeline.cpu_seen,
        "desired by the HPA": timeline.desired,
        "spec.replicas": timeline.replicas,
        "Ready": timeline.ready,
        "endpoints": timeline.endpoints,
    }
    lines = []
    for name, series in named.items():
        points = [f"{v:.0f} at {t - since:.1f} s" for t, v in series if since - 1 <= t <= until + 1]
        lines.append(f"{name}: {', '.join(points[:14]) or 'no change'}")
    return tuple(lines)


def _plain(rules: Rules) -> tuple[int | None, frozenset[str]]:
    return rules.window_s, frozenset(_policy(policy) for policy in rules.policies)


def _policy(policy: Policy) -> str:
    return f"{policy.type} {policy.value} {policy.period_s}"


def _shown(rules: tuple[int | None, frozenset[str]]) -> str:
    return f"window {rules[0]} s, {', '.join(sorted(rules[1]))}"
