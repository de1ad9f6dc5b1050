"""The files that pytest writes by itself are redacted where pytest writes them."""

from argparse import Namespace
from pathlib import Path

import pytest

from clusterproof.redact import MASK, Redactor
from clusterproof.report.cleaning import clean_files
from clusterproof.run.options import junit_file

TOKEN = "glpat-" + "a1B2x" * 4  # made up for this test


@pytest.mark.parametrize("name", ["$PLACE/junit.xml", "~/junit.xml"])
def test_a_path_is_read_as_pytest_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("PLACE", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert junit_file(Namespace(xmlpath=name)) == tmp_path / "junit.xml"


def test_without_the_plugin_that_writes_it_there_is_none() -> None:
    assert junit_file(Namespace()) == Path()


def test_both_files_are_redacted_and_one_that_is_none_is_left(tmp_path: Path) -> None:
    path, log = tmp_path / "junit.xml", tmp_path / "run.log"
    path.write_text(f"<testsuites><system-out>{TOKEN}</system-out></testsuites>", "utf-8")
    log.write_text(TOKEN, "utf-8")
    nothing = junit_file(Namespace(xmlpath=None))
    assert clean_files([path, nothing], [log, tmp_path / "none"], Redactor()) == ""
    for text in (path.read_text("utf-8"), log.read_text("utf-8")):
        assert TOKEN not in text
        assert MASK in text


def test_half_a_file_is_removed_as_nobody_can_redact_it(tmp_path: Path) -> None:
    path = tmp_path / "junit.xml"
    path.write_text(f"<testsuites><system-out>{TOKEN}", "utf-8")
    trouble = clean_files([path], [], Redactor())
    assert "it was removed, as it may hold a secret" in trouble
    assert TOKEN not in trouble
    assert not path.exists()
