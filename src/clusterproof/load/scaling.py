"""The autoscaler, judged: did the deployment do what the load demanded of it, and in time.

Each claim is about one link; when the ceiling was demanded and not reached, the link that explains
it (causes.py) is named.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from clusterproof.load.asked import Held, held_by, judge_asked
from clusterproof.load.causes import find_cause, judge_metrics
from clusterproof.load.finding import Finding, Link
from clusterproof.load.hpa.replay import Replay, Step
from clusterproof.load.hpa.rules import bounds_of, others_of
from clusterproof.load.hpa.times import SETTLED_S
from clusterproof.load.observer import BLIND_S
from clusterproof.load.recording import Recording
from clusterproof.load.sections import Scaling
from clusterproof.load.timeline import Series, Timeline, first_at, value_at
from clusterproof.outcome import Outcome

_AGREEMENT, _HALF, _ONCE = 0.9, 0.5, 1
"""Our choice: the reconcile times are inferred, so one in ten may fall on the other side. Most
reconciles change nothing, and any model agrees in these: the others count by themselves, and one of
them that differs may be chance."""
_A_PAIR = 2
"""Reconciles that differ by one step, which the one made sooner than the other."""
_UNSEEN = 0.25
"""Our choice: of the reconciles of which we did not read the metrics that the controller read, more
than that share."""
_ALONE = 0.75
"""Our choice: the right model, left to itself, was within a sync period of the controller for 89 %
of the time at least (recordings of the laboratory, their times inferred), a wrong one, where that
changed anything, for 60 % at most."""
_UNSHOWN = 4
"""Our choice: a minute, by the default sync period. No reconcile did in the recordings of the
laboratory, their times inferred; six or more in a row where a generated controller reconciled only
once in 15 to 25 periods (`loadtests.generated`)."""

_BY_ITS_FIRST_WORDS = frozenset({"ceiling", "reaction", "down-window", "floor", "no-flapping"})
_OF_THE_HPA = frozenset({Link.HPA_POLICY, Link.HPA_DECISION})


@dataclass(frozen=True, slots=True)
class Demand:
    """What the plan demands of the autoscaler.

    Attributes:
        up_at: When the load that needs the ceiling began, or None.
        down_at: When it ended, or None when the run ends before.
        until: End of the run.
        turns: How often the load itself changes its direction, from `up_at` on where that is known.
        busy: When requests are due: each time from its beginning to its end.
    """

    up_at: float | None
    down_at: float | None
    until: float
    turns: int = 0
    busy: tuple[tuple[float, float], ...] = ()


def judge_scaling(
    recording: Recording,
    timeline: Timeline,
    scaling: Scaling,
    demand: Demand,
    replayed: Replay | None,
    pinned: Finding | None = None,
) -> list[Finding]:
    """All claims about the chain from metrics to Ready pods.

    Args:
        recording: What was seen.
        timeline: Of the same recording.
        scaling: What the autoscaler is held to.
        demand: What the plan demands of it.
        replayed: The model's run.
        pinned: The Service kept the load on few Pods, so that their mean asked for no more.
    """
    held = held_by(recording, scaling)
    findings = [*judge_asked(recording, scaling), judge_metrics(recording, scaling)]
    metrics = len(findings) - 1
    if held is None:
        return findings
    cause = find_cause(recording, scaling) or pinned
    pairs = [bounds_of(change.object) for change in recording.of("hpa", scaling.hpa)]
    widest = replace(held, floor=min(low for low, _ in pairs), ceiling=max(m for _, m in pairs))
    findings.append(judge_bounds_kept(timeline, widest, demand))
    if demand.up_at is not None:
        missed = find_cause(recording, scaling, until=demand.down_at or demand.until) or pinned
        if held.ceiling_within_s is not None:
            findings.append(judge_ceiling(timeline, held, demand, missed, replayed))
        if held.react_within_s is not None:
            findings.append(judge_reaction(timeline, held, demand, missed, replayed))
    if demand.down_at is not None:
        findings += judge_scale_down(timeline, held, demand, replayed)
    findings.append(judge_flapping(timeline, demand))
    unknown = unmodelled(recording, scaling)
    if unknown and replayed is None:
        # Of what the model does not know it claims nothing: all else is judged.
        findings[metrics] = _not_replayed(findings[metrics], unknown)
    else:
        findings.append(judge_model(replayed))
    if cause is not None and not _is_named(cause.link, findings):
        findings.append(cause)
    steady = findings[0]
    return findings if steady.outcome is Outcome.PASSED else _doubt(findings, steady)


def _doubt(findings: Sequence[Finding], steady: Finding) -> list[Finding]:
    """The findings of an HPA whose spec was changed, or that went: what it was held to was over."""
    return [
        replace(
            finding,
            outcome=Outcome.INCONCLUSIVE,
            evidence=(f"{steady.id}: {steady.observed}", *finding.evidence),
        )
        if finding.id in _BY_ITS_FIRST_WORDS
        and finding.link in _OF_THE_HPA
        and finding.outcome is Outcome.FAILED
        else finding
        for finding in findings
    ]


def _is_named(link: Link, findings: Sequence[Finding]) -> bool:
    """Whether a finding that did not pass has this link already."""
    return any(f.link is link and f.outcome is not Outcome.PASSED for f in findings)


def judge_bounds_kept(timeline: Timeline, held: Held, demand: Demand) -> Finding:
    """spec.replicas never left the HPA's bounds, but to 0 where KEDA does that beside the HPA.

    Whoever takes a target to 0, KEDA or an HPA whose minReplicas are 0, does so to one that is
    idle: not while requests are due, and wakes it for them.
    """
    values = sorted({int(value) for _, value in timeline.replicas})
    none = f", {'or at 0' if held.floor else 'at 0 only'} while no requests are due"
    none = none if held.or_none else ""
    expected = f"spec.replicas within {held.floor} to {held.ceiling} at all times{none}"
    if not values:
        return Finding(
            "replicas-bounds", Link.HPA_BOUNDS, Outcome.INCONCLUSIVE, expected, "nothing seen"
        )
    is_within = all(held.floor <= each <= held.ceiling or (none and not each) for each in values)
    observed = f"{values[0]} to {values[-1]}"
    down_at = _down_while_busy(timeline.replicas, demand) if none else None
    if down_at is not None:
        is_within, observed = (
            False,
            f"{observed}: at 0 from {down_at:.0f} on, while requests were due",
        )
    outcome = Outcome.PASSED if is_within else Outcome.FAILED
    return Finding("replicas-bounds", Link.HPA_BOUNDS, outcome, expected, observed)


def _down_while_busy(replicas: Series, demand: Demand) -> float | None:
    """Since when there were none: set to 0 while requests were due, or as long as they were."""
    ends = [*(at for at, _ in replicas[1:]), math.inf]
    for (at, number), end in zip(replicas, ends, strict=True):
        if not number and any(
            at < until and (since < at or end >= until) for since, until in demand.busy
        ):
            return at
    return None


def judge_ceiling(
    timeline: Timeline,
    held: Held,
    demand: Demand,
    cause: Finding | None,
    replayed: Replay | None = None,
) -> Finding:
    """All replicas of the ceiling were Ready in time, or the link that kept them back.

    Of a load that demanded fewer, by what the HPA saw and by the model, nothing can be said: a
    controller that looks no more sees nothing of it. A Pod that a rollout makes beside the others
    is no replica that the load demanded: as many must have been asked for before.
    """
    since, within_s = demand.up_at or 0.0, held.ceiling_within_s or 0.0
    asked = _asked_for(timeline, held.ceiling, since)
    reached = None if asked is None else first_at(timeline.ready, held.ceiling, since=asked)
    expected = f"{held.ceiling} Ready within {within_s:.0f} s of the load that needs it"
    if reached is not None and reached - since <= within_s:
        observed, shown = f"{reached - since:.1f} s", _steps(timeline, since, reached)
        return Finding("ceiling", Link.HPA_DECISION, Outcome.PASSED, expected, observed, shown)
    until = min(since + within_s, demand.until)
    best = int(_highest(timeline.ready, since, until))
    wanted = int(value_at(timeline.desired, until))
    observed = f"{best} Ready, {wanted} desired by the HPA after {until - since:.0f} s"
    if cause is not None:
        evidence = (f"{cause.id}: {cause.observed}", *_steps(timeline, since, until))
        return Finding("ceiling", cause.link, Outcome.FAILED, expected, observed, evidence)
    ends = until if demand.down_at is None else min(until, demand.down_at)
    demanded, evidence = _demanded(timeline, held, replayed, (since, ends), than=wanted)
    if not demanded and wanted < held.ceiling:
        return Finding("ceiling", Link.DEMAND, Outcome.INCONCLUSIVE, expected, observed, evidence)
    link = Link.READINESS if wanted >= held.ceiling else held.up_link
    in_time = demand.until - since >= within_s
    outcome = Outcome.FAILED if in_time else Outcome.INCONCLUSIVE
    return Finding("ceiling", link, outcome, expected, observed, evidence)


def _asked_for(timeline: Timeline, replicas: int, since: float) -> float | None:
    """When so many were first asked for, by the HPA or by its target; `since` where nobody saw."""
    series = [each for each in (timeline.desired, timeline.replicas) if each]
    times = [at for each in series if (at := first_at(each, replicas, since=since)) is not None]
    return min(times, default=None if series else since)


def _demanded(
    timeline: Timeline,
    held: Held,
    replayed: Replay | None,
    span: tuple[float, float],
    *,
    than: float,
) -> tuple[bool, tuple[str, ...]]:
    """Whether the metrics asked for more replicas `than` these at the end of a span; what shows it.

    What they asked for before there were any replicas says nothing of those that there are by now.
    """
    until = span[1]
    since = max(span[0], until - 2 * held.flags.sync_s)
    highest = _highest(timeline.pressure, since, until)
    evidence: tuple[str, ...] = (
        f"highest figure that the HPA saw then: {highest:.0f} % of its target",
    )
    steps = replayed.steps if replayed else ()
    asked = [s.proposed for s in steps if s.proposed is not None and since <= s.at <= until]
    if not asked:
        return highest > 100 * (1 + held.up_tolerance), evidence
    # In each reconcile: what the last one alone asked for may not be followed yet.
    least = min(asked)
    evidence += (f"by the model its metrics asked for {least} replicas then",)
    return least > than, evidence


def _highest(values: Series, since: float, until: float) -> float:
    """The largest value in [since, until]; 0 where there was none."""
    return max([value_at(values, since), *(v for t, v in values if since <= t <= until)])


def judge_reaction(
    timeline: Timeline,
    held: Held,
    demand: Demand,
    cause: Finding | None,
    replayed: Replay | None = None,
) -> Finding:
    """The first step up came within Kubernetes' own envelope.

    Where there was none, and the metrics asked for none, nothing can be said.
    """
    since, within_s = demand.up_at or 0.0, held.react_within_s or 0.0
    start = value_at(timeline.replicas, since)
    first = first_at(timeline.replicas, start + 1, since=since)
    expected = f"first step up within {within_s:.0f} s"
    link = cause.link if cause else held.up_link
    begun = timeline.replicas[0][1] if timeline.replicas else start
    if start > begun:
        observed = f"from {begun:.0f} to {start:.0f} before the load was at its highest"
        return Finding("reaction", Link.HPA_DECISION, Outcome.PASSED, expected, observed)
    if start >= held.ceiling:
        observed = f"the run began with {start:.0f} replicas: there was nothing to step up to"
        return Finding("reaction", Link.DEMAND, Outcome.INCONCLUSIVE, expected, observed)
    if first is None:
        ends = demand.down_at or demand.until
        demanded, evidence = _demanded(timeline, held, replayed, (since, ends), than=start)
        if cause is None and not demanded:
            link, outcome = Link.DEMAND, Outcome.INCONCLUSIVE
        else:
            outcome = Outcome.FAILED
        return Finding("reaction", link, outcome, expected, "no step up", evidence)
    observed = f"{first - since:.1f} s"
    if first - since <= within_s:
        return Finding("reaction", Link.HPA_DECISION, Outcome.PASSED, expected, observed)
    return Finding("reaction", link, Outcome.FAILED, expected, observed)


def judge_scale_down(
    timeline: Timeline, held: Held, demand: Demand, replayed: Replay | None
) -> list[Finding]:
    """Not before the window, and down to the floor at the allowed pace.

    The window counts from the last reconcile that needed the peak, which may be a sync period
    before the high load ends. Of a run that ends too early for the floor, nothing is said of it.
    """
    since = demand.down_at or 0.0
    peak = value_at(timeline.replicas, since)
    downs = [(t, v) for t, v in timeline.replicas if t >= since and v < peak]
    window = held.down_window_s
    expected = f"no scale-down within {window:g} s of the last reconcile that needs {peak:.0f}"
    findings = []
    if downs:
        first, to = downs[0]
        waited = first - _last_need(replayed, peak, first, since)
        outcome = Outcome.PASSED if waited >= window - SETTLED_S else Outcome.FAILED
        after = f"{waited:.0f} s after it, {first - since:.0f} s after the end of the high load"
        observed = f"{peak:.0f} to {to:.0f}, {after}"
        findings.append(Finding("down-window", Link.HPA_POLICY, outcome, expected, observed))
    within_s = held.floor_within_s
    if within_s is None:
        return findings
    floor = next((t for t, v in downs if v <= held.floor), None)
    expected = f"back to {held.floor} within {within_s:.0f} s"
    path = " -> ".join(f"{v:.0f} ({t - since:.0f} s)" for t, v in [(since, peak), *downs])
    if floor is not None or demand.until - since >= within_s:
        in_time = floor is not None and floor - since <= within_s
        outcome = Outcome.PASSED if in_time else Outcome.FAILED
        link = Link.HPA_DECISION if in_time else held.down_link
        findings.append(Finding("floor", link, outcome, expected, path))
    return findings


def _last_need(replayed: Replay | None, peak: float, until: float, otherwise: float) -> float:
    """When the metrics last asked for `peak` replicas before `until`."""
    steps = replayed.steps if replayed else ()
    asked = [step.at for step in steps if step.at < until and (step.proposed or 0) >= peak]
    return max(asked, default=otherwise)


def judge_flapping(timeline: Timeline, demand: Demand) -> Finding:
    """The replicas changed their direction no more often than the load did."""
    values = [v for t, v in timeline.replicas if t >= (demand.up_at or 0.0) - 1]
    turns = turns_of(values)
    outcome = Outcome.PASSED if turns <= demand.turns else Outcome.FAILED
    path = " -> ".join(f"{v:.0f}" for v in values)
    expected = f"at most {demand.turns} change{'s' * (demand.turns > 1)} of direction, as the load"
    return Finding("no-flapping", Link.HPA_POLICY, outcome, expected, f"{turns}: {path}")


def turns_of(values: Sequence[float], *, apart: float = 0.0) -> int:
    """How often a series goes down after it went up, or up after it went down.

    Args:
        values: In order of time.
        apart: A way of at most this share of the larger of its two ends is none.
    """
    ends = list(values[:1])  # of each way; the last is as far as it went until now
    for number in values[1:]:
        goes_on = len(ends) > 1 and (number > ends[-1]) == (ends[-1] > ends[-2])
        if goes_on and number != ends[-1]:
            ends[-1] = number
        elif abs(number - ends[-1]) > apart * max(number, ends[-1]):
            ends.append(number)
    return max(0, len(ends) - 2)


def unmodelled(recording: Recording, scaling: Scaling) -> tuple[str, ...]:
    """The HPA's metrics that the model does not know, each once."""
    changes = recording.of("hpa", scaling.hpa)
    return tuple(dict.fromkeys(name for c in changes for name in others_of(c.object)))


