"""One reconcile, decided again: from what we read, by what the HPA's status shows of it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from clusterproof.load.hpa.controller import Decision, reconcile
from clusterproof.load.hpa.normalise import (
    History,
    Recommendation,
    ScaleEvent,
    down_window_s,
    remember_step,
)
from clusterproof.load.hpa.proposal import Proposal, Sample, Seen
from clusterproof.load.hpa.rules import (
    Behavior,
    ControllerFlags,
    HpaSpec,
    ResourceTarget,
    Rules,
    Target,
)
from clusterproof.load.hpa.seen import Moment, World
from clusterproof.load.recording import UsageRead
from clusterproof.load.timeline import samples_of

_POINT = 1
"""In percent of the requests: utilization is cut to whole ones, so that the smallest error of our
reads may be one. Of a metric by its average, in percent of that."""

Figure = tuple[int | None, int | None]
"""Of one metric: by the model, and in the HPA's status."""
Figures = tuple[Figure, ...]
_Samples = Mapping[str, Sample] | None


@dataclass(frozen=True, slots=True)
class Decided:
    """What the model makes of one reconcile.

    Attributes:
        decision: From what we read.
        figures: Of each metric: by the model, and in the HPA's status.
        history: After the decision.
        told: After a decision from the figures in the status; None where it tells of none.
        now: What time it was for the controller.
        from_ours: Replicas by what we read, where the status was written with other figures.
    """

    decision: Decision
    figures: Figures
    history: History
    told: History | None
    now: float
    from_ours: int | None = None

    @property
    def replicas(self) -> int:
        """How many are set."""
        return self.decision.replicas

    @property
    def tells(self) -> bool:
        """Whether the status has any figure."""
        return any(theirs is not None for _, theirs in self.figures)

    @property
    def is_explained(self) -> bool:
        """Whether what we read, give or take a point, explains the figures in the status."""
        return self.history is self.told and self.from_ours is None

    @property
    def is_unread(self) -> bool:
        """Whether the status has figures that we did not read, and ours would decide otherwise."""
        return self.from_ours not in {None, self.replicas}

    @property
    def shown(self) -> tuple[float | None, float | None]:
        """The figures of the first metric that the status has one of."""
        known = (pair for pair in self.figures if pair[1] is not None)
        return next(known, next(iter(self.figures), (None, None)))


