"""The history as static pages: clusters, series, runs and rows; one style sheet and no script.

Pages stay light at a year of nights: a row's nights are drawn as spells, not one by one, and a
run's page names its passes without their evidence, which the run's own report has.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any, Final

from clusterproof.history import charts
from clusterproof.history.compare import Comparison, compare
from clusterproof.history.nights import absent_nights, night_of
from clusterproof.history.store import History, RunRef, Series
from clusterproof.history.trend import (
    Point,
    Since,
    changes,
    failing_since,
    flakes,
    flips,
    spells,
)
from clusterproof.outcome import Outcome
from clusterproof.report.files import replace_file
from clusterproof.report.pages import asset, environment, style
from clusterproof.report.record import RowResult, RunRecord
from clusterproof.report.words import rows as count_rows
from clusterproof.report.words import verdict_sentence

FLIPPING: Final = 3
"""A row that went to and fro this often is in the flake ledger: once is a break and a repair,
which makes two. Our choice."""

MOST_CHANGES: Final = 200
"""Lines of one row's table of changes; more is a row that flips each night. Our choice."""

_SAFE: Final = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class _Item:
    """A row and its anchor, as the macro of a finding takes it."""

    row: RowResult
    anchor: str


@dataclass(slots=True)
class _Series:
    """What the pages of one series are made of, read once."""

    series: Series
    runs: tuple[RunRef, ...]
    points: dict[str, tuple[Point, ...]]
    counts: list[dict[Outcome, int]]
    absent: tuple[date, ...]
    baseline: RunRef | None
    retired: dict[str, str]
    files: dict[int, str] = field(default_factory=dict)
    row_files: dict[str, str] = field(default_factory=dict)
    latest: dict[str, RowResult] = field(default_factory=dict)

    @property
    def folder(self) -> str:
        """Its directory on the site."""
        return _file_name(self.series.name, self.series.cluster)

    @property
    def newest(self) -> RunRef:
        """Its last run; a series is only ever made with one."""
        return self.runs[-1]

    def outcome_now(self, row: str) -> Outcome | None:
        """What the row came to in the last run, or None if it was not a row of that run."""
        last = self.points[row][-1]
        return last.outcome if last.run == len(self.runs) - 1 else None

    def strip(self, row: str) -> object:
        """The row's nights as a strip."""
        return charts.strip(spells(self.points[row], len(self.runs)), len(self.runs))


def write_site(history: History, directory: Path, *, now: float) -> int:
    """How many pages were written.

    Args:
        history: The open store.
        directory: Made if it is not there. Pages of an older site in it are replaced.
        now: Unix time; nights up to here without a run are shown as absent.
    """
    directory.mkdir(parents=True, exist_ok=True)
    made = environment()
    made.filters |= {"day": _day}
    css = f"{style()}\n{asset('history.css')}"
    replace_file(directory / "style.css", css.encode())
    found = [_read(history, series, now) for series in history.all_series()]
    pages = 0
    for one in found:
        pages += _write_runs(history, one, directory)
        pages += _write_rows(one, directory)
        _write(directory / one.folder / "index.html", "history_series", _series_page(history, one))
    entries = [
        {
            "folder": one.folder,
            "name": one.series.name,
            "last": one.newest,
            "runs": len(one.runs),
            "absent": len(one.absent),
            "chart": charts.columns(_with_gaps(one), _chart_label(one)),
        }
        for one in found
    ]
    _write(
        directory / "index.html",
        "history_home",
        {"entries": entries, "trail": [("", "History")], "root": ""},
    )
    return pages + len(found) + 1


def _read(history: History, series: Series, now: float) -> _Series:
    runs = history.runs(series.id)
    points = history.points(series.id)
    return _Series(
        series=series,
        runs=runs,
        points=points,
        counts=history.counts(series.id),
        absent=absent_nights((run.started_at for run in runs), now=now),
        baseline=history.baseline(series.id),
        retired=history.retired(series.id),
        files={run.id: _file_name(run.name) + ".html" for run in runs},
        row_files={row: _file_name(row) + ".html" for row in points},
    )


