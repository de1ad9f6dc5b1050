"""Markdown for GitHub's step summary: verdict, then failures, and never over the size limit.

Source: GitHub Docs, "Adding a job summary" (read 2026-11-23): over 1 MiB the upload is refused.
"""

import html
import re
from collections.abc import Iterable
from typing import Final

from clusterproof.causes.cause import Cause
from clusterproof.outcome import Outcome
from clusterproof.report import causes
from clusterproof.report.record import RowResult, RunRecord
from clusterproof.report.words import (
    cause,
    duration,
    explanation,
    headline,
    moment,
    rows,
    verdict_sentence,
)

LIMIT_BYTES: Final = 1024 * 1024

_ROOM: Final = 400
"""Bytes kept for the sentence that says what was left out."""

_LONGEST: Final = 4000
"""Characters of one row's details; one row may not crowd out the others. Our choice."""

_SIGN: Final = {
    Outcome.PASSED: "✅ Passed",
    Outcome.FAILED: "❌ Failed",
    Outcome.INCONCLUSIVE: "❔ Inconclusive",
    Outcome.NOT_RUN: "⏸ Not run",
    Outcome.ACCEPTED: "☑ Accepted for a time",
}


def to_step_summary(record: RunRecord, *, limit_bytes: int = LIMIT_BYTES) -> str:
    """The record as Markdown of at most `limit_bytes` bytes in UTF-8."""
    parts = [_head(record)]
    used = _size(parts[0])
    left_out = 0
    for part in _details(record):
        length = _size(part)
        if used + length > limit_bytes - _ROOM:
            left_out += 1
            continue
        parts.append(part)
        used += length
    if left_out:
        parts.append(f"\n> {left_out} parts were left out: GitHub takes at most 1 MiB here. ")
        parts.append("The whole report is in the run's artifacts.\n")
    return "".join(parts)


def _size(text: str) -> int:
    """Bytes that the text takes in a file."""
    return len(text.encode(errors="backslashreplace"))


def _head(record: RunRecord) -> str:
    counts = record.counts
    cells = " | ".join(str(counts[outcome]) for outcome in Outcome)
    names = " | ".join(outcome.value for outcome in Outcome)
    facts = (
        f"{_code(record.cluster.context)} {_inline(record.cluster.server_version)}, "
        f"profile {_code(record.profile)}, {moment(record.started_at)}, "
        f"{duration(record.duration_s)}, {record.api_calls} API calls"
    )
    return (
        f"### {_SIGN[record.verdict]}: {verdict_sentence(record)}\n\n{facts}\n\n"
        f"| {names} |\n|{' ---: |' * len(counts)}\n| {cells} |\n"
        + "".join(f"\n> error of the run: {_inline(error)}\n" for error in record.errors)
        + "".join(f"\n> {_inline(note)}\n" for note in record.notes)
    )


def _details(record: RunRecord) -> Iterable[str]:
    """The parts in order of importance."""
    if verdict := causes.sentence(record):
        yield f"\n#### Causes\n\n{_inline(verdict)}\n"
    for number, explained in enumerate(record.causes, 1):
        yield _cause(number, explained)
    for outcome in (Outcome.FAILED, Outcome.INCONCLUSIVE, Outcome.ACCEPTED):
        results = record.of(outcome)
        if results:
            yield f"\n#### {_SIGN[outcome]}\n"
        for row in results:
            yield _open(row)
    not_run = record.of(Outcome.NOT_RUN)
    if not_run:
        yield _table(f"{rows(len(not_run))} did not run", ("row", "cause"), _pairs(not_run))
    for area in record.areas:
        passed = [row for row in record.of(Outcome.PASSED) if row.area == area]
        if passed:
            lines = [(row.id, row.observed or row.expected) for row in passed]
            yield _table(f"{area}: {rows(len(passed))} passed", ("row", "observed"), lines)


def _cause(number: int, named: Cause) -> str:
    """A cause, open, with the rows that it explains folded."""
    lines = [f"**{number}. {_inline(named.what)}**", ""]
    lines += [f"- evidence: {_inline(quotation)}" for quotation in named.evidence[:1]]
    lines += [f"- fits: {_inline(named.fit)}"] if named.fit else []
    show = f", see {_code(named.show)}" if named.show else ""
    lines.append(f"- remedy: {_inline(named.remedy)}{show}")
    names = ", ".join(_code(name) for name in named.explained)
    count = rows(len(named.explained))
    folded = f"\n<details><summary>{count}</summary>\n\n{names}\n\n</details>\n"
    return "\n" + "\n".join(lines) + "\n" + folded


def _open(row: RowResult) -> str:
    text = explanation(row)
    if len(text) > _LONGEST:
        text = text[:_LONGEST] + "\n  ... (cut; the whole is in the report)"
    fence = "~~~~" if "```" in text else "```"
    body = text.replace("~~~~", "~ ~ ~ ~")
    title = _html(headline(row)[:300])
    return (
        f"\n<details open><summary>{title}</summary>\n\n{fence}text\n{body}\n{fence}\n</details>\n"
    )


def _pairs(results: Iterable[RowResult]) -> list[tuple[str, str]]:
    return [(row.id, cause(row)) for row in results]


def _table(title: str, columns: tuple[str, str], lines: Iterable[tuple[str, str]]) -> str:
    body = "".join(f"| {_cell(left)} | {_cell(right)} |\n" for left, right in lines)
    head = f"| {columns[0]} | {columns[1]} |\n| --- | --- |\n"
    return f"\n<details><summary>{_html(title)}</summary>\n\n{head}{body}\n</details>\n"


def _cell(text: str) -> str:
    short = text if len(text) <= 200 else text[:200] + "…"  # noqa: PLR2004 - one line of a table
    return _inline(short).replace("|", "\\|")


def _html(text: str) -> str:
    """Text for inside an HTML element, where Markdown is not read."""
    return html.escape(" ".join(text.split()), quote=False)


def _inline(text: str) -> str:
    """Text that neither Markdown nor HTML reads as its own."""
    return re.sub(r"([\\`*_\[\]~])", r"\\\1", _html(text))


def _code(text: str) -> str:
    """Text as a code span."""
    return f"`{' '.join(text.split()).replace('`', chr(39))}`" if text.strip() else "none"
