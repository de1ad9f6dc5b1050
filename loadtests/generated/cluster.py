"""The cluster of a generated run: autoscaler, Pods, metrics API and Service, twice a second.

Requests are served by each Pod one after the other, at the speed of its CPU limit. The autoscaler
is the model of the controller: whether that is the controller's is the laboratory's question
(`loadtests/hpa_lab`), here it is what an observer makes of it from outside.
"""

import random
from collections import defaultdict, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from itertools import count
from typing import Any

from clusterproof.load.counters import PROCESS_CPU, PROCESS_START, Scrape, series
from clusterproof.load.hpa.controller import Decision, reconcile
from clusterproof.load.hpa.normalise import History
from clusterproof.load.hpa.proposal import Proposal, Sample, Seen
from clusterproof.load.hpa.rules import spec_from_object
from clusterproof.load.recording import Change, Recording, Unread, UsageRead
from clusterproof.load.timeline import pod_view
from loadtests.generated.world import NEVER, World

T0 = 1_800_000_000.0
TICK_S = 0.5
_RESOLUTION_S = 15.0
_PRE_STOP_S = 15.0
_READ_EVERY_S = 2.0
_IDLE_CPU = 0.01
_MEMORY = 256 * 2**20
_COUNT, _SUM = series("seconds_count", {}), series("seconds_sum", {})
_EXPOSURES, _SENT = series("exposures_total", {}), series("sent_total", {})
Json = dict[str, Any]


@cache
def _requests(status: str) -> str:
    return series("requests_total", {"status": status} if status else {})


@dataclass(eq=False, slots=True)
class Pod:
    """One Pod; times are seconds since the epoch.

    Attributes:
        free_at: When it has served what came so far.
        done: (time, duration, counted, exposed, sent, status) of requests that end later.
        counts: What its counters say, by series.
        served: Requests, whatever is counted.
    """

    name: str
    born: float
    scheduled_at: float
    runs_at: float
    ready_at: float
    idle: bool = False
    going_at: float = NEVER
    restarts: int = 0
    free_at: float = 0.0
    done: deque[tuple[float, float, int, int, int, str]] = field(default_factory=deque)
    counts: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    served: int = 0
    cpu_read: int = 0
    shown: tuple[int, ...] = ()

    @property
    def gone_at(self) -> float:
        """When it is no more."""
        return self.going_at + _PRE_STOP_S + 1.0

    @property
    def process_start(self) -> float:
        """Of the process that serves now."""
        return self.runs_at + self.restarts

    def is_ready(self, at: float) -> bool:
        """Whether it is Ready, and stays."""
        return self.ready_at <= at < self.going_at

    def advance(self, until: float) -> None:
        """Count what has ended by then."""
        while self.done and self.done[0][0] <= until:
            _, seconds, counted, exposed, sent, status = self.done.popleft()
            self.served += 1
            self.counts[_requests(status)] += counted
            self.counts[_COUNT] += counted
            self.counts[_SUM] += seconds
            self.counts[_EXPOSURES] += exposed
            self.counts[_SENT] += sent


