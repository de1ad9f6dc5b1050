"""The history as static pages: clusters, series, runs and rows; one style sheet and no script.

Pages stay light at a year of nights: a row's nights are drawn as spells, not one by one, and a
run's page names its passes without their evidence, which the run's own report has.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from clusterproof.history import charts
from clusterproof.history.compare import CHANGES, Comparison, compare
from clusterproof.history.store import History, RunRef, Series
from clusterproof.history.trend import (
    Point,
    Since,
    absent_nights,
    changes,
    failing_since,
    flakes,
    flips,
    night_of,
    spells,
)
from clusterproof.outcome import Outcome
from clusterproof.report.files import replace_file
from clusterproof.report.pages import Item, asset, by_area, environment, style
from clusterproof.report.record import RowResult, RunRecord
from clusterproof.report.words import rows as count_rows
from clusterproof.report.words import verdict_sentence

FLIPPING: Final = 3
"""A row that went to and fro this often is in the flake ledger: once is a break and a repair,
which makes two. Our choice."""

MOST_CHANGES: Final = 200
"""Lines of one row's table of changes; more is a row that flips each night. Our choice."""

_SAFE: Final = re.compile(r"[^A-Za-z0-9._-]+")


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

    def trail(self, title: str) -> dict[str, Any]:
        """Where a page of one run or row is: the way to the root, and the pages above it."""
        above = [("../../index.html", "History"), ("../index.html", self.series.name)]
        return {"root": "../../", "trail": [*above, ("", title)]}

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
    environment().filters |= {"day": _night}
    css = f"{style()}\n{asset('history.css')}"
    replace_file(directory / "style.css", css.encode())
    all_series = [_read(history, series, now) for series in history.all_series()]
    pages = 0
    for each in all_series:
        pages += _write_runs(history, each, directory)
        pages += _write_rows(each, directory)
        _write(
            directory / each.folder / "index.html", "history_series", _series_page(history, each)
        )
    entries = [
        {
            "folder": each.folder,
            "name": each.series.name,
            "last": each.newest,
            "runs": len(each.runs),
            "absent": len(each.absent),
            "chart": charts.columns(_with_gaps(each), _chart_label(each)),
        }
        for each in all_series
    ]
    _write(
        directory / "index.html",
        "history_home",
        {"entries": entries, "trail": [("", "History")], "root": ""},
    )
    return pages + len(all_series) + 1


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


def _write_runs(history: History, series: _Series, directory: Path) -> int:
    """One page per run, each against the one before; keeps the newest result of each row."""
    before: RunRecord | None = None
    last = len(series.runs) - 1
    for number, run in enumerate(series.runs):
        record = history.record(run)
        series.latest |= {row.id: row for row in record.rows}
        comparison = compare(before, record, retired=series.retired) if before else None
        context = _run_page(series, record, comparison)
        context["earlier"] = series.files[series.runs[number - 1].id] if number else ""
        context["later"] = series.files[series.runs[number + 1].id] if number < last else ""
        _write(directory / series.folder / "runs" / series.files[run.id], "history_run", context)
        before = record
    return len(series.runs)


def _run_page(series: _Series, record: RunRecord, comparison: Comparison | None) -> dict[str, Any]:
    groups = [
        (heading, getattr(comparison, name)) for name, (_, heading) in CHANGES.items() if comparison
    ]
    return {
        "record": record,
        "sentence": verdict_sentence(record),
        "comparison": comparison,
        "changes": groups,
        "findings": _by_area(record, Outcome.FAILED),
        "known": _by_area(record, Outcome.ACCEPTED, first=len(record.of(Outcome.FAILED))),
        "unknown": _by_area(record, Outcome.INCONCLUSIVE, Outcome.NOT_RUN),
        "passes": by_area(record.of(Outcome.PASSED), lambda row: row.area),
        "row_files": series.row_files,
        **series.trail(f"Run {record.run_id}"),
    }


def _by_area(record: RunRecord, *outcomes: Outcome, first: int = 0) -> list[tuple[str, list[Item]]]:
    rows = enumerate(record.of(*outcomes), first)
    items = [Item(row, f"finding-{number}") for number, row in rows]
    return by_area(items, lambda item: item.row.area)


def _write_rows(series: _Series, directory: Path) -> int:
    first, last = (_night(run.started_at) for run in (series.runs[0], series.newest))
    for row, points in series.points.items():
        changed = list(reversed(changes(points)))
        by_run = {point.run: point.duration_s for point in points}
        took = [by_run.get(number) for number in range(len(series.runs))]
        took_label = charts.durations_label(took, "Duration of the check")
        result = series.latest[row]
        context = {
            "row": result,
            "item": Item(result, "finding"),
            "now": series.outcome_now(row),
            "since": _since_sentence(series, failing_since(points)),
            "retired": series.retired.get(row, ""),
            "count": len(points),
            "strip": series.strip(row),
            "took": took_label,
            "durations": charts.line(took, took_label),
            "changes": [(series.runs[point.run], point) for point in changed[:MOST_CHANGES]],
            "cut": max(0, len(changed) - MOST_CHANGES),
            "files": series.files,
            "first_night": first,
            "last_night": last,
            **series.trail(row),
        }
        _write(directory / series.folder / "rows" / series.row_files[row], "history_row", context)
    return len(series.points)