def _write_runs(history: History, one: _Series, directory: Path) -> int:
    """One page per run, each against the one before; keeps the newest result of each row."""
    before: RunRecord | None = None
    last = len(one.runs) - 1
    for number, run in enumerate(one.runs):
        record = history.record(run)
        one.latest |= {row.id: row for row in record.rows}
        seen = compare(before, record, retired=one.retired) if before else None
        context = _run_page(one, record, seen)
        context["earlier"] = one.files[one.runs[number - 1].id] if number else ""
        context["later"] = one.files[one.runs[number + 1].id] if number < last else ""
        _write(directory / one.folder / "runs" / one.files[run.id], "history_run", context)
        before = record
    return len(one.runs)


def _run_page(one: _Series, record: RunRecord, seen: Comparison | None) -> dict[str, Any]:
    titles = (
        ("New failures", "new_failures"),
        ("Vanished", "vanished"),
        ("Newly not judged", "new_unknowns"),
        ("Newly accepted", "newly_accepted"),
        ("Mended", "mended"),
        ("Failing, and seen otherwise", "changed_failures"),
        ("Still failing", "still_failing"),
        ("New rows", "appeared"),
    )
    passes = [row for row in record.rows if row.outcome is Outcome.PASSED]
    return {
        "record": record,
        "sentence": verdict_sentence(record),
        "comparison": seen,
        "changes": [(title, getattr(seen, name)) for title, name in titles] if seen else [],
        "findings": _by_area(record, Outcome.FAILED),
        "known": _by_area(record, Outcome.ACCEPTED, first=len(record.of(Outcome.FAILED))),
        "unknown": _by_area(record, Outcome.INCONCLUSIVE, Outcome.NOT_RUN),
        "passes": [
            (area, [row for row in passes if row.area == area])
            for area in dict.fromkeys(row.area for row in passes)
        ],
        "row_files": one.row_files,
        "root": "../../",
        "trail": [
            ("../../index.html", "History"),
            ("../index.html", one.series.name),
            ("", f"Run {record.run_id}"),
        ],
    }


def _by_area(
    record: RunRecord, *outcomes: Outcome, first: int = 0
) -> list[tuple[str, list[_Item]]]:
    rows = enumerate(record.of(*outcomes), first)
    items = [_Item(row, f"finding-{number}") for number, row in rows]
    areas = dict.fromkeys(item.row.area for item in items)
    return [(area, [item for item in items if item.row.area == area]) for area in areas]


def _write_rows(one: _Series, directory: Path) -> int:
    first, last = (_night(run) for run in (one.runs[0], one.newest))
    for row, points in one.points.items():
        changed = list(reversed(changes(points)))
        by_run = {point.run: point.duration_s for point in points}
        took = [by_run.get(number) for number in range(len(one.runs))]
        result = one.latest[row]
        context = {
            "row": result,
            "item": _Item(result, "finding"),
            "now": one.outcome_now(row),
            "since": _since_sentence(one, failing_since(points)),
            "retired": one.retired.get(row, ""),
            "count": len(points),
            "strip": one.strip(row),
            "took": charts.durations_label(took, "Duration of the check"),
            "durations": charts.line(took, charts.durations_label(took, "Duration of the check")),
            "changes": [(one.runs[point.run], point) for point in changed[:MOST_CHANGES]],
            "cut": max(0, len(changed) - MOST_CHANGES),
            "files": one.files,
            "first_night": first,
            "last_night": last,
            "root": "../../",
            "trail": [
                ("../../index.html", "History"),
                ("../index.html", one.series.name),
                ("", row),
            ],
        }
        _write(directory / one.folder / "rows" / one.row_files[row], "history_row", context)
    return len(one.points)


def _series_page(history: History, one: _Series) -> dict[str, Any]:
    areas = dict.fromkeys(one.latest[row].area for row in one.points)
    listed = [
        (
            area,
            [
                {
                    "id": row,
                    "file": one.row_files[row],
                    "now": one.outcome_now(row),
                    "strip": one.strip(row),
                }
                for row in one.points
                if one.latest[row].area == area
            ],
        )
        for area in areas
    ]
    newest_first = list(zip(one.runs, one.counts, strict=True))[::-1]
    took = [run.duration_s for run in one.runs]
    months = groupby(newest_first, key=lambda pair: _night(pair[0])[:7])
    return {
        "name": one.series.name,
        "last": one.newest,
        "sentence": verdict_sentence(history.record(one.newest)),
        "warnings": _warnings(one),
        "runs": one.runs,
        "absent": one.absent,
        "baseline": one.baseline,
        "chart": charts.columns(_with_gaps(one), _chart_label(one)),
        "took": charts.durations_label(took, "Duration of the run"),
        "durations": charts.line(took, charts.durations_label(took, "Duration of the run")),
        "failing": _failing(one),
        "flakes": _flake_ledger(one),
        "areas": listed,
        "row_count": len(one.points),
        "months": [(month, list(items)) for month, items in months],
        "files": one.files,
        "first_night": _night(one.runs[0]),
        "last_night": max([_night(one.newest), *(night.isoformat() for night in one.absent)]),
        "root": "../",
        "trail": [("../index.html", "History"), ("", one.series.name)],
    }


