"""What is still remembered at the last moment of a window or a period, and what no longer is.

Source: k8s.io/kubernetes v1.35.4, pkg/controller/podautoscaler/horizontal.go
(stabilizeRecommendation, stabilizeRecommendationWithBehaviors, getReplicasChangePerPeriod,
markScaleEventsOutdated): some compare with Before, some with After, and so it is tested.
"""

import pytest

from clusterproof.load.hpa.normalise import (
    History,
    Recommendation,
    ScaleEvent,
    remember_step,
    stabilise,
    up_limit,
)
from clusterproof.load.hpa.rules import Behavior, HpaSpec, Policy, Rules
from tests.load.hpa_parts import FLAGS, NOW, cpu

NONE: tuple[Policy, ...] = ()


def after(
    age_s: float, recommended: int, proposed: int, behavior: Behavior | None, current: int = 5
) -> tuple[int, list[int]]:
    """What is set with one earlier recommendation, and which ones are remembered then."""
    history = History((Recommendation(recommended, NOW - age_s),))
    spec = HpaSpec(1, 100, (cpu(50),), behavior)
    found, kept = stabilise(proposed, current, history, spec, now=NOW, flags=FLAGS)
    return found, [one.replicas for one in kept.recommendations]


def windows(up_s: int, down_s: int | None) -> Behavior:
    """A behavior with these two windows and no policies."""
    return Behavior(Rules(up_s, "Max", NONE), Rules(down_s, "Max", NONE))


@pytest.mark.parametrize(
    ("age_s", "behavior", "found", "kept"),
    [
        (299, None, 9, [9, 2]),
        (300, None, 9, [9, 2]),
        (301, None, 2, [2]),
        (299, windows(0, None), 5, [9, 2]),
        (300, windows(0, None), 2, [9, 2]),
        (301, windows(0, None), 2, [2]),
        (59, windows(0, 60), 5, [9, 2]),
        (60, windows(0, 60), 2, [9, 2]),
        (61, windows(0, 60), 2, [2]),
    ],
)
def test_a_higher_recommendation_holds_for_the_window(
    age_s: float, behavior: Behavior | None, found: int, kept: list[int]
) -> None:
    """Through its last moment without a behavior, up to it with one; then it is overwritten."""
    assert after(age_s, 9, 2, behavior) == (found, kept)


@pytest.mark.parametrize(
    ("age_s", "found", "kept"), [(59, 6, [6, 9]), (60, 9, [6, 9]), (61, 9, [9])]
)
def test_a_lower_recommendation_holds_a_scale_up_back(
    age_s: float, found: int, kept: list[int]
) -> None:
    """For the scale-up window of 60 s."""
    assert after(age_s, 6, 9, windows(60, 0)) == (found, kept)


@pytest.mark.parametrize("behavior", [windows(60, 300), windows(300, 60)])
def test_a_recommendation_is_remembered_for_the_longer_window(behavior: Behavior) -> None:
    """The other direction may still need it."""
    assert [len(after(age, 5, 5, behavior)[1]) for age in (61, 300, 301)] == [2, 2, 1]


@pytest.mark.parametrize(("age_s", "allowed"), [(59.0, 10), (60.0, 14)])
def test_a_step_counts_against_the_rate_up_to_the_end_of_its_period(
    age_s: float, allowed: int
) -> None:
    """Four Pods a minute, and four were added so long ago."""
    rules = Rules(0, "Max", (Policy("Pods", 4, 60),))
    history = History(ups=(ScaleEvent(4, NOW - age_s),))
    assert up_limit(10, history, rules, now=NOW) == allowed


@pytest.mark.parametrize(
    ("policies", "age_s", "kept"),
    [
        ((Policy("Pods", 4, 60),), 60, 2),
        ((Policy("Pods", 4, 60),), 61, 1),
        ((Policy("Pods", 4, 60), Policy("Percent", 50, 90)), 61, 2),
        (NONE, 0, 2),
        (NONE, 0.5, 1),
    ],
    ids=["at-its-period", "past-it", "in-the-longest", "no-period", "past-none"],
)
def test_a_step_is_remembered_for_the_longest_period(
    policies: tuple[Policy, ...], age_s: float, kept: int
) -> None:
    """And its place is then taken by the next step."""
    behavior = Behavior(up=Rules(0, "Max", policies))
    history = remember_step(History(), 3, 5, behavior, now=NOW - age_s)
    assert len(remember_step(history, 5, 6, behavior, now=NOW).ups) == kept
