"""The model against the controller: what it should have set, from what it saw.

Every status update of the HPA is a reconcile that ended; between two of them the controller ran
every sync period. At each such moment the model decides from the pods and the metrics that were
there. `Step` compares one decision with what the controller then did, from the replicas that it
really started from; `free` lets the model run on its own replicas from the first moment on.
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise, zip_longest

from clusterproof.kube.objects import condition_entry
from clusterproof.load.hpa.controller import Decision, reconcile
from clusterproof.load.hpa.normalise import History, Recommendation, down_window_s, remember_step
from clusterproof.load.hpa.proposal import PodView, Proposal, Sample, Seen
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
_SEEN_S = 0.2
"""A change is of a moment that it comes this much after. Our choice."""


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
        unseen: Reconciles for which the controller read metrics, and we did not: none of the steps.
    """

    steps: tuple[Step, ...]
    free: Series
    agreement: float
    within_sync: float
    unshown: int = 0
    unseen: int = 0

    @property
    def acted(self) -> tuple[int, int]:
        """Of the reconciles in which model or controller changed something: how many agree, of all.

        One that the other made a reconcile earlier or later agrees too: their times are inferred.
        One from no replicas began before they were seen.
        """
        return self.acted_where(lambda _: True)

    def acted_where(self, is_of_them: Callable[[Step], bool]) -> tuple[int, int]:
        """`acted`, of these steps alone."""
        acting = [
            index
            for index, step in enumerate(self.steps)
            if step.before and {step.predicted, step.observed} != {step.before}
            if is_of_them(step)
        ]
        return sum(1 for index in acting if self._agrees(index)), len(acting)

    @property
    def differing(self) -> tuple[Step, ...]:
        """The steps in which they differ, less those that the other made beside it."""
        return tuple(step for index, step in enumerate(self.steps) if not self._agrees(index))

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
    own_replicas, unseen = -1, 0
    steps: list[Step] = []
    free: list[tuple[float, float]] = []
    late = [] if exact else _late(changes, flags.sync_s)
    moment = _Moment(-math.inf, -math.inf, -math.inf, 0)
    seeded_at = ticks[0] + world.ahead_s
    seeded_until = ticks[0] + _memory_s(world.spec_at(ticks[0]), flags)
    for index, at in enumerate(ticks):
        until = ticks[index + 1] if index + 1 < len(ticks) else at + flags.sync_s
        moment, observed = _began(world, timeline.replicas, at, until, moment, flags.sync_s)
        if not free:
            own_replicas = moment.before
            free.append((at, float(own_replicas)))
        spec, pods = world.spec_at(at), world.pods_at(moment.began)
        decide = partial(_decide, world, spec, moment, pods=pods, flags=flags)
        decided = decide(moment.before, forced)
        if at < seeded_until and observed < decided.decision.replicas == moment.before:
            lowered = decide(moment.before, _seeded(observed, seeded_at, forced))
            if lowered.decision.replicas == observed:
                decided, own = lowered, _seeded(observed, seeded_at, own)
        late_s = max((by for since, to, by in late if since < at <= to), default=0.0)
        if world.is_unseen(moment, flags.sync_s, is_explained=decided.is_explained):
            unseen += 1
            forced = _as_it_went(decided, forced, forced, (moment.before, observed), spec)
            if observed != moment.before:
                own_replicas, own = observed, forced
            continue
        alone = decide(own_replicas, own)
        own_replicas, own = alone.decision.replicas, alone.history
        free.append((at, float(own_replicas)))
        is_seen = late_s <= _APART_S and (decided.shown[1] is None or decided.is_explained)
        forced = (
            decided.history
            if is_seen
            else _as_it_went(decided, forced, decided.history, (moment.before, observed), spec)
        )
        steps.append(
            Step(
                at=at,
                before=moment.before,
                predicted=decided.decision.replicas,
                observed=observed,
                proposed=decided.decision.proposed,
                reason=decided.decision.reason,
                shown=decided.shown,
                late_s=late_s,
            )
        )
    matched = sum(1 for step in steps if step.predicted == step.observed)
    predicted = tuple(free)
    return Replay(
        steps=tuple(steps),
        free=predicted,
        agreement=matched / len(steps) if steps else 0.0,
        within_sync=within(timeline.replicas, predicted, ticks[0], ticks[-1], flags.sync_s),
        unshown=_most_unshown(world, ticks, steps),
        unseen=unseen,
    )


