"""The embedded store: one SQLite file for any number of clusters.

A run is kept whole, as the compressed JSON of its record; beside it stands one small line per row,
so that a row's trend over years is read without opening a single record.
"""

import errno
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from clusterproof.errors import SpecError
from clusterproof.history.trend import Point
from clusterproof.outcome import Outcome
from clusterproof.report.record import RunRecord

BUSY_TIMEOUT_S: Final = 10.0
"""How long a writer waits for another; a write takes milliseconds. Our choice."""

PARTIAL: Final = " (partial)"
"""Ends the profile of a series whose runs had a selection of rows only."""

MIGRATIONS: Final = (
    """
    CREATE TABLE series (
        id INTEGER PRIMARY KEY, cluster TEXT NOT NULL, context TEXT NOT NULL,
        profile TEXT NOT NULL, UNIQUE (cluster, profile));
    CREATE TABLE run (
        id INTEGER PRIMARY KEY, series INTEGER NOT NULL REFERENCES series, name TEXT NOT NULL,
        started_at REAL NOT NULL, finished_at REAL NOT NULL, verdict TEXT NOT NULL,
        record BLOB NOT NULL, UNIQUE (series, name));
    CREATE INDEX run_by_time ON run (series, started_at, id);
    CREATE TABLE row_name (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
    CREATE TABLE result (
        run INTEGER NOT NULL REFERENCES run, row INTEGER NOT NULL REFERENCES row_name,
        outcome TEXT NOT NULL, duration_s REAL NOT NULL, attempts INTEGER NOT NULL,
        PRIMARY KEY (run, row)) WITHOUT ROWID;
    CREATE TABLE baseline (
        series INTEGER PRIMARY KEY REFERENCES series, run INTEGER NOT NULL REFERENCES run);
    CREATE TABLE retired (
        series INTEGER NOT NULL REFERENCES series, row TEXT NOT NULL, because TEXT NOT NULL,
        PRIMARY KEY (series, row));
    """,
)
"""One script per version of the store; never edited once released, only added to."""


@dataclass(frozen=True, slots=True, order=True)
class Series:
    """Runs that can be compared: one cluster, one profile.

    Attributes:
        id: In this store.
        cluster: The cluster's UID, or its context where that is not known.
        context: The kubeconfig context of its newest run.
        profile: Of the spec.
    """

    id: int
    cluster: str
    context: str
    profile: str

    @property
    def name(self) -> str:
        """As a person calls it."""
        return f"{self.context}, {self.profile}" if self.profile else self.context


@dataclass(frozen=True, slots=True)
class RunRef:
    """A run in the store, without its rows."""

    id: int
    series: int
    name: str
    started_at: float
    finished_at: float
    verdict: Outcome

    @property
    def duration_s(self) -> float:
        """Wall time of the run, never negative."""
        return max(0.0, self.finished_at - self.started_at)


