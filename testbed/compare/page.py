"""COMPARISON.md: tool by tool and defect by defect, with what each of them said."""

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from testbed.compare.findings import Finding
from testbed.compare.proven import OURS
from testbed.compare.tools import Tool
from testbed.compare.verdicts import Judged, Verdict, counted
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


def page(defects: Sequence[Defect], judged: Sequence[Judged], about: About, words: str) -> str:
    """The whole page.

    Args:
        defects: All that were tried, equivalents too.
        judged: Of every tool, and of our own checks where the proof has them.
        about: Of the run.
        words: What a person wrote of it, with `{summary}` and the other parts to be filled in.
    """
    return words.format(
        date=time.strftime("%Y-%m-%d", time.gmtime()),
        tools=", ".join(f"{tool.name} {tool.version}" for tool in about.tools),
        defects=sum(bool(defect.reds) for defect in defects),
        equivalents=sum(not defect.reds for defect in defects),
        looks=about.looks,
        summary="\n".join(_summary(judged, about)),
        only="\n".join(_by_who(judged)),
        table="\n".join(_table(defects, judged, about)),
        alarms="\n".join(_alarms(judged)),
        baseline="\n".join(_baseline(about)),
        beside="\n".join(_beside(judged)),
    )


def _summary(judged: Sequence[Judged], about: About) -> list[str]:
    """One line for each tool: caught, missed, could not see, by kind of defect."""
    figures = counted(judged)
    lines = [
        f"| tool | {' | '.join(_KINDS)} | all | caught of what is in manifests "
        "| less what is beside the point | alarms | a look |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
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
        row = (name, *cells, _three(sums), *shares, f"{alarmed} of {of}", took)
        lines.append(f"| {' | '.join(row)} |")
    return lines


def _share(caught: int, of: int) -> str:
    return f"{caught} of {of} ({caught / max(of, 1):.0%})"


def _three(figures: Mapping[Verdict, int]) -> str:
    caught, missed = figures[Verdict.CAUGHT], figures[Verdict.MISSED]
    return f"{caught} / {missed} / {figures[Verdict.NOT_SEEN]}"


def _by_who(judged: Sequence[Judged]) -> list[str]:
    """Who caught it, for all defects."""
    caught: dict[str, set[str]] = defaultdict(set)
    for each in judged:
        if each.kind != "equivalent":
            caught[each.defect] |= {each.tool} if each.verdict is Verdict.CAUGHT else set()
    static = {name for name, by in caught.items() if by - {OURS}}
    ours = {name for name, by in caught.items() if OURS in by}
    beside = _named(static - ours)
    missed = {each.defect for each in judged if (each.tool, each.verdict) == (OURS, Verdict.MISSED)}
    unproven = set(caught) - static - ours - missed
    return [
        f"* caught by a static tool and by our checks: {len(static & ours)}",
        f"* by our checks alone: {len(ours - static)}",
        f"* by a static tool, and not in our last proof: {len(static - ours)}" + beside,
        f"* by no static tool, and not in our last proof: {len(unproven)}{_named(unproven)}",
        f"* missed by all: {len(missed - static)}{_named(missed - static)}",
    ]


def _named(names: Iterable[str]) -> str:
    text = ", ".join(f"`{name}`" for name in sorted(names))
    return f" ({text})" if text else ""


def _table(defects: Sequence[Defect], judged: Sequence[Judged], about: About) -> list[str]:
    """Every defect, and what the tools that caught it said."""
    names = [*(tool.name for tool in about.tools), OURS]
    by_place = {(each.defect, each.tool): each for each in judged}
    lines = [
        f"| defect | kind | {' | '.join(names)} | what was said |",
        f"|---|---|{'---|' * len(names)}---|",
    ]
    for defect in defects:
        row = [by_place.get((defect.id, name)) for name in names]
        if not defect.reds:
            continue
        marks = " | ".join(_mark(each) for each in row)
        words = "; ".join(_checks(each) for each in row if each and each.new)
        lines.append(f"| {defect.id} | {defect.kind} | {marks} | {words} |")
    return lines


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


def _beside(judged: Iterable[Judged]) -> list[str]:
    """Each reason once, with the defects that it is noted of."""
    names: dict[str, list[str]] = defaultdict(list)
    for each in judged:
        if each.beside and f"`{each.defect}`" not in names[each.beside]:
            names[each.beside].append(f"`{each.defect}`")
    return [f"* {reason} {', '.join(defects)}." for reason, defects in names.items()]


def _alarms(judged: Iterable[Judged]) -> list[str]:
    lines = ["| equivalent | tool | what it said |", "|---|---|---|"]
    lines += [
        f"| {each.defect} | {each.tool} | {_checks(each)} |"
        for each in judged
        if each.verdict is Verdict.ALARMED
    ]
    return lines


def _baseline(about: About) -> list[str]:
    """What each tool says of the manifests as they are, by check."""
    lines = ["| tool | check | times | for instance |", "|---|---|---|---|"]
    for tool in about.tools:
        by_check: dict[str, list[Finding]] = defaultdict(list)
        for finding in about.baseline[tool.name]:
            by_check[finding.check].append(finding)
        for check, findings in sorted(by_check.items(), key=lambda item: -len(item[1])):
            lines.append(f"| {tool.name} | {check} | {len(findings)} | {findings[0].said} |")
    return lines
