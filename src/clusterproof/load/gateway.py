"""What stands before the Pods, told from them: it answers in their place, and it asks again.

An Ingress, a gateway or a mesh has its own 429, 503, 413 or 308 (a limit, no endpoint, a body that
is too large, https only), and may repeat a request that failed. Where the Pods count by status,
both are counted here to the number; where they do not, nobody can tell.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from clusterproof.load.account import Account
from clusterproof.load.finding import Finding, Link
from clusterproof.outcome import Outcome

_HTTP = "HTTP "
_RETRIED = frozenset({"500", "502", "503", "504"})
MAYBE_OWN = frozenset(
    ["301", "302", "307", "308", "401", "403", "408", "413", "429", "502", "503", "504"]
)
"""What a gateway answers by itself: a redirect to https, for want of a login or of a right, of a
body that is too large, over a limit, without a Pod. Source: RFC 9110, 15, and RFC 6585."""


def statuses_seen(account: Account) -> Counter[str]:
    """The wrong answers that callers got, by HTTP status."""
    counts: Counter[str] = Counter()
    for row in account.names.values():
        for reason, count in row.failed.items():
            status, _, _ = reason.removeprefix(_HTTP).partition(" ")  # a redirect says where to
            if reason.startswith(_HTTP) and status.isdigit():
                counts[status] += count
    return counts


@dataclass(frozen=True, slots=True)
class Between:
    """What a gateway did.

    Attributes:
        answered: Answers that no Pod counted, by status.
        retried: Answers that a Pod counted and no caller got, by status.
        unknown: Answers of which it cannot be told.
    """

    answered: Mapping[str, int]
    retried: Mapping[str, int]
    unknown: int = 0


def tell_apart(
    received: Mapping[str, int],
    counted: Mapping[str, float],
    *,
    unseen: float,
    surplus: float,
    spare: int,
) -> Between:
    """What callers got, by status, against what the Pods counted.

    Args:
        received: What callers got.
        counted: What the Pods counted; empty where they do not count by status.
        unseen: The most that Pods may have counted after their last reads.
        surplus: How much more they counted, of all statuses, than callers got answers.
        spare: Requests without an answer: a Pod may have counted them.
    """
    missing = {
        status: round(count - counted.get(status, 0))
        for status, count in received.items()
        if status in MAYBE_OWN and count > counted.get(status, 0)
    }
    own = {status: count for status, count in missing.items() if counted and count > unseen}
    again = {
        status: round(count - received.get(status, 0))
        for status, count in counted.items()
        if status in _RETRIED and count > received.get(status, 0)
    }
    repeated, more = sum(again.values()), surplus + sum(own.values())
    # What else is counted twice is no retry: all that is too much has to be explained.
    if repeated <= spare or abs(more - repeated) > spare + unseen:
        again = {}
    return Between(own, again, sum(missing.values()) - sum(own.values()))


def judge_gateway(between: Between, scheduled: int, failure_ratio: float) -> Finding | None:
    """It answered in the target's place no more often than requests may fail; None if never.

    Args:
        between: What it did.
        scheduled: How many requests there were.
        failure_ratio: How many of them may fail.
    """
    answered, retried = sum(between.answered.values()), sum(between.retried.values())
    if not answered and not retried:
        return None
    parts = [
        *(f"{n} x HTTP {status} that no Pod counted" for status, n in between.answered.items()),
        *(f"{n} x HTTP {status} repeated, unseen" for status, n in between.retried.items()),
    ]
    return Finding(
        "gateway-answers",
        Link.GATEWAY,
        Outcome.FAILED if answered + retried > failure_ratio * scheduled else Outcome.PASSED,
        f"at most {failure_ratio:.3%} of all requests answered or repeated before the Pods",
        f"{answered} answered, {retried} repeated, of {scheduled}",
        tuple(parts),
    )
