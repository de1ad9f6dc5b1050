"""The words and numbers that every report shares."""

from datetime import UTC, datetime

from clusterproof.outcome import Outcome
from clusterproof.report.record import RowResult, RunRecord


def headline(row: RowResult) -> str:
    """The row in one line: `id: expected x, observed y`, or why nothing can be said."""
    if row.outcome in {Outcome.FAILED, Outcome.ACCEPTED}:
        more = f" (and {len(row.differences) - 1} more)" if len(row.differences) > 1 else ""
        accepted = "accepted for a time: " if row.outcome is Outcome.ACCEPTED else ""
        return f"{row.id}: {accepted}expected {row.expected}, observed {row.observed}{more}"
    if row.outcome is Outcome.PASSED:
        return f"{row.id}: as expected: {row.expected or row.title}"
    word = "could not look" if row.outcome is Outcome.INCONCLUSIVE else "did not run"
    return f"{row.id}: {word}: {cause(row)}"


def cause(row: RowResult) -> str:
    """Why nothing can be said of the row; never empty."""
    return row.cause or row.observed or "no cause was recorded"


def explanation(row: RowResult) -> str:
    """The headline and everything known, as the terminal shows it."""
    lines = [("claim", row.title), ("where", row.where)]
    lines += [("differs", line) for line in row.differences]
    lines += [("evidence", line) for line in row.evidence]
    lines += [("accepted", str(line)) for line in row.accepted]
    lines += [("looked", row.how), ("source", row.source), ("next", row.next)]
    if row.flaky:
        lines.append(("flaky", f"passed at attempt {row.attempts}"))
    return "\n".join([headline(row), *(f"  {name:<9} {text}" for name, text in lines if text)])


def verdict_sentence(record: RunRecord) -> str:
    """The whole run in one sentence."""
    counts = record.counts
    total = len(record.rows)
    if not total:
        return "Nothing was checked."
    unknown = counts[Outcome.INCONCLUSIVE] + counts[Outcome.NOT_RUN]
    known = counts[Outcome.ACCEPTED]
    accepted = f"; {rows(known)} differ{'s' if known == 1 else ''} as is accepted" if known else ""
    if record.verdict is Outcome.FAILED:
        more = f"; {unknown} more could not be judged" if unknown else ""
        failed = counts[Outcome.FAILED]
        differ = "differs" if failed == 1 else "differ"
        return f"{failed} of {rows(total)} {differ} from the spec{more}{accepted}."
    passed = f"{counts[Outcome.PASSED]} of" if known else "All"
    if record.verdict is Outcome.PASSED:
        return f"{passed} {rows(total)} are as the spec says{accepted}."
    if not unknown:
        return (
            f"{passed} {rows(total)} are as the spec says{accepted},"
            " but the run itself had an error."
        )
    other = "other " if known else ""
    return (
        f"No {other}difference was seen, but {unknown} of {rows(total)} could not be judged"
        f"{accepted}."
    )


def rows(count: int) -> str:
    """`1 row`, `2 rows`."""
    return f"{count} row" if count == 1 else f"{count} rows"


def moment(unix_s: float) -> str:
    """A time as `2026-11-23 02:00:07 UTC`."""
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def iso(unix_s: float) -> str:
    """A time as `2026-11-23T02:00:07Z`, to the second."""
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def duration(seconds: float) -> str:
    """A duration that a person reads at a glance: `38 ms`, `4.2 s`, `1 min 5 s`, `2 h 3 min`."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:  # noqa: PLR2004 - seconds in a minute
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:  # noqa: PLR2004 - minutes in an hour
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"


def size(count: int) -> str:
    """Bytes as `512 B`, `1.4 MiB`."""
    number = float(count)
    for unit in ("B", "KiB", "MiB"):
        if number < 1024:  # noqa: PLR2004 - the step of binary prefixes
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} GiB"
