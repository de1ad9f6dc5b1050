"""Parts of a reconcile, made by hand: Pods in each state, and what the metrics API says of them."""

from dataclasses import replace

from clusterproof.load.hpa.proposal import (
    ContainerView,
    PodView,
    Proposal,
    Sample,
    Seen,
    Tolerances,
    propose,
)
from clusterproof.load.hpa.rules import ControllerFlags, ResourceTarget

NOW = 100_000.0
FLAGS = ControllerFlags()
READY = PodView("", started_at=0.0)
UNREADY = replace(READY, ready="False")
PENDING = replace(READY, phase="Pending")
FAILED = replace(READY, phase="Failed")
DELETED = replace(READY, deleting=True)

Measured = tuple[PodView, int | None]
"""A Pod and its usage; None where the metrics API does not have it."""


def cpu(percent: int) -> ResourceTarget:
    """The usual target: this share of the CPU request."""
    return ResourceTarget("cpu", utilization=percent)


def named(measured: tuple[Measured, ...], request: int) -> tuple[PodView, ...]:
    """The Pods, each with a name and one container that asks for `request`."""
    requests = {"cpu": request, "memory": request}
    return tuple(
        replace(pod, name=f"pod-{number}", containers=(ContainerView("app", requests),))
        for number, (pod, _) in enumerate(measured)
    )


def samples(measured: tuple[Measured, ...]) -> dict[str, Sample]:
    """What the metrics API says of these Pods."""
    return {
        f"pod-{number}": Sample({"app": {"cpu": usage, "memory": usage}}, NOW, 10.0)
        for number, (_, usage) in enumerate(measured)
        if usage is not None
    }


def proposed(
    target: ResourceTarget, *measured: Measured, current: int | None = None, request: int = 100
) -> Proposal:
    """The proposal from these Pods, as many as were asked for unless `current` says otherwise."""
    return propose(
        target,
        Seen(
            NOW,
            len(measured) if current is None else current,
            named(measured, request),
            samples(measured),
        ),
        Tolerances(0.1, 0.1),
        FLAGS,
    )
