"""A red or blind row with what was observed of it: what causes are found from."""

from dataclasses import dataclass

from clusterproof.judgement import Difference, Doubt, Failed, Judgement
from clusterproof.spec.row import Row


@dataclass(frozen=True, slots=True)
class Finding:
    """A row that did not pass.

    Attributes:
        row: As the spec has it.
        differences: Of a row that failed; empty for one that is inconclusive.
        doubt: Why a row is inconclusive, or "".
        evidence: What the look said of it.
        show: The row's own read-only command, or "".
        where: The place of the look; behind `-> ` what was asked.
    """

    row: Row
    differences: tuple[Difference, ...] = ()
    doubt: str = ""
    evidence: tuple[str, ...] = ()
    show: str = ""
    where: str = ""

    @property
    def words(self) -> str:
        """All that was observed, as one text."""
        lines = [str(difference) for difference in self.differences]
        return "\n".join([*lines, self.doubt, *self.evidence])

    def has(self, *codes: str) -> bool:
        """Whether a difference has one of these codes."""
        return any(difference.code in codes for difference in self.differences)


def finding_of(
    row: Row,
    judgement: Judgement,
    evidence: tuple[str, ...] = (),
    show: str = "",
    where: str = "",
) -> Finding | None:
    """The finding of a judged row; None for a pass."""
    if isinstance(judgement, Failed):
        return Finding(row, judgement.differences, "", evidence, show, where)
    if isinstance(judgement, Doubt):
        return Finding(row, (), judgement.reason, evidence, judgement.next_command or show, where)
    return None
