"""What a row, and a whole run, can come to."""

from collections.abc import Iterable
from enum import IntEnum, StrEnum


class Outcome(StrEnum):
    """The outcome of one row.

    FAILED says that the cluster differs from its spec. INCONCLUSIVE says that we could not look:
    it is never a pass. NOT_RUN is a row that was planned and never reached. ACCEPTED differs from
    its spec by nothing but what the spec accepts for a time: it neither passed nor fails the run.
    """

    PASSED = "passed"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"
    NOT_RUN = "not-run"
    ACCEPTED = "accepted"


class ExitCode(IntEnum):
    """Process exit codes; 2 to 5 keep the meanings that pytest gives them."""

    PASSED = 0
    FAILED = 1
    INTERRUPTED = 2
    INTERNAL = 3
    USAGE = 4
    NOTHING_COLLECTED = 5
    INCONCLUSIVE = 6
    NOT_WRITTEN = 7


def verdict(outcomes: Iterable[Outcome]) -> Outcome:
    """The run's outcome: one failure fails it, one blind spot makes it inconclusive.

    A run in which nothing passed and nothing failed has shown nothing, and is INCONCLUSIVE too.
    What is accepted was looked at, and fails no run.
    """
    distinct = set(outcomes)
    if Outcome.FAILED in distinct:
        return Outcome.FAILED
    if distinct and distinct <= {Outcome.PASSED, Outcome.ACCEPTED}:
        return Outcome.PASSED
    return Outcome.INCONCLUSIVE


def exit_code(outcome: Outcome) -> ExitCode:
    """The process exit code that carries `outcome`."""
    if outcome is Outcome.PASSED:
        return ExitCode.PASSED
    return ExitCode.FAILED if outcome is Outcome.FAILED else ExitCode.INCONCLUSIVE
