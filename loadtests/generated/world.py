"""What a generated run is like: the cluster, the load on it, and what is wrong with either."""

import random
from dataclasses import dataclass, field, replace
from typing import Any

from clusterproof.load.hpa.rules import ControllerFlags
from clusterproof.load.objectives import LoadSpec
from clusterproof.load.schedule import Plan, Stage

NEVER = float("inf")
Json = dict[str, Any]
_DECLARED = {"control": 0.5, "treatment": 0.5}


@dataclass(slots=True)
class World:
    """All that decides a run but chance. The defaults are healthy; times are seconds of the run.

    Attributes:
        stages: Of the plan.
        hpa: The spec of the autoscaler in the cluster.
        must_hold: What the load spec says of it.
        request_m: CPU request of a Pod in thousandths of a core; its limit is four times that.
        cost_s: CPU that one request takes, in the mean.
        start_s: Shortest and longest time of a Pod from its creation to Ready.
        controller: Flags that the controller really has; the load spec says `flags`.
        sync_every: Of how many reconciles the controller does one.
        metrics_until: When the metrics API stops to answer.
        no_request: Whether the Pods have no CPU request.
        quota, room, able: How many Pods are allowed, find a node, ever become Ready.
        restarts: How many containers are killed for their memory under the load.
        rolls: How many Pods are replaced under the load, as by a rolling restart.
        idle: How many endpoints no packet reaches.
        affinity: Whether the Service keeps each address on one Pod.
        cut: Share of requests that fail where their Pod is ending.
        wrong, hung: Share of requests that get a wrong answer, or none.
        refused, repeated: Share of requests that a gateway answers itself, or asks twice.
        by_status: Whether the router's counter has the HTTP status as a label.
        slow_s: What every answer takes longer.
        stall_s: How long a Pod stands still now and then.
        counted: How often a request is counted by the router, in the mean.
        exposed, sent: Share of exposures that are counted, and that PostHog gets.
        control: The share of `control` that the router really serves.
        unsticky: Share of requests that draw their variant anew.
        late_s: Start delay of the generator.
        busy: Share of a core that the generator takes.
        unsent: Share of the plan that the generator never sends.
        unread: How many Pods the observer may not read.
        blind: A time, from and to, in which no change of `blind_to` is seen.
        usage_blind: Likewise for the usage of Pods.
        clock_moved_s: By how much the API server's clock moves away from ours.
    """

    stages: tuple[Stage, ...]
    hpa: Json
    must_hold: Json
    request_m: int
    cost_s: float
    callers: int = 48
    users: int = 50_000
    start_s: tuple[float, float] = (3.0, 15.0)
    flags: ControllerFlags = field(default_factory=ControllerFlags)
    controller: ControllerFlags = field(default_factory=ControllerFlags)
    sync_every: int = 1
    metrics_until: float = NEVER
    no_request: bool = False
    quota: int = 1000
    room: int = 1000
    able: int = 1000
    restarts: int = 0
    rolls: int = 0
    idle: int = 0
    affinity: bool = False
    cut: float = 0.0
    wrong: float = 0.0
    wrong_reason: str = "HTTP 500"
    hung: float = 0.0
    refused: float = 0.0
    repeated: float = 0.0
    by_status: bool = True
    slow_s: float = 0.0
    stall_s: float = 0.1
    counted: float = 1.0
    exposed: float = 1.0
    sent: float = 1.0
    control: float = 0.5
    unsticky: float = 0.0
    late_s: float = 0.0005
    busy: float = 0.3
    unsent: float = 0.0
    unread: int = 0
    blind: tuple[float, float] = (NEVER, NEVER)
    blind_to: tuple[str, ...] = ()
    usage_blind: tuple[float, float] = (NEVER, NEVER)
    clock_moved_s: float = 0.0

    @property
    def plan(self) -> Plan:
        """The arrivals."""
        return Plan(self.stages)

    @property
    def floor(self) -> int:
        """Fewest replicas."""
        return int(self.hpa["minReplicas"])

    @property
    def peak_at(self) -> float:
        """When the highest rate begins."""
        at = 0.0
        for stage in self.stages:
            if stage.rate == self.plan.peak_rate:
                return at
            at += stage.for_s
        return at

    def spec(self) -> LoadSpec:
        """The load spec of the run."""
        stages = [{"rate": s.rate, "to_rate": s.to_rate, "for_s": s.for_s} for s in self.stages]
        router: Json = {
            "target": "shop/router:8080",
            "mix": {"route-ab": 1},
            "callers": self.callers,
            "users": self.users,
            "ab_shares": _DECLARED,
            "objectives": {"p50_ms": 400, "p95_ms": 2500, "p99_ms": 5000},
            "shapes": {"generated": stages},
        }
        evidence = {"prometheus": "shop/prometheus:9090", "scrape_s": 5, "posthog": "shop/web:80"}
        metrics = {
            "port": 9090,
            "requests": "requests_total",
            "durations": "seconds",
            "exposures": "exposures_total",
            "events_sent": "sent_total",
        }
        scaling = {
            "hpa": "router",
            "must_hold": self.must_hold,
            "controller": self.flags.model_dump(),
            "react_within_s": 100,
            "ceiling_within_s": 150,
            "floor_within_s": 260,
        }
        return LoadSpec.model_validate(
            {
                "scenarios": {"router": router},
                "evidence": evidence,
                "metrics": metrics,
                "scaling": scaling,
            }
        )


