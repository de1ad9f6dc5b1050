"""The causes of a run in words: three lines each, before anything else is said."""

from collections.abc import Iterator
from typing import Final

from clusterproof.causes.cause import Cause
from clusterproof.causes.find import verdict_on
from clusterproof.outcome import Outcome
from clusterproof.report.record import RunRecord
from clusterproof.report.words import rows

_NAMED: Final = 3
"""Rows that a line names; the rest are counted. Our choice."""


def sentence(record: RunRecord) -> str:
    """How many causes explain how many rows; "" where every row passed or did not run."""
    return verdict_on(record.causes, len(record.of(Outcome.FAILED, Outcome.INCONCLUSIVE)))


def lines_of(number: int, cause: Cause) -> tuple[str, ...]:
    """What, evidence, and the remedy with the command that shows it."""
    explained = cause.explained
    more = f" and {len(explained) - _NAMED} more" if len(explained) > _NAMED else ""
    names = ", ".join(explained[:_NAMED])
    lines = [f"{number}. {cause.what} [{rows(len(explained))}: {names}{more}]"]
    logs = [line for line in cause.evidence[1:] if line.startswith("log of ")]
    evidence = [*cause.evidence[:1], *logs[:1], *([cause.fit] if cause.fit else [])]
    if evidence:
        lines.append(f"   evidence  {'; '.join(evidence)}")
    show = f"; see: {cause.show}" if cause.show else ""
    lines.append(f"   remedy    {cause.remedy}{show}")
    return tuple(lines)


def text(record: RunRecord) -> Iterator[str]:
    """All causes, as lines."""
    for number, cause in enumerate(record.causes, 1):
        yield from lines_of(number, cause)
    verdict = sentence(record)
    if verdict:
        yield verdict
