"""Metric truth: the client's count, the pods' counters, Prometheus and PostHog, side by side.

Every disagreement is named with its size, and the bound on loss that could not have been seen is
part of the finding.
"""

import math
from collections import Counter
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from clusterproof.load.counters import Growth
from clusterproof.load.distributions import zero_failures_bound
from clusterproof.load.finding import Finding, Link
from clusterproof.outcome import Outcome

_COARSE = 0.2
"""A bound that could hide a fifth of all requests shows nothing: the run is too short for the
scrapes. Our choice."""
_MORE = (
    "more than was sent: probes, other callers, retries of an Ingress?"
    " metrics.where chooses series by their labels, metrics.others allows for them"
)
_TWICE = "scraped by two jobs? evidence.prometheus_where chooses series by Prometheus' own labels"


@dataclass(frozen=True, slots=True)
class ClientCounts:
    """What the generator counted, after it drained.

    Attributes:
        answered: Requests with an HTTP answer from the router, whatever its status.
        unanswered: Requests without one (refused, reset, timed out): served or not, unknown.
    """

    answered: int
    unanswered: int


@dataclass(frozen=True, slots=True)
class PrometheusWindow:
    """How Prometheus looked at the same run.

    Attributes:
        increase: Its `increase()` over the run, extrapolated.
        scrape_s: Its scrape interval.
        range_s: The range of the query.
        births: Pods born within the range (their first value is lost).
        deaths: Pods gone within the range (what came after the last scrape is lost).
        pod_rate: The highest mean rate of one pod, requests per second.
    """

    increase: float
    scrape_s: float
    range_s: float
    births: int
    deaths: int
    pod_rate: float

    @property
    def bound(self) -> float:
        """The most by which `increase` may differ from the truth, by its documented algorithm."""
        ends = 2.2 * self.scrape_s / max(self.range_s, self.scrape_s)
        return ends * self.increase + (self.births + self.deaths) * self.scrape_s * self.pod_rate


def judge_requests(
    client: ClientCounts, served: float, unseen_bound: float, *, others: bool = False
) -> Finding:
    """Answered <= served <= answered + unanswered, with what pods may have counted unseen.

    Args:
        client: What the generator counted.
        served: What the Pods' counters grew by.
        unseen_bound: The most that they may have counted after their last reads.
        others: Whether they also count what was not ours: then there is no upper end.
    """
    low, high = client.answered, client.answered + client.unanswered
    expected = f"router counters grew by {low}"
    expected += " or more" if others else f" to {high}" if high > low else ""
    size = _outside(served, low, math.inf if others else high)
    evidence = [f"client: {client.answered} answered, {client.unanswered} without an answer"]
    if unseen_bound:
        evidence.append(f"pods may have counted up to {unseen_bound:.0f} after their last read")
    if client.answered and not size:
        evidence.append(_undetected(client.answered))
    if size > 0:
        evidence.append(_MORE)
    outcome = Outcome.PASSED
    if not client.answered:
        outcome = Outcome.INCONCLUSIVE
        evidence.append("zero requests prove nothing")
    elif size > 0 or (size < 0 and -size > unseen_bound):
        outcome = Outcome.FAILED
    elif -size > _COARSE * low:
        outcome = Outcome.INCONCLUSIVE
        evidence.append("so much may have been counted unseen that agreeing shows nothing")
    return Finding(
        "count-requests",
        Link.REQUEST_COUNTER,
        outcome,
        expected,
        f"{served:.0f}{_off(size, low)}",
        tuple(evidence),
    )


def judge_histogram(name: str, counter: Growth, histogram: Growth) -> Finding:
    """The duration histogram `name` counted each request that the counter counted.

    Both are read from one page, so that what a Pod counted after its last read is in neither. A
    page that is not written at once may be one request apart for each process that ended.
    """
    size = histogram.total - counter.total
    ended = sum(1 for life in counter.lives if life.has_ended)
    outcome = _equal(size, counter.total)
    if outcome is Outcome.FAILED and abs(size) <= ended:
        outcome = Outcome.PASSED
    return Finding(
        "count-histogram",
        Link.REQUEST_COUNTER,
        outcome,
        f"{name} grew by {counter.total:.0f}, as the counter",
        f"{histogram.total:.0f}{_off(size, counter.total)}",
    )


def judge_durations(
    client_sum_s: float,
    server_sum_s: float,
    answered: int,
    unanswered: int = 0,
    longest_s: float = 0.0,
) -> Finding:
    """The service's own durations are within what callers saw, and are the bulk of it.

    A service may go on with a request that its caller has given up, each for `longest_s` at most:
    so much more than callers saw is INCONCLUSIVE.
    """
    expected = "the server's summed durations are positive and at most the client's"
    observed = f"server {server_sum_s:.2f} s, client {client_sum_s:.2f} s over {answered} requests"
    evidence: tuple[str, ...] = ()
    outcome = Outcome.FAILED
    if 0 < server_sum_s <= client_sum_s:
        outcome = Outcome.PASSED
    if 0 < server_sum_s - client_sum_s <= unanswered * longest_s:
        outcome = Outcome.INCONCLUSIVE
        evidence = (f"{unanswered} without an answer, with which the service may have gone on",)
    if not answered:
        outcome = Outcome.INCONCLUSIVE
    return Finding("sum-durations", Link.REQUEST_COUNTER, outcome, expected, observed, evidence)