def reconcile_times(
    recording: Recording, changes: Sequence[Change], flags: ControllerFlags
) -> list[float]:
    """When the controller reconciled: seen by its status updates, else every sync period.

    Whoever else writes to the HPA leaves its status as it was. Before it is made, and after it is
    deleted, there is none.
    """
    earlier = [None, *changes]
    anchors = [
        change.at
        for before, change in zip(earlier, changes, strict=False)
        if _wrote(before, change)
    ]
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
    gone = [
        (change.at, following.at if following else math.inf)
        for change, following in zip_longest(changes, changes[1:])
        if change.type == "DELETED"
    ]
    return [
        tick
        for tick in _apart(ticks, flags.sync_s)
        if tick >= max(first_usage, changes[0].at)
        and not any(since <= tick < until for since, until in gone)
    ]


def _wrote(before: Change | None, change: Change) -> bool:
    """Whether the status was written, and not only the rest of the HPA."""
    if change.type != "MODIFIED":
        return False
    return before is None or change.object.get("status") != before.object.get("status")


def _late(changes: Sequence[Change], sync_s: float) -> list[tuple[float, float, float]]:
    """For each status that was seen late: from the one before it, up to it, and how late at least.

    The controller begins a reconcile no sooner than a sync period after the one before has written
    its status (horizontal.go: NewDefaultHPARateLimiter, by which updateHPA waits as well). One that
    comes late, by a slow API server or a slow watch, makes the time before it longer and the time
    after it shorter, and the next is in time again: the two beside it are whole periods apart. Of a
    controller that has another period they are not.
    """
    spells: list[list[float]] = [[]]
    for earlier, later in pairwise(changes):
        if later.type != "MODIFIED":
            spells.append([])
        elif _wrote(earlier, later):
            spells[-1].append(later.at)
    return [
        (before, at, by)
        for times in spells
        for before, at, after in zip(times, times[1:], times[2:], strict=False)
        if (by := min(at - before - sync_s, sync_s - (after - at))) > 0
        and abs(after - before - sync_s * round((after - before) / sync_s)) <= _APART_S
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
    world: "_World", replicas: Series, at: float, until: float, last: _Moment, sync_s: float
) -> tuple[_Moment, int]:
    """When the reconcile began whose status was seen at `at`; and how many replicas it set.

    Args:
        world: What else could be seen.
        replicas: As they were set.
        at: When the status was seen.
        until: When the next was, or will be.
        last: The reconcile before: each step is of one.
        sync_s: Two reconciles are so far apart.
    """
    observed = int(value_at(replicas, min(at + SETTLED_S, until)))
    if world.exact:
        return _Moment(at, at, at, int(value_at(replicas, at - _BEHIND_S))), observed
    moment = _by_its_step(at, replicas, world.current_at(at), last, sync_s)
    desired = world.desired_at(at)
    if moment.began == at and desired not in {None, moment.before}:
        # Its step is seen after it, by a slower watch; its Pods may be seen before it.
        moment = replace(moment, began=world.before_pods_of(at))
        following = next(((when, count) for when, count in replicas if when > at), (math.inf, 0))
        if following[0] <= min(at + sync_s / 3, until) and following[1] == desired:
            observed = desired
    return moment, observed


