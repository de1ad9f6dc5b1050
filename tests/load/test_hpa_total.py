"""Metrics of Pods, of objects and external ones: who is counted, and when nothing is proposed.

Source: k8s.io/kubernetes v1.35.4, pkg/controller/podautoscaler/replica_calculator.go
(GetMetricReplicas, GetObjectMetricReplicas, GetObjectPerPodMetricReplicas,
GetExternalMetricReplicas, GetExternalPerPodMetricReplicas). The real controller is asked beside it
in tests/oracles.
"""

from dataclasses import replace

import pytest

from clusterproof.load.hpa.controller import reconcile
from clusterproof.load.hpa.normalise import History
from clusterproof.load.hpa.proposal import (
    MOST,
    NoProposalError,
    PodView,
    Proposal,
    Seen,
    Tolerances,
    propose,
)
from clusterproof.load.hpa.rules import HpaSpec, MetricTarget
from tests.load.hpa_parts import (
    DELETED,
    FAILED,
    FLAGS,
    NOW,
    PENDING,
    READY,
    UNREADY,
    cpu,
    named,
    samples,
)

TEN_PERCENT = Tolerances(0.1, 0.1)
RATE = MetricTarget("Pods", "rate", average_milli=1000)
BY_VALUE = MetricTarget("External", "queue", value_milli=10_000)
BY_AVERAGE = MetricTarget("External", "queue", average_milli=10_000)


def pods(*states: PodView) -> tuple[PodView, ...]:
    return tuple(replace(state, name=f"pod-{number}") for number, state in enumerate(states))


def of_pods(states: tuple[PodView, ...], *values: int | None, current: int = 2) -> Proposal:
    measured = {f"pod-{n}": value for n, value in enumerate(values) if value is not None}
    seen = Seen(NOW, current, pods(*states), None, of_pods={RATE: measured})
    return propose(RATE, seen, TEN_PERCENT, FLAGS)


@pytest.mark.parametrize(
    ("states", "values", "proposal"),
    [
        ((READY, READY), (2000, 2000), Proposal(4, 2000)),
        ((READY, READY), (1000, 1100), Proposal(2, 1050)),
        ((READY, READY), (400, 500), Proposal(1, 450)),
        ((READY, UNREADY), (2000, 2000), Proposal(4, 2000)),
        ((READY, PENDING), (3000, 3000), Proposal(3, 3000)),
        ((READY, READY), (3000, None), Proposal(3, 3000)),
        ((READY, READY), (100, None), Proposal(2, 100)),
        ((READY, FAILED), (2000, 9000), Proposal(2, 2000)),
        ((READY, DELETED), (2000, 9000), Proposal(2, 2000)),
    ],
    ids=[
        "up",
        "within",
        "down",
        "unready-counts",
        "pending-has-none",
        "missing-has-none-up",
        "missing-is-at-its-target-down",
        "failed",
        "deleted",
    ],
)
def test_metric_of_pods_is_their_mean(
    states: tuple[PodView, ...], values: tuple[int | None, ...], proposal: Proposal
) -> None:
    """Readiness is asked of CPU alone; a Pod that begins or is not measured is filled in."""
    assert of_pods(states, *values) == proposal


@pytest.mark.parametrize(
    ("states", "values", "says"),
    [
        ((READY,), (None,), "unable to get metric rate"),
        ((), (5,), "no pods returned by selector"),
        ((PENDING,), (5,), "did not receive metrics for targeted pods (pods might be unready)"),
    ],
)
def test_metric_of_no_pod_proposes_nothing(
    states: tuple[PodView, ...], values: tuple[int | None, ...], says: str
) -> None:
    with pytest.raises(NoProposalError) as none:
        of_pods(states, *values)
    assert str(none.value) == says


def of_total(
    target: MetricTarget,
    *values: int,
    states: tuple[PodView, ...] = (READY, READY),
    current: int = 2,
    status_replicas: int = 2,
) -> Proposal:
    seen = Seen(
        NOW,
        current,
        pods(*states),
        None,
        totals={target: values},
        status_replicas=status_replicas,
    )
    return propose(target, seen, TEN_PERCENT, FLAGS)


