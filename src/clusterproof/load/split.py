"""A/B truth: the declared split, the same variant for the same user, and in answer and event.

Source: PostHog's own rule for sample ratio mismatch (chi-square, p < 0.001, at least 100
exposures). Users are counted, not requests: a hash puts all of a user's requests on one side, so
requests are not independent.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from clusterproof.load.distributions import chi_square_tail, zero_failures_bound
from clusterproof.load.finding import Finding, Link
from clusterproof.outcome import Outcome

ALPHA = 0.001
FEWEST_USERS = 100
_OF_99_PERCENT = 2.326
"""The quantile of the normal distribution."""
_NEAR, _HIGHEST, _ROUNDS = 1e-6, 1000.0, 20


@dataclass(frozen=True, slots=True)
class Exposure:
    """One answer that carried a variant.

    Attributes:
        event_id: The UUID of the exposure event that the router says it sent, or "".
        at: When the answer came, seconds since the epoch.
    """

    user: str
    variant: str
    event_id: str
    at: float = 0.0


def judge_split(exposures: Iterable[Exposure], shares: Mapping[str, float]) -> Finding:
    """The sample-ratio test over unique users.

    Args:
        exposures: Of the run.
        shares: The declared share of each variant; they add up to 1.
    """
    first: dict[str, str] = {}
    for exposure in exposures:
        first.setdefault(exposure.user, exposure.variant)
    counts = Counter(first.values())
    users = sum(counts.values())
    declared = ", ".join(f"{name} {share:.0%}" for name, share in shares.items())
    expected = f"users split {declared} (chi-square, alpha {ALPHA})"
    unknown = sorted(set(counts) - set(shares))
    if unknown:
        observed = f"variants that were not declared: {', '.join(unknown)}"
        return Finding("ab-split", Link.SPLIT, Outcome.FAILED, expected, observed)
    if users < FEWEST_USERS:
        observed = f"{users} users, too few to judge (at least {FEWEST_USERS})"
        return Finding("ab-split", Link.SPLIT, Outcome.INCONCLUSIVE, expected, observed)
    statistic = sum(
        (counts[name] - users * share) ** 2 / (users * share) for name, share in shares.items()
    )
    chance = chi_square_tail(statistic, len(shares) - 1)
    shown = ", ".join(f"{name} {counts[name]} ({counts[name] / users:.2%})" for name in shares)
    return Finding(
        "ab-split",
        Link.SPLIT,
        Outcome.FAILED if chance < ALPHA else Outcome.PASSED,
        expected,
        f"{users} users: {shown}; p = {chance:.3g}",
        (f"a shift of {100 * detectable(users, shares):.2f} points is seen in 99 % of such runs",),
    )


def detectable(users: int, shares: Mapping[str, float]) -> float:
    """The shift between two variants, either way, that the test sees in 99 % of runs.

    The statistic is at least the square of one share's deviation, by its own variance, whatever
    the number of variants is; that share varies as it is after the shift.
    """
    if not users:
        return 1.0
    low, high = 0.0, _HIGHEST
    while high - low > _NEAR:
        middle = (low + high) / 2
        is_noticed = chi_square_tail(middle, len(shares) - 1) < ALPHA
        low, high = (low, middle) if is_noticed else (middle, high)
    return min(1.0, max(_shift(min(share, 1 - share), high, users) for share in shares.values()))


def _shift(share: float, critical: float, users: int) -> float:
    shift = 0.0
    for _ in range(_ROUNDS):
        moved = min(0.5, share + shift)
        limit = math.sqrt(critical * share * (1 - share))
        shift = (limit + _OF_99_PERCENT * math.sqrt(moved * (1 - moved))) / math.sqrt(users)
    return shift


def judge_stickiness(exposures: Iterable[Exposure]) -> Finding:
    """The same user always got the same variant, whichever pod answered."""
    variants: dict[str, set[str]] = defaultdict(set)
    answers: Counter[str] = Counter()
    for exposure in exposures:
        variants[exposure.user].add(exposure.variant)
        answers[exposure.user] += 1
    repeated = [user for user, count in answers.items() if count > 1]
    moved = sorted(user for user, names in variants.items() if len(names) > 1)
    expected = "each user got one variant in all answers"
    if not repeated:
        observed = "no user asked twice, so nothing can be said"
        return Finding("ab-sticky", Link.STICKINESS, Outcome.INCONCLUSIVE, expected, observed)
    examples = tuple(f"{user}: {', '.join(sorted(variants[user]))}" for user in moved[:5])
    if not moved:
        most = zero_failures_bound(len(repeated))
        examples = (f"none of {len(repeated)} still allows for {most:.2%} that change (95 %)",)
    return Finding(
        "ab-sticky",
        Link.STICKINESS,
        Outcome.FAILED if moved else Outcome.PASSED,
        expected,
        f"{len(moved)} of {len(repeated)} users that asked more than once changed variant",
        examples,
    )


def judge_agreement(exposures: Iterable[Exposure], events: Mapping[str, str]) -> Finding:
    """The variant in the answer is the variant in the event of the same UUID."""
    compared, differing = 0, []
    for exposure in exposures:
        if exposure.event_id in events:
            compared += 1
            if events[exposure.event_id] != exposure.variant:
                differing.append(exposure)
    expected = "the variant in the answer is the variant in its event"
    if not compared:
        observed = "no event could be matched to an answer"
        return Finding("ab-agreement", Link.EVENTS, Outcome.INCONCLUSIVE, expected, observed)
    return Finding(
        "ab-agreement",
        Link.EVENTS,
        Outcome.FAILED if differing else Outcome.PASSED,
        expected,
        f"{len(differing)} of {compared} pairs differ",
        tuple(
            f"{e.event_id}: answer {e.variant}, event {events[e.event_id]}" for e in differing[:5]
        ),
    )
