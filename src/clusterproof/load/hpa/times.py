"""When the controller reconciled, and from how many replicas it went."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise, zip_longest

from clusterproof.load.hpa.rules import ControllerFlags
from clusterproof.load.hpa.seen import APART_S, JUST_S, Moment, World, has_other_status
from clusterproof.load.recording import Change, Recording
from clusterproof.load.timeline import Series, value_at

SETTLED_S = 2.0
"""A step that the controller made is seen within this after its reconcile."""
_BEHIND_S = 0.5
"""Replicas that are set are seen within this. Our choice."""


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
    return change.type == "MODIFIED" and has_other_status(before, change)


def late_statuses(changes: Sequence[Change], sync_s: float) -> list[tuple[float, float, float]]:
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
        and abs(after - before - sync_s * round((after - before) / sync_s)) <= APART_S
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
    return last + sync_s if last + sync_s - APART_S < at < last + sync_s else at


def began_of(
    world: World, replicas: Series, at: float, until: float, last: Moment, sync_s: float
) -> tuple[Moment, int]:
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
        return Moment(at, at, at, int(value_at(replicas, at - _BEHIND_S))), observed
    moment = _by_its_step(at, replicas, world.current_at(at), last, sync_s)
    desired = world.desired_at(at)
    if moment.began == at and desired not in {None, moment.before}:
        # Its step is seen after it, by a slower watch; its Pods may be seen before it.
        moment = replace(moment, began=world.before_pods_of(at))
        following = next(((when, count) for when, count in replicas if when > at), (math.inf, 0))
        if following[0] <= until and following[1] == desired:
            observed = desired
    return moment, observed


def _by_its_step(
    at: float, replicas: Series, current: int | None, last: Moment, sync_s: float
) -> Moment:
    """When the reconcile began whose status was seen at `at`, and from how many replicas.

    The scale comes before the status, on a machine that has too much to do by seconds, and the Pods
    of that step are there when the status is. `currentReplicas` says how many the reconcile found
    (horizontal.go, setStatus): it began before the step that went on from there.
    """
    if current is not None and value_at(replicas, at) == current:
        return Moment(at, at, _apart_from(last.now, at, sync_s), current)
    # One that is later than two thirds of a period is taken for the next (reconcile_times).
    since = max(at - sync_s * 2 / 3, last.began + 2 * JUST_S)
    for step, _ in reversed(replicas[1:]):
        began = step - JUST_S
        if since <= step <= at and value_at(replicas, began) == current:
            return Moment(at, began, _apart_from(last.now, began, sync_s), current)
    steps = [step for step, _ in replicas if at - APART_S <= step <= at]
    began = steps[-1] - JUST_S if steps else at
    before = value_at(replicas, began - _BEHIND_S)
    return Moment(at, began, _apart_from(last.now, at, sync_s), int(before))
