"""Writes every report of a run into one directory, redacted, each file whole or not at all."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from clusterproof.redact import Redactor
from clusterproof.report.ctrf import to_ctrf
from clusterproof.report.files import replace_file
from clusterproof.report.html import to_html
from clusterproof.report.junit import to_junit
from clusterproof.report.record import RunRecord
from clusterproof.report.redacted import redacted
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
    clean = redacted(record, redactor or Redactor())
    paths = {}
    for name, writer in WRITERS.items():
        text = writer(clean)
        data = text if isinstance(text, bytes) else text.encode(errors="backslashreplace")
        paths[name] = directory / name
        replace_file(paths[name], data)
    return paths
