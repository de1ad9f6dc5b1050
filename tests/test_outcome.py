"""What a run comes to, from what its rows came to."""

import pytest

from clusterproof.outcome import ExitCode, Outcome, exit_code, verdict

PASSED, FAILED = Outcome.PASSED, Outcome.FAILED
INCONCLUSIVE, NOT_RUN = Outcome.INCONCLUSIVE, Outcome.NOT_RUN


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ([PASSED], PASSED),
        ([PASSED, PASSED], PASSED),
        ([PASSED, FAILED, INCONCLUSIVE], FAILED),
        ([INCONCLUSIVE, FAILED], FAILED),
        ([PASSED, INCONCLUSIVE], INCONCLUSIVE),
        ([PASSED, NOT_RUN], INCONCLUSIVE),
        ([NOT_RUN], INCONCLUSIVE),
        ([], INCONCLUSIVE),
    ],
)
def test_a_run_is_green_only_when_every_row_was(outcomes: list[Outcome], expected: Outcome) -> None:
    """One failure fails it, one blind spot makes it inconclusive, and so does nothing at all."""
    assert verdict(iter(outcomes)) is expected


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        (PASSED, ExitCode.PASSED),
        (FAILED, ExitCode.FAILED),
        (INCONCLUSIVE, ExitCode.INCONCLUSIVE),
        (NOT_RUN, ExitCode.INCONCLUSIVE),
    ],
)
def test_the_exit_code_carries_the_outcome(outcome: Outcome, code: ExitCode) -> None:
    """Only a run that passed ends with 0."""
    assert exit_code(outcome) is code
