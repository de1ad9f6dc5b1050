"""One reconcile of the modelled controller: metrics in, replicas and reasons out.

Source: horizontal.go (reconcileAutoscaler, computeReplicasForMetrics), v1.35.4.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from clusterproof.load.hpa.normalise import (
    History,
    Recommendation,
    limit,
    remember_step,
    stabilise,
)
from clusterproof.load.hpa.proposal import (
    NoProposalError,
    Proposal,
    Seen,
    Tolerances,
    propose,
)
from clusterproof.load.hpa.rules import ControllerFlags, HpaSpec


@dataclass(frozen=True, slots=True)
class Decision:
    """What it decides.

    Attributes:
        replicas: What spec.replicas is set to (or left at).
        proposed: The largest proposal of the metrics, None when there was none.
        reason: ScalingLimited's reason, or why metrics were not consulted or not usable.
        proposals: By metric, in the spec's order: a proposal or the reason for none.
    """

    replicas: int
    proposed: int | None
    reason: str
    proposals: tuple[Proposal | str, ...] = ()


def reconcile(
    spec: HpaSpec, seen: Seen, history: History, flags: ControllerFlags
) -> tuple[Decision, History]:
    """The decision at `seen.now`, and the history that the next reconcile starts from."""
    current = seen.current
    if not history.recommendations:
        history = replace(history, recommendations=(Recommendation(current, seen.now),))
    if current == 0 and spec.min_replicas != 0:
        return Decision(0, None, "ScalingDisabled"), history
    if current > spec.max_replicas or current < spec.min_replicas:
        bound = min(max(current, spec.min_replicas), spec.max_replicas)
        reason = "TooManyReplicas" if current > bound else "TooFewReplicas"
        decision = Decision(bound, None, reason)
        return decision, remember_step(history, current, bound, spec.behavior, now=seen.now)
    proposals = tuple(_proposals(spec, seen, flags))
    proposed = _largest(proposals, current)
    if proposed is None:
        reason = next(p for p in proposals if isinstance(p, str))
        return Decision(current, None, reason, proposals), history
    stabilised, history = stabilise(proposed, current, history, spec, now=seen.now, flags=flags)
    limited = limit(stabilised, current, history, spec, now=seen.now)
    decision = Decision(limited.replicas, proposed, limited.reason, proposals)
    if limited.replicas == current:
        return decision, history
    after = remember_step(history, current, limited.replicas, spec.behavior, now=seen.now)
    return decision, after


def tolerances(spec: HpaSpec, flags: ControllerFlags) -> Tolerances:
    """The HPA's own tolerances where its behavior gives them (on by default since 1.35)."""
    down = spec.behavior.down.tolerance if spec.behavior else None
    up = spec.behavior.up.tolerance if spec.behavior else None
    return Tolerances(
        down=flags.tolerance if down is None else down,
        up=flags.tolerance if up is None else up,
    )


def _proposals(spec: HpaSpec, seen: Seen, flags: ControllerFlags) -> list[Proposal | str]:
    proposals: list[Proposal | str] = []
    for target in spec.metrics:
        try:
            proposals.append(propose(target, seen, tolerances(spec, flags), flags))
        except NoProposalError as error:
            proposals.append(str(error))
    return proposals


def _largest(proposals: Sequence[Proposal | str], current: int) -> int | None:
    """The largest proposal; a metric that failed forbids scaling down, not scaling up."""
    usable = [p.replicas for p in proposals if isinstance(p, Proposal)]
    if not usable:
        return None
    largest = max(usable)
    failed = len(usable) < len(proposals)
    return None if failed and largest < current else largest
