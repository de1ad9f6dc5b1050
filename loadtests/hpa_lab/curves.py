"""The curves: demand over time, what is wrong with pods and metrics, and the HPA's behavior.

Curve i combines demand i mod 12, behavior i mod 7 and trouble i mod 5: no combination comes twice
in 420 curves, and 60 of them hold every pair of neighbours. Times are for a controller that syncs
every 5 s (its own flag), so that 60 curves take ten minutes, not hours.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

REQUEST_MILLI, LIMIT_MILLI, TARGET = 100, 400, 70
MEMORY_REQUEST_MIB = 512
FLOOR, CEILING = 3, 10
UNIT = REQUEST_MILLI * TARGET / 100
"""Demand that needs one replica, in millicores."""

NODE = "simulated"
Demand = Callable[[float], float]
Json = Mapping[str, Any]


def _between(since: float, until: float, high: float, low: float = 1.0) -> Demand:
    return lambda t: high if since <= t < until else low


def _ramp(since: float, until: float, to: float) -> Demand:
    return lambda t: 2 + (to - 2) * min(max((t - since) / (until - since), 0.0), 1.0)


DEMANDS: tuple[tuple[str, Demand], ...] = (
    ("idle", lambda _: 1.0),
    ("step to 9.5", _between(60, 240, 9.5)),
    ("step to 6.5", _between(60, 240, 6.5)),
    ("ramp to 9.5", _ramp(40, 240, 9.5)),
    ("ramp up and down", lambda t: 2 + 8 * max(0.0, 1 - abs(t - 180) / 120)),
    ("short spike", _between(90, 115, 9.5)),
    ("two spikes", lambda t: max(_between(60, 100, 9.5)(t), _between(200, 240, 9.5)(t))),
    ("sawtooth", lambda t: 2 + 7 * ((t % 120) / 120)),
    ("within tolerance", lambda t: 3 * (1 + 0.09 * math.sin(t / 7))),
    ("around tolerance", lambda t: 5 * (1 + 0.2 * math.sin(t / 23))),
    ("saturating", _between(60, 240, 60.0)),
    ("staircase", lambda t: 2.5 + 1.5 * (int(t / 50) % 6)),
)
"""Demand in replicas: what is spread over the Ready pods, each up to its limit."""

BEHAVIORS: tuple[tuple[str, Json | None], ...] = (
    ("none", None),
    (
        "the spec's",
        {
            "scaleUp": {
                "stabilizationWindowSeconds": 0,
                "selectPolicy": "Max",
                "policies": [
                    {"type": "Percent", "value": 100, "periodSeconds": 30},
                    {"type": "Pods", "value": 2, "periodSeconds": 30},
                ],
            },
            "scaleDown": {
                "stabilizationWindowSeconds": 60,
                "policies": [{"type": "Percent", "value": 50, "periodSeconds": 30}],
            },
        },
    ),
    ("down window 0", {"scaleDown": {"stabilizationWindowSeconds": 0}}),
    (
        "one pod at a time",
        {
            "scaleUp": {"policies": [{"type": "Pods", "value": 1, "periodSeconds": 15}]},
            "scaleDown": {
                "stabilizationWindowSeconds": 30,
                "policies": [{"type": "Pods", "value": 1, "periodSeconds": 20}],
            },
        },
    ),
    (
        "up window, smaller policy",
        {
            "scaleUp": {
                "stabilizationWindowSeconds": 30,
                "selectPolicy": "Min",
                "policies": [
                    {"type": "Percent", "value": 50, "periodSeconds": 20},
                    {"type": "Pods", "value": 4, "periodSeconds": 20},
                ],
            },
        },
    ),
    ("never down", {"scaleDown": {"selectPolicy": "Disabled"}}),
    (
        "own tolerance",
        {
            "scaleUp": {"tolerance": "0.03"},
            "scaleDown": {"tolerance": "0.2", "stabilizationWindowSeconds": 45},
        },
    ),
)

TROUBLES = ("none", "slow to ready", "missing metrics", "one never ready", "memory too")


@dataclass(frozen=True)
class Curve:
    """One curve and the HPA that is to follow it."""

    number: int
    demand_name: str
    demand: Demand = field(repr=False)
    behavior_name: str
    behavior: Json | None = field(repr=False)
    trouble: str

    @property
    def namespace(self) -> str:
        """Where it is played."""
        return f"curve-{self.number:03d}"

    @property
    def title(self) -> str:
        """In words."""
        return f"{self.demand_name}; behavior: {self.behavior_name}; trouble: {self.trouble}"

    @property
    def ready_after_s(self) -> float:
        """From a pod's start to its readiness."""
        return 22.0 if self.trouble == "slow to ready" else 3.0

    def never_ready(self, order: int) -> bool:
        """Whether the pod that was created as the `order`-th never becomes Ready."""
        return self.trouble == "one never ready" and order == FLOOR

    def lacks_metrics(self, order: int, at_s: float) -> bool:
        """Whether the metrics API has nothing for this pod now."""
        if self.trouble != "missing metrics":
            return False
        return order % 3 == 1 and (at_s % 90) > 50  # noqa: PLR2004 - 40 of each 90 s

    def blind(self, at_s: float) -> bool:
        """Whether the metrics API gives no answer at all now."""
        return self.trouble == "missing metrics" and 150 <= at_s < 170  # noqa: PLR2004

    def cpu_milli(self, at_s: float, ready: int) -> int:
        """Usage of each Ready pod."""
        return min(int(self.demand(at_s) * UNIT / max(ready, 1)), LIMIT_MILLI)

    def memory_mib(self, at_s: float) -> int:
        """Memory of each pod: with that trouble it asks for more pods than the CPU does."""
        if self.trouble != "memory too":
            return 60
        return int(MEMORY_REQUEST_MIB * (0.3 + 0.7 * (80 <= at_s < 160)))  # noqa: PLR2004

    def hpa(self) -> dict[str, Any]:
        """The HorizontalPodAutoscaler."""
        spec: dict[str, Any] = {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "target"},
            "minReplicas": FLOOR,
            "maxReplicas": CEILING,
            "metrics": [_metric("cpu", TARGET), _metric("memory", 80)],
        }
        if self.behavior is not None:
            spec["behavior"] = self.behavior
        return {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": "target"},
            "spec": spec,
        }