def _warnings(one: _Series) -> list[str]:
    newest = night_of(one.newest.started_at)
    late = [night for night in one.absent if night > newest]
    if not late:
        return []
    nights = "night" if len(late) == 1 else "nights"
    return [f"No run since {newest}: {len(late)} {nights} without one."]


def _failing(one: _Series) -> list[dict[str, Any]]:
    found = []
    for row, points in one.points.items():
        since = failing_since(points)
        if since is None or one.outcome_now(row) is None:
            continue
        found.append(
            {
                "id": row,
                "file": one.row_files[row],
                "first_bad": one.runs[since.first_bad],
                "last_good": None if since.last_good is None else one.runs[since.last_good],
                "blind": since.blind,
                "strip": one.strip(row),
            }
        )
    return found


def _flake_ledger(one: _Series) -> list[dict[str, Any]]:
    found = []
    for row, points in one.points.items():
        retried = flakes(points)
        turned = flips(points)
        if not retried and turned < FLIPPING:
            continue
        last = retried[-1].run if retried else _last_flip(points)
        found.append(
            {
                "id": row,
                "file": one.row_files[row],
                "retried": len(retried),
                "flips": turned,
                "last": _night(one.runs[last]),
                "strip": one.strip(row),
            }
        )
    return sorted(found, key=lambda one: (-one["retried"], -one["flips"], one["id"]))


def _last_flip(points: Iterable[Point]) -> int:
    said = [one for one in points if one.outcome in {Outcome.PASSED, Outcome.FAILED}]
    return max(
        (after.run for before, after in pairwise(said) if before.outcome is not after.outcome),
        default=said[-1].run,
    )


def _since_sentence(one: _Series, since: Since | None) -> str:
    if since is None:
        return ""
    sentence = f"Failing since {_night(one.runs[since.first_bad])}"
    if since.last_good is None:
        return f"{sentence}; it never passed before on record."
    blind = f", with {since.blind} runs between that could not say" if since.blind else ""
    return f"{sentence}; last good {_night(one.runs[since.last_good])}{blind}."


def _with_gaps(one: _Series) -> list[Mapping[Outcome, int] | None]:
    """The counts of each run in order, with a None for each night that had none."""
    nights = [
        (night_of(run.started_at), counts) for run, counts in zip(one.runs, one.counts, strict=True)
    ]
    gaps: list[tuple[date, Mapping[Outcome, int] | None]] = [(night, None) for night in one.absent]
    return [counts for _, counts in sorted([*nights, *gaps], key=lambda pair: pair[0])]


def _chart_label(one: _Series) -> str:
    last = one.counts[-1]
    failed = sum(1 for counts in one.counts if counts[Outcome.FAILED])
    return (
        f"{len(one.runs)} runs, {failed} with failures, {len(one.absent)} nights absent; last: "
        f"{last[Outcome.FAILED]} failed of {count_rows(sum(last.values()))}"
    )


def _write(path: Path, template: str, context: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = environment().get_template(f"{template}.html.j2").render(context)
    replace_file(path, text.encode(errors="backslashreplace"))


def _file_name(*parts: str) -> str:
    """A name that every file system and URL takes; different texts get different names."""
    text = "\n".join(parts)
    safe = _SAFE.sub("-", parts[0]).strip("-.")[:80] or "x"
    if safe == text:
        return safe
    return f"{safe}-{hashlib.sha256(text.encode(errors='backslashreplace')).hexdigest()[:8]}"


def _night(run: RunRef) -> str:
    return night_of(run.started_at).isoformat()


def _day(unix_s: float) -> str:
    return (datetime.fromtimestamp(unix_s, UTC) + timedelta(hours=12)).date().isoformat()
