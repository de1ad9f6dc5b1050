"""The causes of a run: groups of the graph, named by what the proof knows of them."""

from collections.abc import Iterable, Sequence
from typing import Final

from clusterproof.causes.cause import Cause
from clusterproof.causes.describe import cause_of
from clusterproof.causes.finding import Finding
from clusterproof.causes.graph import groups_of
from clusterproof.causes.signatures import Signature, best_fit
from clusterproof.spec.row import Row

LEAST_SHARE: Final = 0.5
"""A cause that explains less of what did not pass is not called the single cause. Our choice."""


def find_causes(
    findings: Sequence[Finding],
    rows: Iterable[Row],
    signatures: Iterable[Signature] | None = None,
) -> tuple[Cause, ...]:
    """What explains two rows or more, or a row by another object; the largest first.

    A row that is about the one object that differs is its own cause, and is not repeated here.

    Args:
        findings: Of the rows that did not pass.
        rows: Those that passed or failed.
        signatures: Of known defects; those of this version when None.
    """
    if not findings:
        return ()
    groups, _ = groups_of(findings, rows)
    causes = []
    for group in groups:
        if group.size > 1 or group.symptoms:
            fit = best_fit((*group.own, *group.symptoms), signatures)
            causes.append(cause_of(group, str(fit) if fit else ""))
    return tuple(causes)


def verdict_on(causes: Sequence[Cause], count: int) -> str:
    """In one sentence: how many causes explain how many of the `count` rows that did not pass.

    "" for no row, and for one that no other thing explains.
    """
    if not count or (count == 1 and not causes):
        return ""
    explained = sum(len(cause.explained) for cause in causes)
    if not causes or explained < count * LEAST_SHARE:
        return f"No single cause: {count - explained} of {_rows(count)} stand on their own."
    number = "1 cause explains" if len(causes) == 1 else f"{len(causes)} causes explain"
    rest = count - explained
    alone = f"; {_rows(rest)} {'stands' if rest == 1 else 'stand'} alone" if rest else ""
    return f"{number} {explained} of {_rows(count)}{alone}."


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"
