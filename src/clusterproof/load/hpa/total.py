"""What a metric of one object, or of something outside the cluster, proposes.

Source: replica_calculator.go (GetObjectMetricReplicas, GetObjectPerPodMetricReplicas,
GetExternalMetricReplicas, GetExternalPerPodMetricReplicas, getReadyPodsCount), v1.35.4.
"""

import math
from collections.abc import Sequence

from clusterproof.load.hpa.proposal import NoProposalError, PodView, Proposal, Tolerances
from clusterproof.load.hpa.rules import MetricTarget

MOST = 2**31 - 1
"""Replicas are an int32."""


def propose_of_total(
    target: MetricTarget,
    values: Sequence[int] | None,
    *,
    current: int,
    status_replicas: int,
    pods: Sequence[PodView],
    tolerances: Tolerances,
) -> Proposal:
    """The proposal of a metric of type Object or External.

    By its value the Ready pods count, by its average those of the scale target's status do; pods
    without a figure, and those that begin, make no difference to either.

    Args:
        target: What the HPA asks for.
        values: Of the object, or of each series, in thousandths; None when nobody answers.
        current: The scale target's spec.replicas.
        status_replicas: Its status.replicas.
        pods: All pods of the selector.
        tolerances: Of this HPA.

    Raises:
        NoProposalError: No metric, no pods to count, or a target that has neither figure.
    """
    if not values:
        raise NoProposalError(f"unable to get {target.kind.lower()} metric {target.name}")
    total = sum(values)
    if target.average_milli is not None:
        return _per_pod(total, target.average_milli, status_replicas, tolerances)
    if target.value_milli is None:
        raise NoProposalError(f"metric {target.name} has neither a value nor an average value")
    ratio = total / target.value_milli
    if current == 0:
        return Proposal(math.ceil(ratio), total)
    if tolerances.hold(ratio):
        return Proposal(current, total)
    if not pods:
        raise NoProposalError("no pods returned by selector")
    ready = sum(1 for pod in pods if pod.phase == "Running" and pod.ready == "True")
    return Proposal(min(math.ceil(ratio * ready), MOST), total)


def _per_pod(total: int, average: int, replicas: int, tolerances: Tolerances) -> Proposal:
    """Without any replicas the ratio is no number, and so within no tolerance."""
    if replicas and tolerances.hold(total / (average * replicas)):
        proposed = replicas
    else:
        proposed = min(math.ceil(total / average), MOST)
    return Proposal(proposed, math.ceil(total / replicas) if replicas else total)