def _by_its_step(
    at: float, replicas: Series, current: int | None, last: _Moment, sync_s: float
) -> _Moment:
    """When the reconcile began whose status was seen at `at`, and from how many replicas.

    The scale comes before the status, on a machine that has too much to do by seconds, and the Pods
    of that step are there when the status is. `currentReplicas` says how many the reconcile found
    (horizontal.go, setStatus): it began before the step that went on from there.
    """
    if current is not None and value_at(replicas, at) == current:
        return _Moment(at, at, _apart_from(last.now, at, sync_s), current)
    # One that is later than two thirds of a period is taken for the next (reconcile_times).
    since = max(at - sync_s * 2 / 3, last.began + 2 * _JUST_S)
    for step, _ in reversed(replicas[1:]):
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
        self.exact = exact
        self.ahead_s = recording.clock_ahead_s
        self._changes = changes
        self._change_times = [c.at for c in changes]
        self._reads = recording.usage
        self._read_times = [r.at for r in recording.usage]
        self._known = [read for read in self._reads if not read.error]
        self._known_times = [read.at for read in self._known]
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
        # Left out where it is 0 (autoscaling/v2, `omitempty`), and before the first reconcile.
        return status.get("currentReplicas", 0 if status.get("conditions") else None)

    def desired_at(self, at: float) -> int | None:
        """`desiredReplicas` of the status that the reconcile of this moment wrote, if it did."""
        status = self.change_at(at).object.get("status") or {}
        return status.get("desiredReplicas") if self._is_written_at(at) else None

    def before_pods_of(self, at: float) -> float:
        """Just before the Pods came that a step made whose status was seen at that moment."""
        births = (change.at - _JUST_S for change in self._pod_changes if change.type == "ADDED")
        return min((birth for birth in births if at - _APART_S <= birth <= at), default=at)

    def _is_written_at(self, at: float) -> bool:
        return abs(self.change_at(at).at - at) <= _SEEN_S

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

    def reads_at(self, moment: _Moment) -> list[UsageRead]:
        """The reads around it, the later ones last: which one the controller saw is unknown.

        Where it had metrics, those of ours that failed are none of them.
        """
        reads = self._near(moment.began)
        if self.exact or not self._is_active(moment.seen):
            return reads
        if known := [read for read in reads if not read.error]:
            return known
        last = max(0, bisect_right(self._known_times, moment.began) - 1)
        return self._known[last : last + 1] or reads

    def _near(self, at: float) -> list[UsageRead]:
        index = bisect_right(self._read_times, at)
        if self.exact:
            return [self._reads[index - 1]]
        return list(self._reads[max(0, index - 2) : index + 1])

    def is_unseen(self, moment: _Moment, sync_s: float, *, is_explained: bool) -> bool:
        """Whether the controller read usage for that reconcile, and we could not.

        Where what we read explains the status, we could. A status that stays as it was says nothing
        of what was read: a controller that stands still is not excused by a slow metrics API.
        """
        if self.exact or not self._is_active(moment.seen):
            return False
        if all(read.error for read in self._near(moment.began)):
            return True
        if is_explained:
            return False
        index = bisect_right(self._known_times, moment.began)
        last = self._known_times[index - 1] if index else -math.inf
        following = self._known_times[index] if index < len(self._known_times) else math.inf
        if moment.seen > max(self._ended_at - sync_s, last) and math.isinf(following):
            return True
        return self._is_written_at(moment.seen) and following - last > sync_s

    def _is_active(self, at: float) -> bool:
        active = condition_entry(self.change_at(at).object, "ScalingActive").get("status")
        return active == "True"

    def change_at(self, at: float) -> Change:
        index = bisect_right(self._change_times, at + _SEEN_S) - 1
        return self._changes[max(0, index)]


@dataclass(frozen=True, slots=True)
class _Decided:
    """What the model makes of one reconcile.

    Attributes:
        decision: From what we read.
        shown: The utilization by the model, and in the HPA's status.
        history: After the decision.
        told: After a decision from the utilization in the status; None where it tells of none.
        now: What time it was for the controller.
    """

    decision: Decision
    shown: tuple[float | None, float | None]
    history: History
    told: History | None
    now: float

    @property
    def is_explained(self) -> bool:
        """Whether what we read, give or take a point, explains the utilization in the status."""
        return self.history is self.told


