"""A run made by hand: what was seen of an HPA, its Pods and their usage, and the replay of it."""

from typing import Any

from clusterproof.load.hpa.replay import Replay, Step, replay
from clusterproof.load.hpa.rules import ControllerFlags
from clusterproof.load.recording import Change, Recording, UsageRead
from clusterproof.load.timeline import Series
from tests.load.scaling_parts import T0, series, timeline

FLAGS = ControllerFlags()
"""One reconcile every 15 s."""
LONG_AGO = "1970-01-01T00:00:00Z"
TWO = series((0, 2))


def hpa(
    at: float,
    shows: float | None = None,
    *,
    name: str = "web",
    kind: str = "MODIFIED",
    current: int | None = None,
    up: dict[str, Any] | None = None,
) -> Change:
    """The HPA from `at` on: 1 to 10 replicas, half of the CPU request, and what it shows.

    And where they are given: from how many replicas its reconcile went, and its policy up.
    """
    used = {"resource": {"name": "cpu", "current": {"averageUtilization": shows}}}
    target = {"name": "cpu", "target": {"averageUtilization": 50}}
    item: dict[str, Any] = {
        "metadata": {"name": name},
        "spec": {"maxReplicas": 10, "metrics": [{"type": "Resource", "resource": target}]},
        "status": {"currentMetrics": [] if shows is None else [used]},
    }
    if current is not None:
        item["status"]["currentReplicas"] = current
    if up is not None:
        item["spec"]["behavior"] = {"scaleUp": {"policies": [up]}}
    return Change(T0 + at, "hpa", kind, item)


def pod(at: float, number: int, kind: str = "ADDED") -> Change:
    """A Pod that is Ready and asks for 100m, so that its usage is a percentage."""
    app = {"name": "app", "resources": {"requests": {"cpu": "100m"}}}
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": LONG_AGO}
    status = {"phase": "Running", "startTime": LONG_AGO, "conditions": [ready]}
    item = {"metadata": {"name": f"web-{number}"}, "spec": {"containers": [app]}, "status": status}
    return Change(T0 + at, "pod", kind, item)


def read(at: float, *percent: int) -> UsageRead:
    """What the metrics API said at `at` of web-0, web-1 and so on."""
    figures = {
        f"web-{n}": {"timestamp": T0 + at, "window_s": 10.0, "usage": {"app": {"cpu": each}}}
        for n, each in enumerate(percent)
    }
    return UsageRead(T0 + at, figures)


def replayed(
    changes: list[Change],
    usage: list[UsageRead],
    replicas: Series = TWO,
    *,
    until: float = 60,
    ticks: list[float] | None = None,
) -> Replay | None:
    """The replay; of the given reconciles when they are known."""
    return replay(
        Recording(T0, T0 + until, changes, usage),
        timeline(replicas=replicas),
        hpa="web",
        flags=FLAGS,
        ticks=None if ticks is None else [T0 + at for at in ticks],
    )


def steps(*arguments: Any, **named: Any) -> tuple[Step, ...]:  # noqa: ANN401 - those of `replayed`
    """The steps of a run that can be replayed."""
    found = replayed(*arguments, **named)
    assert found is not None
    return found.steps
