"""MUTATION.md, from the fates of all mutants."""

import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from testbed.mutate.reasons import Reason, reason_for
from testbed.mutate.results import Fate, Mutant, score
from testbed.pages import rendered

_SHOWN = 110
_OPEN = "not looked at"
"""The reason of survivors that have none: the last on the page."""


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
    alive = (mutant for mutant in mutants if mutant.fate in {Fate.SURVIVED, Fate.NO_TESTS})
    by_reason: dict[str, list[Mutant]] = defaultdict(list)
    for mutant in alive:
        by_reason[reason_for(mutant, reasons) or _OPEN].append(mutant)
    return rendered(
        Path(__file__).with_name("page.md.j2"),
        date=time.strftime("%Y-%m-%d", time.gmtime()),
        tool=tool,
        scores=[score(module, of_module) for module, of_module in sorted(by_module.items())],
        total=score("all", list(mutants)),
        survivors=sorted(by_reason.items(), key=lambda group: group[0] == _OPEN),
        left_out=left_out,
        code=_code,
    )


def _code(text: str) -> str:
    shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    return f"`` {shown.replace('|', chr(92) + '|')} ``" if shown else "(nothing)"
