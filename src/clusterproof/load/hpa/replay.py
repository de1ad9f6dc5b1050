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
from clusterproof.load.observer import resolution_s
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
_BOTH = 2
_BEHIND_S = 0.5
"""Replicas that are set are seen within this. Our choice."""


@dataclass(frozen=True, slots=True)
class Step:
    """One reconcile: from, decided by the model, set by the controller."""

    at: float
    before: int
    predicted: int
    observed: int
    proposed: int | None
    reason: str
    shown: tuple[float | None, float | None]


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
        late_s: How late a status of the HPA was seen, at least, in seconds.
    """

    steps: tuple[Step, ...]
    free: Series
    agreement: float
    within_sync: float
    unshown: int = 0
    late_s: float = 0.0

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
    for index, at in enumerate(ticks):
        if world.is_unseen(at):
            continue
        decided_at, before = at, value_at(timeline.replicas, at - _BEHIND_S)
        if not exact:
            current = world.current_at(at)
            decided_at, before = _began(at, timeline.replicas, current, flags.sync_s)
        spec, pods = world.spec_at(at), world.pods_at(decided_at)
        now = decided_at if at - decided_at > _APART_S else at
        decision, after_it = _decide(world, spec, (at, now), int(before), pods, forced, flags)
        shown = (_shown(spec, decision), world.shown_at(at))
        if not exact and shown[0] != shown[1] and world.is_read_seldom(at):
            continue
        forced = after_it
        until = ticks[index + 1] if index + 1 < len(ticks) else at + flags.sync_s
        after = int(value_at(timeline.replicas, min(at + SETTLED_S, until)))
        steps.append(
            Step(
                at=at,
                before=int(before),
                predicted=decision.replicas,
                observed=after,
                proposed=decision.proposed,
                reason=decision.reason,
                shown=shown,
            )
        )
        alone, own = _decide(world, spec, (at, now), own_replicas, pods, own, flags)
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
        late_s=0.0 if exact else _late_s(changes, flags.sync_s),
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


def _late_s(changes: Sequence[Change], sync_s: float) -> float:
    """How much later than it was written a status was seen, at least.

    The controller begins a reconcile no sooner than a sync period after the one before has written
    its status (horizontal.go: NewDefaultHPARateLimiter, by which updateHPA waits as well). Of two
    that were seen closer together the first came late, by a slow API server or a slow watch.
    """
    written = [
        later
        for earlier, later in pairwise(changes)
        if later.object.get("status") != earlier.object.get("status")
    ]
    gaps = (later.at - earlier.at for earlier, later in pairwise(written))
    return max([0.0, *(sync_s - gap for gap in gaps)])


def _apart(ticks: Sequence[float], sync_s: float) -> Iterator[float]:
    """The same, none a little less than a sync period after the one before.

    The controller waits that long after each reconcile; only its news reach us sooner or later. A
    policy of as many seconds would hold in the next one too.
    """
    last = -math.inf
    for at in ticks:
        last = last + sync_s if last + sync_s - _APART_S < at < last + sync_s else at
        yield last


def _began(at: float, replicas: Series, current: int | None, sync_s: float) -> tuple[float, float]:
    """When the reconcile began whose status was seen at `at`, and from how many replicas.

    The scale comes before the status, on a machine that has too much to do by seconds, and the Pods
    of that step are there when the status is. `currentReplicas` says how many the reconcile found
    (horizontal.go, setStatus): it began before the step that went on from there.

    Args:
        at: When the status was seen.
        replicas: As they were set.
        current: `currentReplicas` of that status; None where it has none.
        sync_s: Two reconciles are so far apart.
    """
    if current is not None and value_at(replicas, at) == current:
        return at, current
    for changed, _ in reversed(replicas):
        if at - sync_s / 2 <= changed <= at and value_at(replicas, changed - 1e-3) == current:
            return changed - 1e-3, current
    steps = [changed for changed, _ in replicas if at - _APART_S <= changed <= at]
    began = steps[-1] - 1e-3 if steps else at
    return began, value_at(replicas, began - _BEHIND_S)


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
        self._known_times = [r.at for r in recording.usage if not r.error]
        self._resolution_s = resolution_s(recording)
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

    def is_unseen(self, at: float) -> bool:
        """Whether the controller read usage at that moment, and we could not."""
        return self._is_active(at) and all(read.error for read in self.reads_at(at))

    def is_read_seldom(self, at: float) -> bool:
        """Whether the controller may have had figures at that moment that we have never read.

        The metrics API has new ones once in its resolution: two reads that are no further apart
        have all between them.
        """
        index = bisect_right(self._known_times, at)
        around = self._known_times[max(0, index - 1) : index + 1]
        apart = len(around) < _BOTH or around[1] - around[0] > self._resolution_s
        return apart and self._is_active(at)

    def _is_active(self, at: float) -> bool:
        active = condition_entry(self.change_at(at).object, "ScalingActive").get("status")
        return active == "True"

    def change_at(self, at: float) -> Change:
        index = bisect_right(self._change_times, at + 0.2) - 1
        return self._changes[max(0, index)]


def _decide(
    world: _World,
    spec: HpaSpec,
    moments: tuple[float, float],
    current: int,
    pods: tuple[PodView, ...],
    history: History,
    flags: ControllerFlags,
) -> tuple[Decision, History]:
    """The decision from the read that explains the utilization in the HPA's status, if one does.

    Args:
        world: What could be seen.
        spec: Of the HPA.
        moments: When the status of this reconcile was seen, and what time it is in the model.
        current: How many replicas it begins from.
        pods: As they were then.
        history: Of the model.
        flags: Of the controller.
    """
    at, now = moments
    shown = world.shown_at(at)
    options = []
    for read in reversed(world.reads_at(at)):
        seen = Seen(now + world.ahead_s, current, pods, samples_of(read))
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
