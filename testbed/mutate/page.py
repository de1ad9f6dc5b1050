"""MUTATION.md, from the fates of all mutants."""

import time
from collections import defaultdict
from collections.abc import Iterable, Sequence

from testbed.mutate.reasons import Reason, reason_for
from testbed.mutate.results import Fate, Mutant, Score, score

_SHOWN = 110
_OPEN = "not looked at"


def page(
    mutants: Sequence[Mutant], reasons: tuple[Reason, ...], left_out: Sequence[str], tool: str
) -> str:
    """The whole page.

    Args:
        mutants: Of all modules that were mutated.
        reasons: Why survivors survive.
        left_out: Modules of src/clusterproof that were not mutated.
        tool: Name and version of what mutated.
    """
    by_module: dict[str, list[Mutant]] = defaultdict(list)
    for mutant in mutants:
        by_module[mutant.module].append(mutant)
    scores = [score(module, of_module) for module, of_module in sorted(by_module.items())]
    total = score("all", list(mutants))
    alive = [mutant for mutant in mutants if mutant.fate in {Fate.SURVIVED, Fate.NO_TESTS}]
    lines = [
        "# Mutation testing: which changes of our own code no test notices",
        "",
        f"Written by `make mutate` on {time.strftime('%Y-%m-%d', time.gmtime())} with {tool}.",
        "",
        f"**{total.share:.1%}** of {total.run} mutants were killed: {total.survived} survived, "
        f"{total.untested} are in code that no test of the selection calls, {total.not_run} were "
        "not run.",
        "",
        *_ABOUT,
        "",
        "## By module",
        "",
        "| module | mutants | killed | survived | no test calls it | not run | score |",
        "|---|---|---|---|---|---|---|",
        *map(_row, scores),
        _row(total),
        "",
        "## Survivors",
        "",
        *_survivors(alive, reasons),
        "",
        "## Not mutated",
        "",
        ", ".join(f"`{name}`" for name in left_out) + ".",
    ]
    return "\n".join(lines) + "\n"


_ABOUT = (
    "Each mutant is one function with one change (an operator, a number, a string, an argument",
    "left out, a condition turned round), tried against the tests that call that function. A",
    "mutant that makes the tests hang is counted as killed. Those with quick tests come first, so",
    "a run that was stopped has judged these. The work is done on a copy in `build/`, where a",
    "decorator is applied by a statement behind its function, because mutmut leaves decorated",
    "functions alone and every judge is one. Module-level code (tables, patterns, classes of rows)",
    "is not mutated. Which modules and tests: `[tool.mutmut]` in pyproject.toml.",
)


def _row(score: Score) -> str:
    figures = (score.mutants, score.killed, score.survived, score.untested, score.not_run)
    shown = f"{score.share:.1%}" if score.run else "none"
    return f"| {score.module} | {' | '.join(map(str, figures))} | {shown} |"


def _survivors(alive: Iterable[Mutant], reasons: tuple[Reason, ...]) -> list[str]:
    """A table for each reason, the ones that nobody has looked at last."""
    by_reason: dict[str, list[Mutant]] = defaultdict(list)
    for mutant in alive:
        by_reason[reason_for(mutant, reasons) or _OPEN].append(mutant)
    lines: list[str] = []
    for because, alike in sorted(by_reason.items(), key=lambda item: item[0] == _OPEN):
        lines += [f"**{because}** ({len(alike)})", "", "| where | was | became |", "|---|---|---|"]
        lines += [
            f"| {each.module}:{each.function} | {_code(each.was)} | {_code(each.now)} |"
            for each in alike
        ]
        lines.append("")
    return lines or ["None.", ""]


def _code(text: str) -> str:
    shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    return f"`` {shown.replace('|', chr(92) + '|')} ``" if shown else "(nothing)"
