"""What a group of defects did to the rows, as pure data: red as due, silent, false alarm."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pydantic import TypeAdapter

from clusterproof.judgement import Difference
from clusterproof.outcome import Outcome
from clusterproof.report.record import RowResult
from testbed.prove.steps import Defect, Due


class Finding(StrEnum):
    """What became of one row under one defect."""

    RED_AS_DUE = "red as due"
    WRONG_REASON = "red for another reason"
    SILENT = "silent"
    FALSE_ALARM = "false alarm"
    NOT_RESTORED = "not restored"


@dataclass(frozen=True, slots=True)
class Proof:
    """One finding.

    Attributes:
        defect: Its id; for a false alarm, the ids of the group, joined by a comma.
        row: The row's id.
        said: Why it is not red, or what is not as it was before; "" of a row that is.
        differences: Of a row that is red.
    """

    defect: str
    kind: str
    row: str
    finding: Finding
    said: str = ""
    differences: tuple[Difference, ...] = ()

    def is_as(self, due: Due) -> bool:
        """True where the row was red by the difference that is due."""
        is_met = any(due.is_met(difference) for difference in self.differences)
        return self.finding is Finding.RED_AS_DUE and is_met

    def __str__(self) -> str:
        """What the row said at that moment; each difference with its code."""
        return self.said or "; ".join(f"{each.code}: {each}" for each in self.differences)


PROOFS: Final = TypeAdapter(list[Proof])
"""Writes proofs as JSON, and reads them."""


def judge_group(group: Sequence[Defect], results: Iterable[RowResult]) -> list[Proof]:
    """Every row that a defect must turn red, and every other row that did not stay green."""
    by_id = {result.id: result for result in results}
    proofs = [
        Proof(defect.id, defect.kind, row, *_due(by_id.get(row), due))
        for defect in group
        for row, due in defect.reds.items()
    ]
    names = ",".join(defect.id for defect in group)
    proofs += [
        Proof(names, "guard", result.id, Finding.FALSE_ALARM, result.cause, result.parts)
        for result in by_id.values()
        if result.outcome is not Outcome.PASSED
        and not any(defect.may_touch(result.id) for defect in group)
    ]
    return proofs


def _due(result: RowResult | None, due: Due) -> tuple[Finding, str, tuple[Difference, ...]]:
    if result is None:
        return Finding.SILENT, "the row was not run", ()
    if result.outcome is not Outcome.FAILED:
        return Finding.SILENT, f"{result.outcome}: {result.cause or 'as expected'}", ()
    is_right = any(due.is_met(difference) for difference in result.parts)
    return (Finding.RED_AS_DUE if is_right else Finding.WRONG_REASON), "", result.parts


@dataclass(frozen=True, slots=True)
class Rates:
    """The figures of a proof."""

    due: int
    red: int
    wrong_reason: int
    silent: int
    false_alarms: int
    equivalents: int
    equivalents_green: int

    @property
    def kill_rate(self) -> float:
        """Rows that turned red for the right reason, of those that had to (0 to 1)."""
        return self.red / self.due if self.due else 0.0


def rates(proofs: Sequence[Proof], equivalents: Sequence[str]) -> Rates:
    """The figures over all proofs; `equivalents` are the ids that were applied."""
    count = {finding: sum(proof.finding is finding for proof in proofs) for finding in Finding}
    alarmed = {
        name
        for proof in proofs
        if proof.finding is Finding.FALSE_ALARM
        for name in proof.defect.split(",")
    }
    due = count[Finding.RED_AS_DUE] + count[Finding.WRONG_REASON] + count[Finding.SILENT]
    return Rates(
        due=due,
        red=count[Finding.RED_AS_DUE],
        wrong_reason=count[Finding.WRONG_REASON],
        silent=count[Finding.SILENT],
        false_alarms=count[Finding.FALSE_ALARM],
        equivalents=len(equivalents),
        equivalents_green=sum(name not in alarmed for name in equivalents),
    )