class History:
    """The open store; a context manager that closes it.

    Raises:
        SpecError: The file is no store, is damaged, or was written by a newer version.
        OSError: It could not be written, or read.
    """

    def __init__(self, path: Path) -> None:
        """Open the store at `path`; it and its directory are made if they are not there."""
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
        except (OSError, sqlite3.Error) as error:
            observed = "a folder" if path.is_dir() else str(error)
            raise SpecError(f"{path}: expected the file of a store, observed {observed}") from error
        try:
            self._db.execute("PRAGMA foreign_keys = ON")
            self._migrate()
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise SpecError(f"{path}: expected a history store, observed: {error}") from error
        except SpecError:
            self._db.close()
            raise

    def __enter__(self) -> Self:
        """The store itself."""
        return self

    def __exit__(self, _kind: object, error: object, _traceback: object) -> None:
        """Close the file; what SQLite says of it becomes an error of ours."""
        self._db.close()
        if isinstance(error, sqlite3.OperationalError):  # a full disk, a lock, a file system
            raise OSError(errno.EIO, str(error), str(self._path)) from error
        if isinstance(error, sqlite3.Error):
            raise SpecError(f"{self._path}: damaged: {error}") from error

    def add(self, record: RunRecord) -> RunRef:
        """The run as it is kept; adding the same record again changes nothing.

        Raises:
            SpecError: Another record has this run id already, or the one that has it is damaged.
        """
        text = record.to_json(indent=None).encode(errors="backslashreplace")
        with self._writing():
            series = self._series_of(record)
            known = self._db.execute(
                "SELECT id, record FROM run WHERE series = ? AND name = ?", (series, record.run_id)
            ).fetchone()
            if known is None:
                self._insert(series, record, zlib.compress(text))
            elif self._unpacked(record.run_id, known[1]).encode() != text:
                raise SpecError(
                    f"{self._path}: expected run {record.run_id} once, observed another record "
                    "with that id; next: clusterproof history list"
                )
        return self.find(series, record.run_id)

    def all_series(self) -> tuple[Series, ...]:
        """Every series, by context and profile."""
        rows = self._db.execute(
            "SELECT id, cluster, context, profile FROM series ORDER BY context, profile, cluster"
        )
        return tuple(Series(*fields) for fields in rows)

    def series_of(self, record: RunRecord) -> Series | None:
        """The series that a record belongs to, if any run of it is kept."""
        row = self._db.execute(
            "SELECT id, cluster, context, profile FROM series WHERE cluster = ? AND profile = ?",
            _series_key(record),
        ).fetchone()
        return Series(*row) if row else None

    def runs(self, series: int) -> tuple[RunRef, ...]:
        """The runs of a series, oldest first."""
        rows = self._db.execute(
            "SELECT id, series, name, started_at, finished_at, verdict FROM run "
            "WHERE series = ? ORDER BY started_at, id",
            (series,),
        )
        return tuple(
            RunRef(id_, series, name, started_at, finished_at, Outcome(verdict))
            for id_, series, name, started_at, finished_at, verdict in rows
        )

    def find(self, series: int, name: str) -> RunRef:
        """The run of this id.

        Raises:
            SpecError: There is none.
        """
        for run in self.runs(series):
            if run.name == name:
                return run
        raise SpecError(
            f"{self._path}: expected a run {name}, observed none; next: clusterproof history list"
        )

    def record(self, run: RunRef) -> RunRecord:
        """The whole record of a run.

        Raises:
            SpecError: It is damaged.
        """
        blob = self._db.execute("SELECT record FROM run WHERE id = ?", (run.id,)).fetchone()[0]
        text = self._unpacked(run.name, blob)
        return RunRecord.from_json(text, origin=f"{self._path}: run {run.name}")

    def before(self, record: RunRecord) -> RunRecord | None:
        """The newest run of the same series that started before this one, or None."""
        series = self.series_of(record)
        if series is None:
            return None
        earlier = [
            run
            for run in self.runs(series.id)
            if run.started_at < record.started_at and run.name != record.run_id
        ]
        return self.record(earlier[-1]) if earlier else None

    def points(self, series: int) -> dict[str, tuple[Point, ...]]:
        """Each row's outcomes over the runs of a series, oldest first, by row id."""
        position = {run.id: number for number, run in enumerate(self.runs(series))}
        by_row: dict[str, list[Point]] = {}
        outcomes = {outcome.value: outcome for outcome in Outcome}
        for name, run, outcome, duration_s, attempts in self._db.execute(
            "SELECT row_name.name, run.id, outcome, duration_s, attempts FROM result "
            "JOIN run ON run.id = result.run JOIN row_name ON row_name.id = result.row "
            "WHERE run.series = ? ORDER BY run.started_at, run.id",
            (series,),
        ):
            point = Point(position[run], outcomes[outcome], duration_s, attempts)
            by_row.setdefault(name, []).append(point)
        return {name: tuple(points) for name, points in by_row.items()}

    def counts(self, series: int) -> list[dict[Outcome, int]]:
        """How many rows came to each outcome, for each run of a series, oldest first."""
        totals = {run.id: dict.fromkeys(Outcome, 0) for run in self.runs(series)}
        for run, outcome, count in self._db.execute(
            "SELECT run.id, outcome, count(*) FROM result JOIN run ON run.id = result.run "
            "WHERE run.series = ? GROUP BY run.id, outcome",
            (series,),
        ):
            totals[run][Outcome(outcome)] = count
        return list(totals.values())

    def pin(self, run: RunRef) -> None:
        """Make a run the baseline of its series."""
        with self._writing():
            self._db.execute(
                "INSERT INTO baseline (series, run) VALUES (?, ?) "
                "ON CONFLICT (series) DO UPDATE SET run = excluded.run",
                (run.series, run.id),
            )

    def baseline(self, series: int) -> RunRef | None:
        """The pinned run of a series, or None."""
        row = self._db.execute("SELECT run FROM baseline WHERE series = ?", (series,)).fetchone()
        return next((run for run in self.runs(series) if row and run.id == row[0]), None)

    def retire(self, series: int, row: str, because: str) -> None:
        """Say that a row was taken out of the spec on purpose."""
        with self._writing():
            self._db.execute(
                "INSERT INTO retired (series, row, because) VALUES (?, ?, ?) "
                "ON CONFLICT (series, row) DO UPDATE SET because = excluded.because",
                (series, row, because),
            )

    def retired(self, series: int) -> dict[str, str]:
        """The retired rows of a series, each with the reason."""
        rows = self._db.execute(
            "SELECT row, because FROM retired WHERE series = ? ORDER BY row", (series,)
        )
        return dict(rows.fetchall())

    def retired_for(self, record: RunRecord) -> dict[str, str]:
        """Those of the series that a record belongs to; none where no run of it is kept."""
        series = self.series_of(record)
        return self.retired(series.id) if series else {}

    def forget(self, series: int) -> None:
        """Delete a series with all of its runs."""
        with self._writing():
            runs = "DELETE FROM result WHERE run IN (SELECT id FROM run WHERE series = ?)"
            self._db.execute(runs, (series,))
            for table in ("baseline", "retired", "run"):
                self._db.execute(f"DELETE FROM {table} WHERE series = ?", (series,))  # noqa: S608 - our own names
            self._db.execute("DELETE FROM series WHERE id = ?", (series,))

    def last_conclusive_success(self, series: int) -> float | None:
        """When the newest run that passed was finished, or None."""
        passed = [run.finished_at for run in self.runs(series) if run.verdict is Outcome.PASSED]
        return passed[-1] if passed else None

    def _unpacked(self, name: str, blob: bytes) -> str:
        """The text of a record."""
        try:
            return zlib.decompress(blob).decode()
        except (zlib.error, UnicodeDecodeError) as error:
            raise SpecError(f"{self._path}: run {name}: damaged: {error}") from error

    def _series_of(self, record: RunRecord) -> int:
        cluster, profile = _series_key(record)
        row = self._db.execute(
            "INSERT INTO series (cluster, context, profile) VALUES (?, ?, ?) "
            "ON CONFLICT (cluster, profile) DO UPDATE SET context = excluded.context RETURNING id",
            (cluster, _plain(record.cluster.context), profile),
        ).fetchone()
        return int(row[0])

    def _insert(self, series: int, record: RunRecord, blob: bytes) -> None:
        run = self._db.execute(
            "INSERT INTO run (series, name, started_at, finished_at, verdict, record) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (
                series,
                record.run_id,
                record.started_at,
                record.finished_at,
                record.verdict.value,
                blob,
            ),
        ).lastrowid
        names = [(_plain(row.id),) for row in record.rows]
        self._db.executemany("INSERT OR IGNORE INTO row_name (name) VALUES (?)", names)
        # OR REPLACE: a spec may not hold an id twice, but a record of it must not be refused.
        self._db.executemany(
            "INSERT OR REPLACE INTO result (run, row, outcome, duration_s, attempts) "
            "SELECT ?, id, ?, ?, ? FROM row_name WHERE name = ?",
            [
                (run, row.outcome.value, row.duration_s, row.attempts, _plain(row.id))
                for row in record.rows
            ],
        )

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One transaction: all of it, or, on any error, nothing."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            if self._db.in_transaction:  # a disk that is full has ended it already
                self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def _migrate(self) -> None:
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version > len(MIGRATIONS):
            raise SpecError(
                f"{self._path}: expected a store of version {len(MIGRATIONS)} or less, observed "
                f"{version}; it was written by a newer clusterproof"
            )
        if version == len(MIGRATIONS):
            return
        with self._writing():
            # Read again under the lock: another process may have been first.
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            for script in MIGRATIONS[version:]:
                for statement in script.split(";"):
                    self._db.execute(statement)
            self._db.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")


def _series_key(record: RunRecord) -> tuple[str, str]:
    return _plain(record.cluster.uid or record.cluster.context), _plain(record.profile)


def _plain(text: str) -> str:
    """Text that the store can hold: half a surrogate pair is spelt out."""
    return text.encode(errors="backslashreplace").decode()
