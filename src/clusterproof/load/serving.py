"""Ready pods get their share of requests, and pods that go take no request with them."""

import itertools
import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clusterproof.kube.objects import annotations_of
from clusterproof.load.account import Account
from clusterproof.load.distributions import binomial_at_most
from clusterproof.load.finding import Finding, Link
from clusterproof.load.recording import TOPOLOGY, Recording
from clusterproof.load.timeline import Timeline, births, deletions, is_ready
from clusterproof.outcome import Outcome

SERVES_WITHIN_S = 30.0
"""A Ready pod gets its first request within this: callers reconnect every 5 s. Our choice.

A plan that is shorter, a smoke run, makes no claim about it.
"""
_AFTER_GONE_S = 5.0
_STEP_S = 5.0
_READ_S = 5.0
"""Two reads of a Pod, by which its first request is seen later than it came."""
_FEWEST = 20
"""Connections of a Pod's share, under which nothing is said of it: 0 of 20 is no chance."""
_CLUSTERED = 2.0
"""Callers that renew their connections at once choose together. Our choice: twice as much."""
_CHANCE = 1e-6
"""Of a whole healthy run to be called wrong for its shares, or its terminations. Our choice."""
_AFFINITY_S = 10_800
"""Source: core/v1 DefaultClientIPServiceAffinitySeconds."""


def unevenness_of(recording: Recording, service: str) -> tuple[str, ...]:
    """What in the Service's spec keeps load from some of its Pods, in sentences.

    Source: Kubernetes docs, "Virtual IPs and Service Proxies" (session affinity, traffic policies),
    "Service" (trafficDistribution) and "Topology Aware Routing".
    """
    services = [change.object for change in recording.of("service", service)]
    reasons = dict.fromkeys(reason for each in services for reason in _uneven(each))
    return tuple(f"Service {service} has {reason}" for reason in reasons)


def _uneven(service: Mapping[str, Any]) -> Iterator[str]:
    spec, annotations = service["spec"], annotations_of(service)
    if spec.get("sessionAffinity") == "ClientIP":
        config = (spec.get("sessionAffinityConfig") or {}).get("clientIP") or {}
        seconds = config.get("timeoutSeconds", _AFFINITY_S)
        yield f"sessionAffinity ClientIP ({seconds} s): the load of one address stays on one Pod"
    for policy in ("externalTrafficPolicy", "internalTrafficPolicy"):
        if spec.get(policy) == "Local":
            yield f"{policy} Local: load goes to Pods of the node that it comes to"
    if distribution := spec.get("trafficDistribution"):
        yield f"trafficDistribution {distribution}: load goes to Pods that are near"
    # The first that is there counts: hintsEnabled of the EndpointSlice reconciler's utils.
    name = next((name for name in TOPOLOGY if name in annotations), "")
    if annotations.get(name) in {"Auto", "auto"}:
        yield f"{name} {annotations[name]}: load goes to Pods of the zone that it comes from"


@dataclass(frozen=True, slots=True)
class _Served:
    """A time in which one Pod was Ready, and its counter.

    Attributes:
        until: When it was Ready no more, began to go, or was last read.
        reads: (time, count), in order of time.
    """

    name: str
    since: float
    until: float
    reads: tuple[tuple[float, float], ...]

    def count_at(self, at: float) -> float:
        """The counter at a moment, as if it had grown evenly between two reads."""
        index = bisect_right(self.reads, (at, math.inf))
        if index in {0, len(self.reads)}:
            return self.reads[min(index, len(self.reads) - 1)][1]
        (before, low), (after, high) = self.reads[index - 1 : index + 1]
        return low + (high - low) * (at - before) / (after - before)

    def idle_s(self) -> float:
        """How long it is known to have served nothing since it was Ready, and while it was.

        That is up to the last read which shows the counter as it was, not up to the first that
        shows another: a Pod that could not be read meanwhile may have served all the time.
        """
        index = bisect_right(self.reads, (self.since, math.inf))
        begun = self.reads[max(0, index - 1)][1]
        idle = itertools.takewhile(
            lambda read: read[1] == begun and read[0] <= self.until, self.reads[index:]
        )
        return max((at - self.since for at, _ in idle), default=0.0)

    def is_known_at(self, at: float) -> bool:
        """Whether reads on both sides tell what it had served at that moment."""
        index = bisect_right(self.reads, (at, math.inf))
        before = self.reads[index - 1][0] if index else -math.inf
        after = self.reads[index][0] if index < len(self.reads) else math.inf
        if index in {0, len(self.reads)}:
            return min(at - before, after - at) <= _READ_S
        return after - before <= 2 * _READ_S


