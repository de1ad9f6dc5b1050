"""What the HPA asks for is what the load spec says: targets, windows, policies and tolerance.

Both sides are compared as the controller goes by them, with the API's defaults and its own flags:
a field that is left out is the same as its default written out.
"""

from collections.abc import Iterable

from clusterproof.load.finding import Finding, Link
from clusterproof.load.hpa.rules import Behavior, Policy, Rules, behavior_of, targets_of
from clusterproof.load.recording import Recording
from clusterproof.load.sections import Scaling
from clusterproof.outcome import Outcome


def judge_targets(recording: Recording, scaling: Scaling) -> Finding:
    """The HPA aims at the spec's utilization of CPU and memory, and at no other."""
    wanted = {("cpu", scaling.cpu_target), ("memory", scaling.memory_target)}
    expected = _targets((name, target) for name, target in wanted if target is not None)
    differing: list[str] = []
    changes = recording.of("hpa", scaling.hpa)
    for change in changes:
        shown = _targets(
            (target.resource, target.utilization)
            for target in targets_of(change.object)
            if target.utilization is not None
        )
        if shown != expected:
            differing.append(shown)
    outcome = Outcome.FAILED if differing or not changes else Outcome.PASSED
    observed = "; ".join(dict.fromkeys(differing)) or ("as expected" if changes else "no HPA")
    return Finding("hpa-targets", Link.HPA_POLICY, outcome, f"HPA targets {expected}", observed)


def _targets(targets: Iterable[tuple[str, int]]) -> str:
    named = sorted({f"{resource} {target} %" for resource, target in targets})
    return ", ".join(named) or "no utilization"


def judge_policies(recording: Recording, scaling: Scaling) -> Finding:
    """The HPA's windows, policies, choice among them and tolerance are the spec's."""
    wanted = {
        "up": Rules(
            scaling.up_window_s,
            scaling.up_select,
            _policies(scaling.up_policies),
            scaling.up_tolerance,
        ),
        "down": Rules(
            scaling.down_window_s,
            scaling.down_select,
            _policies(scaling.down_policies),
            scaling.down_tolerance,
        ),
    }
    expected = "; ".join(f"{way}: {_shown(rules, scaling)}" for way, rules in wanted.items())
    differing: list[str] = []
    changes = recording.of("hpa", scaling.hpa)
    for change in changes:
        behavior = behavior_of(change.object) or Behavior()
        for way, rules in (("up", behavior.up), ("down", behavior.down)):
            shown = _shown(rules, scaling)
            if shown != _shown(wanted[way], scaling):
                differing.append(f"{way}: {shown}")
    outcome = Outcome.FAILED if differing or not changes else Outcome.PASSED
    observed = "; ".join(dict.fromkeys(differing)) or ("as expected" if changes else "no HPA")
    return Finding("hpa-policy", Link.HPA_POLICY, outcome, expected, observed)


def _policies(written: Iterable[str]) -> tuple[Policy, ...]:
    parts = (policy.split() for policy in written)
    return tuple(Policy(kind, int(number), int(period_s)) for kind, number, period_s in parts)


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
