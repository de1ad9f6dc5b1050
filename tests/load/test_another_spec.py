"""The generator reads the load spec that its environment names: that of the run that judges it."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
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


def _changed(tmp_path: Path, **router: Any) -> Path:  # noqa: ANN401 - fields of a scenario
    """The project's load spec with other fields of the scenario `router`."""
    spec = yaml.safe_load((PROJECT / DEFAULT_PATH).read_text(encoding="utf-8"))
    spec["scenarios"]["router"] |= router
    path = tmp_path / "objectives.yaml"
    path.write_text(yaml.safe_dump(spec), encoding="utf-8")
    return path


def test_its_shapes_are_those_of_the_named_file(tmp_path: Path) -> None:
    path = _changed(tmp_path, shapes={"ours": [{"rate": 1, "for_s": 1}]})
    said = _locust(path, "--shape", "step").stderr
    # Python 3.12 shows the choices without quotes.
    assert "invalid choice: 'step' (choose from ours)" in said.replace("'ours'", "ours")


@pytest.mark.parametrize(
    ("router", "sentence"),
    [
        ({"mix": {"pay": 1}}, "scenarios.router.mix: no request 'pay'; expected of circuit-b"),
        ({"models": []}, "scenarios.router.models: expected at least one"),
        (
            {"target": "voicehelper-prod/model-router"},
            ": scenarios.router.target: Value error, expected NAMESPACE/SERVICE:PORT; got 'voice",
        ),
    ],
)
def test_what_it_cannot_send_is_wrong_input(
    tmp_path: Path, router: dict[str, Any], sentence: str
) -> None:
    """One sentence with the field, and no request."""
    ended = _locust(_changed(tmp_path, **router), "--host", "http://127.0.0.1:9")
    assert ended.returncode == ExitCode.USAGE
    assert sentence in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_file_that_is_not_there_is_wrong_input(tmp_path: Path) -> None:
    ended = _locust(tmp_path / "none.yaml")
    assert ended.returncode == ExitCode.USAGE
    assert ended.stderr.endswith("none.yaml: expected a spec file: No such file or directory\n")
