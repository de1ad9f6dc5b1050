"""The model against the controller: what it should have set, from what it saw.

Every status update of the HPA is a reconcile that ended; between two of them the controller ran
every sync period. At each such moment the model decides from the pods and the metrics that were
there. `Step` compares one decision with what the controller then did, from the replicas that it
really started from; `free` lets the model run on its own replicas from the first moment on.
"""

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from clusterproof.kube.objects import condition_entry
from clusterproof.load.hpa.controller import Decision, reconcile
from clusterproof.load.hpa.normalise import History
from clusterproof.load.hpa.proposal import PodView, Proposal, Seen
from clusterproof.load.hpa.rules import (
    ControllerFlags,
    HpaSpec,
    ResourceTarget,
    others_of,
    spec_from_object,
)
from clusterproof.load.recording import Change, Recording, UsageRead
from clusterproof.load.timeline import (
    Series,
    Timeline,
    pod_view,
    samples_of,
    utilization_seen,
    value_at,
)

SETTLED_S = 2.0
"""A step that the controller made is seen within this after its reconcile."""
_POINT = 1.0
"""In percent of the requests: utilization is cut to whole ones, so that the smallest error of our
reads may be one."""
_APART_S = 1.0
"""Of one reconcile the scale comes before the status: as a rule by this much at most."""
_JUST_S = 1e-3
_BEHIND_S = 0.5
"""Replicas that are set are seen within this. Our choice."""


@dataclass(frozen=True, slots=True)
class Step:
    """One reconcile: from, decided by the model, set by the controller.

    Attributes:
        shown: The utilization by the model, and in the HPA's status.
        late_s: How late its status was seen, at least, in seconds; as far as that can be told.
    """

    at: float
    before: int
    predicted: int
    observed: int
    proposed: int | None
    reason: str
    shown: tuple[float | None, float | None]
    late_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Replay:
    """The whole run, decided again.

    Attributes:
        steps: One per reconcile of which we saw what the controller saw.
        free: Predicted replicas over time when the model runs on its own.
        agreement: Share of reconciles where model and controller set the same.
        within_sync: Share of the time in which the observed replicas were predicted, give or take
            one sync period, when the model runs on its own.
        unshown: Most reconciles in a row that were due while the HPA's status stayed as it was, and
            that would have shown another utilization by all that could be read then: by more than
            a point another than the status shows, and than the model's own at the first reconcile
            under it, as an error of our reads that stays says nothing of the controller. A
            reconcile writes the status whenever it differs (horizontal.go, updateStatusIfNeeded).
    """

    steps: tuple[Step, ...]
    free: Series
    agreement: float
    within_sync: float
    unshown: int = 0

    @property
    def acted(self) -> tuple[int, int]:
        """Of the reconciles in which model or controller changed something: how many agree, of all.

        One that the other made a reconcile earlier or later agrees too: their times are inferred.
        One from no replicas began before they were seen.
        """
        steps = self.steps
        acting = [
            i for i, s in enumerate(steps) if s.before and {s.predicted, s.observed} != {s.before}
        ]
        return sum(1 for i in acting if self._agrees(i)), len(acting)

    def _agrees(self, index: int) -> bool:
        step = self.steps[index]
        if step.predicted == step.observed:
            return True
        beside = [*self.steps[max(0, index - 1) : index], *self.steps[index + 1 : index + 2]]
        return any(
            near.predicted != near.observed
            and (
                step.before != step.predicted == near.observed
                or step.before != step.observed == near.predicted
            )
            for near in beside
        )

    @property
    def first_divergence(self) -> Step | None:
        """The first reconcile where they differ."""
        return next((s for s in self.steps if s.predicted != s.observed), None)