def judge_service(
    recording: Recording,
    timeline: Timeline,
    requests: str,
    service: str,
    *,
    per_connection: float = 1.0,
    connection_s: float = 0.0,
) -> Finding | None:
    """Every pod got its share while it was Ready, and its first requests soon.

    A share is judged against randomness: connections, not requests, are spread over Pods, so that
    as many requests go the same way together. None when there were too few of them to tell.

    Args:
        recording: What was seen.
        timeline: Of the same recording.
        requests: The counter of each Pod.
        service: Name of the Service that the load goes to.
        per_connection: How many requests one connection carries, at the highest rate.
        connection_s: After which callers renew one, and not before; a new Pod may wait for that.
    """
    serves_within_s = max(SERVES_WITHIN_S, 2 * connection_s)
    expected = f"every Ready pod serves its share, from {serves_within_s:.0f} s after Ready on"
    pods, unknown = _served(recording, requests, serves_within_s)
    if not pods:
        observed = "no pod's counters were read for long enough"
        return Finding("service-spread", Link.SERVICE, Outcome.INCONCLUSIVE, expected, observed)
    shares = _shares(pods, unknown, serves_within_s)
    enough = _FEWEST * per_connection * _CLUSTERED
    judged = {pod.name: shares[pod.name] for pod in pods if shares[pod.name].due >= enough}
    wrong = {
        name: f"{name}: {share.got:.0f} requests of {share.all:.0f}, {share.due:.0f} were its share"
        for name, share in judged.items()
        if share.chance(per_connection * _CLUSTERED) < _CHANCE / len(judged)
    }
    for pod in pods:
        idle_s = pod.idle_s()
        if pod.name in wrong or idle_s <= serves_within_s:
            continue
        if _due_meanwhile(pod, pods, pod.since + idle_s) >= enough:
            judged.setdefault(pod.name, shares[pod.name])
            wrong[pod.name] = f"{pod.name}: no request for {idle_s:.0f} s after it was Ready"
    unread = [name for name, share in shares.items() if share.is_unread(enough)]
    if not wrong and unread:
        observed = f"counters were not read often enough to tell of {len(unread)} of {len(shares)}"
        return Finding("service-spread", Link.SERVICE, Outcome.INCONCLUSIVE, expected, observed)
    if not judged:
        return None
    peak = int(max((v for _, v in timeline.endpoints), default=0.0))
    outcome = Outcome.FAILED if wrong else Outcome.PASSED
    observed = (
        f"{len(judged) - len(wrong)} of {len(judged)} pods did; at most {peak} ready endpoints"
    )
    if wrong:
        observed = "; ".join((observed, *unevenness_of(recording, service)))
    evidence = tuple(wrong[name] for name in sorted(wrong)[:10])
    return Finding("service-spread", Link.SERVICE, outcome, expected, observed, evidence)


