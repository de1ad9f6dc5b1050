"""What callers saw: right answers, and their latency from the moment that each was due."""

from collections import Counter

from clusterproof.load.account import Account
from clusterproof.load.distributions import zero_failures_bound
from clusterproof.load.finding import Finding, Link
from clusterproof.load.latency import interval_ranks, judge_limit
from clusterproof.load.seconds import slow_together
from clusterproof.load.sections import Objectives
from clusterproof.outcome import Outcome

_WORTH_SAYING = 2.0


def judge_answers(account: Account, objectives: Objectives) -> Finding:
    """No more wrong or missing answers than the objective allows; zero requests is never green.

    A request that never ended, and an arrival that was dropped since every caller still waited for
    an answer, failed: a target that is slow enough would have no failures otherwise.
    """
    ended = account.answered + account.unanswered
    unended = max(0, account.unended)
    scheduled = ended + unended + account.dropped
    expected = f"at most {objectives.failure_ratio:.3%} of all requests fail"
    if not ended + account.dropped:
        return Finding("answers", Link.ANSWERS, Outcome.INCONCLUSIVE, expected, "no request ended")
    reasons = Counter(
        {
            f"{name}: {reason}": count
            for name, row in account.names.items()
            for reason, count in (row.failed + row.unanswered).items()
        }
    )
    if account.dropped:
        reasons["never sent: every caller still waited for an answer"] = account.dropped
    if unended:
        reasons["never ended"] = unended
    failed = account.failed + account.dropped + unended
    evidence = tuple(f"{count} x {reason}" for reason, count in reasons.most_common(8))
    if not failed:
        bound = zero_failures_bound(scheduled)
        evidence = (f"no failure in {scheduled} still allows a rate under {bound:.2g} (95 %)",)
    return Finding(
        "answers",
        Link.ANSWERS,
        Outcome.FAILED if failed / scheduled > objectives.failure_ratio else Outcome.PASSED,
        expected,
        f"{failed} of {scheduled} ({failed / scheduled:.4%})",
        evidence,
    )


def judge_latency(
    account: Account, objectives: Objectives, *, planned: int | None = None
) -> list[Finding]:
    """One finding per objective, judged by the whole confidence interval.

    A plan with too few requests for an interval (a smoke run) makes no claim about that quantile;
    a run that lost requests keeps its claim, and is then inconclusive.
    """
    whole = account.total()
    findings = []
    for q, limit_ms in objectives.limits_ms.items():
        if planned is not None and interval_ranks(planned, q)[1] is None:
            continue
        together = slow_together(account.seconds, limit_ms / 1000)
        found = whole.latency.quantile(q, together=together)
        upper = "none yet" if found.upper_s is None else f"{found.upper_s * 1000:.2f}"
        service_ms = whole.service.value_s(q) * 1000
        evidence = [f"from when it was sent, as stock Locust reports: {service_ms:.2f} ms"]
        if together >= _WORTH_SAYING:
            evidence.append(f"slow ones come together: {together:.0f} count as one")
        findings.append(
            Finding(
                f"latency-p{q * 100:g}",
                Link.LATENCY,
                judge_limit(found, limit_ms / 1000),
                f"p{q * 100:g} at most {limit_ms:g} ms, from when each request was due",
                f"{found.value_s * 1000:.2f} ms, 95 % interval {found.lower_s * 1000:.2f} to"
                f" {upper} ms, {found.samples} samples",
                tuple(evidence),
            )
        )
    return findings


def judge_collapse(why: str) -> Finding:
    """The circuit breaker left the target alone, since most requests failed."""
    expected = "the target answers until the plan ends"
    return Finding("target-collapsed", Link.ANSWERS, Outcome.FAILED, expected, why)
