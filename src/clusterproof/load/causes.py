"""What keeps replicas from coming, whatever the load: the first link that explains it.

Metrics, CPU request, HPA bounds, quota, scheduler and readiness, in the chain's order. None of the
judges here asks what was demanded; scaling.py does.
"""

from clusterproof.kube.objects import condition_entry
from clusterproof.load.finding import Finding, Link
from clusterproof.load.observer import NO_USAGE_S, longest_unread
from clusterproof.load.recording import Recording
from clusterproof.load.sections import Scaling
from clusterproof.load.timeline import pods_over_time
from clusterproof.outcome import Outcome

_UNSCHEDULED_S = 20.0
_UNREADY_S = 60.0


def find_cause(recording: Recording, scaling: Scaling) -> Finding | None:
    """The first thing seen that keeps replicas from coming, in the chain's order."""
    metrics = judge_metrics(recording, scaling)
    if metrics.outcome is Outcome.FAILED:
        return metrics
    bounds = judge_spec_bounds(recording, scaling)
    if bounds.outcome is Outcome.FAILED:
        return bounds
    for change in recording.of("deployment", scaling.deployment):
        failure = condition_entry(change.object, "ReplicaFailure")
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
        active = condition_entry(change.object, "ScalingActive")
        until = changes[index + 1].at if index + 1 < len(changes) else recording.ended_at
        if active.get("status") == "False":
            blind_since = change.at if blind_since is None else blind_since
            if until - blind_since > longest:
                longest = until - blind_since
                worst = f"{active.get('reason')}: {active.get('message')}"
        else:
            blind_since = None
    gap = longest_unread(recording)
    unread = gap.seconds
    link = Link.CPU_REQUEST if "missing request" in worst else Link.METRICS
    if not changes:
        return Finding("hpa-metrics", Link.METRICS, Outcome.FAILED, expected, "there is no HPA")
    if max(longest, unread) > NO_USAGE_S:
        observed = f"not for {longest:.0f} s: {worst}" if worst else "it was not seen to fail"
        evidence = (f"metrics.k8s.io gave us no usage for {unread:.0f} s on end",)
        meanwhile = [c for c in changes if gap.since < c.at <= gap.since + unread]
        read = any(
            condition_entry(c.object, "ScalingActive").get("status") == "True" for c in meanwhile
        )
        # What the HPA read, or could have, says nothing of the cluster.
        only_we = (read or not gap.none_to_give) and longest <= NO_USAGE_S
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


def _pods_cause(recording: Recording) -> Finding | None:
    unscheduled: dict[str, tuple[float, str]] = {}
    unready: dict[str, tuple[float, str]] = {}
    for at, pods in pods_over_time(recording):
        for name, pod in pods.items():
            scheduled = condition_entry(pod, "PodScheduled")
            if scheduled.get("status") == "False":
                unscheduled.setdefault(name, (at, str(scheduled.get("message"))))
            else:
                unscheduled.pop(name, None)
            phase = (pod.get("status") or {}).get("phase")
            deleting = "deletionTimestamp" in pod["metadata"]
            ready = condition_entry(pod, "Ready")
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
