"""Faults of generated runs: for each link several ways to break it, each of a random size."""

import random
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace

from clusterproof.load.finding import Link
from loadtests.generated.world import World, with_hpa

Fault = Callable[[World, random.Random], World]
_USAGE_GAP_S = 60.0


def _late_generator(world: World, chance: random.Random) -> World:
    return replace(world, late_s=chance.uniform(0.02, 0.2))


def _busy_generator(world: World, chance: random.Random) -> World:
    return replace(world, busy=chance.uniform(1.05, 2), late_s=chance.uniform(0.001, 0.05))


def _lost_arrivals(world: World, chance: random.Random) -> World:
    return replace(world, unsent=chance.uniform(0.005, 0.3))


def _cheap_requests(world: World, chance: random.Random) -> World:
    """The load asks for fewer replicas than the spec says that it does."""
    return replace(world, cost_s=world.cost_s * chance.uniform(0.3, 0.45))


def _unread_pods(world: World, chance: random.Random) -> World:
    return replace(world, unread=chance.choice((1, 2, 1000)))


def _broken_watch(world: World, chance: random.Random) -> World:
    """Over the whole of the scale-up, so that its times cannot be told."""
    since = world.peak_at + chance.uniform(-5, 5)
    kinds = chance.choice((("pod",), ("hpa",), ("target",), ("hpa", "target", "pod")))
    return replace(world, blind=(since, since + chance.uniform(110, 150)), blind_to=kinds)


def _no_usage(world: World, chance: random.Random) -> World:
    since = world.peak_at + chance.uniform(-10, 10)
    return replace(world, usage_blind=(since, since + chance.uniform(_USAGE_GAP_S, 200)))


def _moved_clock(world: World, chance: random.Random) -> World:
    return replace(world, clock_moved_s=chance.choice((-1, 1)) * chance.uniform(4, 60))


def _no_metrics(world: World, chance: random.Random) -> World:
    return replace(world, metrics_until=world.peak_at + chance.uniform(-15, 10))


def _no_cpu_request(world: World, chance: random.Random) -> World:
    del chance
    return replace(world, no_request=True)


def _lower_maximum(world: World, chance: random.Random) -> World:
    most = world.hpa["maxReplicas"]
    return with_hpa(world, maxReplicas=chance.randint(world.floor + 1, most - 1))


def _higher_minimum(world: World, chance: random.Random) -> World:
    return with_hpa(world, minReplicas=world.floor + chance.randint(1, 2))


def _other_target(world: World, chance: random.Random) -> World:
    metrics = deepcopy(world.hpa["metrics"])
    metrics[0]["resource"]["target"]["averageUtilization"] += chance.choice((10, 15, 29))
    return with_hpa(world, metrics=metrics)


def _other_policy(world: World, chance: random.Random) -> World:
    behavior = deepcopy(world.hpa["behavior"])
    up, down = behavior["scaleUp"], behavior["scaleDown"]
    which = chance.randrange(5)
    if which == 0:
        down["stabilizationWindowSeconds"] = 0
    elif which == 1:
        down["selectPolicy"] = "Disabled"
    elif which == 2:  # noqa: PLR2004 - the third way
        up["policies"] = [{"type": "Pods", "value": 1, "periodSeconds": 60}]
    elif which == 3:  # noqa: PLR2004 - the fourth
        up["tolerance"] = "0.3"
    else:
        up["stabilizationWindowSeconds"] = 60
    return with_hpa(world, behavior=behavior)


def _other_tolerance(world: World, chance: random.Random) -> World:
    """A controller that tolerates more than it says, and than any load here brings."""
    return replace(
        world, controller=world.flags.model_copy(update={"tolerance": chance.uniform(8, 20)})
    )


def _slow_controller(world: World, chance: random.Random) -> World:
    """It reconciles once in a few minutes."""
    return replace(world, sync_every=chance.randint(15, 25))


def _quota(world: World, chance: random.Random) -> World:
    return replace(world, quota=_some(world, chance), rolls=0)


def _no_room(world: World, chance: random.Random) -> World:
    return replace(world, room=_some(world, chance), rolls=0)


