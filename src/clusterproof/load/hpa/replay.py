"""The model against the controller: what it should have set, from what it saw.

Every status update of the HPA is a reconcile that ended; between two of them the controller ran
every sync period. At each such moment the model decides from the pods and the metrics that were
there. `Step` compares one decision with what the controller then did, from the replicas that it
really started from; `free` lets the model run on its own replicas from the first moment on.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

from clusterproof.load.hpa.again import (
    Again,
    Decided,
    Earlier,
    Figure,
    Figures,
    as_it_went,
    point_of,
)
from clusterproof.load.hpa.normalise import History
from clusterproof.load.hpa.rules import ControllerFlags, Target, others_of
from clusterproof.load.hpa.seen import APART_S, NEVER, Moment, World
from clusterproof.load.hpa.times import began_of, late_statuses, reconcile_times
from clusterproof.load.recording import Recording
from clusterproof.load.timeline import Series, Timeline, value_at


@dataclass(frozen=True, slots=True)
class Step:
    """One reconcile: from, decided by the model, set by the controller.

    Attributes:
        shown: The first figure that the HPA's status has, by the model and there: in percent of the
            requests, or in thousandths where the metric goes by an average.
        late_s: How late its status was seen, at least, in seconds; as far as that can be told.
        is_believed: Whether they agree only by what nobody else can know of the controller: figures
            of the status which we did not read, or a step before the run.
    """

    at: float
    before: int
    predicted: int
    observed: int
    proposed: int | None
    reason: str
    shown: tuple[float | None, float | None]
    late_s: float = 0.0
    is_believed: bool = False


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
            that would have shown another figure by all that could be read then: by more than a
            point another than the status shows, and than the model's own at the first reconcile
            under it, as an error of our reads that stays says nothing of the controller. A
            reconcile writes the status whenever it differs (horizontal.go, updateStatusIfNeeded).
        unseen: Reconciles for which the controller read metrics, and we did not: none of the steps.
        unread: Steps that were decided again from figures which only the HPA's status has: by what
            we read, another number would have been set.
        guesses: Steps from before the run that were imagined to explain what was set.
    """

    steps: tuple[Step, ...]
    free: Series
    agreement: float
    within_sync: float
    unshown: int = 0
    unseen: int = 0
    unread: int = 0
    guesses: int = 0

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
    world = World(recording, changes, exact=exact)
    run = _Run(world, timeline.replicas, ticks, flags)
    late = [] if exact else late_statuses(changes, flags.sync_s)
    for at in ticks:
        run.reconcile(at, max((by for since, to, by in late if since < at <= to), default=0.0))
    steps, free = tuple(run.steps), tuple(run.free)
    matched = sum(1 for step in steps if step.predicted == step.observed)
    return Replay(
        steps=steps,
        free=free,
        agreement=matched / len(steps) if steps else 0.0,
        within_sync=within(timeline.replicas, free, ticks[0], ticks[-1], flags.sync_s),
        unshown=_most_unshown(world, ticks, run.figures),
        unseen=run.unseen,
        unread=run.unread,
        guesses=run.guesses,
    )


