"""Judges of sums, LimitRanges, room, autoscaler state and volume use."""

from collections.abc import Iterator

from clusterproof.judge.difference import Difference, judge
from clusterproof.kube.quantity import parse_quantity, show_quantity
from clusterproof.observe.resources import LimitRangeEffects, Room, Totals
from clusterproof.observe.scaling import HpaState
from clusterproof.observe.storage import VolumeUse
from clusterproof.spec.desired import HpaStateRow, LimitRangeRow, RoomRow, TotalsRow, VolumeUseRow


@judge.register
def judge_totals(rule: TotalsRow, value: Totals) -> Iterator[Difference]:
    """The sum is the row's, and nothing was left out of it."""
    for name in value.absent:
        yield Difference(name, "a workload to sum", "absent")
    for name in value.unbounded:
        yield Difference(name, f"{rule.bound}.{rule.resource}", "none")
    if value.total != parse_quantity(rule.quantity):
        yield Difference(
            f"sum of {rule.bound}.{rule.resource}",
            rule.quantity,
            show_quantity(value.total, rule.resource),
        )


@judge.register
def judge_limit_ranges(rule: LimitRangeRow, value: LimitRangeEffects) -> Iterator[Difference]:
    """No effect on any container of the workloads, which are there to be affected."""
    for name in value.absent:
        yield Difference(name, "a workload", "absent")
    for effect in value.effects:
        yield Difference(f"LimitRange in {rule.namespace}", "no effect", effect)


@judge.register
def judge_room(rule: RoomRow, value: Room) -> Iterator[Difference]:
    """Running and addable replicas reach the row's number."""
    possible = value.running + value.more
    if possible < rule.replicas:
        yield Difference(
            f"replicas that the {rule.within} admits",
            f"{rule.replicas}",
            f"{possible} ({value.running} run, {value.more} more fit)",
            value.limited_by,
        )


@judge.register
def judge_hpa_state(rule: HpaStateRow, value: HpaState) -> Iterator[Difference]:
    """The aspect of the row."""
    if not value.exists:
        yield Difference(str(rule.of), "an autoscaler", "absent")
        return
    aspects = {
        "metrics": _metrics,
        "conditions": _conditions,
        "target": _target,
        "requests": _requests,
    }
    yield from aspects[rule.aspect](rule, value)


def _metrics(rule: HpaStateRow, value: HpaState) -> Iterator[Difference]:
    why = "; ".join(message for kind, _, _, message in value.conditions if kind == "ScalingActive")
    has = {*dict(value.current), *value.measured}
    missing: list[str] = [name for name in rule.resources or () if name not in has]
    missing += [name for name in value.unmeasured if name not in missing]
    for name in missing:
        yield Difference(f"current {name}", "a figure", "unknown", why)


def _conditions(_rule: HpaStateRow, value: HpaState) -> Iterator[Difference]:
    states = {kind: (state, reason, message) for kind, state, reason, message in value.conditions}
    for kind in ("AbleToScale", "ScalingActive"):
        state, reason, message = states.get(kind, ("absent", "", ""))
        if state != "True":
            yield Difference(kind, "True", state, f"{reason}: {message}".strip(": "))


def _target(_rule: HpaStateRow, value: HpaState) -> Iterator[Difference]:
    if not value.target_exists:
        yield Difference("scaleTargetRef", "an object that exists", f"{value.target}, absent")
    for stranger in value.strangers:
        yield Difference(
            "Pods that it averages over",
            f"those of {value.target}",
            stranger,
            f"the selector of {value.target} takes it in",
        )


def _requests(_rule: HpaStateRow, value: HpaState) -> Iterator[Difference]:
    if not value.target_exists:
        yield Difference("scaleTargetRef", "an object that exists", f"{value.target}, absent")
    for name in value.without_request:
        yield Difference(name, "a request", "none", "utilization cannot be computed without it")


@judge.register
def judge_volume_use(rule: VolumeUseRow, value: VolumeUse) -> Iterator[Difference]:
    """The used share is not over the row's."""
    if value.ratio > rule.at_most:
        yield Difference("used share", f"at most {rule.at_most:.0%}", f"{value.ratio:.1%}")