def _not_replayed(finding: Finding, unknown: Sequence[str]) -> Finding:
    named = f"not compared with the model of the controller: the HPA goes by {', '.join(unknown)}"
    return replace(finding, evidence=(*finding.evidence, named))


def judge_model(replayed: Replay | None) -> Finding:
    """The controller did what its published algorithm says, from what it saw."""
    expected = (
        f"the model sets the same in at least {_AGREEMENT:.0%} of the reconciles, and of those that"
        f" change something; alone it is within one sync period for {_ALONE:.0%} of the time; at"
        f" most {_UNSHOWN} in a row left the HPA's status as it was, though the utilization had"
        " moved by more than a point"
    )
    if replayed is None or not replayed.steps:
        observed = "no reconcile could be replayed"
        return Finding("hpa-model", Link.HPA_DECISION, Outcome.INCONCLUSIVE, expected, observed)
    differing = replayed.first_divergence
    evidence = [
        f"on its own replicas: observed within one sync period of predicted for"
        f" {replayed.within_sync:.1%} of the time",
        "most reconciles in a row that left the HPA's status as it was, though the utilization had"
        f" moved by more than a point: {replayed.unshown}",
    ]
    if differing is not None:
        evidence.append(
            f"first difference at {differing.at:.0f}: from {differing.before} the model sets"
            f" {differing.predicted} ({differing.reason}), the controller {differing.observed}"
        )
    outcome, link = _agreement(replayed), Link.HPA_DECISION
    apart = replayed.differing
    late = [step.late_s for step in apart if step.late_s > BLIND_S]
    in_time = _agreement(replayed, at_most_late_s=BLIND_S)
    # A late status excuses its own reconcile, and what the model does after it on its own.
    is_theirs = replayed.within_sync >= _ALONE or (late and apart[0].late_s > BLIND_S)
    if outcome is not Outcome.PASSED and late and is_theirs and in_time is Outcome.PASSED:
        outcome, link = Outcome.INCONCLUSIVE, Link.OBSERVER
        evidence.insert(
            0,
            f"a status of the HPA was seen at least {max(late):.0f} s late, by the times between"
            f" statuses; {len(apart)} of {len(replayed.steps)} reconciles differ, and"
            f" {len(late)} of these are so late",
        )
    if outcome is Outcome.PASSED and (unknown := _unknown(replayed)):
        outcome, link = Outcome.INCONCLUSIVE, Link.OBSERVER
        evidence.insert(0, unknown)
    matched, acting = replayed.acted
    observed = (
        f"{replayed.agreement:.1%} of {len(replayed.steps)} reconciles; {matched} of {acting} that"
        " change something"
    )
    return Finding("hpa-model", link, outcome, expected, observed, tuple(evidence))


