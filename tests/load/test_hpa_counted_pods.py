"""Pods that are not counted as they are: missing from the metrics, unready, failed or deleted.

Source: k8s.io/kubernetes v1.35.4, pkg/controller/podautoscaler/replica_calculator.go
(GetResourceReplicas, calcPlainMetricReplicas, groupPods).
"""

import pytest

from clusterproof.load.hpa.proposal import (
    NoProposalError,
    PodView,
    Proposal,
    Sample,
    Seen,
    group,
)
from clusterproof.load.hpa.rules import ControllerFlags, ResourceTarget
from tests.load.hpa_parts import (
    DELETED,
    FAILED,
    NOW,
    PENDING,
    READY,
    UNREADY,
    Measured,
    cpu,
    proposed,
)

MISSING: Measured = (READY, None)


@pytest.mark.parametrize(
    ("percent", "replicas"), [(89, 9), (90, 10), (100, 10), (110, 10), (111, 12)]
)
def test_a_tenth_around_the_target_is_let_be(percent: int, replicas: int) -> None:
    """Both ends belong to it."""
    pods = ((READY, percent),) * 10
    assert proposed(cpu(100), *pods) == Proposal(replicas, percent)


@pytest.mark.parametrize(
    "quiet", [(UNREADY, 0), (UNREADY, 90), MISSING], ids=["unready", "busy-and-unready", "missing"]
)
def test_a_pod_that_cannot_be_counted_is_idle_when_growing(quiet: Measured) -> None:
    """Three at 140 % of the target and an idle one are within the tolerance together."""
    assert proposed(cpu(50), *((READY, 70),) * 3, quiet) == Proposal(4, 70)


@pytest.mark.parametrize("quiet", [(UNREADY, 0), MISSING], ids=["unready", "missing"])
def test_an_idle_pod_uses_nothing_at_all(quiet: Measured) -> None:
    """Not even a thousandth, where Pods ask for no more than that."""
    assert proposed(cpu(100), (READY, 4), quiet, request=1) == Proposal(4, 400)


@pytest.mark.parametrize("quiet", [(UNREADY, 0), MISSING], ids=["unready", "missing"])
@pytest.mark.parametrize(
    "target", [cpu(50), ResourceTarget("cpu", average_milli=50)], ids=["percent", "average"]
)
def test_at_the_target_a_pod_without_a_figure_changes_nothing(
    quiet: Measured, target: ResourceTarget
) -> None:
    """It is neither idle nor busy then."""
    assert proposed(target, (READY, 50), quiet) == Proposal(2, 50)


@pytest.mark.parametrize(
    ("target", "missing", "replicas"),
    [
        (cpu(100), 1, 2),
        (cpu(50), 1, 3),
        (cpu(50), 3, 5),
        (ResourceTarget("cpu", average_milli=100), 1, 2),
        (ResourceTarget("cpu", average_milli=100), 3, 4),
    ],
    ids=[
        "at-its-request",
        "over-the-target",
        "three-do-not-turn-it",
        "at-the-average",
        "three-at-it",
    ],
)
def test_a_missing_pod_is_busy_when_shrinking(
    target: ResourceTarget, missing: int, replicas: int
) -> None:
    """At its whole request, or at the average that is wanted; it never makes the rest grow."""
    pods = ((READY, 10),) * 2
    assert proposed(target, *pods, *(MISSING,) * missing) == Proposal(replicas, 10)


@pytest.mark.parametrize(
    ("percent", "request_milli", "replicas"),
    [(150, 2, 2), (132, 3, 1)],
    ids=["three-of-two", "three-of-three-and-not-3.96"],
)
def test_over_100_percent_a_missing_pod_is_at_the_target(
    percent: int, request_milli: int, replicas: int
) -> None:
    """In whole thousandths, as the controller counts."""
    found = proposed(cpu(percent), (READY, 1), MISSING, request=request_milli)
    assert found.replicas == replicas


@pytest.mark.parametrize(("busy", "replicas"), [(90, 6), (160, 7), (250, 10)])
def test_a_high_load_never_proposes_fewer_than_there_should_be(busy: int, replicas: int) -> None:
    """Six were asked for, three are there, and one of these is not yet Ready."""
    pods = ((READY, busy), (READY, busy), (UNREADY, 0))
    assert proposed(cpu(50), *pods, current=6) == Proposal(replicas, busy)


@pytest.mark.parametrize("pod", [DELETED, FAILED, PENDING], ids=["deleted", "failed", "pending"])
def test_the_usage_of_a_pod_that_does_not_serve_is_not_counted(pod: PodView) -> None:
    """Although the metrics API still has it, or has it already."""
    assert proposed(cpu(50), (READY, 50), (pod, 100)) == Proposal(2, 50)


@pytest.mark.parametrize(
    ("pods", "says"),
    [
        (((PENDING, 50),), "did not receive metrics for targeted pods (pods might be unready)"),
        (((DELETED, 50),), "did not receive metrics for targeted pods (pods might be unready)"),
        (((READY, None),), "no metrics returned for resource cpu"),
    ],
    ids=["pending", "deleted", "missing"],
)
def test_pods_without_a_usable_figure_give_no_proposal(
    pods: tuple[Measured, ...], says: str
) -> None:
    """And the reason is the controller's."""
    with pytest.raises(NoProposalError) as none:
        proposed(cpu(50), *pods)
    assert str(none.value) == says


@pytest.mark.parametrize(
    ("pod", "unready"),
    [
        (PodView("p", started_at=NOW - 119, ready_changed_at=NOW - 30), True),
        (PodView("p", started_at=NOW - 120, ready_changed_at=NOW - 30), False),
        (PodView("p", started_at=NOW - 180, ready="False", ready_changed_at=NOW - 151), True),
        (PodView("p", started_at=NOW - 180, ready="False", ready_changed_at=NOW - 150), False),
    ],
    ids=["warming-up", "warmed-up", "never-ready", "once-ready"],
)
def test_the_periods_after_a_start_end_with_their_last_second(pod: PodView, unready: bool) -> None:  # noqa: FBT001 - what is claimed
    """120 s to warm up, and 30 s in which not being Ready means never having been."""
    flags = ControllerFlags(cpu_initialization_s=120, readiness_delay_s=30)
    sample = Sample({}, NOW, 60.0)
    groups = group(Seen(NOW, 1, (pod,), {"p": sample}), {"p": 1}, resource="cpu", flags=flags)
    assert (groups.unready == {"p"}, groups.ready == 0) == (unready, unready)