def healthy(chance: random.Random) -> World:
    """A run in which nothing is wrong: other Pods, loads and autoscalers each time."""
    floor = chance.randint(2, 4)
    target = chance.choice((50, 60, 70, 80))
    # The fewest replicas carry the highest load too, at four fifths of their limits.
    ceiling = min(floor + chance.randint(3, 6), int(0.8 * 4 * floor / (1.4 * target / 100)))
    request_m = chance.choice((70, 100, 200, 250))
    peak = chance.uniform(15, 30)
    cost_s = ceiling * request_m * target / 100 * chance.uniform(1.25, 1.4) / peak / 1000
    hpa = {
        "minReplicas": floor,
        "maxReplicas": ceiling,
        "metrics": [_target("cpu", target), _target("memory", 80)],
        "behavior": {
            "scaleUp": {
                "stabilizationWindowSeconds": 0,
                "policies": chance.choice(
                    (
                        [_policy("Percent", 100, 30), _policy("Pods", 2, 30)],
                        [_policy("Percent", 100, 15), _policy("Pods", 4, 15)],
                        [_policy("Pods", 3, 15)],
                    )
                ),
            },
            "scaleDown": {
                "stabilizationWindowSeconds": chance.choice((60, 90)),
                "policies": chance.choice(([_policy("Percent", 50, 30)], [_policy("Pods", 3, 15)])),
            },
        },
    }
    low = peak * chance.uniform(0.05, 0.12)
    stages = [Stage(low, low, chance.uniform(15, 30))]
    if chance.random() < 0.5:  # noqa: PLR2004 - half of them
        stages.append(Stage(low, peak, chance.uniform(5, 20)))
    stages.append(Stage(peak, peak, chance.uniform(155, 180)))
    if chance.random() < 0.7:  # noqa: PLR2004 - most of them
        stages.append(Stage(low, low, chance.uniform(265, 290)))
    return World(
        stages=tuple(stages),
        hpa=hpa,
        must_hold=hpa,
        request_m=request_m,
        cost_s=cost_s,
        callers=chance.choice((48, 64, 96)),
        start_s=(2.0, chance.uniform(6, 20)),
        rolls=chance.choice((0, 0, 2)),
        by_status=chance.choice((True, False)),
    )


def climbing(world: World) -> World:
    """The same up to the end of the load, with half as many requests that take twice as much.

    No fault needs more to be seen, and a run takes half the time.
    """
    last = -1 if world.stages[-1].rate < world.plan.peak_rate else len(world.stages)
    stages = tuple(Stage(s.rate / 2, s.to_rate / 2, s.for_s) for s in world.stages[:last])
    return replace(world, stages=stages, cost_s=2 * world.cost_s)


def with_hpa(world: World, **fields: Any) -> World:  # noqa: ANN401 - JSON
    """The same with another autoscaler in the cluster, of which the load spec says nothing new."""
    return replace(world, hpa={**world.hpa, **fields})


def _target(resource: str, percent: int) -> Json:
    target = {"type": "Utilization", "averageUtilization": percent}
    return {"type": "Resource", "resource": {"name": resource, "target": target}}


def _policy(kind: str, value: int, period_s: int) -> Json:
    return {"type": kind, "value": value, "periodSeconds": period_s}