def replay(
    recording: Recording,
    timeline: Timeline,
    *,
    hpa: str,
    flags: ControllerFlags,
    ticks: Sequence[float] | None = None,
) -> Replay | None:
    """Decide every reconcile again; None when there was no HPA or no replicas to see.

    Nor is an HPA replayed that goes by metrics which the model does not know.

    Args:
        recording: What was seen.
        timeline: Of the same recording.
        hpa: Name of the HPA.
        flags: Of the controller.
        ticks: When it reconciled and read exactly the usage of that moment, where that is known
            (a laboratory); else both are inferred.
    """
    changes = recording.of("hpa", hpa)
    if not changes or not timeline.replicas or not recording.usage:
        return None
    if any(others_of(change.object) for change in changes):
        return None
    exact = ticks is not None
    ticks = reconcile_times(recording, changes, flags) if ticks is None else ticks
    if not ticks:
        return None
    world = _World(recording, changes, exact=exact)
    forced, own = History(), History()
    own_replicas = int(value_at(timeline.replicas, ticks[0]))
    steps: list[Step] = []
    free: list[tuple[float, float]] = [(ticks[0], float(own_replicas))]
    late = [] if exact else _late(changes, flags.sync_s)
    moment = _Moment(-math.inf, -math.inf, -math.inf, 0)
    for index, at in enumerate(ticks):
        if exact:
            moment = _Moment(at, at, at, int(value_at(timeline.replicas, at - _BEHIND_S)))
        else:
            moment = _began(at, timeline.replicas, world.current_at(at), moment, flags.sync_s)
        if world.is_unseen(moment):
            continue
        spec, pods = world.spec_at(at), world.pods_at(moment.began)
        decision, after_it = _decide(world, spec, moment, moment.before, pods, forced, flags)
        shown = (_shown(spec, decision), world.shown_at(at))
        if not exact and shown[0] != shown[1] and world.is_after_reads(at, flags.sync_s):
            continue
        forced = after_it
        until = ticks[index + 1] if index + 1 < len(ticks) else at + flags.sync_s
        after = int(value_at(timeline.replicas, min(at + SETTLED_S, until)))
        steps.append(
            Step(
                at=at,
                before=moment.before,
                predicted=decision.replicas,
                observed=after,
                proposed=decision.proposed,
                reason=decision.reason,
                shown=shown,
                late_s=max((by for since, to, by in late if since < at <= to), default=0.0),
            )
        )
        alone, own = _decide(world, spec, moment, own_replicas, pods, own, flags)
        own_replicas = alone.replicas
        free.append((at, float(own_replicas)))
    matched = sum(1 for step in steps if step.predicted == step.observed)
    predicted = tuple(free)
    return Replay(
        steps=tuple(steps),
        free=predicted,
        agreement=matched / len(steps) if steps else 0.0,
        within_sync=within(timeline.replicas, predicted, ticks[0], ticks[-1], flags.sync_s),
        unshown=_most_unshown(world, ticks, steps),
    )


def reconcile_times(
    recording: Recording, changes: Sequence[Change], flags: ControllerFlags
) -> list[float]:
    """When the controller reconciled: seen by its status updates, else every sync period."""
    anchors = [c.at for c in changes if c.type == "MODIFIED"]
    if not anchors:
        anchors = [recording.started_at + flags.sync_s]
    first_usage = recording.usage[0].at
    while anchors[0] - flags.sync_s > max(recording.started_at, first_usage):
        anchors.insert(0, anchors[0] - flags.sync_s)
    ticks = [anchors[0]]
    for at in anchors[1:]:
        gap = at - ticks[-1]
        if gap < flags.sync_s / 3:
            continue
        runs = max(1, round(gap / flags.sync_s))
        ticks += [ticks[-1] + gap * n / runs for n in range(1, runs + 1)]
    while ticks[-1] + flags.sync_s < recording.ended_at:
        ticks.append(ticks[-1] + flags.sync_s)
    return [t for t in _apart(ticks, flags.sync_s) if t >= first_usage]


