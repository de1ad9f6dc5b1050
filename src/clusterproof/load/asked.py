"""What an HPA asks for: it must say so, all the time, and is held to it.

Both sides are compared as the controller goes by them, with the API's defaults and its own flags: a
field that is left out is the same as its default written out. What the load spec leaves out of
`must_hold` is not compared.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from clusterproof.kube.hpa import scales_to_zero, targets_of
from clusterproof.load.finding import Finding, Link
from clusterproof.load.hpa.normalise import down_window_s
from clusterproof.load.hpa.rules import (
    Behavior,
    ControllerFlags,
    Rules,
    behavior_of,
    bounds_of,
)
from clusterproof.load.recording import Recording
from clusterproof.load.sections import Scaling
from clusterproof.outcome import Outcome

Json = dict[str, Any]


def judge_asked(recording: Recording, scaling: Scaling) -> list[Finding]:
    """One finding for each thing that must hold, and one for what changed meanwhile."""
    must = scaling.must_hold
    claims = [judge_steady(recording, scaling.hpa)]
    if must.min_replicas is not None or must.max_replicas is not None:
        claims.append(judge_spec_bounds(recording, scaling))
    if must.metrics is not None:
        claims.append(judge_targets(recording, scaling))
    if must.behavior is not None:
        claims.append(judge_policies(recording, scaling))
    return claims


def judge_steady(recording: Recording, hpa: str) -> Finding:
    """Nobody changed the HPA's spec during the run: what it is held to is one thing."""
    expected = f"HPA {hpa} stays, and asks for the same all the time"
    changes = recording.of("hpa", hpa)
    if not changes:
        return Finding("hpa-steady", Link.HPA_POLICY, Outcome.FAILED, expected, "no HPA")
    first = changes[0].object["spec"]
    for change in changes:
        at = f"{change.at - recording.started_at:.0f} s"
        if change.type == "DELETED":
            observed = f"deleted after {at}"
            return Finding("hpa-steady", Link.HPA_POLICY, Outcome.FAILED, expected, observed)
        spec = change.object["spec"]
        fields = sorted(k for k in {*first, *spec} if first.get(k) != spec.get(k))
        if fields:
            observed = f"{', '.join(fields)} changed after {at}"
            return Finding("hpa-steady", Link.HPA_POLICY, Outcome.INCONCLUSIVE, expected, observed)
    return Finding("hpa-steady", Link.HPA_POLICY, Outcome.PASSED, expected, "as expected")


def judge_spec_bounds(recording: Recording, scaling: Scaling) -> Finding:
    """The HPA's minReplicas and maxReplicas are the spec's, as far as it says any."""
    wanted = (scaling.must_hold.min_replicas, scaling.must_hold.max_replicas)

    def shown(low: int | None, high: int | None) -> str:
        return f"{'any' if low is None else low} to {'any' if high is None else high}"

    expected = f"HPA bounds {shown(*wanted)}"
    pairs = sorted({bounds_of(change.object) for change in recording.of("hpa", scaling.hpa)})
    wrong = [
        pair
        for pair in pairs
        if any(want not in {None, has} for want, has in zip(wanted, pair, strict=True))
    ]
    outcome = Outcome.FAILED if wrong or not pairs else Outcome.PASSED
    observed = ", ".join(shown(*pair) for pair in pairs) or "no HPA"
    return Finding("hpa-bounds", Link.HPA_BOUNDS, outcome, expected, observed)


def judge_targets(recording: Recording, scaling: Scaling) -> Finding:
    """The HPA goes by the spec's metrics and targets, of whatever type, and by no other."""
    expected = _targets({"spec": {"metrics": scaling.must_hold.metrics}})
    outcome, observed = _compared(recording, scaling.hpa, lambda hpa: {_targets(hpa)} - {expected})
    return Finding("hpa-targets", Link.HPA_POLICY, outcome, f"HPA targets {expected}", observed)


