"""COMPARISON.md: tool by tool and defect by defect, with what each of them said."""

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from testbed.compare.findings import Finding
from testbed.compare.proven import OURS
from testbed.compare.tools import Tool
from testbed.compare.verdicts import Judged, Verdict, counted
from testbed.pages import rendered
from testbed.prove.steps import Defect

_KINDS = ("wrong", "absent", "lying")
_MARK = {
    Verdict.CAUGHT: "●",
    Verdict.MISSED: "○",
    Verdict.NOT_SEEN: "-",
    Verdict.QUIET: "quiet",
    Verdict.ALARMED: "**alarm**",
}
_SHOWN = 4


@dataclass(frozen=True, slots=True)
class About:
    """What the page says of the run.

    Attributes:
        tools: With their versions.
        seconds: By tool, for one look.
        baseline: By tool, what it says of the unchanged manifests.
        looks: How many versions of the manifests there were, the unchanged one among them.
    """

    tools: Sequence[Tool]
    seconds: Mapping[str, float]
    baseline: Mapping[str, Sequence[Finding]]
    looks: int


def page(defects: Sequence[Defect], judged: Sequence[Judged], about: About) -> str:
    """The whole page.

    Args:
        defects: All that were tried, equivalents too.
        judged: Of every tool, and of our own checks where the proof has them.
        about: Of the run.
    """
    return rendered(
        Path(__file__).with_name("page.md.j2"),
        about=about,
        date=time.strftime("%Y-%m-%d", time.gmtime()),
        tools=[f"{tool.name} {tool.version}" for tool in about.tools],
        names=[*(tool.name for tool in about.tools), OURS],
        kinds=_KINDS,
        defects=sum(bool(defect.reds) for defect in defects),
        equivalents=sum(not defect.reds for defect in defects),
        summary=_summary(judged, about),
        who=_by_who(judged),
        named=_named,
        table=_table(defects, judged, about),
        alarms=[each for each in judged if each.verdict is Verdict.ALARMED],
        checks=_checks,
        baseline=_baseline(about),
        beside=_beside(judged),
    )


def _summary(judged: Sequence[Judged], about: About) -> Iterator[tuple[str, ...]]:
    """A row for each tool: caught, missed, could not see, by kind of defect."""
    figures = counted(judged)
    beside = Counter(each.tool for each in judged if each.beside)
    for name in (*(tool.name for tool in about.tools), OURS):
        cells = []
        sums: Counter[Verdict] = Counter()
        for kind in _KINDS:
            here = {verdict: figures[name, kind, verdict] for verdict in _MARK}
            sums.update(here)
            cells.append(_three(here))
        decided = sums[Verdict.CAUGHT] + sums[Verdict.MISSED]
        caught = sums[Verdict.CAUGHT]
        shares = [_share(caught, decided), _share(caught - beside[name], decided)]
        alarmed = figures[name, "equivalent", Verdict.ALARMED]
        of = alarmed + figures[name, "equivalent", Verdict.QUIET]
        took = f"{about.seconds[name]:.2f} s" if name in about.seconds else "see below"
        yield (name, *cells, _three(sums), *shares, f"{alarmed} of {of}", took)


def _share(caught: int, of: int) -> str:
    return f"{caught} of {of} ({caught / max(of, 1):.0%})"


def _three(figures: Mapping[Verdict, int]) -> str:
    caught, missed = figures[Verdict.CAUGHT], figures[Verdict.MISSED]
    return f"{caught} / {missed} / {figures[Verdict.NOT_SEEN]}"


def _by_who(judged: Sequence[Judged]) -> Mapping[str, set[str]]:
    """Who caught it, for all defects."""
    caught: dict[str, set[str]] = defaultdict(set)
    for each in judged:
        if each.kind != "equivalent":
            caught[each.defect] |= {each.tool} if each.verdict is Verdict.CAUGHT else set()
    static = {name for name, by in caught.items() if by - {OURS}}
    ours = {name for name, by in caught.items() if OURS in by}
    missed = {each.defect for each in judged if (each.tool, each.verdict) == (OURS, Verdict.MISSED)}
    return {
        "both": static & ours,
        "ours": ours - static,
        "static": static - ours,
        "unproven": set(caught) - static - ours - missed,
        "missed": missed - static,
    }


def _named(names: Iterable[str]) -> str:
    text = ", ".join(f"`{name}`" for name in sorted(names))
    return f" ({text})" if text else ""


def _table(
    defects: Sequence[Defect], judged: Sequence[Judged], about: About
) -> Iterator[tuple[Defect, list[str], str]]:
    """Every defect, and what the tools that caught it said."""
    names = [*(tool.name for tool in about.tools), OURS]
    by_place = {(each.defect, each.tool): each for each in judged}
    for defect in defects:
        if defect.reds:
            row = [by_place.get((defect.id, name)) for name in names]
            words = "; ".join(_checks(each) for each in row if each and each.new)
            yield defect, [_mark(each) for each in row], words


def _mark(judged: Judged | None) -> str:
    if judged is None:
        return "not in the proof"
    return f"({_MARK[judged.verdict]})" if judged.beside else _MARK[judged.verdict]


def _checks(judged: Judged) -> str:
    """The checks behind a verdict, the most frequent first."""
    names = Counter(finding.check for finding in judged.new)
    shown = [
        f"{check} x{count}" if count > 1 else check for check, count in names.most_common(_SHOWN)
    ]
    more = f", {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(shown)}{more}"


def _beside(judged: Iterable[Judged]) -> Mapping[str, Iterable[str]]:
    """Each reason, with the defects that it is noted of."""
    defects: dict[str, dict[str, None]] = defaultdict(dict)
    for each in judged:
        if each.beside:
            defects[each.beside][each.defect] = None
    return defects


def _baseline(about: About) -> Iterator[tuple[str, str, list[Finding]]]:
    """What each tool says of the manifests as they are, by check, the most frequent first."""
    for tool in about.tools:
        by_check: dict[str, list[Finding]] = defaultdict(list)
        for finding in about.baseline[tool.name]:
            by_check[finding.check].append(finding)
        for check, findings in sorted(by_check.items(), key=lambda group: -len(group[1])):
            yield tool.name, check, findings