def judge_prometheus(served: float, window: PrometheusWindow | None) -> Finding | None:
    """Prometheus' increase() agrees within its stated extrapolation error.

    None where that error is so large that agreeing shows nothing, as in a smoke run.
    """
    if window is None:
        observed = "Prometheus gave no increase() for the run"
        expected = "an increase() within its extrapolation bound"
        return Finding(
            "count-prometheus", Link.REQUEST_COUNTER, Outcome.INCONCLUSIVE, expected, observed
        )
    error = window.increase - served
    outcome = Outcome.PASSED if abs(error) <= window.bound else Outcome.FAILED
    if outcome is Outcome.PASSED and window.bound > _COARSE * served:
        return None
    bound = (
        f"bound: {window.scrape_s:g} s scrapes over {window.range_s:.0f} s extrapolate by at"
        f" most 1.1 intervals at each end, and {window.births} births and"
        f" {window.deaths} deaths each hide up to one interval at {window.pod_rate:.1f}/s"
    )
    return Finding(
        "count-prometheus",
        Link.REQUEST_COUNTER,
        outcome,
        f"increase() within {window.bound:.0f} of {served:.0f}",
        f"{window.increase:.1f} ({error:+.1f}, {_percent(error, served)})",
        (bound, _TWICE) if error > window.bound else (bound,),
    )


def judge_exposures(
    name: str, answers_with_variant: int, counted: float, unseen_bound: float
) -> Finding:
    """The counter `name` grew once for each answer that carried a variant."""
    expected = f"{name} grew by {answers_with_variant}"
    return _counter(
        ("count-exposures", Link.EXPOSURES), expected, counted, answers_with_variant, unseen_bound
    )


def judge_events(announced: Sequence[str], durable: AbstractSet[str] | None) -> Finding:
    """Each exposure that the router announced is one durable event of the same UUID.

    Args:
        announced: The UUID of each answer with a variant; "" where it had none.
        durable: Those that PostHog has; None when it could not be asked.
    """
    expected = f"{len(announced)} exposure events in PostHog, by UUID"
    if durable is None:
        observed = "PostHog's events could not be read"
        return Finding("events-by-uuid", Link.EVENTS, Outcome.INCONCLUSIVE, expected, observed)
    named = Counter(uuid for uuid in announced if uuid)
    unnamed, again = len(announced) - named.total(), named.total() - len(named)
    lost = named.keys() - durable
    wrong = len(lost) + unnamed + again
    evidence = [f"missing: {uuid}" for uuid in sorted(lost)[:5]]
    if unnamed:
        evidence.append(f"{unnamed} answers with a variant name no event")
    if again:
        evidence.append(f"{again} answers name an event that another one named")
    if announced and not wrong:
        evidence = [_undetected(len(announced))]
    outcome = Outcome.PASSED
    if not announced:
        outcome = Outcome.INCONCLUSIVE
    elif wrong:
        outcome = Outcome.FAILED
    share = len(lost) / len(named) if named else 0.0
    observed = f"{len(named) - len(lost)} found, {len(lost)} lost ({share:.2%})"
    if unnamed or again:
        observed += f", {unnamed} without a name, {again} named twice"
    return Finding("events-by-uuid", Link.EVENTS, outcome, expected, observed, tuple(evidence))


def judge_sent(name: str, sent: float, durable: int | None, unseen_bound: float) -> Finding:
    """The counter `name` says what became durable."""
    if durable is None:
        expected = f"{name} grew by the durable events of the run"
        observed = f"{sent:.0f} sent; PostHog's events could not be read"
        return Finding("events-sent", Link.EVENTS, Outcome.INCONCLUSIVE, expected, observed)
    expected = f"{name} grew by the {durable} durable events of the run"
    return _counter(("events-sent", Link.EVENTS), expected, sent, durable, unseen_bound)


def _counter(
    claim: tuple[str, Link], expected: str, counted: float, due: int, unseen_bound: float
) -> Finding:
    """A counter grew by what was due; Pods may have counted the rest after their last reads."""
    size = counted - due
    outcome = _equal(size, due)
    if outcome is Outcome.FAILED and size < 0 and -size <= unseen_bound:
        outcome = Outcome.PASSED
    return Finding(*claim, outcome, expected, f"{counted:.0f}{_off(size, due)}")


def _outside(value: float, low: float, high: float) -> float:
    return value - low if value < low else max(0.0, value - high)


def _equal(size: float, of: float) -> Outcome:
    if not of:
        return Outcome.INCONCLUSIVE
    return Outcome.PASSED if size == 0 else Outcome.FAILED


def _off(size: float, of: float) -> str:
    return f" ({size:+.0f}, {_percent(size, of)})" if size else ""


def _percent(size: float, of: float) -> str:
    return f"{size / of:+.3%}" if of else "of none"


def _undetected(count: int) -> str:
    return (
        f"loss that {count} exact matches still allow: under"
        f" {zero_failures_bound(count):.2g} of all (95 %)"
    )