def _targets(hpa: Json) -> str:
    return ", ".join(
        sorted(
            f"{metric} {metric.of} {target}" if metric.of else f"{metric} {target}"
            for metric, target in targets_of(hpa).items()
        )
    )


def judge_policies(recording: Recording, scaling: Scaling) -> Finding:
    """The HPA's windows, policies, choice among them and tolerance are the spec's."""
    must = scaling.must_hold.behavior
    assert must is not None  # noqa: S101 - asked for only then
    given = must.model_dump(by_alias=True, exclude_none=True)
    wanted = _ways(behavior_of({"spec": {"behavior": given}}), scaling)
    wanted = {way: rules for way, rules in wanted.items() if _FIELDS[way] in given}

    def differing(hpa: Json) -> Iterable[str]:
        ways = _ways(behavior_of(hpa), scaling)
        return [f"{way}: {ways[way]}" for way, rules in wanted.items() if ways[way] != rules]

    expected = "; ".join(f"{way}: {rules}" for way, rules in wanted.items())
    outcome, observed = _compared(recording, scaling.hpa, differing)
    return Finding("hpa-policy", Link.HPA_POLICY, outcome, expected, observed)


def _compared(
    recording: Recording, hpa: str, differing: Callable[[Json], Iterable[str]]
) -> tuple[Outcome, str]:
    """Over all that was seen of it: each difference once."""
    changes = recording.of("hpa", hpa)
    different = dict.fromkeys(line for change in changes for line in differing(change.object))
    outcome = Outcome.FAILED if different or not changes else Outcome.PASSED
    return outcome, "; ".join(different) or ("as expected" if changes else "no HPA")


_FIELDS = {"up": "scaleUp", "down": "scaleDown"}


def _ways(behavior: Behavior | None, scaling: Scaling) -> dict[str, str]:
    whole = behavior or Behavior()
    return {"up": _shown(whole.up, scaling), "down": _shown(whole.down, scaling)}


def _shown(rules: Rules, scaling: Scaling) -> str:
    """The rules as the controller goes by them: two that are shown alike are alike."""
    if rules.select == "Disabled":
        return "Disabled"
    controller = scaling.controller
    window_s = controller.downscale_window_s if rules.window_s is None else rules.window_s
    policies = sorted({f"{p.type} {p.value} {p.period_s}" for p in rules.policies})
    tolerance = controller.tolerance if rules.tolerance is None else rules.tolerance
    parts = [f"window {window_s:g} s", *policies]
    if rules.select != "Max":
        parts.append(f"select {rules.select}")
    if tolerance != controller.tolerance:
        parts.append(f"tolerance {tolerance:g}")
    return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class Held:
    """By the HPA as it was when the run began.

    Attributes:
        floor: Its minReplicas.
        or_none: Whether its target may be at 0 as well.
        up_link: Whose fault it is where it does not scale up: its policy's, if that is Disabled.
        down_link: Likewise.
        ceiling: Its maxReplicas.
        down_window_s: Its own, or the controller's flag.
        up_tolerance: Likewise.
        ceiling_within_s: As the load spec says, like the two after it; None claims nothing.
    """

    floor: int
    ceiling: int
    down_window_s: float
    up_tolerance: float
    flags: ControllerFlags
    ceiling_within_s: float | None = None
    react_within_s: float | None = None
    floor_within_s: float | None = None
    or_none: bool = False
    up_link: Link = Link.HPA_DECISION
    down_link: Link = Link.HPA_DECISION


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
        floor=floor,
        ceiling=ceiling,
        down_window_s=down_window_s(behavior, flags),
        up_tolerance=flags.tolerance if tolerance is None else tolerance,
        flags=flags,
        ceiling_within_s=scaling.ceiling_within_s,
        react_within_s=scaling.react_within_s,
        floor_within_s=scaling.floor_within_s,
        or_none=scales_to_zero(dict(hpa)),
        up_link=_link_of(behavior.up),
        down_link=_link_of(behavior.down),
    )


def _link_of(rules: Rules) -> Link:
    return Link.HPA_POLICY if rules.select == "Disabled" else Link.HPA_DECISION
