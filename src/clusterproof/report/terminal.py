"""What a run shows at its end: why rows could not be judged, the verdict, the report."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from clusterproof.outcome import Outcome
from clusterproof.report.record import RunRecord
from clusterproof.report.words import headline


def sections(
    record: RunRecord, written: Mapping[str, Path], trouble: str
) -> Iterator[tuple[str, list[str]]]:
    """Each section's title with its lines.

    Args:
        record: The run.
        written: Its reports, by file name.
        trouble: What could not be written, or "".
    """
    blind = record.of(Outcome.INCONCLUSIVE, Outcome.NOT_RUN)
    if blind:
        lines = []
        for cause in dict.fromkeys(row.cause for row in blind):
            names = [row.id for row in blind if row.cause == cause]
            lines += [cause, f"  {len(names)} rows: {', '.join(names)}"]
        yield "could not look", lines
    if accepted := record.of(Outcome.ACCEPTED):
        lines = []
        for row in accepted:
            lines.append(headline(row))
            lines += [f"  accepted  {acceptance}" for acceptance in row.accepted]
        yield "accepted for a time", lines
    counts = ", ".join(f"{count} {outcome}" for outcome, count in record.counts.items() if count)
    yield f"{record.verdict.upper()}: {counts}", list(_ending(record, written, trouble))


def _ending(record: RunRecord, written: Mapping[str, Path], trouble: str) -> Iterator[str]:
    yield from (f"error   {error}" for error in record.errors)
    yield from (f"note    {note}" for note in record.notes)
    yield f"{record.api_calls} API calls, {record.api_bytes} bytes, {record.duration_s:.1f} s"
    if trouble:
        yield f"not written  {trouble}"
    if "report.html" in written:
        yield f"report  {written['report.html']}"
