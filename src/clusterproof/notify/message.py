"""The message about a run, as Slack and what is compatible with it take it.

Source: Slack API, "Reference: Message payloads" and "Section block" (read 2026-11-23): at most 50
blocks, 3000 characters in a section's text, 150 in a header; `&`, `<` and `>` are escaped.
"""

from typing import Any, Final

from clusterproof.history.compare import Comparison
from clusterproof.outcome import Outcome
from clusterproof.report.causes import lines_of, sentence
from clusterproof.report.record import RowResult, RunRecord
from clusterproof.report.words import cause, duration, moment, verdict_sentence

HEADER_LIMIT: Final = 150
TEXT_LIMIT: Final = 3000
MOST_ROWS: Final = 10
"""Rows that one message names; the rest are counted. Our choice."""

MOST_CAUSES: Final = 3
"""Causes that one message names. Our choice."""

_ROW_LIMIT: Final = 280

_SIGN: Final = {
    Outcome.PASSED: "✅",
    Outcome.FAILED: "❌",
    Outcome.INCONCLUSIVE: "❔",
    Outcome.NOT_RUN: "❔",
}


def message(
    record: RunRecord, *, comparison: Comparison | None = None, link: str = ""
) -> dict[str, Any]:
    """The payload for an incoming webhook.

    Args:
        record: The run, already redacted.
        comparison: Against the run before: names what is new and what is mended.
        link: Where the report can be read, or "".
    """
    title = f"{_SIGN[record.verdict]} {record.cluster.context}: {verdict_sentence(record)}"
    facts = f"{moment(record.started_at)}, {duration(record.duration_s)}, run {record.run_id}"
    blocks = [
        {"type": "header", "text": {"type": "plain_text", "text": _cut(title, HEADER_LIMIT)}},
        _section(_escape(facts)),
    ]
    if comparison:
        blocks += [_section(line) for line in _changes(comparison)]
    blocks += [_section(part) for part in _causes(record)]
    shown = record.of(Outcome.FAILED) or record.of(Outcome.INCONCLUSIVE, Outcome.NOT_RUN)
    if shown:
        lines = [_line(row) for row in shown[:MOST_ROWS]]
        if len(shown) > MOST_ROWS:
            lines.append(f"and {len(shown) - MOST_ROWS} more")
        blocks.append(_section("\n".join(lines)))
    blocks += [_section(_escape(note)) for note in (*record.errors, *record.notes)[:5]]
    if link:
        blocks.append(_section(f"<{_escape(link).replace('|', '%7C')}|The whole report>"))
    return {"text": _escape(_cut(title, TEXT_LIMIT)), "blocks": blocks}


def _causes(record: RunRecord) -> list[str]:
    """How many causes there are, and the first ones."""
    verdict = sentence(record)
    named = [
        _escape(_cut("\n".join(lines_of(number, cause)), TEXT_LIMIT // MOST_CAUSES - 1))
        for number, cause in enumerate(record.causes[:MOST_CAUSES], 1)
    ]
    return ["\n".join([*named, _escape(verdict)])] if named else []


def worth_telling(record: RunRecord, comparison: Comparison | None) -> bool:
    """True for a run that is not a pass, or that changed something since the one before."""
    return record.verdict is not Outcome.PASSED or (comparison is not None and not comparison.quiet)


def _changes(comparison: Comparison) -> list[str]:
    named = (
        ("New", comparison.new_failures),
        ("Vanished", comparison.vanished),
        ("Mended", comparison.mended),
        ("Newly not judged", comparison.new_unknowns),
    )
    lines = []
    for title, rows in named:
        if rows:
            more = f" and {len(rows) - MOST_ROWS} more" if len(rows) > MOST_ROWS else ""
            names = ", ".join(f"`{_code(row)}`" for row in rows[:MOST_ROWS])
            lines.append(f"*{title}:* {names}{more}")
    return lines or ["Nothing changed since the run before."]


def _line(row: RowResult) -> str:
    if row.outcome is Outcome.FAILED:
        sentence = f"expected {row.expected}, observed {row.observed}"
    else:
        sentence = cause(row)
    return f"`{_code(row.id)}` {_escape(_cut(' '.join(sentence.split()), _ROW_LIMIT))}"


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": _cut(text, TEXT_LIMIT)}}


def _code(text: str) -> str:
    return _escape(_cut(" ".join(text.split()).replace("`", "'"), 100))


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
