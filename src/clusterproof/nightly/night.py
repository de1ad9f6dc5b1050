"""One night: run the suites, keep the record, compare, show, count, tell.

Everything is written below one folder, the only one that has to be writable:
    runs/RUN/           the reports of a run         history.sqlite3   all nights
    site/               pages made of the history    metrics.prom      for a textfile collector
"""

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from clusterproof.errors import ClusterproofError, SpecError
from clusterproof.history.compare import Comparison, compare, lines_of, with_census
from clusterproof.history.metrics import metrics_text
from clusterproof.history.site import write_site
from clusterproof.history.store import History
from clusterproof.nightly.partial import record_without_report
from clusterproof.nightly.suite import GRACE_S, Ended, run_suites
from clusterproof.notify.message import message, worth_telling
from clusterproof.notify.webhook import NotDeliveredError, post
from clusterproof.outcome import ExitCode
from clusterproof.redact import Redactor
from clusterproof.redact.errors import cannot_write
from clusterproof.report.files import replace_file
from clusterproof.report.record import RunRecord
from clusterproof.report.redacted import redacted
from clusterproof.report.words import verdict_sentence
from clusterproof.report.write import write_reports

KEEP_RUNS: Final = 400
"""Folders of reports that are kept: a year of nights. The history keeps every record."""

_VERDICTS: Final = frozenset({ExitCode.PASSED, ExitCode.FAILED, ExitCode.INCONCLUSIVE})

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """What a night is asked for.

    Attributes:
        results: The only folder that is written to.
        arguments: Options of the suites (`--profile`, `--spec`, `--read-only`, ...).
        spec: The spec file that they name.
        within_s: The deadline of the suites.
        grace_s: What they have after it to write their report.
        webhook: The address to tell, a secret; "" for nobody.
        link: Where a reader finds the pages, or "".
        keep: How many folders of reports are kept.
    """

    results: Path
    arguments: tuple[str, ...]
    spec: Path
    within_s: float
    grace_s: float = GRACE_S
    webhook: str = ""
    link: str = ""
    keep: int = KEEP_RUNS


def run_night(night: Night, say: Say) -> ExitCode:
    """Run one night; the exit code carries its verdict.

    Raises:
        SpecError: Another night is under way, or the folder cannot be written to.
        NotDeliveredError: It passed, but the webhook did not take the message.
    """
    with only_one(night.results):
        runs = night.results / "runs"
        runs.mkdir(exist_ok=True)
        known = {path.name for path in runs.iterdir() if path.is_dir()}
        # Before anything is written: the disk may be full.
        forget_oldest(runs, known, len(known) + 1 - night.keep)
        arguments = (*night.arguments, "--report-dir", str(runs))
        scratch = night.results / ".tmp"
        ended = run_suites(
            arguments, within_s=night.within_s, grace_s=night.grace_s, scratch=scratch
        )
        shutil.rmtree(scratch, ignore_errors=True)
        record = _record(night, ended, known)
        try:
            record, changes = _keep(night, record, say)
            trouble = ""
        except _NotKeptError as error:
            trouble = str(error)
            record, changes = _reported(runs, error.record, trouble), None
            say(trouble)
    if record.exit_code is ExitCode.PASSED:
        _tell(night, record, changes, say, is_kept=not trouble)
        if trouble:
            return ExitCode.INTERNAL
        if ended.exit_code != ExitCode.PASSED:
            say(
                f"the suites ended with exit code {ended.exit_code}: no pass, whatever the rows say"
            )
            return ExitCode.INTERNAL
        return ExitCode.PASSED
    try:
        _tell(night, record, changes, say)
    except NotDeliveredError as error:
        say(f"webhook: NOT TOLD: {error}")  # the exit code has worse to say
    return record.exit_code


def _record(night: Night, ended: Ended, known: set[str]) -> RunRecord:
    """The record that the suites wrote; where they could not, one that says so of every row."""
    runs = night.results / "runs"
    written = sorted(path for path in runs.glob("*/run.json") if path.parent.name not in known)
    if written:
        record = RunRecord.read(written[-1])
    else:
        record = record_without_report(night.spec, ended, runs, known, night.arguments)
    strange = ended.exit_code not in {*_VERDICTS, ExitCode.INTERRUPTED}
    ending = f"the suites ended with exit code {ended.exit_code}" if strange else ""
    notes = tuple(note for note in (ended.stopped, ending) if note and note not in record.notes)
    return redacted(replace(record, notes=(*record.notes, *notes)), Redactor())


