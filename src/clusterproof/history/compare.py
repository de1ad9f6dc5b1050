"""Two runs side by side: what is new, what is mended, what has vanished."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from clusterproof.options import SELECTING
from clusterproof.outcome import ExitCode, Outcome
from clusterproof.report.record import REHEARSE, RowResult, RunRecord
from clusterproof.spec.row import Area

_UNKNOWN = frozenset({Outcome.INCONCLUSIVE, Outcome.NOT_RUN})
_DIFFERENT = frozenset({Outcome.FAILED, Outcome.ACCEPTED})
_REHEARSALS = Area.REHEARSALS.value


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a run changed against an earlier one; row ids, in the order of the runs.

    Attributes:
        before: Id of the earlier run.
        after: Id of the later run.
        new_failures: Failed now and not before, or not there before.
        still_failing: Failed in both.
        changed_failures: Those of `still_failing` that were observed otherwise before.
        mended: Failed before, or was accepted, and passed now.
        newly_accepted: Differs as is accepted, and was not accepted before.
        new_unknowns: Neither passed nor failed now, and not so before.
        vanished: There before and not retired, gone now.
        appeared: Not there before.
    """

    before: str
    after: str
    new_failures: tuple[str, ...] = ()
    still_failing: tuple[str, ...] = ()
    changed_failures: tuple[str, ...] = ()
    mended: tuple[str, ...] = ()
    newly_accepted: tuple[str, ...] = ()
    new_unknowns: tuple[str, ...] = ()
    vanished: tuple[str, ...] = ()
    appeared: tuple[str, ...] = ()

    @property
    def quiet(self) -> bool:
        """True when nothing changed that a reader must hear of."""
        return not (
            self.new_failures
            or self.mended
            or self.newly_accepted
            or self.new_unknowns
            or self.vanished
        )


CHANGES: Final = MappingProxyType(
    {
        "new_failures": ("new failure", "New failures"),
        "vanished": ("vanished", "Vanished"),
        "new_unknowns": ("newly not judged", "Newly not judged"),
        "newly_accepted": ("newly accepted", "Newly accepted"),
        "mended": ("mended", "Mended"),
        "changed_failures": ("seen otherwise", "Failing, and seen otherwise"),
        "still_failing": ("still failing", "Still failing"),
        "appeared": ("new row", "New rows"),
    }
)
"""The fields of a Comparison in the order of a report: the word for one row, and the heading."""


def lines_of(comparison: Comparison, *, without: Collection[str] = ()) -> Iterator[str]:
    """A line for each row that changed or still fails, but for the fields `without`."""
    for name, (title, _) in CHANGES.items():
        if name not in without:
            yield from (f"  {title:<16}  {row}" for row in getattr(comparison, name))
    if comparison.quiet and not comparison.still_failing:
        yield "  nothing changed"


def compare(
    before: RunRecord, after: RunRecord, *, retired: Collection[str] = frozenset()
) -> Comparison:
    """What `after` changed against `before`.

    Args:
        before: The earlier run, or a pinned baseline.
        after: The later run.
        retired: Ids of rows that were taken out of the spec on purpose.
    """
    old = {row.id: row for row in _due(before, after)}
    new = {row.id: row for row in after.rows}
    gone = tuple(
        key
        for key, row in old.items()
        if not _is_census(row) and key not in retired and (key not in new or _is_census(new[key]))
    )
    failed = [row for row in after.rows if row.outcome is Outcome.FAILED and row.id not in gone]
    both = [row for row in failed if _was(old, row.id) is Outcome.FAILED]
    return Comparison(
        before=before.run_id,
        after=after.run_id,
        new_failures=tuple(row.id for row in failed if _was(old, row.id) is not Outcome.FAILED),
        still_failing=tuple(row.id for row in both),
        changed_failures=tuple(row.id for row in both if old[row.id].observed != row.observed),
        mended=tuple(
            row.id
            for row in after.rows
            if row.outcome is Outcome.PASSED and _was(old, row.id) in _DIFFERENT
        ),
        newly_accepted=tuple(
            row.id
            for row in after.rows
            if row.outcome is Outcome.ACCEPTED and _was(old, row.id) is not Outcome.ACCEPTED
        ),
        new_unknowns=tuple(
            row.id
            for row in after.rows
            if row.outcome in _UNKNOWN and _was(old, row.id) not in _UNKNOWN
        ),
        vanished=gone,
        appeared=tuple(key for key in new if key not in old),
    )


def fail_on_new(
    baseline: RunRecord, current: RunRecord, *, retired: Collection[str] = frozenset()
) -> ExitCode:
    """The exit code when the failures of a baseline are tolerated, and nothing else.

    A failure that the baseline has is tolerated while it is still there; a blind spot that the
    baseline has too. A run that passed nothing and failed nothing has shown nothing.
    """
    comparison = compare(baseline, current, retired=retired)
    if comparison.new_failures or comparison.vanished:
        return ExitCode.FAILED
    judged = any(row.outcome in {Outcome.PASSED, *_DIFFERENT} for row in current.rows)
    return ExitCode.PASSED if judged and not comparison.new_unknowns else ExitCode.INCONCLUSIVE


def with_census(
    before: RunRecord | None, after: RunRecord, *, retired: Collection[str] = frozenset()
) -> RunRecord:
    """`after` with one FAILED row for each row that has vanished since `before`.

    A check that is no longer made looks like a pass; so it fails, each night, until the row is
    back or is retired by name.
    """
    if before is None:
        return after
    present = {row.id for row in after.rows}
    gone = [row for row in _due(before, after) if row.id not in present | set(retired)]
    return replace(after, rows=(*after.rows, *(_missing(row, before.run_id) for row in gone)))


def _due(before: RunRecord, after: RunRecord) -> list[RowResult]:
    """The rows of `before` that `after` should have too.

    Rehearsals only where it rehearsed; where it was told to check some rows alone, those.
    """
    rehearsed = bool(after.options.get(REHEARSE))
    rows = [row for row in before.rows if rehearsed or row.area != _REHEARSALS]
    if not is_selection(after):
        return rows
    chosen = {row.id for row in after.rows}
    return [row for row in rows if row.id in chosen]


def is_selection(record: RunRecord) -> bool:
    """Whether a run was told to check some rows of its spec alone."""
    return any(record.options.get(name) for name in SELECTING)


def _missing(row: RowResult, run_id: str) -> RowResult:
    said_before = _is_census(row)
    return RowResult(
        id=row.id,
        area=row.area,
        title=row.title,
        outcome=Outcome.FAILED,
        expected=row.expected if said_before else f"checked, as in run {run_id}",
        observed="no longer a row of this run",
        where="the list of rows",
        source=row.source,
        next=f"clusterproof history retire {row.id} --because REASON",
        how=_CENSUS,
    )


_CENSUS = "census: rows of the run before against rows of this run"


def _is_census(row: RowResult) -> bool:
    return row.how == _CENSUS


def _was(rows: dict[str, RowResult], key: str) -> Outcome | None:
    row = rows.get(key)
    return row.outcome if row else None