class Again:
    """One reconcile, to be decided again by as many histories as there may have been.

    Attributes:
        spec: The HPA's.
    """

    def __init__(self, world: World, moment: Moment, observed: int, flags: ControllerFlags) -> None:
        """What is the same in each decision.

        Args:
            world: What could be seen.
            moment: Of the reconcile; asked in order of time.
            observed: How many replicas it set.
            flags: Of the controller.
        """
        self.spec = world.spec_at(moment.seen)
        self._theirs = world.shown_at(moment.seen, self.spec)
        self._now = moment.now + world.ahead_s
        self._pods = world.pods_at(moment.began)
        self._reads = world.reads_at(moment)
        self._answers = [world.samples_at(moment.began, read, self._pods) for read in self._reads]
        self._is_written = world.is_written_at(moment.seen)
        self._exact, self._observed, self._flags = world.exact, observed, flags

    def decide(self, current: int, history: History) -> Decided:
        """The decision from the read that has the figures of the HPA's status, if one does.

        Else from the figures in the status, where they lie between those that we read within a
        resolution of the metrics, give or take a point, or where this reconcile wrote them: what it
        read elsewhere is no fault of its decision. Else from the last read before it.

        Of several, the one that leads to what was set: which the controller saw is unknown.

        Args:
            current: From how many replicas it goes.
            history: What the controller remembers.
        """
        from_usage = partial(self._from_usage, current, history)
        options: list[Decided] = []
        for samples in self._answers:
            options.append(from_usage(samples))
            if self._exact or not options[0].tells:
                return options[0]
            if options[-1].is_explained and options[-1].replicas == self._observed:
                return options[-1]
        explained = [option for option in options if option.is_explained]
        if not explained:
            explained = [*self._as_told(options, from_usage)]
        agreeing = (option for option in explained if option.replicas == self._observed)
        return next(agreeing, (explained or options)[0])

    def _from_usage(self, current: int, history: History, samples: _Samples) -> Decided:
        """The decision from that usage; `told` where it has the figures in the status."""
        seen = Seen(self._now, current, self._pods, samples)
        decision, after = reconcile(self.spec, seen, history, self._flags)
        figures = tuple(zip(_shown(self.spec, decision), self._theirs, strict=True))
        has_them = all(theirs is None or ours == theirs for ours, theirs in figures)
        told = after if has_them and any(theirs is not None for theirs in self._theirs) else None
        return Decided(decision, figures, after, told, self._now)

    def _as_told(
        self, options: Sequence[Decided], from_usage: Callable[[_Samples], Decided]
    ) -> Iterator[Decided]:
        """Decisions from the figures in the status, by the Pods of each answer.

        Where the status is not of this reconcile, that of the first answer alone.

        Args:
            options: The decision from each answer.
            from_usage: Decides from another one.
        """
        known = zip(*(option.figures for option in options), strict=True)
        is_within = all(
            _lies_within(target, figures) or _lies_within_all(target, figures[0], self._reads)
            for target, figures in zip(self.spec.metrics, known, strict=True)
        )
        for samples, option in zip(self._answers, options, strict=True):
            as_shown = (
                from_usage(_as_shown(self.spec, option.figures, samples, part))
                for part in (0.5, 0.0, 1.0)  # utilizations are cut to whole ones
            )
            told = next((each for each in as_shown if self._has_their_figures(each)), None)
            if told is None:
                continue
            if not is_within and not self._is_written:
                yield replace(option, told=told.history)
                return
            from_ours = None if is_within else option.replicas
            yield replace(told, figures=option.figures, told=told.history, from_ours=from_ours)

    def _has_their_figures(self, decided: Decided) -> bool:
        return all(map(_is_told, self.spec.metrics, decided.figures))


def _lies_within(target: Target, known: Sequence[Figure]) -> bool:
    """Whether theirs is one of those that we read, or between two, give or take a point."""
    read, theirs = [ours for ours, _ in known if ours is not None], known[0][1]
    if theirs is None:
        return True
    point = point_of(target)
    return bool(read) and min(read) - point <= theirs <= max(read) + point


def _lies_within_all(target: Target, figure: Figure, reads: Sequence[UsageRead]) -> bool:
    """The same of what all Pods use together: a step leaves that as it was.

    Args:
        target: Of the metric.
        figure: Ours of the first read, and theirs.
        reads: Around the reconcile.
    """
    ours, theirs = figure
    totals = [total for read in reads if (total := _total(target, read))]
    if not ours or theirs is None or not totals:
        return False
    share = totals[0] / ours
    point = share * point_of(target)
    return min(totals) - point <= theirs * share <= max(totals) + point


def _total(target: Target, read: UsageRead) -> int:
    samples = samples_of(read) or {}
    if not isinstance(target, ResourceTarget):
        return 0
    return sum(sample.value(target.resource, target.container) or 0 for sample in samples.values())


def point_of(target: Target) -> float:
    """What is no difference between two figures of that metric."""
    average = target.average_milli
    return _POINT if average is None else max(1.0, average * _POINT / 100)


def _is_told(target: Target, figure: Figure) -> bool:
    """Whether ours, which was made to be theirs, is; an average is of rounded ones."""
    ours, theirs = figure
    if ours is None or theirs is None:
        return theirs is None
    return abs(ours - theirs) <= (0 if target.average_milli is None else 1)


def _as_shown(spec: HpaSpec, figures: Figures, samples: _Samples, part: float) -> dict[str, Sample]:
    """The samples of as many times the usage as the status shows more of each resource.

    Args:
        spec: The HPA's.
        figures: Ours and theirs, by metric.
        samples: Those that ours are of.
        part: What was cut off a utilization.
    """
    factors: dict[str, float] = {}
    for target, (ours, theirs) in zip(spec.metrics, figures, strict=True):
        if isinstance(target, ResourceTarget) and ours and theirs is not None:
            cut = part if target.utilization is not None else 0.0
            factors.setdefault(target.resource, (theirs + cut) / (ours + cut))
    return {
        name: replace(
            sample,
            usage={
                container: {
                    resource: round(used * factors.get(resource, 1.0))
                    for resource, used in usage.items()
                }
                for container, usage in sample.usage.items()
            },
        )
        for name, sample in (samples or {}).items()
    }


