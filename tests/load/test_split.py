"""A/B truth: each finding to the letter, on both sides of its limit."""

import random

import pytest

from clusterproof.load.split import (
    Exposure,
    detectable,
    judge_agreement,
    judge_split,
    judge_stickiness,
)
from clusterproof.outcome import Outcome
from tests.load.saying import said

HALVES = {"control": 0.5, "treatment": 0.5}
DECLARED = "expected users split control 50%, treatment 50% (chi-square, alpha 0.001)"
SMALLEST = "a shift of 28.08 points is seen in 99 % of such runs"


def users(treated: int, of: int = 100) -> list[Exposure]:
    """One answer for each user, the first ones treated."""
    return [
        Exposure(f"u{n}", "treatment" if n < treated else "control", f"e{n}") for n in range(of)
    ]


@pytest.mark.parametrize(
    ("treated", "outcome", "observed"),
    [
        (50, "passed", "control 50 (50.00%), treatment 50 (50.00%); p = 1"),
        (66, "passed", "control 34 (34.00%), treatment 66 (66.00%); p = 0.00137"),
        (67, "failed", "control 33 (33.00%), treatment 67 (67.00%); p = 0.000674"),
        (33, "failed", "control 67 (67.00%), treatment 33 (33.00%); p = 0.000674"),
    ],
)
def test_a_split_is_judged_by_chance(treated: int, outcome: str, observed: str) -> None:
    """66 of 100 happen once in 730 fair draws, 67 once in 1480."""
    assert said(judge_split(users(treated), HALVES)).splitlines() == [
        f"{outcome}: ab-split of A/B split",
        DECLARED,
        f"observed 100 users: {observed}",
        SMALLEST,
    ]


def test_a_split_need_not_be_even() -> None:
    """The declared shares are what is compared."""
    found = said(judge_split(users(30), {"control": 0.75, "treatment": 0.25})).splitlines()
    assert found[0] == "passed: ab-split of A/B split"
    assert found[1] == "expected users split control 75%, treatment 25% (chi-square, alpha 0.001)"
    assert found[2].endswith("control 70 (70.00%), treatment 30 (30.00%); p = 0.248")


def test_too_few_users_are_not_judged() -> None:
    """PostHog's own rule: at least a hundred."""
    assert said(judge_split(users(50, of=99), HALVES)).splitlines() == [
        "inconclusive: ab-split of A/B split",
        DECLARED,
        "observed 99 users, too few to judge (at least 100)",
    ]


def test_a_variant_that_nobody_declared_fails_whatever_its_share() -> None:
    """Each is named."""
    strange = [Exposure("x", "other", ""), Exposure("y", "another", "")]
    assert said(judge_split([*users(50), *strange], HALVES)).splitlines() == [
        "failed: ab-split of A/B split",
        DECLARED,
        "observed variants that were not declared: another, other",
    ]


def test_a_user_counts_by_the_first_answer() -> None:
    """What comes later is a matter of stickiness."""
    later = [Exposure(f"u{n}", "treatment", "") for n in range(50, 100)]
    found = said(judge_split([*users(50), *later], HALVES))
    assert "100 users: control 50 (50.00%), treatment 50 (50.00%)" in found


@pytest.mark.parametrize(("number", "share"), [(0, 1.0), (100, 0.2808), (10_000, 0.02808)])
def test_more_users_show_a_smaller_shift(number: int, share: float) -> None:
    """A hundred times the users, a tenth of it; nobody shows nothing."""
    assert detectable(number, HALVES) == pytest.approx(share, rel=1e-3)


@pytest.mark.parametrize("shares", [HALVES, {"a": 0.9, "b": 0.1}, {"a": 0.5, "b": 0.3, "c": 0.2}])
def test_the_shift_that_is_stated_is_seen_in_99_percent_of_runs(shares: dict[str, float]) -> None:
    """From one variant to another, in either direction, of 2,000 users; 500 draws of each."""
    chance, users_of_run = random.Random(11), 2000  # noqa: S311 - a reproducible draw, not a secret
    shift = detectable(users_of_run, shares)
    first, second, *_ = shares
    for sign in (1, -1):
        shifted = {**shares, first: shares[first] - sign * shift}
        shifted[second] += sign * shift
        missed = 0
        for _ in range(500):
            drawn = chance.choices(list(shifted), list(shifted.values()), k=users_of_run)
            exposures = [Exposure(str(n), variant, "") for n, variant in enumerate(drawn)]
            missed += judge_split(exposures, shares).outcome is not Outcome.FAILED
        assert missed <= 10


def test_users_that_ask_twice_are_compared() -> None:
    """Those that asked once say nothing."""
    steady = [Exposure("a", "x", ""), Exposure("a", "x", ""), Exposure("b", "x", "")]
    assert said(judge_stickiness(steady)).splitlines() == [
        "passed: ab-sticky of A/B stickiness",
        "expected each user got one variant in all answers",
        "observed 0 of 1 users that asked more than once changed variant",
        "none of 1 still allows for 95.00% that change (95 %)",
    ]


def test_users_that_changed_sides_are_named_up_to_five() -> None:
    """With the variants that they had."""
    torn = [Exposure(f"u{n}", variant, "") for n in range(7) for variant in "zy"]
    assert said(judge_stickiness(torn)).splitlines() == [
        "failed: ab-sticky of A/B stickiness",
        "expected each user got one variant in all answers",
        "observed 7 of 7 users that asked more than once changed variant",
        *(f"u{n}: y, z" for n in range(5)),
    ]


def test_nobody_asked_twice() -> None:
    """So nobody can have changed."""
    assert said(judge_stickiness([Exposure("a", "x", "")])).splitlines() == [
        "inconclusive: ab-sticky of A/B stickiness",
        "expected each user got one variant in all answers",
        "observed no user asked twice, so nothing can be said",
    ]


@pytest.mark.parametrize(
    ("events", "lines"),
    [
        ({"e0": "control"}, ["passed", "0 of 1 pairs differ"]),
        (
            {"e0": "control", "e1": "other"},
            ["failed", "1 of 2 pairs differ", "e1: answer control, event other"],
        ),
        (
            {f"e{n}": "other" for n in range(7)},
            [
                "failed",
                "7 of 7 pairs differ",
                *(f"e{n}: answer control, event other" for n in range(5)),
            ],
        ),
        ({"elsewhere": "control"}, ["inconclusive", "no event could be matched to an answer"]),
    ],
)
def test_answers_are_compared_with_their_events(events: dict[str, str], lines: list[str]) -> None:
    """An answer without its event is not compared."""
    outcome, observed, *evidence = lines
    assert said(judge_agreement(users(0, of=8), events)).splitlines() == [
        f"{outcome}: ab-agreement of PostHog events",
        "expected the variant in the answer is the variant in its event",
        f"observed {observed}",
        *evidence,
    ]