def _due_meanwhile(idle: _Served, pods: Sequence[_Served], until: float) -> float:
    """What should have come to a Pod that was idle, by what others are known to have got.

    They share what came while they were there; a counter that begins anew takes nothing away.
    """
    others = [pod for pod in pods if pod.name != idle.name and pod.since <= idle.since + _READ_S]
    due = 0.0
    for pod in others:
        reads = [read for read in pod.reads if idle.since <= read[0] <= min(until, pod.until)]
        for (_, before), (at, after) in itertools.pairwise(reads):
            due += max(0.0, after - before) / (sum(1 for each in others if at <= each.until) + 1)
    return due


@dataclass(slots=True)
class _Share:
    """Requests of one Pod beside all, while it and others served.

    Attributes:
        got: Its own.
        due: Its share, where each of them has the same.
        all: Of all that served meanwhile.
        unread: Its share in steps in which one of them could not be read.
    """

    got: float = 0.0
    due: float = 0.0
    all: float = 0.0
    unread: float = 0.0

    def is_unread(self, enough: float) -> bool:
        """Whether there was enough to judge it by, of which too little, or under half, is known."""
        return self.due + self.unread >= enough and self.due < max(enough, self.unread)

    def chance(self, together: float) -> float:
        """How often it gets so few, or so many, where each choice sends `together` its way."""
        draws, drawn = round(self.all / together), self.got / together
        fewer = binomial_at_most(math.ceil(drawn), draws, self.due / self.all)
        more = 1 - binomial_at_most(math.floor(drawn) - 1, draws, self.due / self.all)
        return min(1.0, 2 * min(fewer, more))


def _served(
    recording: Recording, requests: str, at_least_s: float
) -> tuple[list[_Served], list[tuple[float, float]]]:
    """The times in which Pods were Ready and read, and others in which one was Ready.

    That is one that could not be read, or was Ready for too short a time to be judged.

    What a Pod served before its first read is not known, unless that shows that there was nothing
    since its birth.
    """
    going = {uid: began for uid, (began, _) in deletions(recording).items()}
    born = births(recording)
    counts: dict[str, list[tuple[float, float]]] = {}
    for scrape in recording.scrapes:
        counts.setdefault(scrape.uid, []).append((scrape.at, scrape.total(requests)))
    served, unknown = [], []
    for uid, name, since, ready_until in _ready_times(recording):
        until = min(ready_until, going.get(uid, math.inf))
        reads = sorted(counts.get(uid, ()))
        if not reads:
            unknown.append((since, until))
            continue
        if uid in born and reads[0][1] == 0:
            reads.insert(0, (min(born[uid], reads[0][0]), 0.0))
        known_since, ends = max(since, reads[0][0] - _READ_S), min(until, reads[-1][0])
        if ends - known_since >= at_least_s:
            served.append(_Served(name, known_since, ends, tuple(reads)))
            unknown += [(since, known_since), (ends, until)]
        else:
            unknown.append((since, until))
    return served, unknown


def _ready_times(recording: Recording) -> Iterator[tuple[str, str, float, float]]:
    """UID and name of a Pod, since when it was Ready, and until when: maybe several times."""
    since: dict[str, tuple[str, float]] = {}
    for change in recording.of("pod"):
        uid = change.object["metadata"]["uid"]
        if change.type != "DELETED" and is_ready(change.object):
            since.setdefault(uid, (change.name, change.at))
        elif uid in since:
            yield uid, *since.pop(uid), change.at
    for uid, (name, at) in since.items():
        yield uid, name, at, math.inf


def _shares(
    pods: Sequence[_Served], unknown: Sequence[tuple[float, float]], serves_within_s: float
) -> dict[str, _Share]:
    """What each got and should have, step by step, beside those that served in the same step.

    A step in which one of them could not be read says nothing of the others either. One that serves
    alone has all.
    """
    shares = {pod.name: _Share() for pod in pods}
    at, ends = min(pod.since for pod in pods), max(pod.until for pod in pods)
    while at + _STEP_S <= ends:
        serving = [
            pod for pod in pods if pod.since + serves_within_s <= at and at + _STEP_S <= pod.until
        ]
        known = all(pod.is_known_at(at) and pod.is_known_at(at + _STEP_S) for pod in serving)
        if len(serving) == 1:
            known = not any(since < at and at + _STEP_S < until for since, until in unknown)
        grown = [max(0.0, pod.count_at(at + _STEP_S) - pod.count_at(at)) for pod in serving]
        for pod, count in zip(serving, grown, strict=True):
            share = shares[pod.name]
            if not known:
                share.unread += sum(grown) / len(grown)
                continue
            share.got += count
            share.due += sum(grown) / len(grown)
            share.all += sum(grown)
        at += _STEP_S
    return shares


