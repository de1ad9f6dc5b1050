"""An error of the run itself is no pass, wherever it shows."""

from pathlib import Path
from xml.etree import ElementTree as ET

from clusterproof.outcome import ExitCode, Outcome
from tests.run.suite_run import suites

TEARDOWN = """
import pytest

@pytest.fixture(autouse=True)
def messy(site):
    yield
    raise RuntimeError("what was made could not be removed")
"""
FAILING = """
def pytest_sessionfinish(session):
    session.exitstatus = 1

def pytest_collection_modifyitems(session, items):
    items.append(Failing.from_parent(session, name="failing"))

import pytest

class Failing(pytest.Item):
    def runtest(self):
        raise AssertionError("a test that is no row")
"""


def test_an_error_in_the_end_of_a_row_is_no_success(tmp_path: Path) -> None:
    """Every row passed: the process, the record and what is written from it say that it erred."""
    (tmp_path / "messy.py").write_text(TEARDOWN, "utf-8")
    with suites(tmp_path, "a", "b", a="yes", b="yes") as place:
        run = place.run("-p", "messy")
    record = run.record
    assert run.code == record.exit_code == ExitCode.INCONCLUSIVE, run.shown
    assert record.counts[Outcome.PASSED] == len(record.rows) == 2
    assert record.errors == tuple(
        f"after settings-{key}: an error of clusterproof itself: RuntimeError: what was made could"
        " not be removed"
        for key in "ab"
    )
    assert "error   after settings-a: " in run.shown
    root = ET.parse(run.folder / "junit.xml").getroot()  # noqa: S314 - our own file
    assert (root.get("tests"), root.get("errors")) == ("4", "2")
    assert len(root.findall("testsuite/testcase/error")) == 2
    for name in ("report.html", "summary.md", "ctrf.json"):
        assert "could not be removed" in (run.folder / name).read_text("utf-8"), name
    assert "the run itself had an error" in (run.folder / "summary.md").read_text("utf-8")


def test_a_difference_outweighs_an_error_of_the_run(tmp_path: Path) -> None:
    (tmp_path / "messy.py").write_text(TEARDOWN, "utf-8")
    with suites(tmp_path, "a", a="no") as place:
        run = place.run("-p", "messy")
    assert run.code == run.record.exit_code == ExitCode.FAILED


def test_what_pytest_calls_failed_is_never_made_a_success(tmp_path: Path) -> None:
    (tmp_path / "failing.py").write_text(FAILING, "utf-8")
    with suites(tmp_path, "a", a="yes") as place:
        run = place.run("-p", "failing")
    assert run.code == ExitCode.FAILED, run.shown
    assert "1 passed" in run.shown