@pytest.mark.parametrize(
    ("values", "states", "replicas"),
    [
        ((20_000,), (READY, READY), 4),
        ((11_000,), (READY, READY), 2),
        ((11_001,), (READY, READY), 3),
        ((8_999,), (READY, READY), 2),
        ((4_000,), (READY, READY), 1),
        ((0,), (READY, READY), 0),
        ((10_000, 10_000), (READY, READY), 4),
        ((20_000,), (READY, UNREADY), 2),
        ((20_000,), (READY, PENDING, FAILED), 2),
        ((20_000,), (READY, DELETED), 4),
        ((20_000,), (UNREADY, UNREADY), 0),
    ],
)
def test_value_is_shared_by_the_ready_pods(
    values: tuple[int, ...], states: tuple[PodView, ...], replicas: int
) -> None:
    """Those that run and are Ready, one that is being deleted too; series are summed."""
    assert of_total(BY_VALUE, *values, states=states) == Proposal(replicas, sum(values))


def test_value_needs_no_pod_where_there_are_no_replicas() -> None:
    """So an HPA may scale from zero, and back to it; no tolerance is asked."""
    assert of_total(BY_VALUE, 10_500, states=(), current=0) == Proposal(2, 10_500)
    assert of_total(BY_VALUE, 0, states=(), current=0) == Proposal(0, 0)
    with pytest.raises(NoProposalError, match="no pods returned by selector"):
        of_total(BY_VALUE, 20_000, states=())
    assert of_total(BY_VALUE, 10_000, states=()) == Proposal(2, 10_000)


@pytest.mark.parametrize(
    ("total", "status_replicas", "proposal"),
    [
        (40_000, 2, Proposal(4, 20_000)),
        (22_000, 2, Proposal(2, 11_000)),
        (22_001, 2, Proposal(3, 11_001)),
        (17_000, 2, Proposal(2, 8_500)),
        (30_001, 3, Proposal(3, 10_001)),
        (0, 2, Proposal(0, 0)),
        (25_000, 0, Proposal(3, 25_000)),
        (0, 0, Proposal(0, 0)),
    ],
)
def test_average_is_of_the_replicas_in_the_status(
    total: int, status_replicas: int, proposal: Proposal
) -> None:
    """Whatever the Pods are like, and whatever the spec says; rounded up."""
    found = of_total(BY_AVERAGE, total, states=(), current=9, status_replicas=status_replicas)
    assert found == proposal


def test_replicas_are_no_more_than_an_int32_holds() -> None:
    assert of_total(replace(BY_VALUE, value_milli=1), 2**50).replicas == MOST
    assert of_total(replace(BY_AVERAGE, average_milli=1), 2**50).replicas == MOST


@pytest.mark.parametrize("totals", [{}, {BY_VALUE: ()}])
def test_metric_that_nobody_answers_proposes_nothing(
    totals: dict[MetricTarget, tuple[int, ...]],
) -> None:
    with pytest.raises(NoProposalError) as none:
        propose(BY_VALUE, Seen(NOW, 1, (), None, totals=totals), TEN_PERCENT, FLAGS)
    assert str(none.value) == "unable to get external metric queue"


def test_target_without_a_figure_proposes_nothing() -> None:
    with pytest.raises(NoProposalError, match="neither a value nor an average value"):
        of_total(MetricTarget("Object", "queue"), 5)


def test_largest_of_all_types_counts_and_a_failed_one_forbids_going_down() -> None:
    """As with resources alone."""
    states = ((READY, 10),) * 4
    spec = HpaSpec(1, 10, (cpu(50), RATE, BY_VALUE, BY_AVERAGE))
    everything = Seen(
        NOW,
        4,
        named(states, 100),
        samples(states),
        of_pods={RATE: {f"pod-{number}": 1500 for number in range(4)}},
        totals={BY_VALUE: (20_000,), BY_AVERAGE: (30_000,)},
        status_replicas=3,
    )
    decision, _ = reconcile(spec, everything, History(), FLAGS)
    assert decision.replicas == 8
    assert decision.proposals == (
        Proposal(1, 10),
        Proposal(6, 1500),
        Proposal(8, 20_000),
        Proposal(3, 10_000),
    )
    blind = replace(everything, of_pods={}, totals={})
    decision, _ = reconcile(spec, blind, History(), FLAGS)
    assert (decision.replicas, decision.proposed) == (4, None)
    assert decision.reason == "unable to get metric rate"


def test_replicas_of_the_status_are_the_current_ones_unless_told() -> None:
    states = ((READY, 50),) * 2
    seen = Seen(NOW, 2, named(states, 100), samples(states), totals={BY_AVERAGE: (40_000,)})
    decision, _ = reconcile(HpaSpec(1, 10, (BY_AVERAGE,)), seen, History(), FLAGS)
    assert decision.proposals == (Proposal(4, 20_000),)
