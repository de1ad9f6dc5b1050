"""The red rows of each defect: as the pages of the proof recorded them, else as they are due."""

import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from clusterproof.causes.finding import Finding, difference_of
from clusterproof.causes.rules import METRICS_API
from clusterproof.judgement import Difference
from clusterproof.spec import Spec
from clusterproof.spec.row import Row
from testbed.causes.codes import code_of
from testbed.prove.steps import Defect, Step

PAGE: Final = Path(__file__).parents[2] / "docs" / "proof-matrix.html"
_ROW: Final = re.compile(r"<th scope=row>(?P<row>[^<]+)</th>(?P<cells>.*?)</tr>", re.DOTALL)
_CELL: Final = re.compile(r"title='(?P<defect>[^ :]+): (?P<words>[^']*)'")
_SPLIT: Final = re.compile(r"; (?=[^;]*: expected )")


@dataclass(frozen=True, slots=True)
class RedSet:
    """A defect with the rows that it turned red.

    Attributes:
        recorded: How many of the findings have the words of a real run; the others have those
            that the catalogue demands.
    """

    defect: Defect
    findings: tuple[Finding, ...]
    recorded: int

    @property
    def changed(self) -> frozenset[str]:
        """The objects that the defect changes, or fills, `Kind/namespace/name`."""
        steps = (*self.defect.steps, *self.defect.then)
        changed = {str(step.target) for step in steps if step.target is not None}
        return frozenset(changed | {ref for step in steps for ref in _filled(step)})


def read_page(path: Path = PAGE) -> Mapping[tuple[str, str], str]:
    """What a row said under a defect, by both ids."""
    return {
        (cell["defect"], html.unescape(row["row"])): html.unescape(cell["words"])
        for row in _ROW.finditer(path.read_text(encoding="utf-8"))
        for cell in _CELL.finditer(row["cells"])
    }


def red_sets(
    spec: Spec, defects: tuple[Defect, ...], page: Mapping[tuple[str, str], str]
) -> Iterator[RedSet]:
    """The red rows of each defect that is no equivalent."""
    rows = {row.id: row for row in spec.rows}
    for defect in defects:
        if not defect.reds:
            continue
        recorded = [row for row in defect.reds if (defect.id, row) in page]
        findings = tuple(
            _finding(rows[row], page.get((defect.id, row)) or _plain(due), spec)
            for row, due in defect.reds.items()
        )
        yield RedSet(defect, findings, len(recorded))


def _filled(step: Step) -> Iterator[str]:
    """The claims of a Pod that is made, and the API that a stopped component serves."""
    made = step.create or {}
    for volume in (made.get("spec") or {}).get("volumes") or []:
        if "persistentVolumeClaim" in volume:
            claim = volume["persistentVolumeClaim"]["claimName"]
            yield f"PersistentVolumeClaim/{made['metadata']['namespace']}/{claim}"
    if step.stop == "metrics-server":
        yield METRICS_API


def _plain(pattern: str) -> str:
    """A text that the pattern of a catalogue stands for: its first choice, without its signs."""
    text = re.sub(r"\(([^()|]*)\|[^()]*\)", r"\1", pattern.split("|", maxsplit=1)[0])
    return re.sub(r"\\d\+?", "1", text).replace(".*", " ").replace("\\", "")


def _finding(row: Row, words: str, spec: Spec) -> Finding:
    differences = [_coded(row, difference_of(line)) for line in _SPLIT.split(words)]
    return Finding(row, tuple(differences), where=_where(row, spec))


def _where(row: Row, spec: Spec) -> str:
    """The place that a look at a product states; the pages of the proof do not have it."""
    router, posthog = spec.settings.traffic, spec.settings.posthog
    if posthog and row.check in {"flag", "ingestion", "posthog-status"}:
        return f"{posthog.namespace}/pod -> {posthog.host}"
    if router and row.check in {"exposure", "rehearsal"}:
        return f"{router.workload.namespace}/pod -> {router.service}"
    return ""


def _coded(row: Row, difference: Difference) -> Difference:
    return replace(difference, code=code_of(row.check, difference))
