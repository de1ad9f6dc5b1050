"""One generated run: callers send the plan to the cluster, and all that was seen is kept."""

import random
from collections.abc import Sequence
from heapq import heapify, heappop, heappush
from itertools import pairwise
from math import inf

from clusterproof.load.account import Account, CpuShare
from clusterproof.load.analysis import Inputs
from clusterproof.load.counters import Scrape
from clusterproof.load.ledger import PrometheusWindow
from clusterproof.load.objectives import LoadSpec
from clusterproof.load.recording import Change, ClockRead, Gap, Recording
from clusterproof.load.split import Exposure
from clusterproof.load.timeline import deletions
from loadtests.generated.cluster import T0, TICK_S, Cluster, Pod
from loadtests.generated.world import NEVER, World
from loadtests.verdict import few_callers, generator_figures, judge_callers

_BEGIN_S = 8.0
_AFTER_S = 20.0
_SCRAPE_S = 5.0
_MEANWHILE_S, _EVERY_S = 100.0, 11.0
"""When Pods are killed or replaced, into the highest load, and how often."""


class Traffic:
    """The callers of a run, what they counted, and the events that PostHog has."""

    def __init__(
        self, world: World, spec: LoadSpec, cluster: Cluster, chance: random.Random
    ) -> None:
        """Nothing was sent yet; each caller has a connection of its own."""
        self.world, self.cluster, self.chance = world, cluster, chance
        self.scenario = spec.scenario("router")
        self.account, self.events = Account(), dict[str, str]()
        self.free = [(-inf, number) for number in range(world.callers)]
        heapify(self.free)
        self.connections: dict[int, tuple[Pod, float]] = {}
        self.variants: dict[str, str] = {}
        self.origin = T0 + _BEGIN_S
        self.right = "200" if world.by_status else ""

    def send(self, index: int, due_s: float) -> None:
        """One arrival of the plan."""
        world, chance, account = self.world, self.chance, self.account
        if chance.random() < world.unsent:
            return
        due = self.origin + due_s
        free_at, caller = heappop(self.free)
        late = chance.expovariate(1 / world.late_s)
        start = max(due, free_at) + late
        if start - due > self.scenario.drop_after_s:
            account.drop(start - due)
            heappush(self.free, (start, caller))
            return
        account.begin(late_s=start - due, was_idle=free_at <= due, at_s=start - self.origin)
        ended, fault, answered = self._serve(index, caller, start)
        heappush(self.free, (min(ended, start + self.scenario.timeout_s), caller))
        if ended == NEVER:
            return
        account.end(
            "route-ab",
            latency_s=ended - due,
            service_s=ended - start,
            at_s=ended - self.origin,
            fault=fault,
            answered=answered,
        )

    def _serve(self, index: int, caller: int, start: float) -> tuple[float, str, bool]:
        """When it ended, what was wrong, and whether an answer came."""
        world, chance = self.world, self.chance
        pod = self._pod_of(caller, start)
        if pod is None:
            return start + 0.001, "ConnectionRefusedError", False
        if pod.going_at <= start and chance.random() < world.cut:
            return start + 0.01, "ConnectionResetError", False
        if chance.random() < world.hung:
            return NEVER, "", False
        if chance.random() < world.refused:
            return start + 0.002, chance.choice(("HTTP 429", "HTTP 503")), True
        return self._answer(index, pod, start)

    def _answer(self, index: int, pod: Pod, start: float) -> tuple[float, str, bool]:
        world, chance = self.world, self.chance
        if chance.random() < world.repeated:
            pod.done.append((max(start, pod.free_at), 0.001, 1, 0, 0, "503"))
        cpu_s = chance.gammavariate(4, world.cost_s / 4)
        begun = max(start + 0.0005, pod.free_at)
        ended = pod.free_at = begun + cpu_s * 1000 / (4 * world.request_m)
        seconds, status = ended - begun, self.right
        counted = int(world.counted) + (chance.random() < world.counted % 1)
        fault, exposed, sent = "", chance.random() < world.exposed, chance.random() < world.sent
        if ended - start > self.scenario.timeout_s:
            pod.done.append((ended, seconds, counted, 0, 0, status))
            return start + self.scenario.timeout_s, "Timeout", False
        if chance.random() < world.wrong:
            fault, exposed = world.wrong_reason, False
            status = fault.partition("HTTP ")[2] or status if world.by_status else ""
        else:
            self._expose(index, ended, sent=sent)
        pod.done.append((ended, seconds, counted, int(exposed), int(not fault), status))
        return ended + 0.0005 + world.slow_s, fault, True

    def _pod_of(self, caller: int, at: float) -> Pod | None:
        pod, since = self.connections.get(caller, (None, -inf))
        kept_s = NEVER if self.world.affinity else self.scenario.connection_max_age_s
        if pod is None or at - since > kept_s or pod.gone_at <= at:
            ready = self.cluster.endpoints(at)
            if not ready:
                return None
            pod = min(ready, key=lambda each: each.name) if kept_s == NEVER else None
            pod = pod or self.chance.choice(ready)
            self.connections[caller] = (pod, at)
        return pod

    def _expose(self, index: int, at: float, *, sent: bool) -> None:
        user = f"user-{self.chance.randrange(self.world.users)}"
        drawn = "control" if self.chance.random() < self.world.control else "treatment"
        variant = self.variants.setdefault(user, drawn)
        if self.chance.random() < self.world.unsticky:
            variant = drawn
        self.account.exposures.append(Exposure(user, variant, f"event-{index}", at))
        if sent:
            self.events[f"event-{index}"] = variant