def _shown(spec: HpaSpec, decision: Decision) -> tuple[int | None, ...]:
    """The figure of each metric, as the status would show it."""
    proposals = decision.proposals or (None,) * len(spec.metrics)
    return tuple(each.shown if isinstance(each, Proposal) else None for each in proposals)


def as_it_went(
    decided: Decided,
    before: History,
    replicas: tuple[int, int],
    behavior: Behavior | None,
    *,
    is_seen: bool,
    is_unseen: bool,
) -> History:
    """The history after a reconcile: with the step that was made, whatever the model would do.

    And with the controller's recommendation: that of the model where we saw what it saw, else by
    the figures in the status. Where these tell of none, a step up has been recommended; that the
    replicas stay says nothing.

    Args:
        decided: Of that reconcile.
        before: The history that it began with.
        replicas: Before it, and after it.
        behavior: Of the HPA.
        is_seen: Whether we read what the controller read, in time.
        is_unseen: Whether we read nothing that it may have read.
    """
    known = decided.told or (before if is_unseen else decided.history)
    recommendations = known.recommendations
    if not is_seen and decided.told is None and replicas[1] > replicas[0]:
        recommendations = (*recommendations, Recommendation(replicas[1], decided.now))
    history = replace(before, recommendations=recommendations)
    if replicas[0] == replicas[1]:
        return history
    return remember_step(history, *replicas, behavior, now=decided.now)


class Earlier:
    """What the controller may remember of the time before the run, of which nothing was seen.

    Attributes:
        guesses: How many different ones were needed to explain what it did: each is no evidence.
    """

    def __init__(
        self, since: float, ahead_s: float, replicas: int, spec: HpaSpec, flags: ControllerFlags
    ) -> None:
        """Before a run of that HPA.

        Args:
            since: Its first reconcile.
            ahead_s: By how much the controller's clock is ahead of ours.
            replicas: At that time.
            spec: The HPA's.
            flags: Of the controller.
        """
        self.guesses = 0
        self._at = since + ahead_s
        self._recommends_until = since + _memory_s(spec, flags)
        rules = (spec.behavior.up, spec.behavior.down) if spec.behavior else (None, None)
        self._until = tuple(since + _longest_s(each) for each in rules)
        # The most that a step up, or down, can have been; what is forgotten does not come back.
        self._most = [replicas - spec.min_replicas, spec.max_replicas - replicas]
        self._guessed = [0, 0]

    def explain(
        self,
        decided: Decided,
        history: History,
        replicas: tuple[int, int],
        at: float,
        decide: Callable[[History], Decided],
    ) -> Decided | None:
        """The same reconcile by what it may have remembered; None where that explains nothing.

        Args:
            decided: By the history of the run.
            history: Of the run.
            replicas: Before the reconcile, and after it.
            at: When it was.
            decide: Decides by another history.
        """
        before, observed = replicas
        predicted, is_down = decided.replicas, decided.replicas < before
        if observed < predicted == before and at < self._recommends_until:
            by_that = decide(_seeded(observed, self._at, history))
            return by_that if by_that.replicas == observed else None
        holds = before <= observed < predicted or predicted < observed <= before
        if not holds or at >= self._until[is_down]:
            return None
        for size in range(self._most[is_down], 0, -1):
            step = ScaleEvent(size, self._at)
            by_that = decide(
                replace(history, downs=(*history.downs, step))
                if is_down
                else replace(history, ups=(*history.ups, step))
            )
            if by_that.replicas == observed:
                self.guesses += size != self._guessed[is_down]
                self._most[is_down] = self._guessed[is_down] = size
                return by_that
        return None


def _longest_s(rules: Rules | None) -> float:
    return max((policy.period_s for policy in rules.policies), default=0) if rules else 0.0


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
