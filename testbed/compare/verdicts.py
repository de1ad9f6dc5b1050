"""What became of each defect under each tool: pure, from findings before and after."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from testbed.compare.findings import Finding
from testbed.prove.steps import Defect


class Verdict(StrEnum):
    """One tool, one defect (for an equivalent: `quiet` or `alarmed`)."""

    CAUGHT = "caught"
    MISSED = "missed"
    NOT_SEEN = "could not see"
    QUIET = "quiet"
    ALARMED = "alarmed"


@dataclass(frozen=True, slots=True)
class Judged:
    """What one tool made of one entry of the catalogue.

    Attributes:
        defect: Its id.
        kind: Its kind.
        tool: The tool's name.
        new: Findings that the unchanged manifests did not have, sorted.
    """

    defect: str
    kind: str
    tool: str
    verdict: Verdict
    new: tuple[Finding, ...] = ()


def judge(
    defect: Defect,
    tool: str,
    before: Sequence[Finding],
    after: Sequence[Finding] | None,
    timing: Iterable[str] = (),
) -> Judged:
    """One tool's verdict.

    A defect is caught when the tool says anything that it did not say of the unchanged manifests:
    nothing but the defect differs, so nothing but the defect can be the cause.

    Args:
        defect: Or equivalent.
        tool: The tool's name.
        before: Of the unchanged manifests.
        after: Of the changed ones; None where no manifest changes.
        timing: Ids of defects that lie in when a change was made, not in what it says.
    """
    new = tuple(sorted((Counter(after) - Counter(before)).elements())) if after is not None else ()
    return Judged(defect.id, defect.kind, tool, _verdict(defect, after, new, timing), new)


def _verdict(
    defect: Defect,
    after: Sequence[Finding] | None,
    new: tuple[Finding, ...],
    timing: Iterable[str],
) -> Verdict:
    if defect.kind == "equivalent":
        return Verdict.ALARMED if new else Verdict.QUIET
    if new:
        return Verdict.CAUGHT
    if after is None or defect.id in timing:
        return Verdict.NOT_SEEN
    return Verdict.MISSED


def counted(judged: Iterable[Judged]) -> Mapping[tuple[str, str, Verdict], int]:
    """How many of each tool, kind of defect and verdict."""
    return Counter((one.tool, one.kind, one.verdict) for one in judged)
