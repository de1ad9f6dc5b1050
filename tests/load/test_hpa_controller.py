"""One reconcile: what is decided, the reason for it, and what the next one remembers.

Source: k8s.io/kubernetes v1.35.4, pkg/controller/podautoscaler/horizontal.go (reconcileAutoscaler,
computeReplicasForMetrics).
"""

import pytest

from clusterproof.load.hpa.controller import Decision, reconcile, tolerances
from clusterproof.load.hpa.normalise import History, Recommendation, ScaleEvent
from clusterproof.load.hpa.proposal import Proposal, Seen, Tolerances
from clusterproof.load.hpa.rules import (
    DEFAULT_DOWN,
    DEFAULT_UP,
    Behavior,
    HpaSpec,
    ResourceTarget,
    Rules,
)
from tests.load.hpa_parts import FLAGS, NOW, READY, cpu, named, samples

DISK, GPU = ResourceTarget("disk", utilization=50), ResourceTarget("gpu", utilization=50)
"""Nobody measures these two."""
NO_DISK = "no metrics returned for resource disk"


def seen(replicas: int, percent: int, *, later_s: float = 0.0) -> Seen:
    """So many Ready Pods, each at this percent of its CPU request."""
    pods = ((READY, percent),) * replicas
    return Seen(NOW + later_s, replicas, named(pods, 100), samples(pods))


def bounds(low: int, high: int, behavior: Behavior | None = None) -> HpaSpec:
    """From `low` to `high`, at half of the CPU request."""
    return HpaSpec(low, high, (cpu(50),), behavior)


@pytest.mark.parametrize(
    ("current", "expected", "reason"),
    [(12, 10, "TooManyReplicas"), (11, 10, "TooManyReplicas"), (2, 3, "TooFewReplicas")],
)
def test_replicas_outside_the_bounds_come_back_at_once(
    current: int, expected: int, reason: str
) -> None:
    """Neither the metrics nor the rate policies are asked."""
    never = Behavior(Rules(0, "Disabled", ()), Rules(0, "Disabled", ()))
    decision, _ = reconcile(bounds(3, 10, never), seen(current, 50), History(), FLAGS)
    assert decision == Decision(expected, None, reason)


@pytest.mark.parametrize(
    ("current", "ups", "downs"),
    [(13, (), (ScaleEvent(3, NOW),)), (1, (ScaleEvent(2, NOW),), ())],
)
def test_coming_back_counts_for_the_rate_policies(
    current: int, ups: tuple[ScaleEvent, ...], downs: tuple[ScaleEvent, ...]
) -> None:
    """As any other step does."""
    _, history = reconcile(bounds(3, 10, Behavior()), seen(current, 50), History(), FLAGS)
    assert (history.ups, history.downs) == (ups, downs)


@pytest.mark.parametrize("low", [1, 3])
def test_a_deployment_that_was_set_to_zero_is_left_alone(low: int) -> None:
    """People switch the autoscaler off that way."""
    decision, history = reconcile(bounds(low, 10, Behavior()), seen(0, 0), History(), FLAGS)
    assert decision == Decision(0, None, "ScalingDisabled")
    assert (history.ups, history.downs) == ((), ())


def test_zero_replicas_that_the_bounds_allow_are_not_switched_off() -> None:
    """The metrics are asked, and there are none."""
    decision, _ = reconcile(bounds(0, 10), seen(0, 0), History(), FLAGS)
    reason = "no metrics returned for resource cpu"
    assert decision == Decision(0, None, reason, (reason,))


def test_the_replicas_at_first_sight_are_a_recommendation() -> None:
    """So an idle Deployment is kept for a whole window after the controller began."""
    first, history = reconcile(bounds(1, 10), seen(5, 0), History(), FLAGS)
    assert first == Decision(5, 0, "DesiredWithinRange", (Proposal(0, 0),))
    assert history.recommendations == (Recommendation(5, NOW), Recommendation(0, NOW))
    kept, after = reconcile(bounds(1, 10), seen(5, 0, later_s=300), history, FLAGS)
    assert kept.replicas == 5
    down, _ = reconcile(bounds(1, 10), seen(5, 0, later_s=301), after, FLAGS)
    assert down == Decision(1, 0, "TooFewReplicas", (Proposal(0, 0),))


