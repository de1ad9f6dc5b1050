"""What our own checks are proven to do, from the committed page of the last proof."""

import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from testbed.compare.verdicts import Judged, Verdict
from testbed.prove.steps import Defect

OURS = "clusterproof"
_ROW = re.compile(
    r"^\| (?P<row>[\w-]+) \| (?P<kind>[^|]+) \| (?P<defect>[^|]+) \| (?P<said>.*) \|$"
)
_EQUIVALENT = re.compile(r"^\* (?P<id>[\w-]+): ")


def read_proof(page: Path) -> tuple[dict[str, set[str]], set[str], set[str]]:
    """Rows red as due by defect; defects that were not red as due; equivalents that were applied.

    Raises:
        ValueError: The page holds no proof.
    """
    red: dict[str, set[str]] = defaultdict(set)
    wrong: set[str] = set()
    equivalents: set[str] = set()
    section = ""
    for line in page.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            section = line.removeprefix("## ")
        row = _ROW.match(line)
        if section == "Rows and their defects" and row and row["row"] != "row":
            if "**" in row["kind"]:
                wrong |= set(row["defect"].split(","))
            else:
                red[row["defect"]].add(row["row"])
        match = _EQUIVALENT.match(line)
        if section == "Equivalents" and match:
            equivalents.add(match["id"])
    if not red:
        raise ValueError(f"{page}: expected rows and their defects, found none; see make prove")
    return red, wrong, equivalents


def ours(defects: Iterable[Defect], page: Path) -> list[Judged | None]:
    """Our verdict of each defect, in order; None where it is not in the proof."""
    red, wrong, equivalents = read_proof(page)
    return [_verdict(defect, red, wrong, equivalents) for defect in defects]


def _verdict(
    defect: Defect, red: dict[str, set[str]], wrong: set[str], equivalents: set[str]
) -> Judged | None:
    if defect.kind == "equivalent":
        applied = defect.id in equivalents
        verdict = Verdict.ALARMED if defect.id in wrong else Verdict.QUIET
    else:
        applied = defect.id in red or defect.id in wrong
        full = set(defect.reds) <= red.get(defect.id, set()) and defect.id not in wrong
        verdict = Verdict.CAUGHT if full else Verdict.MISSED
    return Judged(defect.id, defect.kind, OURS, verdict) if applied else None
