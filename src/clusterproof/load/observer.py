"""Did the observer see what it judges? What it could not see is INCONCLUSIVE, and never zero.

Each claim names what it was blind to; `doubt` makes INCONCLUSIVE what was concluded from that. What
callers saw, and what an object's own fields say, needs none of it, and stands.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from http import HTTPStatus
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from clusterproof.load.finding import Finding, Link, own_claim
from clusterproof.load.recording import Gap, Recording, UsageRead
from clusterproof.load.timeline import births, deletions, is_ready
from clusterproof.outcome import Outcome

BLIND_S = 5.0
"""Our choice: a third of the controller's sync period, and the finest time that is judged here."""
UNREAD_S = 10.0
"""Five reads of a Pod in a row. Our choice."""
NO_USAGE_S = 45.0
"""Three sync periods of the controller. Our choice."""
_CLOCK_S = 2.0
"""`Date` has whole seconds: two of them apart is no rounding."""
_LISTED = 5
_NOT_THERE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.SERVICE_UNAVAILABLE})

_TIMED = frozenset(
    {
        *("ceiling", "reaction", "down-window", "floor", "hpa-model", "hpa-metrics"),
        *("pods-scheduled", "pods-ready", "service-spread", "terminations-clean"),
    }
)
_COUNTED = frozenset(
    {
        *("count-requests", "count-histogram", "sum-durations", "count-prometheus"),
        *("count-exposures", "events-sent", "service-spread", "gateway-answers"),
    }
)
_BLINDS = {
    "observer-watches": _TIMED,
    "observer-pods": _COUNTED,
    "observer-usage": frozenset({"hpa-model"}),
    "observer-clock": _TIMED,
}
"""What a claim about the observer, where it does not hold, leaves in doubt."""


def judge_observer(
    recording: Recording, *, since: float = math.inf, counters: bool = True, usage: bool = True
) -> list[Finding]:
    """What the observer saw, by what it had to look at.

    Args:
        recording: Of the run.
        since: When the first request was due.
        counters: Whether it had to read the counters of Pods.
        usage: Whether it had to read what an HPA reads.
    """
    claims = [_watches(recording.gaps)]
    if counters:
        claims.append(_pods(recording, since))
    if usage:
        claims.append(_usage(recording))
    return [*claims, *_clock(recording)]


def doubt(
    findings: Sequence[Finding],
    observer: Iterable[Finding],
    certain: AbstractSet[str] = frozenset(),
) -> list[Finding]:
    """The findings, with those INCONCLUSIVE that rest on what the observer did not see.

    Args:
        findings: Of the run.
        observer: What `judge_observer` says of the same run.
        certain: Ids of those that would only be worse, had it seen all: a surplus is one.
    """
    reasons: dict[str, str] = {}
    for claim in observer:
        if claim.outcome is not Outcome.PASSED:
            blinds = _BLINDS[claim.id] - certain
            reasons |= dict.fromkeys(blinds, f"{claim.id}: {claim.observed}")
    return [
        replace(
            finding,
            link=Link.OBSERVER,
            outcome=Outcome.INCONCLUSIVE,
            evidence=(reasons[finding.id], *finding.evidence),
        )
        if finding.id in reasons and finding.outcome is Outcome.FAILED
        else finding
        for finding in findings
    ]


def unread_pods(recording: Recording, since: float = math.inf) -> Mapping[str, str]:
    """By name: the Pods of which counters are not known, and why the last read failed.

    Never read while they were Ready for UNREAD_S, or not in the last UNREAD_S before they began to
    go, or before the end. One that was Ready before the run and was not read before the first
    request, at `since`: it may have served by its first read.
    """
    born = births(recording)
    reads: dict[str, list[float]] = {}
    for scrape in recording.scrapes:
        reads.setdefault(scrape.uid, []).append(scrape.at)
    going = {uid: began for uid, (began, _) in deletions(recording).items()}
    reasons = {attempt.uid: attempt.why for attempt in recording.unread}
    ready_at: dict[str, float] = {}
    names: dict[str, str] = {}
    for change in recording.of("pod"):
        metadata = change.object["metadata"]
        uid = metadata.get("uid", change.name)
        names[uid] = change.name
        if is_ready(change.object):
            ready_at.setdefault(uid, change.at)
    blind: dict[str, str] = {}
    for uid, ready in ready_at.items():
        until = going.get(uid, recording.ended_at)
        last = max((at for at in reads.get(uid, ()) if at <= until + UNREAD_S), default=ready)
        is_late = uid not in born and min(reads.get(uid, ()), default=until) > since
        if is_late or until - last > UNREAD_S:
            blind[names[uid]] = reasons.get(uid, "never tried")
    return blind


