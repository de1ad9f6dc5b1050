"""Can the generator be believed? If not, the run is INCONCLUSIVE: neither pass nor fail.

Source of the limits: Locust warns at 90 % of a core, k6 advises at most 80 %; the rest is our
choice and stands in spec/objectives.yaml.
"""

from dataclasses import dataclass

from clusterproof.load.finding import Finding, Link
from clusterproof.outcome import Outcome


@dataclass(frozen=True, slots=True)
class GeneratorFigures:
    """How the generator did.

    Attributes:
        planned: Arrivals that were due while the run lasted.
        started: Requests sent.
        dropped: Arrivals given up, too late to be worth sending.
        late_p99_s: 99th percentile of (sent - due) where a caller was free: our own delay.
        waited_p99_s: 99th percentile of (sent - due) of all: includes waiting for a free caller.
        loop_lag_p99_s: 99th percentile of the event loop's lag.
        cpu_busiest: Largest share of 5 s in which a generator process ran or waited for a CPU.
        cpu_waited: The waiting of these 5 s alone: a quota, or others on the machine.
        workers_lost: Worker processes that went away during the run.
        stopped_early: Why the run was cut short, or "".
    """

    planned: int
    started: int
    dropped: int
    late_p99_s: float
    waited_p99_s: float
    loop_lag_p99_s: float
    cpu_busiest: float
    cpu_waited: float = 0.0
    workers_lost: int = 0
    stopped_early: str = ""


@dataclass(frozen=True, slots=True)
class CredibilityLimits:
    """Past these the figures are the generator's, not the target's."""

    rate_error: float = 0.01
    late_p99_s: float = 0.05
    loop_lag_p99_s: float = 0.05
    cpu_busiest: float = 0.8


def judge_generator(figures: GeneratorFigures, limits: CredibilityLimits) -> list[Finding]:
    """One finding per limit; outside a limit is INCONCLUSIVE, never FAILED."""
    missed = figures.planned - figures.started
    share = missed / figures.planned if figures.planned else 1.0
    findings = [
        _finding(
            "generator-rate",
            abs(share) <= limits.rate_error and figures.started > 0,
            f"sent within {limits.rate_error:.0%} of {figures.planned} planned",
            f"sent {figures.started} ({-share:+.2%}), {figures.dropped} dropped as too late",
        ),
        _finding(
            "generator-late",
            figures.late_p99_s <= limits.late_p99_s,
            f"p99 of our own start delay at most {limits.late_p99_s * 1000:g} ms",
            f"{figures.late_p99_s * 1000:.2f} ms (with waiting for a free caller"
            f" {figures.waited_p99_s * 1000:.2f} ms)",
        ),
        _finding(
            "generator-loop",
            figures.loop_lag_p99_s <= limits.loop_lag_p99_s,
            f"p99 of the event loop's lag at most {limits.loop_lag_p99_s * 1000:g} ms",
            f"{figures.loop_lag_p99_s * 1000:.2f} ms",
        ),
        _finding(
            "generator-cpu",
            figures.cpu_busiest <= limits.cpu_busiest,
            f"ran or waited for a CPU at most {limits.cpu_busiest:.0%} of any 5 s",
            f"{figures.cpu_busiest:.0%}, waited {figures.cpu_waited:.0%}",
        ),
    ]
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


def _finding(row: str, kept: bool, expected: str, observed: str) -> Finding:  # noqa: FBT001 - the claim
    outcome = Outcome.PASSED if kept else Outcome.INCONCLUSIVE
    return Finding(row, Link.GENERATOR, outcome, expected, observed)
