"""Judges again what a run observed, without a cluster."""

import io
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import Final

from clusterproof.bundle.codec import decode
from clusterproof.bundle.journal import JOURNAL, Entry, cleaned, read_entries
from clusterproof.causes.find import find_causes
from clusterproof.causes.finding import Finding, finding_of
from clusterproof.checks import judge, kind_of
from clusterproof.errors import SpecError, read_text
from clusterproof.judgement import Difference
from clusterproof.outcome import Outcome
from clusterproof.redact import Redactor
from clusterproof.report.acceptance import outcome_of
from clusterproof.report.record import RowResult, RunRecord
from clusterproof.report.redacted import redacted

RECORD: Final = "run.json"
LARGEST_BYTES: Final = 64 * 1024 * 1024
"""A bundle that unpacks to more is refused: a whole run has about 1 MiB. Our choice."""
_JUDGED: Final = ("outcome", "differences", "codes", "parts")
"""What a judgement says of a row."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """One row, judged again.

    Attributes:
        recorded: What the run said.
        result: What the judge of this version says of the same fact; as recorded where there is
            no fact to judge.
        without: Why it was not judged again, or "".
        finding: What the search for causes is given of it; None for a row that passed.
    """

    recorded: RowResult
    result: RowResult
    without: str
    finding: Finding | None = None

    @property
    def now(self) -> Outcome:
        """The outcome of the judgement now."""
        return self.result.outcome

    @property
    def differences(self) -> tuple[str, ...]:
        """Of the judgement now."""
        return self.result.differences

    @property
    def same(self) -> bool:
        """True when the judgement is what it was."""
        return self.now is self.recorded.outcome


def replay(entry: Entry) -> Replayed:
    """The entry, judged again; as it was recorded where there is no fact that can be judged."""
    if entry.fact is None:
        return _as_recorded(entry, entry.without)
    try:
        fact = decode(entry.fact, kind_of(entry.row).judge.__module__)
    except SpecError as error:
        return _as_recorded(entry, str(error))
    now = judge(entry.row, fact)
    was = entry.result
    finding = finding_of(entry.row, now, was.evidence, was.next, was.where)
    result = replace(was.with_differences(now.differences), outcome=outcome_of(now, was.accepted))
    return Replayed(was, result, "", finding)


def _as_recorded(entry: Entry, why: str) -> Replayed:
    result, finding = entry.result, None
    if result.outcome is Outcome.FAILED:
        lines = zip_longest(result.differences, result.codes, fillvalue="")
        parts = result.parts or tuple(Difference(line, "", "", code=code) for line, code in lines)
        finding = Finding(entry.row, parts, "", result.evidence, result.next, result.where)
    elif result.outcome is Outcome.INCONCLUSIVE:
        finding = Finding(entry.row, (), result.cause, result.evidence, result.next, result.where)
    return Replayed(result, result, why, finding)


def replay_bundle(path: Path) -> tuple[RunRecord, tuple[Replayed, ...]]:
    """The record as it would be now, and each row that was judged again.

    Args:
        path: The folder of a run's reports, or the archive that `pack` made of it.

    Raises:
        SpecError: It is neither.
    """
    with _folder(path) as folder:
        text = read_text(folder / RECORD, "a run record (run.json)")
        record = RunRecord.from_json(text, origin=f"{path}: {RECORD}")
        entries = {entry.row.id: entry for entry in read_entries(folder / JOURNAL)}
    by_id = {name: replay(entry) for name, entry in entries.items()}
    rows = tuple(
        replace(row, **{name: getattr(by_id[row.id].result, name) for name in _JUDGED})
        if row.id in by_id
        else row
        for row in record.rows
    )
    again = [(entries[row.id].row, by_id[row.id]) for row in rows if row.id in by_id]
    causes = find_causes(
        [replayed.finding for _, replayed in again if replayed.finding is not None],
        [row for row, replayed in again if replayed.now in {Outcome.PASSED, Outcome.FAILED}],
    )
    return replace(record, rows=rows, causes=causes), tuple(by_id.values())


def pack(folder: Path, archive: Path) -> tuple[str, ...]:
    """Put a run's record, journal and diagnostics into one archive; the names in it.

    Raises:
        SpecError: The folder is not that of a run.
    """
    for needed in (RECORD, JOURNAL):
        if not (folder / needed).is_file():
            raise SpecError(f"{folder}: expected the reports of a run, there is no {needed}")
    names = [RECORD, JOURNAL]
    names += sorted(str(path.relative_to(folder)) for path in folder.glob("diagnostics/*.txt"))
    with tarfile.open(archive, "w:gz") as packed:
        for name in names:
            data = _clean(name, read_text(folder / name, "a file of a run")).encode()
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            packed.addfile(entry, io.BytesIO(data))
    return tuple(names)


def _clean(name: str, text: str) -> str:
    """A file of a run once more without secrets, by their shapes: an archive is made to be sent."""
    redactor = Redactor()
    if name == RECORD:
        record = RunRecord.from_json(text, origin=name)
        clean = redacted(record, redactor)
        return text if clean == record else clean.to_json()
    if name == JOURNAL:
        return "".join(f"{cleaned(line, redactor)}\n" for line in text.splitlines())
    return redactor.text(text)


@contextmanager
def _folder(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="clusterproof-bundle-") as scratch:
        try:
            with tarfile.open(path, "r:*") as packed:
                _unpack(packed, Path(scratch))
        except (OSError, tarfile.TarError) as error:
            reason = getattr(error, "strerror", None) or "not a tar archive"
            raise SpecError(f"{path}: expected a run's folder or its bundle: {reason}") from error
        yield Path(scratch)


def _unpack(packed: tarfile.TarFile, folder: Path) -> None:
    """Only the two files that are read, and no more bytes than LARGEST_BYTES."""
    for name in (RECORD, JOURNAL):
        member = packed.extractfile(name) if name in packed.getnames() else None
        if member is None:
            raise SpecError(f"bundle: expected {name} in it, observed none")
        data = member.read(LARGEST_BYTES + 1)
        if len(data) > LARGEST_BYTES:
            raise SpecError(f"bundle: expected {name} under {LARGEST_BYTES} bytes, observed more")
        (folder / name).write_bytes(data)