class _Run:
    """The reconciles of a run, one after the other.

    Attributes:
        steps: Those that could be decided again.
        figures: Of each of them, by its time.
        free: What the model sets on its own.
    """

    def __init__(
        self, world: World, replicas: Series, ticks: Sequence[float], flags: ControllerFlags
    ) -> None:
        self.steps: list[Step] = []
        self.figures: dict[float, Figures] = {}
        self.free: list[tuple[float, float]] = []
        self.unseen = self.unread = 0
        self._world, self._replicas, self._flags = world, replicas, flags
        self._until = dict(pairwise([*ticks, ticks[-1] + flags.sync_s]))
        self._earlier = Earlier(
            ticks[0],
            world.ahead_s,
            int(value_at(replicas, ticks[0])),
            world.spec_at(ticks[0]),
            flags,
        )
        self._history = History()
        self._own, self._own_replicas = History(), -1
        self._last, self._left = NEVER, -1

    def reconcile(self, at: float, late_s: float) -> None:
        """Decide once more what was decided then.

        Args:
            at: When its status was seen, or will have been.
            late_s: How late that was, at least.
        """
        world, sync_s = self._world, self._flags.sync_s
        moment, observed = began_of(world, self._replicas, at, self._until[at], self._last, sync_s)
        self._follow_others(moment, at)
        again = Again(world, moment, observed, self._flags)
        decided = again.decide(moment.before, self._history)
        replicas = moment.before, observed
        by_earlier = self._earlier.explain(
            decided, self._history, replicas, at, partial(again.decide, moment.before)
        )
        decided, follows = by_earlier or decided, by_earlier is not None
        is_unseen = world.is_unseen(moment, sync_s, is_explained=decided.is_explained)
        if is_unseen:
            follows = follows or observed != moment.before or observed == self._own_replicas
        else:
            alone = again.decide(self._own_replicas, self._own)
            self._own_replicas, self._own = alone.replicas, alone.history
            self._keep(at, moment, observed, decided, late_s, is_believed=follows)
        self._history = as_it_went(
            decided,
            self._history,
            replicas,
            again.spec.behavior,
            is_seen=late_s <= APART_S and (not decided.tells or decided.is_explained),
            is_unseen=is_unseen,
        )
        if follows:
            self._own_replicas, self._own = observed, self._history
        if follows or not is_unseen:
            self.free.append((at, float(self._own_replicas)))
        self.unseen += is_unseen
        self._last, self._left = moment, observed

    @property
    def guesses(self) -> int:
        """What had to be imagined of the time before the run."""
        return self._earlier.guesses

    def _follow_others(self, moment: Moment, at: float) -> None:
        """Let the model on its own go on from replicas that were not set by the controller.

        They are those that it began with, or somebody else's.
        """
        left = {self._left, self._world.wanted_at(self._last.seen)} if self.free else set()
        if moment.before not in left:
            self._own_replicas, self._own = moment.before, self._history
            self.free.append((at, float(moment.before)))

    def _keep(
        self,
        at: float,
        moment: Moment,
        observed: int,
        decided: Decided,
        late_s: float,
        *,
        is_believed: bool,
    ) -> None:
        self.unread += decided.is_unread
        self.figures[at] = decided.figures
        self.steps.append(
            Step(
                at=at,
                before=moment.before,
                predicted=decided.replicas,
                observed=observed,
                proposed=decided.decision.proposed,
                reason=decided.decision.reason,
                shown=decided.shown,
                late_s=late_s,
                is_believed=is_believed or decided.is_unread,
            )
        )


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


def _most_unshown(world: World, ticks: Iterable[float], figures: Mapping[float, Figures]) -> int:
    """`Replay.unshown`; a reconcile at which we could not look ends a row."""
    longest, in_a_row, status = 0, 0, None
    first: Figures = ()
    for at in ticks:
        written = world.change_at(at).object.get("status")
        shown = figures.get(at, ())
        if status != written:
            in_a_row, status, first = 0, written, ()
        first = first or shown
        tells = any(theirs is not None for _, theirs in shown)
        news = any(
            _is_news(target, figure, before)
            for target, figure, before in zip(world.spec_at(at).metrics, shown, first, strict=False)
            if not tells or figure[1] is not None
        )
        in_a_row = in_a_row + 1 if news else 0
        longest = max(longest, in_a_row)
    return longest


def _is_news(target: Target, shown: Figure, first: Figure) -> bool:
    """Whether a reconcile that saw ours would have changed a status that shows theirs.

    Args:
        target: Of the metric.
        shown: Ours and theirs.
        first: Of the first reconcile under that status.
    """
    (ours, theirs), at_first = shown, first[0]
    if ours is None or at_first is None:
        return False
    return theirs is None or min(abs(ours - theirs), abs(ours - at_first)) > point_of(target)