class _NotKeptError(Exception):
    """A night that the history did not take, or that is not shown in whole; the words say which.

    Attributes:
        record: As far as it came.
    """

    def __init__(self, record: RunRecord, trouble: str, why: Exception) -> None:
        told = cannot_write(why) if isinstance(why, OSError) else why
        super().__init__(f"{trouble}: {told}")
        self.record = record


def _keep(night: Night, record: RunRecord, say: Say) -> tuple[RunRecord, Comparison | None]:
    """Add to the history with its census, and write all that is made of it.

    Raises:
        _NotKeptError: Something of that failed.
    """
    trouble = "the history did not take this night"
    try:
        with History(night.results / "history.sqlite3") as history:
            record = _in_its_series(history, record)
            before = history.before(record)
            retired = history.retired_for(record)
            counted = with_census(before, record, retired=retired)
            run = history.add(counted)
            record = counted
            trouble = "the history took this night, but its reports and pages are not whole"
            write_reports(record, night.results / "runs" / record.run_id)
            changes = compare(before, record, retired=retired) if before else None
            say(f"{record.run_id}: {record.verdict.upper()}: {verdict_sentence(record)}")
            say_changes("the run before", changes, say)
            pinned = history.baseline(run.series)
            if pinned is not None and pinned != run:
                against = compare(history.record(pinned), record, retired=retired)
                say_changes("the baseline", against, say)
            pages = write_site(history, night.results / "site", now=time.time())
            replace_file(night.results / "metrics.prom", metrics_text(history).encode())
    except (ClusterproofError, OSError) as error:
        raise _NotKeptError(record, trouble, error) from error
    say(f"site: {night.results / 'site' / 'index.html'}, {pages} pages")
    return record, changes


def _reported(runs: Path, record: RunRecord, trouble: str) -> RunRecord:
    """The record with a note of the trouble, and its reports where they go."""
    noted = replace(record, notes=(*record.notes, trouble))
    with suppress(ClusterproofError, OSError):
        write_reports(noted, runs / noted.run_id)
    return noted


def _in_its_series(history: History, record: RunRecord) -> RunRecord:
    """With the cluster's UID of earlier nights, where this one could not read it."""
    cluster = record.cluster
    known = {
        series.cluster
        for series in history.all_series()
        if (series.context, series.profile) == (cluster.context, record.profile)
        and series.cluster != series.context
    }
    if cluster.uid or len(known) != 1:
        return record
    return replace(record, cluster=replace(cluster, uid=known.pop()))


def say_changes(against: str, changes: Comparison | None, say: Say) -> None:
    """What a run changed, one line for each row that a reader must hear of."""
    if changes is None:
        say(f"against {against}: there is none yet")
        return
    say(f"against {against} ({changes.before}):")
    for line in lines_of(changes, without=("changed_failures", "appeared")):
        say(line)


def _tell(
    night: Night, record: RunRecord, changes: Comparison | None, say: Say, *, is_kept: bool = True
) -> None:
    if not night.webhook:
        return
    if is_kept and not worth_telling(record, changes):
        say("webhook: an unchanged pass, nothing to tell")
        return
    posts = post(night.webhook, message(record, comparison=changes, link=night.link))
    say(f"webhook: told, in {posts} posts")


def forget_oldest(runs: Path, known: set[str], count: int) -> None:
    """Delete the `count` oldest of the folders of reports in `known`, by name: names are times.

    One that somebody else has deleted meanwhile is gone as it should be.
    """
    for name in sorted(known)[: max(0, count)]:
        with suppress(FileNotFoundError):
            shutil.rmtree(runs / name)


@contextmanager
def only_one(results: Path) -> Iterator[None]:
    """Hold the lock of a folder of results.

    Raises:
        SpecError: Another run holds it (says who), or the folder cannot be written to.
    """
    try:
        results.mkdir(parents=True, exist_ok=True)
        lock = (results / ".lock").open("a+", encoding="utf-8")
    except OSError as error:
        raise SpecError(
            f"--results: expected a folder that can be written to: {cannot_write(error, results)}"
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            raise SpecError(
                f"{results}: expected no other run, observed one by {lock.read().strip()};"
                " wait until it has ended"
            ) from error
        lock.truncate(0)
        with suppress(OSError):  # a full disk: the lock holds without a name in it
            os.write(lock.fileno(), f"{os.uname().nodename}, process {os.getpid()}\n".encode())
        yield
