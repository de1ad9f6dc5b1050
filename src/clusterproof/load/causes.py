"""What keeps replicas from coming, whatever the load: the first link that explains it.

Metrics, CPU request, HPA bounds, quota, scheduler and readiness, in the chain's order. None of the
judges here asks what was demanded; scaling.py does.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from clusterproof.kube.hpa import scales_to_zero
from clusterproof.kube.objects import condition, condition_entry, is_terminating
from clusterproof.kube.pods import is_active
from clusterproof.load.asked import judge_spec_bounds
from clusterproof.load.finding import Finding, Link
from clusterproof.load.hpa.rules import reads_usage
from clusterproof.load.observer import NO_USAGE_S, longest_unread
from clusterproof.load.recording import AUTOSCALER, Change, Recording, epoch, is_about
from clusterproof.load.sections import Scaling
from clusterproof.load.timeline import pods_over_time, replicas_over_time, value_at
from clusterproof.outcome import Outcome

_UNSCHEDULED_S = 20.0
_UNREADY_S = 60.0
_SEEN_WITHIN_S = 1.0
"""Our choice: the target, its Pods and their events come by several watches."""
_SILENT_SYNCS = 4
"""Our choice: reconciles of which the controller says nothing, before it is taken to make none."""
_WRITTEN_EVENTS = 12
"""So many events of one object are written in any case: 25, and one more each 5 min, less those of
the last hour; older ones are deleted by then. Source: client-go, events_cache.go (defaultSpamBurst,
defaultSpamQPS), and kube-apiserver --event-ttl."""
_NOT_THE_METRICS = {
    "missing request": Link.CPU_REQUEST,
    "pods might be unready": Link.READINESS,
    "replica count of the target is zero": Link.HPA_BOUNDS,
}
"""What the controller says where the metrics are there, and cannot be used or are not read. Source:
replica_calculator.go (calculateRequests, GetResourceReplicas) and horizontal.go
(reconcileAutoscaler), v1.35.4."""


def find_cause(
    recording: Recording, scaling: Scaling, *, until: float | None = None
) -> Finding | None:
    """The first thing seen that keeps replicas from coming, in the chain's order.

    Args:
        recording: What was seen.
        scaling: What must hold.
        until: What began by then counts, whether or not it was over by the end of the run; without
            it only what lasts to the end.
    """
    metrics = judge_metrics(recording, scaling)
    if metrics.outcome is Outcome.FAILED:
        return metrics
    bounds = judge_spec_bounds(recording, scaling)
    if bounds.outcome is Outcome.FAILED:
        return bounds
    for at, reason, message in _refusals(recording):
        is_late = until is not None and at > until
        if is_late or _pods_missing_s(recording, at) <= _UNSCHEDULED_S:
            continue
        link = Link.QUOTA if "quota" in message else Link.SCHEDULER
        return Finding(
            "pods-created",
            link,
            Outcome.FAILED,
            "every replica that is asked for is created",
            f"{reason}: {message[:300]}",
        )
    return _pods_cause(recording, until)


def judge_metrics(recording: Recording, scaling: Scaling) -> Finding:
    """The HPA could read its metrics all the time.

    At 0 replicas it reads none (horizontal.go, reconcileAutoscaler: ScalingDisabled), and with
    minReplicas 0 there is no usage of no Pods, which is no gap where its target may be at 0; of a
    metric that is of no resource metrics.k8s.io knows nothing. An HPA that never said that it read
    them is INCONCLUSIVE. Where it is the controller that stands still, the metrics are not to blame
    for what it said last.
    """
    expected = "the HPA reads its metrics (ScalingActive)"
    blind: dict[str, float] = {}
    idle = _at_zero(recording)
    longest, worst, reads = 0.0, "", False
    began, span = 0.0, (0.0, 0.0)
    changes = recording.of("hpa", scaling.hpa)
    for index, change in enumerate(changes):
        active = condition_entry(change.object, "ScalingActive")
        until = changes[index + 1].at if index + 1 < len(changes) else recording.ended_at
        is_off = active.get("reason") == "ScalingDisabled" and _may_be_idle(change)
        reads = reads or reads_usage(change.object)
        if is_off:
            idle.append((change.at, until))
        if active.get("status") == "False" and not is_off:
            why = f"{active.get('reason')}: {active.get('message')}"
            began = began if blind else _since(active, change.at)
            blind[why] = blind.get(why, 0.0) + until - change.at
            if sum(blind.values()) > longest:
                longest, span = sum(blind.values()), (began, until)
                worst = max(blind, key=blind.__getitem__)  # of several reasons the lasting one
        else:
            blind = {}
    gap = longest_unread(recording, idle if any(map(_may_be_idle, changes)) else ())
    unread = gap.seconds if reads else 0.0
    link = next((link for words, link in _NOT_THE_METRICS.items() if words in worst), Link.METRICS)
    if not changes:
        return Finding("hpa-metrics", Link.METRICS, Outcome.FAILED, expected, "there is no HPA")
    if max(longest, unread) > NO_USAGE_S:
        observed = f"not for {longest:.0f} s: {worst}" if worst else "it was not seen to fail"
        evidence: tuple[str, ...] = (f"metrics.k8s.io gave us no usage for {unread:.0f} s on end",)
        meanwhile = [c for c in changes if gap.since < c.at <= gap.since + unread]
        read = any(_reads_its_metrics(c.object) for c in meanwhile)
        # What the HPA read, or could have, says nothing of the cluster.
        only_we = (read or not gap.none_to_give) and longest <= NO_USAGE_S
        outcome = Outcome.INCONCLUSIVE if only_we else Outcome.FAILED
        were_there = link is Link.METRICS and reads and unread <= NO_USAGE_S
        if were_there and (silent_s := _silent_s(recording, scaling, *span)):
            link = Link.HPA_DECISION
            evidence += (f"for {silent_s:.0f} s its controller wrote no event of a failure either",)
        return Finding("hpa-metrics", link, outcome, expected, observed, evidence)
    if not any(_reads_its_metrics(change.object) for change in changes):
        observed = "ScalingActive was never seen to be True"
        return Finding("hpa-metrics", link, Outcome.INCONCLUSIVE, expected, observed)
    observed = f"longest gap {max(longest, unread):.0f} s"
    return Finding("hpa-metrics", Link.METRICS, Outcome.PASSED, expected, observed)


def _since(condition_: Mapping[str, Any], otherwise: float) -> float:
    changed = condition_.get("lastTransitionTime")
    return epoch(changed) if changed else otherwise


def _silent_s(recording: Recording, scaling: Scaling, since: float, until: float) -> float:
    """For how long the HPA's controller has not said again that it could not do its work.

    It does so in an event, each time that it could not (horizontal.go, computeReplicasForMetrics
    and reconcileAutoscaler). 0 where that is not long enough, where events were not all seen, and
    where there were, or may have been before the run, so many that no more are written.
    """
    most_s = _SILENT_SYNCS * scaling.controller.sync_s
    since -= recording.clock_ahead_s
    if since < recording.started_at - most_s or any(g.kind == "event" for g in recording.gaps):
        return 0.0
    counts: dict[str, int] = {}
    heard_at = max(since, recording.started_at)
    for change in recording.of("event"):
        # An old one is deleted at its time, whoever lives.
        if is_about(change.object, AUTOSCALER, scaling.hpa) and change.type != "DELETED":
            counts[change.name] = int(change.object.get("count") or 1)
            heard_at = max(heard_at, min(change.at, until))
    silent_s = until - heard_at
    return silent_s if silent_s > most_s and sum(counts.values()) <= _WRITTEN_EVENTS else 0.0


def _may_be_idle(change: Change) -> bool:
    return scales_to_zero(dict(change.object))


def _at_zero(recording: Recording) -> list[tuple[float, float]]:
    """When the scale target had no replicas, each time from its beginning to its end."""
    replicas = [*replicas_over_time(recording), (recording.ended_at, math.nan)]
    return [(at, until) for (at, count), (until, _) in pairwise(replicas) if count == 0]


def _reads_its_metrics(hpa: Mapping[str, Any]) -> bool:
    return condition(hpa, "ScalingActive") == "True"


def _refusals(recording: Recording) -> Iterator[tuple[float, str, str]]:
    """Time, reason and message of Pods that the scale target could not create.

    A Deployment and a ReplicaSet say so in a condition, a StatefulSet only in an event, and of a
    target that is known by its scale alone (a Rollout of Argo) the ReplicaSet's event has to do.
    """
    for change in recording.of("target"):
        failure = condition_entry(change.object, "ReplicaFailure")
        if failure.get("status") == "True":
            yield change.at, str(failure.get("reason")), str(failure.get("message", ""))
    names = {change.name for change in recording.of("target")}
    for change in recording.of("event"):
        about = change.object.get("involvedObject") or {}
        name = str(about.get("name", ""))
        of_target = {name, name.rpartition("-")[0] if about.get("kind") == "ReplicaSet" else name}
        if of_target & names and change.object.get("reason") == "FailedCreate":
            yield change.at, "FailedCreate", str(change.object.get("message", ""))


def _pods_missing_s(recording: Recording, refused_at: float) -> float:
    """For how long after a refusal there were fewer Pods than replicas.

    A controller tries again, with a delay that grows: a webhook that was away for a moment keeps
    nothing back (workqueue's ItemExponentialFailureRateLimiter).
    """
    since = refused_at + _SEEN_WITHIN_S
    replicas = tuple(replicas_over_time(recording))
    pods = tuple(
        (at, float(sum(map(is_active, there.values())))) for at, there in pods_over_time(recording)
    )
    moments = [since, *(at for at, _ in (*replicas, *pods) if at > since)]
    for at in sorted(moments):
        asked = value_at(replicas, at)
        if asked and value_at(pods, at) >= asked:
            return at - since
    return math.inf


@dataclass(slots=True)
class _Waits:
    """How long Pods waited for one thing: those that still do, and those that are over."""

    longest_s: float
    waiting: dict[str, tuple[float, str]] = field(default_factory=dict)
    over: list[tuple[float, float, str, str]] = field(default_factory=list)

    def see(self, at: float, name: str, message: str | None) -> None:
        """The Pod waits, as the message says, or (None) no longer."""
        if message is not None:
            self.waiting.setdefault(name, (at, message))
        elif name in self.waiting:
            since, why = self.waiting.pop(name)
            self.over.append((since, at, name, why))

    def late(self, ended_at: float, until: float | None) -> dict[str, str]:
        """Why each Pod waited too long: until the end, or since a moment before `until`."""
        late = {n: why for n, (at, why) in self.waiting.items() if ended_at - at > self.longest_s}
        if until is not None:
            for since, at, name, why in self.over:
                if since <= until and at - since > self.longest_s:
                    late.setdefault(name, why)
        return late


def _pods_cause(recording: Recording, until: float | None) -> Finding | None:
    unscheduled, unready = _Waits(_UNSCHEDULED_S), _Waits(_UNREADY_S)
    for at, pods in pods_over_time(recording):
        for name, pod in pods.items():
            unscheduled.see(at, name, _unmet(pod, "PodScheduled"))
            running = (pod.get("status") or {}).get("phase") == "Running"
            waits = running and not is_terminating(pod)
            unready.see(at, name, _unmet(pod, "Ready") if waits else None)
        for waits_of in (unscheduled, unready):
            for name in [name for name in waits_of.waiting if name not in pods]:
                waits_of.see(at, name, None)
    for waits_of, row, link, expected in (
        (unscheduled, "pods-scheduled", Link.SCHEDULER, "every pod finds a node"),
        (unready, "pods-ready", Link.READINESS, "every running pod becomes Ready"),
    ):
        late = waits_of.late(recording.ended_at, until)
        if late:
            name, message = next(iter(late.items()))
            observed = f"{len(late)} not: {name}: {message[:300]}"
            return Finding(row, link, Outcome.FAILED, expected, observed)
    return None


def _unmet(pod: Mapping[str, Any], kind: str) -> str | None:
    """What a condition says that is False; else None."""
    entry = condition_entry(pod, kind)
    return str(entry.get("message")) if entry.get("status") == "False" else None