def judge_terminations(
    findings: Sequence[Finding],
    recording: Recording,
    account: Account,
    started_at: float,
    failure_ratio: float = 0.0,
    timeout_s: float = math.inf,
) -> list[Finding]:
    """More requests fail while a pod is going than at other times, or than may fail at all.

    A request that waits in vain for a Pod that is gone ends a timeout later: those that were given
    up are judged once more, by when they were sent.

    Args:
        findings: Of the run so far.
        recording: What was seen.
        account: What callers saw.
        started_at: Second 0 of the account.
        failure_ratio: What the objectives allow.
        timeout_s: After which a request is given up.
    """
    going = sorted(deletions(recording).values())
    if not going:
        return list(findings)
    given_up: Counter[int] = Counter()
    for number, second in account.seconds.items():
        for sent, count in second.sent.items():
            # Both are whole seconds: what ended sooner was reset or refused.
            given_up[sent] += count if number - sent + 1 > timeout_s else 0
    ended = [
        (number, second.failed + second.unanswered, second.ok)
        for number, second in account.seconds.items()
    ]
    sent_in = [
        (number, given_up[number], second.started - given_up[number])
        for number, second in account.seconds.items()
    ]
    spans = [(began - 1 - started_at, gone + _AFTER_GONE_S - started_at) for began, gone in going]
    judged = [_judge_near(counts, spans, failure_ratio) for counts in (ended, sent_in)]
    is_worse, near, away = next((each for each in judged if each[0]), judged[0])
    expected = "no more failed requests while a pod terminates than at other times"
    observed = (
        f"{near[0]} of {near[1]} failed during {len(going)} terminations,"
        f" {away[0]} of {away[1]} at other times"
    )
    made = Finding(
        "terminations-clean",
        Link.TERMINATION,
        Outcome.FAILED if is_worse else Outcome.PASSED,
        expected,
        observed,
        _graces(recording),
    )
    return [*findings, made]


def _judge_near(
    seconds: Iterable[tuple[int, int, int]],
    spans: Sequence[tuple[float, float]],
    failure_ratio: float,
) -> tuple[bool, list[int], list[int]]:
    """Whether more failed within the spans than chance allows; failed and all, in them and not.

    Args:
        seconds: Number, how many failed in it, and how many did not.
        spans: In seconds of the run.
        failure_ratio: What may fail at any time.
    """
    near, away = [0, 0], [0, 0]
    for number, failed, right in seconds:
        during = any(since <= number <= until for since, until in spans)
        counts = near if during else away
        counts[0] += failed
        counts[1] += failed + right
    usual = max(failure_ratio, (away[0] + 1) / (away[1] + 1) if away[0] else 0.0)
    chance = 1 - binomial_at_most(near[0] - 1, near[1], usual)
    return bool(near[0]) and chance < _CHANCE, near, away


def _graces(recording: Recording) -> tuple[str, ...]:
    graces: dict[str, None] = {}
    for change in recording.of("pod"):
        spec = change.object["spec"]
        containers = spec.get("containers") or [{}]
        grace = spec.get("terminationGracePeriodSeconds")
        hook = containers[0].get("lifecycle") or "none"
        graces[f"terminationGracePeriodSeconds {grace}, preStop {hook}"] = None
    return tuple(graces)