def _never_ready(world: World, chance: random.Random) -> World:
    return replace(world, able=_some(world, chance), rolls=0)


def _slow_start(world: World, chance: random.Random) -> World:
    return replace(world, start_s=(chance.uniform(160, 200), 220))


def _killed_containers(world: World, chance: random.Random) -> World:
    return replace(world, restarts=chance.randint(1, 4))


def _idle_endpoint(world: World, chance: random.Random) -> World:
    """The others carry its load; one is left at least."""
    return replace(world, idle=chance.randint(1, max(1, world.floor - 2)))


def _affinity(world: World, chance: random.Random) -> World:
    del chance
    return replace(world, affinity=True)


def _cut_on_end(world: World, chance: random.Random) -> World:
    return replace(world, cut=chance.uniform(0.6, 1), rolls=3, callers=24)


def _gateway_refuses(world: World, chance: random.Random) -> World:
    return replace(world, refused=chance.uniform(0.005, 0.3), by_status=True)


def _gateway_repeats(world: World, chance: random.Random) -> World:
    return replace(world, repeated=chance.uniform(0.005, 0.3), by_status=True)


def _wrong_answers(world: World, chance: random.Random) -> World:
    reason = chance.choice(("HTTP 500", "no model in the answer", "HTTP 503"))
    return replace(world, wrong=chance.uniform(0.01, 0.3), wrong_reason=reason)


def _hung(world: World, chance: random.Random) -> World:
    return replace(world, hung=chance.uniform(0.002, 0.03))


def _slow(world: World, chance: random.Random) -> World:
    return replace(world, slow_s=chance.uniform(0.5, 1.2))


def _miscounted(world: World, chance: random.Random) -> World:
    return replace(world, counted=chance.choice((1.0, -1.0)) * chance.uniform(0.01, 0.2) + 1)


def _lost_exposures(world: World, chance: random.Random) -> World:
    return replace(world, exposed=1 - chance.uniform(0.01, 0.5))


def _lost_events(world: World, chance: random.Random) -> World:
    return replace(world, sent=1 - chance.uniform(0.01, 0.5))


def _other_split(world: World, chance: random.Random) -> World:
    """Of 1,500 users a shift of 8 points is seen in over 99 % of runs."""
    share = 0.5 + chance.choice((-1, 1)) * chance.uniform(0.08, 0.3)
    return replace(world, control=share)


def _not_sticky(world: World, chance: random.Random) -> World:
    return replace(world, unsticky=chance.uniform(0.3, 1), users=chance.randint(300, 1500))


def _some(world: World, chance: random.Random) -> int:
    return chance.randint(world.floor, int(world.hpa["maxReplicas"]) - 1)


FAULTS: Mapping[Link, Sequence[Fault]] = {
    Link.GENERATOR: (_late_generator, _busy_generator, _lost_arrivals),
    Link.OBSERVER: (_unread_pods, _broken_watch, _no_usage, _moved_clock),
    Link.DEMAND: (_cheap_requests,),
    Link.METRICS: (_no_metrics,),
    Link.CPU_REQUEST: (_no_cpu_request,),
    Link.HPA_BOUNDS: (_lower_maximum, _higher_minimum),
    Link.HPA_POLICY: (_other_target, _other_policy),
    Link.HPA_DECISION: (_other_tolerance, _slow_controller),
    Link.QUOTA: (_quota,),
    Link.SCHEDULER: (_no_room,),
    Link.READINESS: (_never_ready, _slow_start, _killed_containers),
    Link.SERVICE: (_idle_endpoint, _affinity),
    Link.TERMINATION: (_cut_on_end,),
    Link.GATEWAY: (_gateway_refuses, _gateway_repeats),
    Link.ANSWERS: (_wrong_answers, _hung),
    Link.LATENCY: (_slow,),
    Link.REQUEST_COUNTER: (_miscounted,),
    Link.EXPOSURES: (_lost_exposures,),
    Link.EVENTS: (_lost_events,),
    Link.SPLIT: (_other_split,),
    Link.STICKINESS: (_not_sticky,),
}
"""By the link that has to be named."""
