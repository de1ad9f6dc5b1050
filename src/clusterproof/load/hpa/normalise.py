"""From what the metrics propose to what is set: stabilization, rate policies and bounds.

Source: horizontal.go (stabilizeRecommendation*, convertDesiredReplicas*, calculateScale*Limit*,
storeScaleEvent), v1.35.4. The history lives in the controller's memory and is lost with it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from clusterproof.load.hpa.rules import Behavior, ControllerFlags, HpaSpec, Policy, Rules

T = TypeVar("T")
UP_FACTOR = 2.0
UP_MINIMUM = 4.0
"""Without a behavior block a step is at most max(2 x current, 4): 3 -> 6 -> 10."""


@dataclass(frozen=True, slots=True)
class Recommendation:
    """An unstabilized recommendation and its time."""

    replicas: int
    at: float


@dataclass(frozen=True, slots=True)
class ScaleEvent:
    """A step that was made: its size (never negative) and its time."""

    change: int
    at: float
    outdated: bool = False


@dataclass(frozen=True, slots=True)
class History:
    """What the controller remembers of one HPA."""

    recommendations: tuple[Recommendation, ...] = ()
    ups: tuple[ScaleEvent, ...] = ()
    downs: tuple[ScaleEvent, ...] = ()


@dataclass(frozen=True, slots=True)
class Limited:
    """The number that may be set now, and the condition reason that explains it."""

    replicas: int
    reason: str


def stabilise(
    proposed: int,
    current: int,
    history: History,
    spec: HpaSpec,
    *,
    now: float,
    flags: ControllerFlags,
) -> tuple[int, History]:
    """The stabilized recommendation, and the history with the raw one recorded."""
    if spec.behavior is None:
        cutoff = now - flags.downscale_window_s
        recent = [r.replicas for r in history.recommendations if r.at >= cutoff]
        oldest = [i for i, r in enumerate(history.recommendations) if r.at < cutoff]
        return max([proposed, *recent]), _recorded(history, proposed, now, oldest)
    up_cutoff = now - (spec.behavior.up.window_s or 0)
    down_cutoff = now - down_window_s(spec.behavior, flags)
    lowest = min([proposed, *(r.replicas for r in history.recommendations if r.at > up_cutoff)])
    highest = max([proposed, *(r.replicas for r in history.recommendations if r.at > down_cutoff)])
    stabilised = min(max(current, lowest), highest)
    oldest = [
        i for i, r in enumerate(history.recommendations) if r.at < up_cutoff and r.at < down_cutoff
    ]
    return stabilised, _recorded(history, proposed, now, oldest)


def down_window_s(behavior: Behavior, flags: ControllerFlags) -> float:
    """The scale-down window: the block's own, or the controller's flag."""
    given = behavior.down.window_s
    return flags.downscale_window_s if given is None else float(given)


def limit(desired: int, current: int, history: History, spec: HpaSpec, *, now: float) -> Limited:
    """Hold `desired` within the rate policies and the bounds."""
    if spec.behavior is None:
        return _limit_without_behavior(desired, current, spec)
    if desired > current:
        by_rate = max(up_limit(current, history, spec.behavior.up, now=now), current)
        ceiling, reason = spec.max_replicas, "TooManyReplicas"
        if ceiling > by_rate:
            ceiling, reason = by_rate, "ScaleUpLimit"
        if desired > ceiling:
            return Limited(ceiling, reason)
    elif desired < current:
        by_rate = min(down_limit(current, history, spec.behavior.down, now=now), current)
        floor, reason = spec.min_replicas, "TooFewReplicas"
        if floor < by_rate:
            floor, reason = by_rate, "ScaleDownLimit"
        if desired < floor:
            return Limited(floor, reason)
    return Limited(desired, "DesiredWithinRange")


def up_limit(current: int, history: History, rules: Rules, *, now: float) -> int:
    """The most replicas that the scale-up policies allow now."""
    if rules.select == "Disabled":
        return current
    allowed = []
    for policy in rules.policies:
        start = _period_start(current, history, policy, now)
        if policy.type == "Pods":
            allowed.append(start + policy.value)
        else:
            allowed.append(math.ceil(start * (1 + policy.value / 100)))
    return min(allowed) if rules.select == "Min" else max(allowed)


def down_limit(current: int, history: History, rules: Rules, *, now: float) -> int:
    """The fewest replicas that the scale-down policies allow now."""
    if rules.select == "Disabled":
        return current
    allowed = []
    for policy in rules.policies:
        start = _period_start(current, history, policy, now)
        if policy.type == "Pods":
            allowed.append(start - policy.value)
        else:
            allowed.append(int(start * (1 - policy.value / 100)))
    return max(allowed) if rules.select == "Min" else min(allowed)


def remember_step(
    history: History, before: int, after: int, behavior: Behavior | None, *, now: float
) -> History:
    """The history after a step was made; without a behavior block none is kept."""
    if behavior is None:
        return history
    event = ScaleEvent(abs(after - before), now)
    if after > before:
        return replace(history, ups=_stored(history.ups, event, behavior.up))
    return replace(history, downs=_stored(history.downs, event, behavior.down))


def _stored(
    events: tuple[ScaleEvent, ...], event: ScaleEvent, rules: Rules
) -> tuple[ScaleEvent, ...]:
    """One outdated entry is overwritten, as in the controller: the other direction may miss it."""
    longest = max((policy.period_s for policy in rules.policies), default=0)
    marked = [replace(e, outdated=e.outdated or e.at < event.at - longest) for e in events]
    return _with(marked, event, [index for index, e in enumerate(marked) if e.outdated])


def _recorded(history: History, proposed: int, now: float, stale: list[int]) -> History:
    entry = Recommendation(proposed, now)
    return replace(history, recommendations=_with(history.recommendations, entry, stale))


def _with(entries: Sequence[T], entry: T, stale: Sequence[int]) -> tuple[T, ...]:
    """The entries and a new one, in place of the last that is stale, if one is."""
    at = stale[-1] if stale else len(entries)
    return (*entries[:at], entry, *entries[at + 1 :])


def _period_start(current: int, history: History, policy: Policy, now: float) -> int:
    cutoff = now - policy.period_s
    added = sum(e.change for e in history.ups if e.at > cutoff)
    removed = sum(e.change for e in history.downs if e.at > cutoff)
    return current - added + removed


def _limit_without_behavior(desired: int, current: int, spec: HpaSpec) -> Limited:
    ceiling, reason = spec.max_replicas, "TooManyReplicas"
    by_rate = int(max(UP_FACTOR * current, UP_MINIMUM))
    if spec.max_replicas > by_rate:
        ceiling, reason = by_rate, "ScaleUpLimit"
    if desired < spec.min_replicas:
        return Limited(spec.min_replicas, "TooFewReplicas")
    if desired > ceiling:
        return Limited(ceiling, reason)
    return Limited(desired, "DesiredWithinRange")