def _unknown(replayed: Replay) -> str:
    """Why agreement is no evidence; "" where it is: too much of it is the controller's own word."""
    of_all = len(replayed.steps) + replayed.unseen
    _, known = replayed.acted_where(lambda step: not step.is_believed)
    if replayed.unseen > _UNSEEN * of_all:
        return f"we read no metrics for {replayed.unseen} of {of_all} reconciles, and others did"
    if replayed.unread > _UNSEEN * (known + replayed.unread):
        return (
            f"in {replayed.unread} reconciles the HPA's status shows figures that we did not read,"
            f" and by ours another number would have been set; {known} others changed something"
        )
    if replayed.guesses > 0 and replayed.guesses >= known:
        return (
            f"what was set agrees only with {replayed.guesses} steps from before the run, of which"
            f" nothing was seen; {known} others changed something"
        )
    return ""


def _agreement(replayed: Replay, *, at_most_late_s: float = math.inf) -> Outcome:
    """What the reconciles say of the controller, with the model on its own; or those in time alone.

    One that differs may be chance, and one step may be of the reconcile beside it, whatever share
    that is of a short run.
    """

    def is_of_them(step: Step) -> bool:
        return step.late_s <= at_most_late_s

    of_them = list(filter(is_of_them, replayed.steps))
    differing = sum(map(is_of_them, replayed.differing))
    apart = sum(step.predicted != step.observed for step in of_them)
    differing += max(0, apart - differing - _A_PAIR)
    matched, acting = replayed.acted_where(is_of_them)
    if replayed.unshown > _UNSHOWN:
        return Outcome.FAILED
    if at_most_late_s == math.inf and replayed.within_sync < _ALONE:
        return Outcome.FAILED
    if len(of_them) - differing >= _AGREEMENT * len(of_them) and matched >= _AGREEMENT * acting:
        return Outcome.PASSED
    is_chance = differing == _ONCE and matched >= _HALF * acting
    return Outcome.INCONCLUSIVE if is_chance else Outcome.FAILED


def _steps(timeline: Timeline, since: float, until: float) -> tuple[str, ...]:
    named = {
        "% of its target that the HPA saw": timeline.pressure,
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
