"""The files that pytest writes by itself are redacted where pytest writes them."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from clusterproof.redact import MASK
from fixtures.cleaning import clean_files

TOKEN = "glpat-" + "a1B2x" * 4  # made up for this test


@pytest.mark.parametrize("name", ["$PLACE/junit.xml", "~/junit.xml"])
def test_a_path_is_read_as_pytest_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("PLACE", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    path = tmp_path / "junit.xml"
    path.write_text(f"<testsuites><system-out>{TOKEN}</system-out></testsuites>", "utf-8")
    config: Any = SimpleNamespace(
        option=SimpleNamespace(xmlpath=name),
        stash=pytest.Stash(),
        getoption=lambda *_: None,
        getini=lambda *_: "",
    )
    assert clean_files(cast("pytest.Config", config)) == ""
    assert TOKEN not in path.read_text("utf-8")
    assert MASK in path.read_text("utf-8")