class Cluster:
    """All of it; `recording` is what an observer saw."""

    def __init__(self, world: World, chance: random.Random) -> None:
        """The fewest replicas, Ready for a while."""
        self.world, self.chance = world, chance
        self.recording = Recording(T0)
        self._numbers = count()
        self.pods: list[Pod] = []
        self.replicas = world.floor
        self._published: dict[str, Json] = {}
        self._history, self._desired = History(), world.floor
        self._sync_at = T0 - 200 + chance.uniform(0, 15)
        self._syncs = 0
        self._measure_at = T0 - 200 + chance.uniform(0, _RESOLUTION_S)
        self._read_at = self._usage_at = T0
        self._hpa_shown, self._slice_shown = "", ""
        self._status: Json = {}
        self._created_from = NEVER
        self._failing = False
        self._stall_at: dict[str, float] = {}
        for _ in range(world.floor):
            old = T0 - chance.uniform(600, 6000)
            pod = Pod(f"router-{next(self._numbers)}", old, old, old + 2, old + 8)
            pod.idle = len(self.pods) < world.idle
            self.pods.append(pod)
        self._service()
        for _ in range(int(200 / TICK_S)):  # so that the HPA has its first figures
            self._control(T0 - 200 + _ * TICK_S, quiet=True)
        self._show_all(T0, first=True)

    def step(self, at: float) -> None:
        """What happens by itself until `at`."""
        for pod in self.pods:
            pod.advance(at)
            if self.world.stall_s and at >= self._stall_at.setdefault(
                pod.name, at + self.chance.expovariate(1 / 40)
            ):
                pod.free_at = max(pod.free_at, at) + self.chance.uniform(0, self.world.stall_s)
                del self._stall_at[pod.name]
        self._read(at)
        self._control(at, quiet=False)
        self.pods = [pod for pod in self.pods if pod.gone_at > at or self._bury(pod)]
        self._show_all(at)

    def endpoints(self, at: float) -> list[Pod]:
        """Where a new connection may go."""
        return [pod for pod in self.pods if pod.is_ready(at) and not pod.idle]

    def replace(self, pod: Pod, at: float) -> None:
        """It goes, and another one comes in its place; there is one more until then."""
        self.pods.append(self._new(at, 0))
        pod.going_at = self.pods[-1].ready_at + TICK_S

    def kill(self, pod: Pod, at: float) -> None:
        """Its container is killed for its memory, and started anew."""
        pod.advance(at)
        pod.done.clear()
        pod.restarts += 1
        pod.runs_at = at
        pod.ready_at, pod.free_at = at + 4.0, at + 4.0
        pod.counts.clear()
        pod.served = pod.cpu_read = 0

    # -- what controllers and kubelets do -----------------------------------------------------

    def _control(self, at: float, *, quiet: bool) -> None:
        if at >= self._measure_at:
            self._measure_at += _RESOLUTION_S
            self._measure(at)
        if at >= self._sync_at:
            self._sync_at += self.world.controller.sync_s
            self._syncs += 1
            if self._syncs % self.world.sync_every == 0:
                self._sync(at, quiet=quiet)
        if at >= self._created_from:
            self._created_from = NEVER
            self._scale_target(at)

    def _measure(self, at: float) -> None:
        if at - T0 >= self.world.metrics_until:
            return
        self._published = {}
        for pod in self.pods:
            served, pod.cpu_read = pod.served - pod.cpu_read, pod.served
            if pod.runs_at > at - _RESOLUTION_S or pod.gone_at <= at:
                continue
            cores = served * self.world.cost_s / _RESOLUTION_S + _IDLE_CPU
            usage = {"cpu": round(1000 * cores), "memory": round(1000 * 0.3 * _MEMORY)}
            self._published[pod.name] = {
                "timestamp": float(int(at)),
                "window_s": _RESOLUTION_S - self.chance.uniform(0, 0.05),
                "usage": {"app": usage},
            }

    def _sync(self, at: float, *, quiet: bool) -> None:
        spec = spec_from_object({"spec": self.world.hpa})
        samples = None
        if at - T0 < self.world.metrics_until:
            samples = {
                name: Sample(read["usage"], read["timestamp"], read["window_s"])
                for name, read in self._published.items()
            }
        views = tuple(pod_view(self._object(pod, at)) for pod in self.pods if pod.gone_at > at)
        seen = Seen(at, self.replicas, views, samples)
        decision, self._history = reconcile(spec, seen, self._history, self.world.controller)
        if quiet:
            return
        self._status = _status(self.world.hpa, decision, self.replicas)
        if decision.replicas != self.replicas:
            self.replicas = decision.replicas
            self._created_from = at + TICK_S
            self._show("target", self._target(), at + self.chance.uniform(0.01, 0.1))
        self._show_hpa(at + self.chance.uniform(0.1, 0.3))

    def _scale_target(self, at: float) -> None:
        alive = [pod for pod in self.pods if pod.going_at == NEVER]
        wanted = min(self.replicas, self.world.quota)
        if (wanted < self.replicas) != self._failing:
            self._failing = not self._failing
            self._show("target", self._target(), at)
        for index in range(len(alive), wanted):
            self.pods.append(self._new(at, index))
        newest = sorted(alive, key=lambda pod: (pod.is_ready(at), -pod.born))
        for pod in newest[: max(0, len(alive) - wanted)]:
            pod.going_at = at + self.chance.uniform(0, 0.3)

    def _new(self, at: float, index: int) -> Pod:
        born = at + self.chance.uniform(0, 0.3)
        scheduled = born + self.chance.uniform(0, 0.2) if index < self.world.room else NEVER
        runs = scheduled + self.chance.uniform(1, 2)
        ready = scheduled + self.chance.uniform(*self.world.start_s)
        if index >= self.world.able:
            ready = NEVER
        return Pod(f"router-{next(self._numbers)}", born, scheduled, runs, max(ready, runs + 1))

    def _bury(self, pod: Pod) -> bool:
        pod.advance(NEVER)
        self.recording.changes.append(
            Change(pod.gone_at, "pod", "DELETED", self._object(pod, pod.gone_at))
        )
        return False

    # -- what an observer sees ----------------------------------------------------------------

    def _read(self, at: float) -> None:
        due = at >= self._read_at
        if due:
            self._read_at += _READ_EVERY_S
        for number, pod in enumerate(self.pods):
            if pod.runs_at > at - 0.5 or not (due or pod.going_at <= at):
                continue
            if pod.restarts and pod.free_at - 4.0 > at - 1.0:
                continue
            if number < self.world.unread:
                self.recording.unread.append(Unread(at, pod.name, _uid(pod), "HTTP 403"))
                continue
            values = dict(pod.counts)
            values[series(PROCESS_START, {})] = pod.process_start
            values[series(PROCESS_CPU, {})] = pod.served * self.world.cost_s
            self.recording.scrapes.append(Scrape(at, pod.name, _uid(pod), values))
        if at >= self._usage_at:
            self._usage_at += _READ_EVERY_S
            since, until = self.world.usage_blind
            if since <= at - T0 < until:
                read = UsageRead(at, {}, "HTTP 403", 403)
            elif at - T0 >= self.world.metrics_until:
                read = UsageRead(at, {}, "the server is currently unable", 503)
            else:
                read = UsageRead(at, dict(self._published))
            self.recording.usage.append(read)

    def _show_all(self, at: float, *, first: bool = False) -> None:
        kind = "LISTED" if first else ""
        if first:
            self._show("target", self._target(), at, kind)
            self._status = _status(self.world.hpa, None, self.replicas)
            self._show_hpa(at, kind)
        for pod in self.pods:
            times = (pod.scheduled_at, pod.runs_at, pod.ready_at, pod.going_at)
            shown = (pod.restarts, *(moment <= at for moment in times))
            if pod.born <= at and shown != pod.shown:
                event = kind or ("MODIFIED" if pod.shown else "ADDED")
                self._show("pod", self._object(pod, at), at, event)
                pod.shown = shown
        ready = sorted(pod.name for pod in self.pods if pod.is_ready(at))
        if repr(ready) != self._slice_shown:
            self._slice_shown = repr(ready)
            self._show("endpointslice", _slice(ready), at + self.chance.uniform(0, 0.3), kind)

    def _show_hpa(self, at: float, kind: str = "") -> None:
        if repr(self._status) != self._hpa_shown:  # the API server writes no change that is none
            self._hpa_shown = repr(self._status)
            item = {"metadata": {"name": "router"}, "spec": self.world.hpa, "status": self._status}
            self._show("hpa", item, at, kind)

    def _service(self) -> None:
        affinity = "ClientIP" if self.world.affinity else "None"
        item = {"metadata": {"name": "router"}, "spec": {"sessionAffinity": affinity}}
        self._show("service", item, T0, "LISTED")

    def _show(self, of: str, item: Json, at: float, kind: str = "") -> None:
        self.recording.changes.append(Change(at, of, kind or "MODIFIED", item))

    def _target(self) -> Json:
        conditions = []
        if self._failing:
            message = 'pods "router-x" is forbidden: exceeded quota: few'
            conditions = [
                {
                    "type": "ReplicaFailure",
                    "status": "True",
                    "reason": "FailedCreate",
                    "message": message,
                }
            ]
        spec = {"replicas": self.replicas}
        return {"metadata": {"name": "router"}, "spec": spec, "status": {"conditions": conditions}}

    def _object(self, pod: Pod, at: float) -> Json:
        scheduled, runs = pod.scheduled_at <= at, pod.runs_at <= at or pod.restarts > 0
        ready = pod.is_ready(at)
        changed = pod.ready_at if pod.ready_at <= at else pod.scheduled_at
        conditions = [
            {
                "type": "PodScheduled",
                "status": str(scheduled),
                "message": "0/3 nodes are available",
                "lastTransitionTime": _time(pod.scheduled_at if scheduled else pod.born),
            }
        ]
        status: Json = {"phase": "Running" if runs else "Pending", "conditions": conditions}
        if scheduled:
            status["startTime"] = _time(pod.scheduled_at)
            conditions.append(
                {
                    "type": "Ready",
                    "status": str(ready),
                    "message": "containers with unready status: [app]",
                    "lastTransitionTime": _time(changed),
                }
            )
        if runs:
            state: Json = {
                "name": "app",
                "restartCount": pod.restarts,
                "state": {"running": {"startedAt": _time(pod.runs_at)}},
            }
            if pod.restarts:
                ended = {"reason": "OOMKilled", "exitCode": 137}
                state["lastState"] = {"terminated": ended}
            status["containerStatuses"] = [state]
        metadata: Json = {
            "name": pod.name,
            "uid": _uid(pod),
            "creationTimestamp": _time(pod.born),
        }
        if pod.going_at <= at:
            metadata["deletionTimestamp"] = _time(pod.going_at + 30)
        requests = {} if self.world.no_request else {"cpu": f"{self.world.request_m}m"}
        resources = {"requests": {**requests, "memory": str(_MEMORY)}}
        containers = [{"name": "app", "resources": resources}]
        return {"metadata": metadata, "spec": {"containers": containers}, "status": status}