@pytest.mark.parametrize(
    ("percent", "decision"),
    [
        (52, Decision(3, 3, "DesiredWithinRange", (Proposal(3, 52),))),
        (100, Decision(6, 6, "DesiredWithinRange", (Proposal(6, 100),))),
        (400, Decision(6, 24, "ScaleUpLimit", (Proposal(24, 400),))),
    ],
    ids=["stays", "doubles", "not-more-than-doubles"],
)
def test_a_decision_says_what_was_proposed_and_what_limited_it(
    percent: int, decision: Decision
) -> None:
    """24 are needed at 400 %, 6 are the most that a step may set."""
    assert reconcile(bounds(1, 100), seen(3, percent), History(), FLAGS)[0] == decision


@pytest.mark.parametrize(
    ("metrics", "percent", "decision"),
    [
        ((cpu(50), DISK), 10, Decision(5, None, NO_DISK, (Proposal(1, 10), NO_DISK))),
        ((cpu(50), DISK), 50, Decision(5, 5, "DesiredWithinRange", (Proposal(5, 50), NO_DISK))),
        ((DISK, cpu(50)), 90, Decision(9, 9, "DesiredWithinRange", (NO_DISK, Proposal(9, 90)))),
        (
            (DISK, GPU),
            90,
            Decision(5, None, NO_DISK, (NO_DISK, "no metrics returned for resource gpu")),
        ),
    ],
    ids=["not-down", "may-stay", "may-go-up", "all-fail"],
)
def test_a_metric_that_fails_forbids_scaling_down_only(
    metrics: tuple[ResourceTarget, ...], percent: int, decision: Decision
) -> None:
    """The reason is that of the first metric which failed."""
    spec = HpaSpec(1, 10, metrics)
    assert reconcile(spec, seen(5, percent), History(), FLAGS)[0] == decision


def test_the_largest_proposal_counts() -> None:
    """Of CPU and memory, in whichever order."""
    memory = ResourceTarget("memory", utilization=90)
    for metrics in ((cpu(50), memory), (memory, cpu(50))):
        decision, _ = reconcile(HpaSpec(1, 10, metrics), seen(3, 90), History(), FLAGS)
        assert decision.replicas == 6


@pytest.mark.parametrize(
    ("behavior", "expected"),
    [
        (None, Tolerances(down=0.1, up=0.1)),
        (Behavior(), Tolerances(down=0.1, up=0.1)),
        (Behavior(down=Rules(300, "Max", (), tolerance=0.3)), Tolerances(down=0.3, up=0.1)),
        (Behavior(up=Rules(0, "Max", (), tolerance=0.0)), Tolerances(down=0.1, up=0.0)),
    ],
    ids=["no-behavior", "none-given", "down", "up-of-zero"],
)
def test_a_tolerance_of_the_behavior_stands_for_the_flag(
    behavior: Behavior | None, expected: Tolerances
) -> None:
    """In its direction only; zero is a tolerance too."""
    assert tolerances(bounds(1, 10, behavior), FLAGS) == expected


@pytest.mark.parametrize(
    ("tolerance", "percent", "replicas"),
    [(None, 55, 10), (0.0, 55, 11), (None, 45, 10), (0.0, 45, 9)],
)
def test_a_tolerance_of_zero_acts_on_the_smallest_difference(
    tolerance: float | None, percent: int, replicas: int
) -> None:
    """A tenth over or under the target is otherwise let be, and belongs to it."""
    up = Rules(0, "Max", DEFAULT_UP.policies, tolerance)
    down = Rules(0, "Max", DEFAULT_DOWN.policies, tolerance)
    spec = bounds(1, 20, Behavior(up, down))
    assert reconcile(spec, seen(10, percent), History(), FLAGS)[0].replicas == replicas
