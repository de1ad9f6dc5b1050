"""Parts of a run, made by hand: what the API would have served, and series over time."""

from typing import Any

from clusterproof.load.asked import Held
from clusterproof.load.hpa.rules import ControllerFlags
from clusterproof.load.recording import Change, Recording, UsageRead
from clusterproof.load.sections import Scaling
from clusterproof.load.timeline import Series, Timeline

T0 = 1000.0
MUST_HOLD: dict[str, Any] = {
    "minReplicas": 3,
    "maxReplicas": 10,
    "metrics": [
        {"type": "Resource", "resource": {"name": name, "target": {"averageUtilization": percent}}}
        for name, percent in (("cpu", 70), ("memory", 80))
    ],
    "behavior": {
        "scaleUp": {
            "stabilizationWindowSeconds": 0,
            "policies": [
                {"type": "Percent", "value": 100, "periodSeconds": 30},
                {"type": "Pods", "value": 2, "periodSeconds": 30},
            ],
        },
        "scaleDown": {
            "stabilizationWindowSeconds": 300,
            "policies": [{"type": "Percent", "value": 50, "periodSeconds": 60}],
        },
    },
}
SCALING = Scaling.model_validate(
    {
        "hpa": "web-hpa",
        "must_hold": MUST_HOLD,
        "ceiling_within_s": 120,
        "floor_within_s": 420,
        "react_within_s": 60,
    }
)
HELD = Held(3, 10, 300.0, 0.1, ControllerFlags(), 120.0, 60.0, 420.0)
"""What SCALING says of an HPA that asks for just this."""


def recording(*changes: Change, until: float = 100.0) -> Recording:
    """From T0, for so many seconds, with usage that could be read every 5 s."""
    pods = {"web-0": {"timestamp": T0, "window_s": 10.0, "usage": {}}}
    reads = [UsageRead(T0 + at, pods) for at in range(0, int(until), 5)]
    return Recording(T0, T0 + until, list(changes), reads)


def hpa(at: float, *, active: str = "True", name: str = "web-hpa", **spec: Any) -> Change:  # noqa: ANN401
    """The autoscaler as it was from `at` on."""
    condition = {"type": "ScalingActive", "status": active, "reason": "Failed", "message": "no cpu"}
    item = {
        "metadata": {"name": name},
        "spec": {"minReplicas": 3, "maxReplicas": 10, **spec},
        "status": {"conditions": [condition]},
    }
    return Change(T0 + at, "hpa", "MODIFIED", item)


def deployment(at: float, *, name: str = "web", **condition: str) -> Change:
    """The scale target as it was from `at` on, with one condition."""
    conditions = [{"type": "ReplicaFailure", **condition}] if condition else []
    item = {"metadata": {"name": name}, "spec": {}, "status": {"conditions": conditions}}
    return Change(T0 + at, "target", "MODIFIED", item)


def pod(
    at: float,
    name: str = "web-1",
    *,
    scheduled: str = "True",
    ready: str = "True",
    phase: str = "Running",
    deleting: bool = False,
    kind: str = "MODIFIED",
) -> Change:
    """A Pod as it was from `at` on."""
    conditions = [
        {"type": "PodScheduled", "status": scheduled, "message": f"no node for {name}"},
        {"type": "Ready", "status": ready, "message": f"probe of {name} failed"},
    ]
    metadata = {"name": name, **({"deletionTimestamp": "now"} if deleting else {})}
    item = {"metadata": metadata, "status": {"phase": phase, "conditions": conditions}}
    return Change(T0 + at, "pod", kind, item)


def series(*points: tuple[float, float]) -> Series:
    """Seconds after T0, and values."""
    return tuple((T0 + at, float(value)) for at, value in points)


def timeline(**named: Series) -> Timeline:
    """The named series; the others are empty."""
    names = ("replicas", "desired", "ready", "pods", "pressure", "endpoints")
    return Timeline(**{name: named.get(name, ()) for name in names})
