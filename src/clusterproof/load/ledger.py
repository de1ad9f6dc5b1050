"""Metric truth: the client's count, the pods' counters, Prometheus and PostHog, side by side.

Every disagreement is named with its size, and the bound on loss that could not have been seen is
part of the finding.
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from clusterproof.load.distributions import zero_failures_bound
from clusterproof.load.finding import Finding, Link
from clusterproof.outcome import Outcome


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


def judge_requests(client: ClientCounts, served: float, unseen_bound: float) -> Finding:
    """Answered <= served <= answered + unanswered, with what pods may have counted unseen."""
    low, high = client.answered, client.answered + client.unanswered
    expected = f"router counters grew by {low}" + (f" to {high}" if high > low else "")
    size = _outside(served, low, high)
    evidence = [f"client: {client.answered} answered, {client.unanswered} without an answer"]
    if unseen_bound:
        evidence.append(f"pods may have counted up to {unseen_bound:.0f} after their last read")
    if client.answered:
        evidence.append(_undetected(client.answered))
    outcome = Outcome.PASSED
    if not client.answered:
        outcome = Outcome.INCONCLUSIVE
        evidence.append("zero requests prove nothing")
    elif size > 0 or (size < 0 and -size > unseen_bound):
        outcome = Outcome.FAILED
    return Finding(
        "count-requests",
        Link.REQUEST_COUNTER,
        outcome,
        expected,
        f"{served:.0f}{_off(size, low)}",
        tuple(evidence),
    )


def judge_histogram(name: str, counter: float, histogram_count: float) -> Finding:
    """The duration histogram `name` counted each request that the counter counted."""
    size = histogram_count - counter
    return Finding(
        "count-histogram",
        Link.REQUEST_COUNTER,
        _equal(size, counter),
        f"{name} grew by {counter:.0f}, as the counter",
        f"{histogram_count:.0f}{_off(size, counter)}",
    )


def judge_durations(client_sum_s: float, server_sum_s: float, answered: int) -> Finding:
    """The service's own durations are within what callers saw, and are the bulk of it."""
    expected = "the server's summed durations are positive and at most the client's"
    observed = f"server {server_sum_s:.2f} s, client {client_sum_s:.2f} s over {answered} requests"
    if not answered:
        outcome = Outcome.INCONCLUSIVE
    else:
        outcome = Outcome.PASSED if 0 < server_sum_s <= client_sum_s else Outcome.FAILED
    return Finding("sum-durations", Link.REQUEST_COUNTER, outcome, expected, observed)


def judge_prometheus(served: float, window: PrometheusWindow | None) -> Finding:
    """Prometheus' increase() agrees within its stated extrapolation error."""
    if window is None:
        observed = "Prometheus gave no increase() for the run"
        expected = "an increase() within its extrapolation bound"
        return Finding(
            "count-prometheus", Link.REQUEST_COUNTER, Outcome.INCONCLUSIVE, expected, observed
        )
    error = window.increase - served
    return Finding(
        "count-prometheus",
        Link.REQUEST_COUNTER,
        Outcome.PASSED if abs(error) <= window.bound else Outcome.FAILED,
        f"increase() within {window.bound:.0f} of {served:.0f}",
        f"{window.increase:.1f} ({error:+.1f}, {_percent(error, served)})",
        (
            f"bound: {window.scrape_s:g} s scrapes over {window.range_s:.0f} s extrapolate by at"
            f" most 1.1 intervals at each end, and {window.births} births and"
            f" {window.deaths} deaths each hide up to one interval at {window.pod_rate:.1f}/s",
        ),
    )


def judge_exposures(
    name: str, answers_with_variant: int, counted: float, unseen_bound: float
) -> Finding:
    """The counter `name` grew once for each answer that carried a variant."""
    size = counted - answers_with_variant
    outcome = _equal(size, answers_with_variant)
    if outcome is Outcome.FAILED and size < 0 and -size <= unseen_bound:
        outcome = Outcome.PASSED
    return Finding(
        "count-exposures",
        Link.EXPOSURES,
        outcome,
        f"{name} grew by {answers_with_variant}",
        f"{counted:.0f}{_off(size, answers_with_variant)}",
    )


def judge_events(announced: AbstractSet[str], durable: AbstractSet[str] | None) -> Finding:
    """Each exposure that the router announced is one durable event of the same UUID."""
    expected = f"{len(announced)} exposure events in PostHog, by UUID"
    if durable is None:
        observed = "PostHog's events could not be read"
        return Finding("events-by-uuid", Link.EVENTS, Outcome.INCONCLUSIVE, expected, observed)
    lost = announced - durable
    evidence = tuple(f"missing: {uuid}" for uuid in sorted(lost)[:5])
    if announced and not lost:
        evidence = (_undetected(len(announced)),)
    outcome = Outcome.PASSED
    if not announced:
        outcome = Outcome.INCONCLUSIVE
    elif lost:
        outcome = Outcome.FAILED
    share = len(lost) / len(announced) if announced else 0.0
    observed = f"{len(announced & durable)} found, {len(lost)} lost ({share:.2%})"
    return Finding("events-by-uuid", Link.EVENTS, outcome, expected, observed, evidence)


def judge_sent(name: str, sent: float, durable: int | None, unseen_bound: float) -> Finding:
    """The counter `name` says what became durable."""
    if durable is None:
        expected = f"{name} grew by the durable events of the run"
        observed = f"{sent:.0f} sent; PostHog's events could not be read"
        return Finding("events-sent", Link.EVENTS, Outcome.INCONCLUSIVE, expected, observed)
    expected = f"{name} grew by the {durable} durable events of the run"
    size = sent - durable
    outcome = _equal(size, durable)
    if outcome is Outcome.FAILED and size < 0 and -size <= unseen_bound:
        outcome = Outcome.PASSED
    return Finding(
        "events-sent", Link.EVENTS, outcome, expected, f"{sent:.0f}{_off(size, durable)}"
    )


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
