"""pytest's options that write past the redactor end a run of the suites before it looks."""

import os
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

from clusterproof.outcome import ExitCode
from clusterproof.project import suites_command

WAYS = (
    "--debug=debug.log",
    "-s",
    "--capture=no",
    "--capture=tee-sys",
    "--pdb",
    "--trace",
    "--pastebin=all",
)


def ended(tmp_path: Path, *options: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own suites
        suites_command(["--plan", *options]),
        cwd=tmp_path,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize("option", WAYS)
def test_an_option_that_writes_what_is_not_redacted_is_refused(tmp_path: Path, option: str) -> None:
    run = ended(tmp_path, option)
    assert run.returncode == ExitCode.USAGE
    assert "expected without it, as it would write secrets" in run.stderr
    assert "Traceback" not in run.stdout + run.stderr


def test_so_is_what_the_environment_says(tmp_path: Path) -> None:
    assert ended(tmp_path, PYTEST_ADDOPTS="-s").returncode == ExitCode.USAGE
    assert ended(tmp_path, PYTEST_DEBUG="1").returncode == ExitCode.USAGE


def test_without_them_the_plan_is_shown(tmp_path: Path) -> None:
    assert ended(tmp_path, "-q").returncode == ExitCode.PASSED


def said_into(stdout: int | IO[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """A command whose standard output is that."""
    return subprocess.run(
        [sys.executable, "-m", "clusterproof", "kinds"],
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        cwd=folder,
        timeout=60,
    )


def test_a_full_standard_output_is_one_sentence(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        run = said_into(full, tmp_path)
    assert run.returncode == ExitCode.NOT_WRITTEN
    assert run.stderr.count("\n") == 1
    assert "No space left" in run.stderr


def test_a_reader_that_went_away_is_told_nothing(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    run = said_into(writing, tmp_path)
    os.close(writing)
    assert (run.returncode, run.stderr) == (ExitCode.NOT_WRITTEN, "")
