"""Paths of the command mean what they mean where it was given."""

import subprocess
import sys
from pathlib import Path

import pytest

from clusterproof import cli
from clusterproof.outcome import ExitCode

PROJECT = Path(__file__).parents[1]
SPEC = """\
name: mine
namespaces: {ns: shop}
include: [rows.yaml]
"""
ROWS = """\
area: workloads
rows:
  - {id: a-row, claim: The web runs, source: here, check: replicas,
     workload: "Deployment/${ns}/web", replicas: {min: 1, max: 1}}
"""


@pytest.mark.parametrize("spelling", [["--spec", "spec.yaml"], ["--spec=spec.yaml"]])
def test_a_plan_reads_the_spec_that_stands_here(tmp_path: Path, spelling: list[str]) -> None:
    (tmp_path / "spec.yaml").write_text(SPEC, encoding="utf-8")
    (tmp_path / "rows.yaml").write_text(ROWS, encoding="utf-8")
    script = "import sys; from clusterproof.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", script, "plan", *spelling]
    ended = subprocess.run(  # noqa: S603 - our own
        command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "a-row" in ended.stdout


def test_a_store_that_is_a_folder_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["history", "list", "--store", str(tmp_path)]) == ExitCode.USAGE
    assert capsys.readouterr().err == (
        f"clusterproof: {tmp_path}: expected the file of a store, observed a folder\n"
    )


def test_a_kubeconfig_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pytest", "suites", "--kubeconfig", str(tmp_path / "none")]
    ended = subprocess.run(  # noqa: S603 - our own
        command, cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == ExitCode.USAGE
    assert "expected a file, there is no" in ended.stderr + ended.stdout
    assert "not run" not in ended.stdout