def _series_page(history: History, series: _Series) -> dict[str, Any]:
    listed: list[dict[str, Any]] = [
        {
            "id": row,
            "file": series.row_files[row],
            "now": series.outcome_now(row),
            "strip": series.strip(row),
        }
        for row in series.points
    ]
    newest_first = list(zip(series.runs, series.counts, strict=True))[::-1]
    took = [run.duration_s for run in series.runs]
    took_label = charts.durations_label(took, "Duration of the run")
    months = groupby(newest_first, key=lambda pair: _night(pair[0].started_at)[:7])
    return {
        "name": series.series.name,
        "last": series.newest,
        "sentence": verdict_sentence(history.record(series.newest)),
        "warnings": _warnings(series),
        "runs": series.runs,
        "absent": series.absent,
        "baseline": series.baseline,
        "chart": charts.columns(_with_gaps(series), _chart_label(series)),
        "took": took_label,
        "durations": charts.line(took, took_label),
        "failing": _failing(series),
        "flakes": _flake_ledger(series),
        "areas": by_area(listed, lambda entry: series.latest[entry["id"]].area),
        "row_count": len(series.points),
        "months": [(month, list(items)) for month, items in months],
        "files": series.files,
        "first_night": _night(series.runs[0].started_at),
        "last_night": max([night_of(series.newest.started_at), *series.absent]).isoformat(),
        "root": "../",
        "trail": [("../index.html", "History"), ("", series.series.name)],
    }


def _warnings(series: _Series) -> list[str]:
    newest = night_of(series.newest.started_at)
    late = [night for night in series.absent if night > newest]
    if not late:
        return []
    nights = "night" if len(late) == 1 else "nights"
    return [f"No run since {newest}: {len(late)} {nights} without one."]


def _failing(series: _Series) -> list[dict[str, Any]]:
    failing = []
    for row, points in series.points.items():
        since = failing_since(points)
        if since is None or series.outcome_now(row) is None:
            continue
        failing.append(
            {
                "id": row,
                "file": series.row_files[row],
                "first_bad": series.runs[since.first_bad],
                "last_good": None if since.last_good is None else series.runs[since.last_good],
                "blind": since.blind,
                "strip": series.strip(row),
            }
        )
    return failing


def _flake_ledger(series: _Series) -> list[dict[str, Any]]:
    ledger = []
    for row, points in series.points.items():
        retried = flakes(points)
        turned = flips(points)
        if not retried and len(turned) < FLIPPING:
            continue
        last = (retried or turned)[-1].run
        ledger.append(
            {
                "id": row,
                "file": series.row_files[row],
                "retried": len(retried),
                "flips": len(turned),
                "last": _night(series.runs[last].started_at),
                "strip": series.strip(row),
            }
        )
    return sorted(ledger, key=lambda entry: (-entry["retried"], -entry["flips"], entry["id"]))


def _since_sentence(series: _Series, since: Since | None) -> str:
    if since is None:
        return ""
    sentence = f"Failing since {_night(series.runs[since.first_bad].started_at)}"
    if since.last_good is None:
        return f"{sentence}; it never passed before on record."
    blind = f", with {since.blind} runs between that could not say" if since.blind else ""
    last_good = _night(series.runs[since.last_good].started_at)
    return f"{sentence}; last good {last_good}{blind}."


def _with_gaps(series: _Series) -> list[Mapping[Outcome, int] | None]:
    """The counts of each run in order, with a None for each night that had none."""
    nights = [
        (night_of(run.started_at), counts)
        for run, counts in zip(series.runs, series.counts, strict=True)
    ]
    gaps: list[tuple[date, Mapping[Outcome, int] | None]] = [
        (night, None) for night in series.absent
    ]
    return [counts for _, counts in sorted([*nights, *gaps], key=lambda pair: pair[0])]


def _chart_label(series: _Series) -> str:
    last = series.counts[-1]
    failed = sum(1 for counts in series.counts if counts[Outcome.FAILED])
    return (
        f"{len(series.runs)} runs, {failed} with failures, {len(series.absent)} nights absent;"
        f" last: {last[Outcome.FAILED]} failed of {count_rows(sum(last.values()))}"
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


def _night(unix_s: float) -> str:
    return night_of(unix_s).isoformat()
