"""Whether all that differs of a row is accepted, and what is to be said of acceptances in a run."""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from typing import Final

from clusterproof.judgement import Failed, Judgement
from clusterproof.outcome import Outcome
from clusterproof.report.record import Acceptance, RowResult

SOON_DAYS: Final = 7
"""So long before its end a run begins to say of an acceptance that it ends. Our choice."""


def outcome_of(judgement: Judgement, accepted: Iterable[Acceptance]) -> Outcome:
    """What a row comes to: ACCEPTED where a code that is accepted now covers every difference.

    What could not be looked at is never accepted, nor is a difference without a code.
    """
    if not isinstance(judgement, Failed):
        return judgement.outcome
    codes = {code for each in accepted if not each.expired for code in each.codes}
    covered = all(difference.code in codes for difference in judgement.differences)
    return Outcome.ACCEPTED if covered else Outcome.FAILED


def remarks(rows: Iterable[RowResult]) -> Iterator[str]:
    """What an owner must hear of: an acceptance that has ended, ends soon, or covers nothing."""
    for row in rows:
        for acceptance in row.accepted:
            if remark := _remark(row, acceptance):
                yield f"accepted difference of {row.id}: {remark}"


def _remark(row: RowResult, acceptance: Acceptance) -> str:
    codes = ", ".join(acceptance.codes)
    unseen = row.outcome is Outcome.PASSED or (
        row.outcome in {Outcome.FAILED, Outcome.ACCEPTED}
        and not set(acceptance.codes) & {*row.codes}
    )
    if unseen:
        return f"{codes} is not there any more; take the entry out of the spec"
    if acceptance.expired:
        return f"it expired after {acceptance.expires}; its owner is {acceptance.owner}"
    checked = datetime.fromtimestamp(row.started_at, UTC).date()
    left = (date.fromisoformat(acceptance.expires) - checked).days
    if row.started_at and left <= SOON_DAYS:
        return f"it expires after {acceptance.expires}; its owner is {acceptance.owner}"
    return ""
