"""Writes every report of a run into one directory, redacted, each file whole or not at all."""

import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from clusterproof.redact import Redactor
from clusterproof.report.ctrf import to_ctrf
from clusterproof.report.html import to_html
from clusterproof.report.junit import to_junit
from clusterproof.report.record import RunRecord
from clusterproof.report.summary import to_step_summary

Writer = Callable[[RunRecord], str | bytes]

WRITERS: Final[Mapping[str, Writer]] = MappingProxyType(
    {
        "run.json": RunRecord.to_json,
        "junit.xml": to_junit,
        "ctrf.json": to_ctrf,
        "report.html": to_html,
        "summary.md": to_step_summary,
    }
)
"""File name to writer; run.json first, as the others can be made of it again."""


def write_reports(
    record: RunRecord, directory: Path, *, redactor: Redactor | None = None
) -> dict[str, Path]:
    """The path of each report, by file name.

    Args:
        record: The run.
        directory: Made if it is not there; files of an earlier run in it are replaced.
        redactor: Knows the values of Secrets that the run has read; known shapes go without it.
    """
    directory.mkdir(parents=True, exist_ok=True)
    clean = (redactor or Redactor()).data(record)
    paths = {}
    for name, writer in WRITERS.items():
        text = writer(clean)
        data = text if isinstance(text, bytes) else text.encode(errors="backslashreplace")
        paths[name] = directory / name
        replace_file(paths[name], data)
    return paths


def replace_file(path: Path, data: bytes) -> None:
    """Put `data` at `path` in one step: a reader, or a kill, never meets half a file."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as new:
        try:
            new.write(data)
            new.flush()
            # The temporary file is private to us; a report is for everybody who may read there.
            os.fchmod(new.fileno(), 0o644)
            Path(new.name).replace(path)
        except BaseException:
            Path(new.name).unlink(missing_ok=True)
            raise
