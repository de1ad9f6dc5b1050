"""The dates of the cluster tests: what is chosen, what is refused, and what counts as a pass."""

import datetime as dt
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import last_passed
from tests.last_passed import BEGAN, PARTS, SLOW_S, Pass

TODAY = dt.date(2026, 11, 26)
HERE = Path(__file__).parent
TESTS = """
import pytest
pytestmark = pytest.mark.cluster
def test_passes(): pass
def test_fails(): assert False
@pytest.mark.skip(reason="not here")
def test_is_skipped(): pass
@pytest.fixture
def breaks():
    yield
    raise OSError("in the tear-down")
def test_breaks_at_its_end(breaks): pass
"""


def of(days: int, took_s: float = 1.0) -> Pass:
    return Pass(TODAY - dt.timedelta(days=days), took_s)


def test_an_old_pass_is_complained_of() -> None:
    passes = {"a": of(14), "b": of(15)}
    (old,) = last_passed.complaints(["a", "b"], passes, TODAY, 14)
    assert "b: expected a pass within 14 days" in old
    assert "2026-11-11, 15 days ago" in old


def test_a_test_without_a_pass_has_as_long_as_the_record_is_old() -> None:
    days = [BEGAN + dt.timedelta(days=days) for days in (14, 15)]
    in_time, (late,) = (last_passed.complaints(["new"], {}, day, 14) for day in days)
    assert in_time == []
    assert "new: expected a pass within 14 days, observed none since 2026-11-26" in late


def test_four_seeds_in_a_row_cover_every_slow_test_once_and_the_quick_ones_each_time() -> None:
    slow = {f"slow{number}": of(0, SLOW_S + 1) for number in range(10)}
    quick = {"quick": of(0, SLOW_S)}
    parts = [last_passed.part([*slow, *quick, "new"], slow | quick, seed) for seed in range(7, 11)]
    assert all("quick" in part for part in parts)
    chosen = sorted(test for part in parts for test in part - {"quick"})
    assert chosen == sorted([*slow, "new"])
    assert {len(part) - 1 for part in parts} == {2, 3}
    assert len(parts) == PARTS


def test_tests_that_rest_on_one_another_go_together() -> None:
    (chain,) = last_passed.CHAINS
    tests = [f"{chain}::test_up", f"{chain}::test_down", *(f"t{number}" for number in range(7))]
    passes = {f"{chain}::test_up": of(0, SLOW_S - 1)}
    counts = [
        sum(test.startswith(chain) for test in last_passed.part(tests, passes, seed))
        for seed in range(PARTS)
    ]
    assert sorted(counts) == [0, 0, 0, 2]


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    passes = {"tests/b.py::t[x y]": of(3, 2.04), "tests/a.py::t": of(1, 0.0)}
    last_passed.write(passes, tmp_path / "f.json")
    assert last_passed.read(tmp_path / "f.json") == {
        **passes,
        "tests/b.py::t[x y]": of(3, 2.0),
    }
    assert last_passed.read(tmp_path / "none.json") == {}


def test_entries_of_tests_that_are_gone_are_dropped_where_their_file_was_collected() -> None:
    here = "tests/test_last_passed.py"
    other = "tests/test_outcome.py"
    passes = {f"{here}::a": of(1), f"{here}::b": of(1), f"{other}::c": of(1), "no.py::d": of(1)}
    left = last_passed.without_the_gone(passes, [f"{here}::b"])
    assert set(left) == {f"{here}::b", f"{other}::c"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A checkout with an old record and four cluster tests, in which nothing has passed yet."""
    (tmp_path / "tests").mkdir()
    for name in ("conftest.py", "last_passed.py"):
        shutil.copy(HERE / name, tmp_path / "tests")
    module = tmp_path / "tests" / "last_passed.py"
    module.write_text(module.read_text().replace("dt.date(2026, 11, 26)", "dt.date(2026, 1, 1)"))
    (tmp_path / "tests" / "test_it.py").write_text(TESTS)
    (tmp_path / "pytest.toml").write_text(
        '[pytest]\npythonpath = ["."]\nmarkers = ["cluster: x"]\n'
        'addopts = ["--import-mode=importlib"]\n'
    )
    return tmp_path


def run(
    project: Path, *options: str, chosen: tuple[str, ...] = ("tests", "-m", "cluster")
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - pytest itself
        [sys.executable, "-m", "pytest", "--disable-plugin-autoload", *chosen, "-q", *options],
        cwd=project,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_only_what_ran_and_passed_to_its_end_gets_a_date(project: Path) -> None:
    assert run(project, "--note-passes").returncode == pytest.ExitCode.TESTS_FAILED
    noted = json.loads((project / "tests" / "last-passed.json").read_text())
    assert list(noted) == ["tests/test_it.py::test_passes"]
    refused = run(project, "--passed-within", "14", "--collect-only")
    assert refused.returncode == pytest.ExitCode.USAGE_ERROR
    assert "test_fails: expected a pass" in refused.stderr
    assert "test_passes" not in refused.stderr
    fresh = run(project, "--passed-within", "14", "--collect-only", "-k", "test_passes")
    assert fresh.returncode == pytest.ExitCode.OK


def test_a_deselected_test_keeps_its_date_and_gets_no_other(project: Path) -> None:
    file = project / "tests" / "last-passed.json"
    before = {
        "tests/test_it.py::test_fails": ["2026-01-02", 9.0],
        "tests/gone.py::t": ["2026-01-02", 1],
    }
    file.write_text(json.dumps(before))
    assert run(project, "--note-passes", "-k", "test_passes").returncode == pytest.ExitCode.OK
    noted = json.loads(file.read_text())
    assert noted["tests/test_it.py::test_fails"] == ["2026-01-02", 9.0]
    assert set(noted) == {"tests/test_it.py::test_fails", "tests/test_it.py::test_passes"}


@pytest.mark.parametrize("chosen", ["test_is_skipped", "no_such_test"])
def test_a_session_in_which_no_test_was_executed_is_no_success(project: Path, chosen: str) -> None:
    assert run(project, "-k", chosen).returncode == pytest.ExitCode.NO_TESTS_COLLECTED


def test_a_quarter_leaves_the_rest_out(project: Path) -> None:
    said = run(project, "--slow", "quarter", "--seed", "1", "-v").stdout
    assert "1 of 4 cluster tests" in said
    assert "3 deselected" in said


def test_cluster_tests_run_when_they_are_asked_for(project: Path) -> None:
    """By their mark or by their id: they change whatever cluster there is."""
    assert "4 deselected" in run(project, chosen=("tests",)).stdout
    assert "1 passed" in run(project, chosen=("tests/test_it.py::test_passes",)).stdout
    assert "3 deselected" in run(project, "-k", "test_passes").stdout