def _late(changes: Sequence[Change], sync_s: float) -> list[tuple[float, float, float]]:
    """For each status that was seen late: from the one before it, up to it, and how late at least.

    The controller begins a reconcile no sooner than a sync period after the one before has written
    its status (horizontal.go: NewDefaultHPARateLimiter, by which updateHPA waits as well). One that
    comes late, by a slow API server or a slow watch, makes the time before it longer and the time
    after it shorter; a controller that has another period makes both shorter.
    """
    spells: list[list[float]] = [[]]
    for earlier, later in pairwise(changes):
        if later.type != "MODIFIED":
            spells.append([])
        elif later.object.get("status") != earlier.object.get("status"):
            spells[-1].append(later.at)
    return [
        (before, at, by)
        for times in spells
        for before, at, after in zip(times, times[1:], times[2:], strict=False)
        if (by := min(at - before - sync_s, sync_s - (after - at))) > 0
    ]


def _apart(ticks: Sequence[float], sync_s: float) -> Iterator[float]:
    """The same, none a little less than a sync period after the one before.

    The controller waits that long after each reconcile; only its news reach us sooner or later. A
    policy of as many seconds would hold in the next one too.
    """
    last = -math.inf
    for at in ticks:
        last = _apart_from(last, at, sync_s)
        yield last


def _apart_from(last: float, at: float, sync_s: float) -> float:
    return last + sync_s if last + sync_s - _APART_S < at < last + sync_s else at


@dataclass(frozen=True, slots=True)
class _Moment:
    """A reconcile in time.

    Attributes:
        seen: When its status was.
        began: When it looked at the Pods and the metrics.
        now: What time it was for it.
        before: From how many replicas it went.
    """

    seen: float
    began: float
    now: float
    before: int


def _began(
    at: float, replicas: Series, current: int | None, last: _Moment, sync_s: float
) -> _Moment:
    """When the reconcile began whose status was seen at `at`, and from how many replicas.

    The scale comes before the status, on a machine that has too much to do by seconds, and the Pods
    of that step are there when the status is. `currentReplicas` says how many the reconcile found
    (horizontal.go, setStatus): it began before the step that went on from there.

    Args:
        at: When the status was seen.
        replicas: As they were set.
        current: `currentReplicas` of that status; None where it has none.
        last: The reconcile before: each step is of one.
        sync_s: Two reconciles are so far apart.
    """
    if current is not None and value_at(replicas, at) == current:
        return _Moment(at, at, _apart_from(last.now, at, sync_s), current)
    since = max(at - sync_s / 2, last.began + 2 * _JUST_S)
    for step, _ in reversed(replicas):
        began = step - _JUST_S
        if since <= step <= at and value_at(replicas, began) == current:
            return _Moment(at, began, _apart_from(last.now, began, sync_s), current)
    steps = [step for step, _ in replicas if at - _APART_S <= step <= at]
    began = steps[-1] - _JUST_S if steps else at
    before = value_at(replicas, began - _BEHIND_S)
    return _Moment(at, began, _apart_from(last.now, at, sync_s), int(before))


def within(
    observed: Series, predicted: Series, since: float, until: float, slack_s: float
) -> float:
    """Share of [since, until] where the observed value was predicted within `slack_s`."""
    total = matched = 0
    at = since
    while at <= until:
        total += 1
        value = value_at(observed, at)
        window = [v for t, v in predicted if at - slack_s <= t <= at + slack_s]
        window.append(value_at(predicted, at - slack_s))
        matched += value in window
        at += 1.0
    return matched / total if total else 0.0


