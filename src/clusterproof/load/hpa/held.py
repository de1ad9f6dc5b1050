"""What an autoscaler is held to: its own words in the cluster, and the load spec's times."""

from dataclasses import dataclass

from clusterproof.kube.hpa import scales_to_zero
from clusterproof.load.hpa.normalise import down_window_s
from clusterproof.load.hpa.rules import Behavior, ControllerFlags, behavior_of, bounds_of
from clusterproof.load.recording import Recording
from clusterproof.load.sections import Scaling


@dataclass(frozen=True, slots=True)
class Held:
    """By the HPA as it was when the run began.

    Attributes:
        floor: Its minReplicas.
        or_none: Whether its target may be at 0 as well.
        ceiling: Its maxReplicas.
        down_window_s: Its own, or the controller's flag.
        up_tolerance: Likewise.
        ceiling_within_s: As the load spec says, like the two after it; None claims nothing.
    """

    hpa: str
    floor: int
    ceiling: int
    down_window_s: float
    up_tolerance: float
    flags: ControllerFlags
    ceiling_within_s: float | None = None
    react_within_s: float | None = None
    floor_within_s: float | None = None
    or_none: bool = False


def held_by(recording: Recording, scaling: Scaling) -> Held | None:
    """What the HPA of this recording is held to; None when there was none."""
    changes = recording.of("hpa", scaling.hpa)
    if not changes:
        return None
    hpa, flags = changes[0].object, scaling.controller
    floor, ceiling = bounds_of(hpa)
    behavior = behavior_of(hpa) or Behavior()
    tolerance = behavior.up.tolerance
    return Held(
        hpa=scaling.hpa,
        floor=floor,
        ceiling=ceiling,
        down_window_s=down_window_s(behavior, flags),
        up_tolerance=flags.tolerance if tolerance is None else tolerance,
        flags=flags,
        ceiling_within_s=scaling.ceiling_within_s,
        react_within_s=scaling.react_within_s,
        floor_within_s=scaling.floor_within_s,
        or_none=scales_to_zero(dict(hpa)),
    )