def _watches(gaps: Sequence[Gap]) -> Finding:
    expected = f"no change came over {BLIND_S:g} s late, or not at all"
    mattered = [gap for gap in gaps if gap.until - gap.since > BLIND_S and gap.changes != 0]
    shown = tuple(
        f"{gap.kind}: {gap.until - gap.since:.1f} s,"
        f" {'never seen again' if gap.changes is None else f'{gap.changes} changes'}: {gap.why}"
        for gap in (mattered or gaps)[:_LISTED]
    )
    observed = f"{len(gaps)} gaps" if gaps else "no watch broke off"
    if mattered:
        kinds = ", ".join(dict.fromkeys(gap.kind for gap in mattered))
        longest = max(gap.until - gap.since for gap in mattered)
        observed += f"; up to {longest:.0f} s blind to changes of {kinds}"
    elif gaps:
        observed += ", all of them mended in time or without a change in them"
    return own_claim("observer-watches", Link.OBSERVER, not mattered, expected, observed, shown)


def _pods(recording: Recording, since: float) -> Finding:
    blind = unread_pods(recording, since)
    expected = (
        "the counters of each Ready Pod read, from before the first request up to"
        f" {UNREAD_S:g} s before it went"
    )
    observed = f"{len(blind)} Pods not read" if blind else "all read"
    shown = tuple(f"{name}: {why}" for name, why in sorted(blind.items())[:_LISTED])
    return own_claim("observer-pods", Link.OBSERVER, not blind, expected, observed, shown)


def _usage(recording: Recording) -> Finding:
    gap = longest_unread(recording)
    expected = f"metrics.k8s.io answered us, with no gap over {NO_USAGE_S:g} s"
    observed = f"longest gap {gap.seconds:.0f} s"
    if gap.none_to_give:
        observed += ", in which it had nothing to give to anybody"
    resolution = resolution_s(recording)
    if resolution:
        observed += f"; new figures every {resolution:.0f} s"
    shown = (f"from {gap.since:.0f} on: {gap.why}",) if gap.seconds else ()
    read = bool(recording.usage) and (gap.seconds <= NO_USAGE_S or gap.none_to_give)
    return own_claim("observer-usage", Link.OBSERVER, read, expected, observed, shown)


def _clock(recording: Recording) -> list[Finding]:
    if not recording.clock:
        return []
    first, last = recording.clock[0], recording.clock[-1]
    moved = max(first.least_s - last.most_s, last.least_s - first.most_s, 0.0)
    expected = f"our clock and the API server's kept their distance within {_CLOCK_S:g} s"
    ahead = f"the API server's is {last.least_s:+.1f} to {last.most_s:+.1f} s from ours"
    observed = f"moved by {moved:.1f} s; {ahead}" if moved > _CLOCK_S else ahead
    return [own_claim("observer-clock", Link.OBSERVER, moved <= _CLOCK_S, expected, observed)]


class UsageGap(NamedTuple):
    """A time in which we read no usage.

    Attributes:
        none_to_give: Whether the metrics API itself had none: it is not there (404, 503 of the
            aggregation layer), or knows no Pod. Else it was we who could not read it.
    """

    since: float
    seconds: float
    why: str
    none_to_give: bool


def longest_unread(recording: Recording, idle: Sequence[tuple[float, float]] = ()) -> UsageGap:
    """The longest time in which we read no usage; of two alike the first.

    Args:
        recording: What was seen.
        idle: When there was nothing to read, each time from its beginning to its end.
    """
    longest, run = UsageGap(0.0, 0.0, "", none_to_give=False), list[UsageRead]()
    for read in recording.usage:
        is_idle = any(since <= read.at < until for since, until in idle)
        if is_idle or (not read.error and read.pods):
            run = []
            continue
        run.append(read)
        seconds = read.at - run[0].at
        if seconds > longest.seconds:
            nothing = all(not each.error or each.status in _NOT_THERE for each in run)
            why = read.error or "no Pod has usage"
            longest = UsageGap(run[0].at, seconds, why, nothing)
    return longest


def resolution_s(recording: Recording) -> float:
    """How often the metrics API has new figures of a Pod: the median; 0 when it is not known.

    Source: metrics-server's --metric-resolution, 15 s in its manifests and 60 s in its binary.
    """
    stamps_by_pod: dict[str, set[float]] = {}
    for read in recording.usage:
        for name, usage in read.pods.items():
            stamps_by_pod.setdefault(name, set()).add(float(usage["timestamp"]))
    steps = [
        later - earlier
        for stamps in map(sorted, stamps_by_pod.values())
        for earlier, later in pairwise(stamps)
    ]
    return median(steps) if steps else 0.0