class _World:
    """What could be seen at each moment; asked in order of time."""

    def __init__(self, recording: Recording, changes: Sequence[Change], *, exact: bool) -> None:
        self._exact = exact
        self.ahead_s = recording.clock_ahead_s
        self._changes = changes
        self._change_times = [c.at for c in changes]
        self._reads = recording.usage
        self._read_times = [r.at for r in recording.usage]
        self._last_known_at = max((r.at for r in self._reads if not r.error), default=-math.inf)
        self._ended_at = recording.ended_at
        self._pod_changes = recording.of("pod")
        self._next_pod = 0
        self._pods: dict[str, PodView] = {}

    def spec_at(self, at: float) -> HpaSpec:
        return spec_from_object(self.change_at(at).object)

    def shown_at(self, at: float) -> float | None:
        target = _utilized(self.spec_at(at))
        status = self.change_at(at).object
        return None if target is None else utilization_seen(status, target.resource)

    def current_at(self, at: float) -> int | None:
        status = self.change_at(at).object.get("status") or {}
        return status.get("currentReplicas")

    def pods_at(self, at: float) -> tuple[PodView, ...]:
        while self._next_pod < len(self._pod_changes):
            change = self._pod_changes[self._next_pod]
            if change.at > at:
                break
            if change.type == "DELETED":
                self._pods.pop(change.name, None)
            else:
                self._pods[change.name] = pod_view(change.object)
            self._next_pod += 1
        return tuple(self._pods.values())

    def reads_at(self, at: float) -> list[UsageRead]:
        """The reads around `at`, the later ones last: which one the controller saw is unknown."""
        index = bisect_right(self._read_times, at)
        if self._exact:
            return [self._reads[index - 1]]
        return list(self._reads[max(0, index - 2) : index + 1])

    def is_unseen(self, moment: _Moment) -> bool:
        """Whether the controller read usage at that moment, and we could not."""
        unread = all(read.error for read in self.reads_at(moment.began))
        return unread and self._is_active(moment.seen)

    def is_after_reads(self, at: float, sync_s: float) -> bool:
        """Whether it is the last reconcile, and we have read no usage since."""
        is_last = at > self._ended_at - sync_s
        return is_last and at > self._last_known_at and self._is_active(at)

    def _is_active(self, at: float) -> bool:
        active = condition_entry(self.change_at(at).object, "ScalingActive").get("status")
        return active == "True"

    def change_at(self, at: float) -> Change:
        index = bisect_right(self._change_times, at + 0.2) - 1
        return self._changes[max(0, index)]


def _decide(
    world: _World,
    spec: HpaSpec,
    moment: _Moment,
    current: int,
    pods: tuple[PodView, ...],
    history: History,
    flags: ControllerFlags,
) -> tuple[Decision, History]:
    """The decision from the read that explains the utilization in the HPA's status, if one does."""
    shown = world.shown_at(moment.seen)
    options = []
    for read in reversed(world.reads_at(moment.began)):
        seen = Seen(moment.now + world.ahead_s, current, pods, samples_of(read))
        decided = reconcile(spec, seen, history, flags)
        if shown is not None and _shown(spec, decided[0]) == shown:
            return decided
        options.append(decided)
    return options[len(options) // 2]


def _shown(spec: HpaSpec, decision: Decision) -> float | None:
    """The figure of the first metric that is a share of the Pods' requests."""
    utilized = _utilized(spec)
    for target, proposal in zip(spec.metrics, decision.proposals, strict=False):
        if target is utilized:
            return float(proposal.shown) if isinstance(proposal, Proposal) else None
    return None


def _most_unshown(world: _World, ticks: Iterable[float], steps: Iterable[Step]) -> int:
    """`Replay.unshown`; a reconcile at which we could not look ends a row."""
    shown = {step.at: step.shown for step in steps}
    longest, in_a_row, status, first = 0, 0, None, None
    for at in ticks:
        if status is not world.change_at(at):
            in_a_row, status, first = 0, world.change_at(at), None
        ours, theirs = shown.get(at, (None, None))
        first = ours if first is None else first
        in_a_row = in_a_row + 1 if _is_news(ours, theirs, first) else 0
        longest = max(longest, in_a_row)
    return longest


def _is_news(ours: float | None, theirs: float | None, first: float | None) -> bool:
    """Whether a reconcile that saw `ours` would have changed a status that shows `theirs`."""
    if ours is None or first is None:
        return False
    return theirs is None or min(abs(ours - theirs), abs(ours - first)) > _POINT


def _utilized(spec: HpaSpec) -> ResourceTarget | None:
    return next(
        (
            target
            for target in spec.metrics
            if isinstance(target, ResourceTarget) and target.utilization and not target.container
        ),
        None,
    )
