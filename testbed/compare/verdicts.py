"""What became of each defect under each tool: pure, from findings before and after."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

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
        beside: Why these are not about the defect, or "".
    """

    defect: str
    kind: str
    tool: str
    verdict: Verdict
    new: tuple[Finding, ...] = ()
    beside: str = ""


@dataclass(frozen=True, slots=True)
class Notes:
    """What a person noted of single defects, by pattern of their ids.

    Attributes:
        timing: Of those that lie in when a change was made, not in what it says.
        beside: Of those where what tools say is about how they are applied.
    """

    timing: Mapping[str, str]
    beside: Mapping[str, str]


NONE = Notes({}, {})


def judge(
    defect: Defect,
    tool: str,
    before: Sequence[Finding],
    after: Sequence[Finding] | None,
    notes: Notes = NONE,
) -> Judged:
    """One tool's verdict.

    A defect is caught when the tool says anything that it did not say of the unchanged manifests:
    nothing but the defect differs, so nothing but the defect can be the cause.

    Args:
        defect: Or equivalent.
        tool: The tool's name.
        before: Of the unchanged manifests.
        after: Of the changed ones; None where no manifest changes.
        notes: Of single defects.
    """
    new = tuple(sorted((Counter(after) - Counter(before)).elements())) if after is not None else ()
    verdict = _verdict(defect, after, new, notes)
    beside = _noted(defect.id, notes.beside) if verdict is Verdict.CAUGHT else ""
    return Judged(defect.id, defect.kind, tool, verdict, new, beside)


def _noted(name: str, notes: Mapping[str, str]) -> str:
    return next((text for pattern, text in notes.items() if fnmatchcase(name, pattern)), "")


def _verdict(
    defect: Defect, after: Sequence[Finding] | None, new: tuple[Finding, ...], notes: Notes
) -> Verdict:
    if defect.kind == "equivalent":
        return Verdict.ALARMED if new else Verdict.QUIET
    if new:
        return Verdict.CAUGHT
    if after is None or _noted(defect.id, notes.timing):
        return Verdict.NOT_SEEN
    return Verdict.MISSED


def counted(judged: Iterable[Judged]) -> Mapping[tuple[str, str, Verdict], int]:
    """How many of each tool, kind of defect and verdict."""
    return Counter((each.tool, each.kind, each.verdict) for each in judged)
