"""The generator reads the load spec that its environment names: that of the run that judges it."""

import os
import subprocess
import sys
from pathlib import Path

import yaml

from clusterproof.load.objectives import DEFAULT_PATH, VARIABLE
from clusterproof.outcome import ExitCode

PROJECT = Path(__file__).resolve().parents[2]


def _locust(spec: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(  # noqa: S603 - our own argv
        [sys.executable, "-m", "locust", "-f", "loadtests/router.py", "--headless", *options],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        cwd=PROJECT,
        env={**os.environ, VARIABLE: str(spec)},
    )


def test_its_shapes_are_those_of_the_named_file(tmp_path: Path) -> None:
    spec = yaml.safe_load((PROJECT / DEFAULT_PATH).read_text(encoding="utf-8"))
    spec["scenarios"]["router"]["shapes"] = {"ours": [{"rate": 1, "for_s": 1}]}
    path = tmp_path / "objectives.yaml"
    path.write_text(yaml.safe_dump(spec), encoding="utf-8")
    said = _locust(path, "--shape", "step").stderr
    assert "invalid choice: 'step' (choose from 'ours')" in said


def test_a_file_that_is_not_there_is_wrong_input(tmp_path: Path) -> None:
    ended = _locust(tmp_path / "none.yaml")
    assert ended.returncode == ExitCode.USAGE
    assert ended.stderr.endswith(
        "none.yaml: expected a spec file in UTF-8: No such file or directory\n"
    )
