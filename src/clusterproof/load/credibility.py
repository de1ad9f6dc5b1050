"""Can the generator be believed? If not, the run is INCONCLUSIVE: neither pass nor fail.

Source of the limits: Locust warns at 90 % of a core, k6 advises at most 80 %; the rest is our
choice and stands in spec/objectives.yaml.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from clusterproof.load.finding import Finding, Link, own_claim
from clusterproof.load.sections import Credibility
from clusterproof.outcome import Outcome

_STOOD_STILL_S = 1.0
"""An event loop that stands still for longer may have dropped arrivals by itself. Our choice: a
tenth of the time after which one is dropped."""


@dataclass(frozen=True, slots=True)
class GeneratorFigures:
    """How the generator did.

    Attributes:
        planned: Arrivals that were due while the run lasted.
        started: Requests sent.
        dropped: Arrivals given up, since no caller was free for them in time.
        late_p99_s: 99th percentile of (sent - due) where a caller was free: our own delay.
        waited_p99_s: 99th percentile of (sent - due) of all: includes waiting for a free caller.
        loop_lag_p99_s: 99th percentile of the event loop's lag.
        cpu_busiest: Largest share of 5 s in which a generator process ran or waited for a CPU; None
            where it was never read.
        cpu_waited: The waiting of these 5 s alone: a quota, or others on the machine.
        loop_lag_max_s: The longest time that the event loop stood still.
        faults: Our own, by reason: arrivals of which no request could be made, a watch that died.
        unended: Requests that were started and of which nothing more is known.
        workers_lost: Worker processes that went away during the run.
        stopped_early: Why the run was cut short, or "".
        cut_short: Whether the plan did not run to its end: then nobody knows what was due to the
            letter, as several processes do not stop in the same moment.
        few_callers: Why answers that meet the objectives would still find no free caller, or "".
    """

    planned: int
    started: int
    dropped: int
    late_p99_s: float
    waited_p99_s: float
    loop_lag_p99_s: float
    cpu_busiest: float | None
    cpu_waited: float = 0.0
    loop_lag_max_s: float = 0.0
    faults: Mapping[str, int] = field(default_factory=dict)
    unended: int = 0
    workers_lost: int = 0
    stopped_early: str = ""
    cut_short: bool = False
    few_callers: str = ""


def judge_generator(figures: GeneratorFigures, limits: Credibility) -> list[Finding]:
    """One finding per limit; outside a limit is INCONCLUSIVE, never FAILED.

    An arrival that was dropped, and a request that never ended, are the target's, as long as the
    generator itself was on time, had its CPU and lost no process: every caller was still waiting
    for an answer.
    """
    missing = figures.planned - figures.started - figures.dropped
    faults = "; ".join(f"{count} x {why}" for why, count in figures.faults.items())
    cpu = figures.cpu_busiest
    timely = [
        _finding(
            "generator-late",
            figures.late_p99_s <= limits.late_p99_ms / 1000,
            f"p99 of our own start delay at most {limits.late_p99_ms:g} ms",
            f"{figures.late_p99_s * 1000:.2f} ms (with waiting for a free caller"
            f" {figures.waited_p99_s * 1000:.2f} ms)",
        ),
        _finding(
            "generator-loop",
            figures.loop_lag_p99_s <= limits.loop_lag_p99_ms / 1000
            and not (figures.dropped and figures.loop_lag_max_s > _STOOD_STILL_S),
            f"p99 of the event loop's lag at most {limits.loop_lag_p99_ms:g} ms, and none"
            f" over {_STOOD_STILL_S:g} s where arrivals were dropped",
            f"{figures.loop_lag_p99_s * 1000:.2f} ms, at most {figures.loop_lag_max_s:.2f} s",
        ),
        _finding(
            "generator-cpu",
            cpu is not None and cpu <= limits.cpu_busiest,
            f"ran or waited for a CPU at most {limits.cpu_busiest:.0%} of any 5 s",
            "never read" if cpu is None else f"{cpu:.0%}, waited {figures.cpu_waited:.0%}",
        ),
    ]
    is_well = not figures.workers_lost and all(f.outcome is Outcome.PASSED for f in timely)
    findings = [
        _finding(
            "generator-rate",
            figures.started > 0 and (figures.cut_short or not missing),
            f"each of {figures.planned} planned sent, or dropped while every caller waited",
            f"sent {figures.started}, dropped {figures.dropped}, missing {missing}",
        ),
        _finding(
            "generator-account",
            not figures.faults and (not figures.unended or (is_well and figures.unended > 0)),
            "each request that was sent ended, or the target kept it; no fault of our own",
            f"{figures.unended} never ended; faults: {faults or 'none'}",
        ),
        *timely,
    ]
    if figures.few_callers:
        expected = "enough callers for answers that meet the objectives"
        findings.append(_finding("generator-callers", False, expected, figures.few_callers))  # noqa: FBT003 - the claim itself
    if figures.stopped_early:
        findings.append(
            _finding("generator-ended", False, "ran to the end", figures.stopped_early)  # noqa: FBT003 - the claim itself
        )
    if figures.workers_lost:
        findings.append(
            Finding(
                "generator-workers",
                Link.GENERATOR,
                Outcome.PASSED,
                "no worker lost, or the rest carried the plan",
                f"{figures.workers_lost} lost; the rate above says whether the rest carried it",
            )
        )
    return findings


def _finding(row: str, holds: bool, expected: str, observed: str) -> Finding:  # noqa: FBT001 - the claim
    return own_claim(row, Link.GENERATOR, holds, expected, observed)