def deployment() -> dict[str, Any]:
    """The scale target: bound to kwok's node."""
    requests = {"cpu": f"{REQUEST_MILLI}m", "memory": f"{MEMORY_REQUEST_MIB}Mi"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "target"},
        "spec": {
            "replicas": FLOOR,
            "selector": {"matchLabels": {"app": "target"}},
            "template": {
                "metadata": {"labels": {"app": "target"}},
                "spec": {
                    "nodeName": NODE,
                    "terminationGracePeriodSeconds": 3,
                    "containers": [
                        {
                            "name": "target",
                            "image": "clusterproof.dev/simulated:1.0.0",
                            "resources": {"requests": requests},
                        }
                    ],
                },
            },
        },
    }


def node() -> dict[str, Any]:
    """The node that kwok plays, and where metrics-server finds the usage of its Pods."""
    path = f"/metrics/nodes/{NODE}/metrics/resource"
    annotations = {"metrics.k8s.io/resource-metrics-path": path}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": NODE, "annotations": annotations},
    }


def curves(count: int) -> list[Curve]:
    """The first `count` curves."""
    made = []
    for number in range(count):
        demand_name, demand = DEMANDS[number % len(DEMANDS)]
        behavior_name, behavior = BEHAVIORS[number % len(BEHAVIORS)]
        trouble = TROUBLES[number % len(TROUBLES)]
        made.append(Curve(number, demand_name, demand, behavior_name, behavior, trouble))
    return made


def _metric(resource: str, percent: int) -> dict[str, Any]:
    target = {"type": "Utilization", "averageUtilization": percent}
    return {"type": "Resource", "resource": {"name": resource, "target": target}}
