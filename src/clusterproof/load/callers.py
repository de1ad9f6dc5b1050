"""What callers saw: right answers, and their latency from the moment that each was due.

Of the whole run, and of each request and stage that has objectives of its own.
"""

from collections import Counter
from collections.abc import Iterable

from clusterproof.load.account import Account, NameAccount
from clusterproof.load.distributions import zero_failures_bound
from clusterproof.load.finding import Finding, Link
from clusterproof.load.latency import Latencies, interval_ranks, judge_limit
from clusterproof.load.seconds import slow_together
from clusterproof.load.sections import Limits, Objectives
from clusterproof.outcome import Outcome

_WORTH_SAYING = 2.0


def judge_answers(account: Account, objectives: Objectives) -> Finding:
    """No more wrong or missing answers than the objective allows; zero requests is never green.

    A request that never ended, and an arrival that was dropped since every caller still waited for
    an answer, failed: a target that is slow enough would have no failures otherwise.
    """
    reasons = Counter(
        {
            f"{name}: {reason}": count
            for name, row in account.names.items()
            for reason, count in (row.failed + row.unanswered).items()
        }
    )
    return _judge_failures(
        "answers",
        "all requests",
        reasons,
        ended=account.answered + account.unanswered,
        dropped=account.dropped,
        unended=max(0, account.unended),
        most=objectives.failure_ratio,
    )


def _judge_failures(
    row: str, of: str, reasons: Counter[str], *, ended: int, dropped: int, unended: int, most: float
) -> Finding:
    expected = f"at most {most:.3%} of {of} fail"
    if not ended + dropped:
        return Finding(row, Link.ANSWERS, Outcome.INCONCLUSIVE, expected, "no request ended")
    scheduled = ended + unended + dropped
    failed = reasons.total() + dropped + unended
    if dropped:
        reasons["never sent: every caller still waited for an answer"] = dropped
    if unended:
        reasons["never ended"] = unended
    evidence = tuple(f"{count} x {reason}" for reason, count in reasons.most_common(8))
    if not failed:
        bound = zero_failures_bound(scheduled)
        evidence = (f"no failure in {scheduled} still allows a rate under {bound:.2g} (95 %)",)
    return Finding(
        row,
        Link.ANSWERS,
        Outcome.FAILED if failed / scheduled > most else Outcome.PASSED,
        expected,
        f"{failed} of {scheduled} ({failed / scheduled:.4%})",
        evidence,
    )


def judge_latency(
    account: Account, objectives: Limits, *, planned: int | None = None
) -> list[Finding]:
    """One finding per objective, judged by the whole confidence interval.

    A plan with too few requests for an interval (a smoke run) makes no claim about that quantile;
    a run that lost requests keeps its claim, and is then inconclusive.
    """
    return _judge_quantiles(account, account.total(), objectives, planned=planned)


def judge_row(account: Account, row: NameAccount, limits: Limits, of: str) -> list[Finding]:
    """One finding for each objective of some of the requests.

    Args:
        account: Of all of them.
        row: Theirs.
        limits: Their objectives.
        of: What they have in common, as an id has it: the name of a request, or `stage-2`.
    """
    findings = _judge_quantiles(account, row.whole(), limits, planned=row.scheduled, of=of)
    if limits.failure_ratio is not None:
        findings.append(
            _judge_failures(
                f"answers-{of}",
                of,
                row.failed + row.unanswered,
                ended=row.started - row.unended,
                dropped=row.dropped.count,
                unended=row.unended,
                most=limits.failure_ratio,
            )
        )
    return findings


def _judge_quantiles(
    account: Account, whole: NameAccount, limits: Limits, *, planned: int | None, of: str = ""
) -> list[Finding]:
    findings = []
    for q, limit_ms in limits.limits_ms.items():
        sent_ms = whole.service.value_s(q) * 1000
        words = ("latency", "from when each request was due", of)
        evidence = (f"from when it was sent, as stock Locust reports: {sent_ms:.2f} ms",)
        if _are_enough(planned, q):
            findings.append(_judge_quantile(account, whole.latency, q, limit_ms, words, evidence))
    words = ("first-token", "from due to the first token", of)
    findings += [
        _judge_quantile(account, whole.first, q, limit_ms, words)
        for q, limit_ms in limits.first_token_ms.items()
        if _are_enough(planned, q)
    ]
    return findings


def _are_enough(planned: int | None, q: float) -> bool:
    """Whether a plan has requests enough for an interval; one with none at all has a claim too."""
    return not planned or interval_ranks(planned, q)[1] is not None


def _judge_quantile(
    account: Account,
    latencies: Latencies,
    q: float,
    limit_ms: float,
    words: tuple[str, str, str],
    evidence: Iterable[str] = (),
) -> Finding:
    row, what, of = words
    together = slow_together(account.seconds, limit_ms / 1000)
    quantile = latencies.quantile(q, together=together)
    upper = "none yet" if quantile.upper_s is None else f"{quantile.upper_s * 1000:.2f}"
    if together >= _WORTH_SAYING:
        evidence = (*evidence, f"slow ones come together: {together:.0f} count as one")
    percentile = f"p{q * 100:g}"
    return Finding(
        "-".join(part for part in (row, percentile, of) if part),
        Link.LATENCY,
        judge_limit(quantile, limit_ms / 1000),
        f"{percentile}{f' of {of}' if of else ''} at most {limit_ms:g} ms, {what}",
        f"{quantile.value_s * 1000:.2f} ms, 95 % interval {quantile.lower_s * 1000:.2f} to"
        f" {upper} ms, {quantile.samples} samples",
        tuple(evidence),
    )


def judge_collapse(why: str) -> Finding:
    """The circuit breaker left the target alone, since most requests failed."""
    expected = "the target answers until the plan ends"
    return Finding("target-collapsed", Link.ANSWERS, Outcome.FAILED, expected, why)
