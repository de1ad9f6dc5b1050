"""Ready pods get their share of requests, and pods that go take no request with them."""

from collections.abc import Sequence

from clusterproof.load.account import Account
from clusterproof.load.finding import Finding, Link
from clusterproof.load.recording import Recording
from clusterproof.load.timeline import Timeline, deletions, is_ready, pods_over_time
from clusterproof.outcome import Outcome

SERVES_WITHIN_S = 30.0
"""A Ready pod gets its first request within this: callers reconnect every 5 s. Our choice.

A plan that is shorter, a smoke run, makes no claim about it.
"""
_AFTER_GONE_S = 5.0
_AFFINITY_S = 10_800
"""Source: core/v1 DefaultClientIPServiceAffinitySeconds."""


def affinity_of(recording: Recording, service: str) -> str:
    """That the Service keeps each address on one Pod, as a sentence, or ""."""
    for change in recording.of("service", service):
        spec = change.object["spec"]
        if spec.get("sessionAffinity") == "ClientIP":
            config = (spec.get("sessionAffinityConfig") or {}).get("clientIP") or {}
            seconds = config.get("timeoutSeconds", _AFFINITY_S)
            return (
                f"Service {service} has sessionAffinity ClientIP ({seconds} s):"
                " the load of one address stays on one Pod"
            )
    return ""


def judge_service(recording: Recording, timeline: Timeline, requests: str, service: str) -> Finding:
    """Every pod that was Ready long enough served, by its counter `requests`.

    Args:
        recording: What was seen.
        timeline: Of the same recording.
        requests: The counter of each Pod.
        service: Name of the Service that the load goes to.
    """
    expected = f"every Ready pod serves within {SERVES_WITHIN_S:.0f} s"
    ready_at: dict[str, float] = {}
    for at, pods in pods_over_time(recording):
        for pod in pods.values():
            if is_ready(pod):
                ready_at.setdefault(pod["metadata"]["uid"], at)
    counts: dict[str, list[tuple[float, float]]] = {}
    names: dict[str, str] = {}
    for scrape in recording.scrapes:
        counts.setdefault(scrape.uid, []).append((scrape.at, scrape.total(requests)))
        names[scrape.uid] = scrape.pod
    idle, judged = [], 0
    for uid, reads in counts.items():
        since = ready_at.get(uid)
        last = max(at for at, _ in reads)
        if since is None or last - since < SERVES_WITHIN_S:
            continue
        judged += 1
        if max(v for _, v in reads) <= min(v for _, v in reads):
            idle.append(names[uid])
    if not judged:
        observed = "no pod's counters were read for long enough"
        return Finding("service-spread", Link.SERVICE, Outcome.INCONCLUSIVE, expected, observed)
    peak = int(max((v for _, v in timeline.endpoints), default=0.0))
    outcome = Outcome.FAILED if idle else Outcome.PASSED
    observed = f"{judged - len(idle)} of {judged} pods served; at most {peak} ready endpoints"
    affinity = affinity_of(recording, service) if idle else ""
    if affinity:
        observed += f"; {affinity}"
    evidence = tuple(sorted(idle)[:10])
    return Finding("service-spread", Link.SERVICE, outcome, expected, observed, evidence)


def judge_terminations(
    findings: Sequence[Finding], recording: Recording, account: Account, started_at: float
) -> list[Finding]:
    """Failed requests while a pod was going are that pod's: the answers finding says so too."""
    going = sorted(deletions(recording).values())
    near = total = 0
    for number, second in account.seconds.items():
        failed = second.failed + second.unanswered
        total += failed
        at = started_at + number
        if failed and any(seen - 1 <= at <= gone + _AFTER_GONE_S for seen, gone in going):
            near += failed
    expected = "no failed request while a pod terminates"
    observed = f"{near} failed during {len(going)} terminations, {total} in all"
    if not going:
        return list(findings)
    made = Finding(
        "terminations-clean",
        Link.TERMINATION,
        Outcome.FAILED if near else Outcome.PASSED,
        expected,
        observed,
        _graces(recording),
    )
    return [*findings, made]


def _graces(recording: Recording) -> tuple[str, ...]:
    seen: dict[str, None] = {}
    for change in recording.of("pod"):
        spec = change.object["spec"]
        containers = spec.get("containers") or [{}]
        grace = spec.get("terminationGracePeriodSeconds")
        hook = containers[0].get("lifecycle") or "none"
        seen[f"terminationGracePeriodSeconds {grace}, preStop {hook}"] = None
    return tuple(seen)