def _status(hpa: Json, decision: Decision | None, replicas: int) -> Json:
    figures, active, reason, message = [], "True", "ValidMetricFound", ""
    for metric, proposal in zip(
        hpa["metrics"], decision.proposals if decision else (), strict=False
    ):
        if isinstance(proposal, Proposal):
            current = {"averageUtilization": proposal.shown}
            resource = {"name": metric["resource"]["name"], "current": current}
            figures.append({"type": "Resource", "resource": resource})
    if decision is not None and decision.proposals and decision.proposed is None:
        active, reason, message = "False", "FailedGetResourceMetric", decision.reason
    condition = {"type": "ScalingActive", "status": active, "reason": reason, "message": message}
    return {
        "currentReplicas": replicas,
        "desiredReplicas": decision.replicas if decision else replicas,
        "currentMetrics": figures,
        "conditions": [condition],
    }


def _slice(names: list[str]) -> Json:
    endpoints = [
        {
            "addresses": [name],
            "conditions": {"ready": True},
            "targetRef": {"kind": "Pod", "name": name},
        }
        for name in names
    ]
    labels = {"kubernetes.io/service-name": "router"}
    return {"metadata": {"name": "router-x", "labels": labels}, "endpoints": endpoints}


def _uid(pod: Pod) -> str:
    return f"uid-{pod.name}"


def _time(at: float) -> str:
    return datetime.fromtimestamp(int(at), tz=UTC).isoformat()
