"""The words in which a checked row is shown, and its line in the record."""

from dataclasses import replace

from clusterproof.causes.finding import Finding, finding_of
from clusterproof.errors import ObservationError
from clusterproof.judgement import Difference, Doubt
from clusterproof.observe.observed import Observed
from clusterproof.outcome import Outcome
from clusterproof.report.record import RowResult
from clusterproof.run.check import Checked
from clusterproof.spec import ObjectRef, Row


def explanation(checked: Checked) -> str:
    """What a row came to, with its differences or the doubt, and what a reader does next."""
    row, judgement = checked.row, checked.judgement
    if isinstance(judgement, Doubt):
        return f"{row.id}: INCONCLUSIVE: {judgement.reason}\n  next      {_next(checked)}\n"
    differences = judgement.differences
    if checked.observed is None:
        return headline(row, differences)
    lines = [headline(row, differences), *_details(row, checked.observed, differences)]
    lines += [f"  accepted  {acceptance}" for acceptance in checked.acceptances]
    return "\n".join(lines)


def hold(checked: Checked) -> None:
    """Return for a row that passed, or that differs by what is accepted alone.

    Raises:
        AssertionError: It failed; says every difference.
        ObservationError: Nothing can be said of it.
    """
    if checked.outcome is Outcome.INCONCLUSIVE:
        raise ObservationError(explanation(checked))
    if checked.outcome is Outcome.FAILED:
        raise AssertionError(explanation(checked))


def finding_from(checked: Checked) -> Finding | None:
    """What the search for causes is given of a checked row; None for a pass."""
    evidence = checked.observed.evidence if checked.observed else ()
    where = checked.observed.where if checked.observed else ""
    return finding_of(checked.row, checked.judgement, evidence, _next(checked), where)


def headline(row: Row, differences: tuple[Difference, ...]) -> str:
    """The row, what was expected and what was observed, in one line."""
    if not differences:
        return f"{row.id}: as expected: {row.claim}"
    more = f" (and {len(differences) - 1} more)" if len(differences) > 1 else ""
    return f"{row.id}: {differences[0]}{more}"


def _details(
    row: Row, observed: Observed[object], differences: tuple[Difference, ...]
) -> list[str]:
    """The lines under a headline."""
    lines = [f"claim     {row.claim}", f"where     {observed.where}"]
    lines += [f"differs   {difference}" for difference in differences[1:]]
    lines += [f"evidence  {sentence}" for sentence in observed.evidence]
    lines += [f"looked    {observed.how}", f"source    {row.source}"]
    if row.because:
        lines.append(f"because   {row.because}")
    if observed.next_command:
        lines.append(f"next      {observed.next_command}")
    return [f"  {line}" for line in lines]


def result_of(checked: Checked, planned: RowResult) -> RowResult:
    """The line of the record for a row that was planned and is checked now."""
    judgement, observed = checked.judgement, checked.observed
    differences = judgement.differences
    result = replace(
        planned.with_differences(differences),
        outcome=checked.outcome,
        started_at=checked.started_at,
        duration_s=checked.duration_s,
        next=_next(checked),
        cause="",
        accepted=checked.acceptances,
    )
    if observed is not None:
        result = replace(result, where=observed.where, evidence=observed.evidence, how=observed.how)
    if isinstance(judgement, Doubt):
        return replace(result, cause=judgement.reason)
    words = "; ".join(f"{each.what} {each.observed}" for each in differences) or "as expected"
    return replace(result, expected=expected_of(checked.row, differences), observed=words)


def _next(checked: Checked) -> str:
    judgement = checked.judgement
    if isinstance(judgement, Doubt) and judgement.next_command:
        return judgement.next_command
    if checked.observed and checked.observed.next_command:
        return checked.observed.next_command
    for name in ("workload", "of", "service"):
        ref = getattr(checked.row, name, None)
        if isinstance(ref, ObjectRef):
            return f"kubectl describe {ref.kubectl}"
    return ""


def expected_of(row: Row, differences: tuple[Difference, ...]) -> str:
    """What the row expects, in one line."""
    if differences:
        return differences[0].expected
    for name in ("expect", "quantity", "expected"):
        if name in type(row).model_fields:
            return str(getattr(row, name))
    return row.claim