def play(world: World, seed: int) -> Inputs:
    """All that was seen of one run; one seed, one run."""
    chance = random.Random(seed)  # noqa: S311 - a reproducible draw
    spec, plan = world.spec(), world.plan
    cluster = Cluster(world, chance)
    traffic = Traffic(world, spec, cluster, chance)
    arrivals = plan.lane(0, 1)
    index, due_s = next(arrivals)
    at, ends = T0, traffic.origin + plan.duration_s + _AFTER_S
    done = 0
    while at < ends:
        cluster.step(at)
        due = at - traffic.origin - world.peak_at - _MEANWHILE_S >= done * _EVERY_S
        if due and done < world.restarts + world.rolls:
            ready = [pod for pod in cluster.endpoints(at) if pod.going_at == NEVER]
            act = cluster.kill if done < world.restarts else cluster.replace
            act(chance.choice(ready), at)
            done += 1
        at += TICK_S
        while traffic.origin + due_s < at:
            traffic.send(index, due_s)
            index, due_s = next(arrivals, (0, NEVER))
    for pod in cluster.pods:
        pod.advance(NEVER)
    cluster.step(at)
    recording = cluster.recording
    recording.ended_at = at
    recording.changes.sort(key=lambda change: change.at)
    _blind(recording, world)
    ahead = chance.uniform(-1, 1)
    for when, moved in ((T0, 0.0), (at, world.clock_moved_s)):
        recording.clock.append(ClockRead(when, ahead + moved - 0.3, ahead + moved + 0.3))
    return Inputs(
        generator=_generator(world, spec, traffic, chance),
        account=traffic.account,
        recording=recording,
        events=traffic.events,
        prometheus=_prometheus(recording, traffic.origin, chance),
    )


def _generator(
    world: World, spec: LoadSpec, traffic: Traffic, chance: random.Random
) -> dict[str, object]:
    account, plan = traffic.account, world.plan
    for second in range(0, int(plan.duration_s), 5):
        busy = world.busy * chance.uniform(0.8, 1.1)
        account.cpu.append(CpuShare(traffic.origin + second, min(1.0, busy), max(0.0, busy - 1)))
        account.lag.record(max(0.0, world.late_s * chance.uniform(0.5, 2)))
    figures = generator_figures(
        account,
        plan,
        ran_for_s=None,
        workers_lost=0,
        stopped_early="",
        few_callers=few_callers(account, plan, traffic.scenario),
    )
    judged = judge_callers(account, figures, spec, traffic.scenario)
    return {
        "scenario": "router",
        "shape": "generated",
        "started_at": traffic.origin,
        "stages": [[s.rate, s.to_rate, s.for_s] for s in plan.stages],
        "findings": [finding.to_json() for finding in judged.findings],
    }


def _blind(recording: Recording, world: World) -> None:
    """What changed while a watch was broken came when it was resumed, and no change between."""
    since, until = (T0 + at for at in world.blind)
    for kind in world.blind_to:
        last: dict[str, Change] = {}
        for change in recording.of(kind):
            if since < change.at < until:
                last[change.name] = change
        if not last:
            continue
        recording.changes = [
            c for c in recording.changes if c.kind != kind or not since < c.at < until
        ]
        recording.changes += [Change(until, c.kind, c.type, c.object) for c in last.values()]
        recording.gaps.append(Gap(kind, since, until, len(last), "410 Gone"))
    recording.changes.sort(key=lambda change: change.at)


def _prometheus(recording: Recording, since: float, chance: random.Random) -> PrometheusWindow:
    """increase() as Prometheus computes it (functions.go, extrapolatedRate), from our reads."""
    until, range_s = recording.ended_at, recording.ended_at - since + 2 * _SCRAPE_S
    by_pod: dict[str, list[Scrape]] = {}
    for scrape in recording.scrapes:
        by_pod.setdefault(scrape.uid, []).append(scrape)
    total, fastest = 0.0, 0.0
    for reads in by_pod.values():
        total += _increase(reads, until - range_s, until, chance.uniform(0, _SCRAPE_S))
        rates = [
            (b.total("requests_total") - a.total("requests_total")) / (b.at - a.at)
            for a, b in zip(reads, reads[5:], strict=False)
        ]
        fastest = max(fastest, *rates, 0.0)
    pods = {c.object["metadata"]["uid"] for c in recording.of("pod")}
    listed = {c.object["metadata"]["uid"] for c in recording.of("pod") if c.type == "LISTED"}
    births, deaths = len(pods - listed), len(deletions(recording))
    return PrometheusWindow(total, _SCRAPE_S, range_s, births, deaths, fastest)


def _increase(reads: Sequence[Scrape], since: float, until: float, phase: float) -> float:
    points: list[tuple[float, float]] = []
    for read in reads:
        if since <= read.at <= until and (
            not points or read.at - points[-1][0] >= _SCRAPE_S - TICK_S
        ):
            if not points and read.at < since + phase:
                continue
            points.append((read.at, read.total("requests_total")))
    if len(points) < 2:  # noqa: PLR2004 - of one sample there is no increase
        return 0.0
    grown = sum(b - a if b >= a else b for (_, a), (_, b) in pairwise(points))
    apart = (points[-1][0] - points[0][0]) / (len(points) - 1)
    before, after = points[0][0] - since, until - points[-1][0]
    most = 1.1 * apart
    before = before if before < most else apart / 2
    after = after if after < most else apart / 2
    if grown > 0 and points[0][1] >= 0:
        before = min(before, (points[-1][0] - points[0][0]) * points[0][1] / grown)
    sampled = points[-1][0] - points[0][0]
    return grown * (sampled + before + after) / sampled
