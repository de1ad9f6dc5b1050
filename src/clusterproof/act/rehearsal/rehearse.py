"""One rehearsal: requests begin, the operation is performed, all is put back, requests end.

Whatever happens in between, all is put back and the requests are ended; what a kill leaves is in
the cluster (see `undo.py`), and in a Pod of ours that ends by itself.
"""

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from clusterproof.act.rehearsal.act import Act, path_of
from clusterproof.act.rehearsal.flow import Flow, read_events
from clusterproof.act.rehearsal.operations import REPLICAS, perform
from clusterproof.act.rehearsal.seen import Flown, Kept, Rehearsed, Step
from clusterproof.act.rehearsal.state import State, autoscaled, changes, incomplete, read_state
from clusterproof.act.rehearsal.undo import Refused, WayBack
from clusterproof.errors import ObservationError
from clusterproof.kube.client import KubeApi
from clusterproof.kube.kinds import KINDS
from clusterproof.observe.inside import Inside
from clusterproof.observe.observed import Observed
from clusterproof.spec.rehearsal import Configure, RehearsalRow
from clusterproof.spec.row import ObjectRef
from clusterproof.spec.settings import PosthogSettings, TrafficSettings
from clusterproof.wait import last_within, pause, wait_until

STEPS_AT_MOST = 4
"""Two of an operation, putting back, and room to spare: bounds the requests."""
CALM_S = 3.0
"""Requests go on for so long after all is back. Our choice."""
HOW = "changed and put back through the API; requests and reading by"


@dataclass(frozen=True)
class Stage:
    """What rehearsals share.

    Attributes:
        namespaces: Those of the spec.
        way_back: Where it is kept.
        may_write: Raises where another run may be writing.
    """

    api: KubeApi
    namespaces: tuple[str, ...]
    traffic: TrafficSettings
    posthog: PosthogSettings
    way_back: WayBack
    may_write: Callable[[], None]


def rehearse(stage: Stage, rule: RehearsalRow, inside: Inside, name: str) -> Observed[Rehearsed]:
    """Perform a row's operation under load and put it back.

    Args:
        stage: The cluster, and how we are seen in it.
        rule: The row.
        inside: A Pod of our own that sends, and has the keys to read events back.
        name: Of the requests; ours alone.

    Raises:
        ObservationError: The deployment was not whole to begin with, the operation could not be
            performed, or nothing can be said of the requests.
    """
    before = _state(stage, rule)
    _whole_first(stage, rule)
    for_s = STEPS_AT_MOST * rule.within_s + CALM_S
    flow = Flow(inside, stage.traffic, name, rate=rule.rate, for_s=for_s)
    act = Act(stage.api, rule, stage.namespaces, stage.way_back, stage.may_write)
    steps: list[Step] = []
    with _under(flow):
        began = time.monotonic()
        try:
            for step in perform(rule.operation, act):
                steps.append(step)
                if step.missing:
                    break
        finally:
            act.put_back()
        refused = _without_autoscaled(stage, rule, act.refused)
        unrestored = _restored(stage, rule, before, {each.path for each in refused})
        took_s = time.monotonic() - began
        pause(CALM_S)
        flown, uuids = flow.end()
    events = read_events(inside, stage.posthog, uuids, rule.events_within_s)
    why_refused = tuple(each.why for each in refused)
    value = Rehearsed(tuple(steps), flown, events, unrestored, len(before), why_refused)
    return Observed(
        value,
        where=f"{inside.where} -> {stage.traffic.service}; {rule.workloads[0]}",
        evidence=tuple(_evidence(rule, value, act.refused, took_s)),
        next_command=f"kubectl get {rule.workloads[0].kubectl} -o wide",
        how=f"{HOW} {inside.how}",
    )


def _state(stage: Stage, rule: RehearsalRow) -> State:
    operation = rule.operation
    config_maps = [str(operation.of)] if isinstance(operation, Configure) else []
    return read_state(stage.api, stage.namespaces, rule.workloads, config_maps)


def _whole_first(stage: Stage, rule: RehearsalRow) -> None:
    """Wait for a deployment that is whole; an operation on another one would show nothing."""
    wait_until(
        lambda: incomplete(stage.api, rule.workloads),
        lambda obstacles: not obstacles,
        waiting_for=f"a whole deployment before {rule.id}",
        within_s=rule.within_s,
        every_s=1.0,
    )


@contextmanager
def _under(flow: Flow) -> Iterator[None]:
    """Requests under way; ended whatever happens."""
    try:
        flow.start()
        yield
    except BaseException:
        with suppress(ObservationError):  # what happened before counts; a flow ends by itself too
            flow.end()
        raise


def _without_autoscaled(
    stage: Stage, rule: RehearsalRow, refused: Sequence[Refused]
) -> Sequence[Refused]:
    """What a person has to know of: not the replicas of what an autoscaler scales, its to say."""
    if not refused:
        return ()
    scaled = {_path(key) for key in autoscaled(_state(stage, rule))}
    return [each for each in refused if each.field != REPLICAS or each.path not in scaled]


def _restored(
    stage: Stage, rule: RehearsalRow, before: State, refused: Collection[str]
) -> tuple[str, ...]:
    """What is not as it was, when the time for the way back is up.

    Objects at the API paths `refused` are as somebody else wants them, and so may be the Pods.
    """

    def look() -> tuple[str, ...]:
        then, now = (
            {key: part for key, part in state.items() if _path(key) not in refused}
            for state in (before, _state(stage, rule))
        )
        obstacles = () if refused else incomplete(stage.api, rule.workloads)
        return (*changes(then, now), *obstacles)

    return last_within(
        look, lambda differences: not differences, within_s=rule.within_s, every_s=1.0
    )


def _path(key: str) -> str:
    """The API path of what may be changed; "" for an object of a kind that no operation changes."""
    kind, namespace, name = key.split("/")
    return path_of(ObjectRef(kind=kind, namespace=namespace, name=name)) if kind in KINDS else ""


def _evidence(
    rule: RehearsalRow, value: Rehearsed, refused: Sequence[Refused], took_s: float
) -> Iterator[str]:
    for step in value.steps:
        yield f"{step.what}: {step.missing or f'after {step.took_s:g} s'}"
    yield from (f"not put back: {each.why}" for each in refused)
    yield f"{value.compared} objects compared before and after, {took_s:.1f} s from first to last"
    yield _sent(rule, value.flown)
    yield _read(value.kept)


def _sent(rule: RehearsalRow, flown: Flown) -> str:
    return (
        f"{flown.sent} requests in {flown.ran_s:g} s ({rule.rate:g} a second), {flown.answered} "
        f"answered with 2xx; latest start {flown.late_s * 1000:.0f} ms after it was due, "
        f"slowest {flown.slowest_s * 1000:.0f} ms"
    )


def _read(events: Kept) -> str:
    stored = events.asked_for - events.missing
    unseen = f"; {events.unseen} could not be asked for: {events.unread}" if events.unread else ""
    return f"{events.named} exposure events named, {stored} read back by uuid{unseen}"