def _decide(
    world: _World,
    spec: HpaSpec,
    moment: _Moment,
    current: int,
    history: History,
    *,
    pods: tuple[PodView, ...],
    flags: ControllerFlags,
) -> _Decided:
    """The decision from the read that explains the utilization in the HPA's status, if one does.

    Else from one of those around it, by the utilization in the status where that is within a point.
    """
    theirs, now = world.shown_at(moment.seen), moment.now + world.ahead_s
    options = []
    for read in reversed(world.reads_at(moment)):
        seen = Seen(now, current, pods, samples_of(read))
        decision, after = reconcile(spec, seen, history, flags)
        ours = _shown(spec, decision)
        if theirs is not None and ours == theirs:
            return _Decided(decision, (ours, theirs), after, after, now)
        options.append((seen, decision, after, ours))
    seen, decision, after, ours = options[len(options) // 2]
    if world.exact or theirs is None or not ours:
        return _Decided(decision, (ours, theirs), after, None, now)
    for part in (0.5, 0.0, 1.0):  # both are cut to whole ones
        factor = (theirs + part) / (ours + part)
        as_shown = replace(seen, samples=_times(factor, seen.samples, _utilized(spec)))
        told, told_after = reconcile(spec, as_shown, history, flags)
        if _shown(spec, told) == theirs:
            if abs(ours - theirs) <= _POINT:
                return _Decided(told, (ours, theirs), told_after, told_after, now)
            return _Decided(decision, (ours, theirs), after, told_after, now)
    return _Decided(decision, (ours, theirs), after, None, now)


def _times(
    factor: float, samples: Mapping[str, Sample] | None, target: ResourceTarget | None
) -> dict[str, Sample]:
    """The samples of as many times the usage of that target's resource."""
    scaled = target.resource if target else ""
    return {
        name: replace(
            sample,
            usage={
                container: {
                    resource: round(used * factor) if resource == scaled else used
                    for resource, used in figures.items()
                }
                for container, figures in sample.usage.items()
            },
        )
        for name, sample in (samples or {}).items()
    }


def _as_it_went(
    decided: _Decided, before: History, otherwise: History, replicas: tuple[int, int], spec: HpaSpec
) -> History:
    """The history after a reconcile of which we did not see all: with the controller's own step.

    And its recommendation by the utilization in the status. Where that tells of none, a step up has
    been recommended; that the replicas stay says nothing.

    Args:
        decided: Of that reconcile.
        before: The history that it began with.
        otherwise: That of the recommendations where the status tells of none.
        replicas: Before it, and after it.
        spec: The HPA's.
    """
    recommendations = (decided.told or otherwise).recommendations
    if decided.told is None and replicas[1] > replicas[0]:
        recommendations = (*recommendations, Recommendation(replicas[1], decided.now))
    history = replace(before, recommendations=recommendations)
    if replicas[0] == replicas[1]:
        return history
    return remember_step(history, *replicas, spec.behavior, now=decided.now)


def _memory_s(spec: HpaSpec, flags: ControllerFlags) -> float:
    """How long a recommendation keeps the replicas from going down."""
    return down_window_s(spec.behavior, flags) if spec.behavior else flags.downscale_window_s


def _seeded(replicas: int, at: float, history: History) -> History:
    """With another first entry, that stands for what the controller remembered at the beginning.

    The model takes the replicas of its first reconcile for it (`reconcile`). They may have been
    asked for long before, so that they keep the replicas up for less than the window.
    """
    first, *others = history.recommendations or (Recommendation(replicas, at),)
    if first.at > at:
        return history
    return replace(history, recommendations=(Recommendation(replicas, at), *others))


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
        written = world.change_at(at).object.get("status")
        if status != written:
            in_a_row, status, first = 0, written, None
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
