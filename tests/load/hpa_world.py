"""A controller that is simulated, and what is seen of it: late, in part, or elsewhere."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from clusterproof.load.hpa.controller import reconcile
from clusterproof.load.hpa.normalise import History
from clusterproof.load.hpa.proposal import Seen
from clusterproof.load.hpa.replay import Replay, replay
from clusterproof.load.hpa.rules import spec_from_object
from clusterproof.load.recording import Change, Recording, UsageRead
from clusterproof.load.scaling import judge_model
from clusterproof.load.timeline import build_timeline, pod_view, samples_of
from clusterproof.outcome import Outcome
from tests.load.replay_parts import FLAGS, LONG_AGO, hpa, pod, read
from tests.load.scaling_parts import T0

Times = tuple[tuple[float, float], ...]


@dataclass
class World:
    """A real controller, whose reconciles come at 15 s, 30 s and so on, and what we see of it.

    Attributes:
        load: What all Pods together use at a moment, in thousandths of a CPU; each asks for 100.
        history: What the controller remembers when the run begins.
        late: By the time of a reconcile: how much later than it we see its status.
        target_late: As much for the replicas that it sets.
        unread: Times in which we do not read the usage.
        failed: Times in which our reads fail.
        misread: By the time of a reconcile: how many points less its status shows than we read.
        touched: When somebody else writes to the HPA, other than its status.
        dies_at: When the controller does.
        wrong: By the time of a reconcile: what it sets, whatever its algorithm says.
        refused: Reconciles whose step fails on a conflict: nothing is set, nothing remembered.
        others: By the time: how many replicas somebody else sets.
        average: Its target, in thousandths of a CPU for each Pod; None for half of the request.
        container: By which it goes, instead of by the whole Pod.
        memory: Where it goes by half of the memory request too: used of that, in percent.
        scraped_at: When metrics-server first looks at the Pods, and then every 15 s; None for a
            metrics API that knows the usage of each moment.
        ours_scraped_at: As much for the replica of it that we ask; None for the same one.
        gone_s: How long a Pod that ends is still there.
        read_at: Our first read; the others follow every two seconds.
    """

    load: Callable[[float], float]
    until: float = 600
    replicas: int = 2
    up: dict[str, Any] | None = None
    down: dict[str, Any] | None = None
    history: History = field(default_factory=History)
    late: dict[float, float] = field(default_factory=dict)
    target_late: dict[float, float] = field(default_factory=dict)
    unread: Times = ()
    failed: Times = ()
    misread: dict[float, int] = field(default_factory=dict)
    touched: tuple[float, ...] = ()
    dies_at: float = float("inf")
    wrong: dict[float, int] = field(default_factory=dict)
    refused: tuple[float, ...] = ()
    others: dict[float, int] = field(default_factory=dict)
    average: int | None = None
    container: str = ""
    memory: int | None = None
    scraped_at: float | None = None
    ours_scraped_at: float | None = None
    gone_s: float = 0.0
    read_at: float = 1.0

    def run(self) -> tuple[Recording, Replay]:
        """The recording, and its replay."""
        self._sizes = [(0.0, self.replicas)]
        percent = self._percent(0, self.scraped_at)
        first = self._status(0, percent, self.replicas)
        self._changes = [Change(T0, "hpa", "LISTED", first.object), target_at(0, self.replicas)]
        self._changes += [self._pod(0, number) for number in range(self.replicas)]
        history, at = self.history, 15.0
        while at < min(self.until, self.dies_at):
            for when in (when for when in self.others if at - 15 <= when < at):
                self._set(when, self.others[when])
            history = self._reconcile(at, history)
            at += 15.0
        changes = self._changes + [self._touch(at, self._changes) for at in self.touched]
        changes.sort(key=lambda change: change.at)
        times = [self.read_at + 2 * n for n in range(int((self.until - self.read_at + 1) / 2))]
        reads = [self._read(at) for at in times if not _within(at, self.unread)]
        recording = Recording(T0, T0 + self.until, changes, reads)
        found = replay(recording, build_timeline(recording, hpa="web"), hpa="web", flags=FLAGS)
        assert found is not None
        return recording, found

    def outcome(self) -> tuple[Outcome, str]:
        """What is said of the controller, and of which link."""
        finding = judge_model(self.run()[1])
        return finding.outcome, finding.link.value

    def _reconcile(self, at: float, before: History) -> History:
        count = self._sizes[-1][1]
        percent = self._percent(at - 0.1, self.scraped_at) - self.misread.get(at, 0)
        status = self._status(at, percent, count)
        pods = tuple(pod_view(self._pod(0, number).object) for number in range(count))
        figures = self._figures(at, percent, self._scraped(at - 0.1, self.scraped_at))
        seen = Seen(T0 + at, count, pods, samples_of(figures))
        decision, history = reconcile(spec_from_object(status.object), seen, before, FLAGS)
        after = self.wrong.get(at, decision.replicas)
        if at in self.refused:
            after, history = count, replace(history, ups=before.ups, downs=before.downs)
        status.object["status"]["desiredReplicas"] = after
        self._changes.append(status)
        self._set(at - 0.1, after, self.target_late.get(at, 0.0))
        return history

    def _set(self, at: float, after: int, late_s: float = 0.0) -> None:
        """Other replicas, by whomever; their Pods come and go at once."""
        count = self._sizes[-1][1]
        if after == count:
            return
        self._sizes.append((at, after))
        self._changes.append(target_at(at + late_s, after))
        self._changes += [self._pod(at + 0.05, number) for number in range(count, after)]
        for number in range(after, count):
            gone = self._pod(at + 0.05 + self.gone_s, number, "DELETED")
            if self.gone_s:
                going = self._pod(at + 0.05, number, "MODIFIED")
                going.object["metadata"]["deletionTimestamp"] = LONG_AGO
                self._changes.append(going)
            self._changes.append(gone)

    def _scraped(self, at: float, phase: float | None) -> int:
        """How many Pods the metrics API knows."""
        alive = [size for since, size in self._sizes if since > at - self.gone_s and since <= at]
        before = [size for since, size in self._sizes if since <= at - self.gone_s]
        return min(max([*alive, *before[-1:]]), self._size(self._looked(at, phase)))

    def _size(self, at: float) -> int:
        return [size for since, size in self._sizes if since <= max(0.0, at)][-1]

    @staticmethod
    def _looked(at: float, phase: float | None) -> float:
        return at if phase is None else max(0.0, at - (at - phase) % 15)

    def _percent(self, at: float, phase: float | None) -> int:
        looked = self._looked(at, phase)
        return round(self.load(looked) / self._size(looked))

    def _status(self, at: float, percent: int, count: int) -> Change:
        status = hpa(at + self.late.get(at, 0.0), percent, current=count, up=self.up)
        item = status.object
        item["status"]["conditions"] = [{"type": "ScalingActive", "status": "True"}]
        if self.down is not None:
            item["spec"].setdefault("behavior", {})["scaleDown"] = self.down
        if self.average is not None:
            wanted, used = ({"averageValue": f"{each}m"} for each in (self.average, percent))
            self._go_by(item, "Resource", {"name": "cpu"}, wanted, used)
        if self.container:
            of = {"name": "cpu", "container": self.container}
            half, all_used = ({"averageUtilization": each} for each in (50, percent))
            self._go_by(item, "ContainerResource", of, half, all_used)
        if self.memory is not None:
            target = {"name": "memory", "target": {"averageUtilization": 50}}
            item["spec"]["metrics"].append({"type": "Resource", "resource": target})
        return status

    @staticmethod
    def _go_by(
        item: dict[str, Any],
        kind: str,
        of: dict[str, Any],
        target: dict[str, Any],
        current: dict[str, Any],
    ) -> None:
        name = kind[0].lower() + kind[1:]
        item["spec"]["metrics"] = [{"type": kind, name: {**of, "target": target}}]
        item["status"]["currentMetrics"] = [{"type": kind, name: {**of, "current": current}}]

    def _pod(self, at: float, number: int, kind: str = "ADDED") -> Change:
        made = pod(at, number, kind)
        if self.memory is not None:
            made.object["spec"]["containers"][0]["resources"]["requests"]["memory"] = "100"
        return made

    def _touch(self, at: float, changes: list[Change]) -> Change:
        last = max((c for c in changes if c.kind == "hpa" and c.at <= T0 + at), key=lambda c: c.at)
        return Change(T0 + at, "hpa", "MODIFIED", {**last.object, "metadata": {"name": "web"}})

    def _read(self, at: float) -> UsageRead:
        if _within(at, self.failed):
            return UsageRead(T0 + at, {}, "no answer")
        ours = self.scraped_at if self.ours_scraped_at is None else self.ours_scraped_at
        return self._figures(at, self._percent(at, ours), self._scraped(at, ours))

    def _figures(self, at: float, percent: int, count: int) -> UsageRead:
        figures = read(at, *[percent] * count)
        for each in figures.pods.values():
            if self.memory is not None:
                each["usage"]["app"]["memory"] = self.memory * 1000
        return figures


def _within(at: float, times: Times) -> bool:
    return any(since < at < until for since, until in times)


def target_at(at: float, replicas: int) -> Change:
    """The scale target, of as many replicas."""
    item = {"metadata": {"name": "web"}, "spec": {"replicas": replicas}}
    return Change(T0 + at, "target", "MODIFIED", item)


def rising(*points: tuple[float, float]) -> Callable[[float], float]:
    """The load of the last of these times that is over."""
    return lambda at: [load for since, load in points if since <= at][-1]


PASSED = (Outcome.PASSED, "HPA decision")
UP_BY_TWO = {"type": "Pods", "value": 2, "periodSeconds": 60}
STEPS = rising((0, 100), (40, 400), (100, 600), (160, 800))
