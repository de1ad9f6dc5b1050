"""Parts of a run, made by hand: what the API would have served, and series over time."""

from dataclasses import asdict
from typing import Any

from clusterproof.load.hpa.rules import ControllerFlags
from clusterproof.load.recording import Change, Recording, UsageRead
from clusterproof.load.sections import Controller, Scaling
from clusterproof.load.timeline import Series, Timeline

T0 = 1000.0
SCALING = Scaling(
    namespace="ns",
    deployment="web",
    hpa="web-hpa",
    selector="app=web",
    metrics_port=9090,
    floor=3,
    ceiling=10,
    ceiling_rate=100.0,
    cpu_target=70,
    memory_target=80,
    up_window_s=0,
    up_policies=("Percent 100 30", "Pods 2 30"),
    down_window_s=300,
    down_policies=("Percent 50 60",),
    ceiling_within_s=120.0,
    floor_within_s=420.0,
    react_within_s=60.0,
    controller=Controller(**asdict(ControllerFlags())),
)


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
    """The Deployment as it was from `at` on, with one condition."""
    conditions = [{"type": "ReplicaFailure", **condition}] if condition else []
    item = {"metadata": {"name": name}, "spec": {}, "status": {"conditions": conditions}}
    return Change(T0 + at, "deployment", "MODIFIED", item)


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
    names = ("replicas", "desired", "ready", "pods", "cpu_seen", "memory_seen", "endpoints")
    return Timeline(**{name: named.get(name, ()) for name in names})
