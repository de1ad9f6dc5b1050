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
from tests.load.generator import HANGS_S

PROJECT = Path(__file__).resolve().parents[2]


def _locust(
    spec: Path,
    *options: str,
    files: tuple[str, ...] = ("router",),
    cwd: Path = PROJECT,
    **env: str,
) -> "subprocess.CompletedProcess[str]":
    """Locust with these scenarios: its exit code, and what it says."""
    paths = ",".join(str(PROJECT / "loadtests" / f"{name}.py") for name in files)
    return subprocess.run(  # noqa: S603 - our own argv
        [sys.executable, "-m", "locust", "-f", paths, "--headless", *options],
        check=False,
        capture_output=True,
        text=True,
        timeout=HANGS_S,
        cwd=cwd,
        env={**os.environ, VARIABLE: str(spec), **env},
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


_OPTIONS = """
from locust.argument_parser import LocustArgumentParser
from loadtests.options import add_options, load_spec
parser = LocustArgumentParser(add_help=False)
add_options(parser, load_spec().scenario("router"))
for action in parser._actions:
    print(action.option_strings[0], action.env_var)
"""


def test_each_option_has_an_environment_variable_as_locusts_own_have_one() -> None:
    """But the one that a person has to type."""
    ended = subprocess.run(  # noqa: S603 - our own argv
        [sys.executable, "-c", _OPTIONS], capture_output=True, text=True, check=True, cwd=PROJECT
    )
    named = dict(line.split() for line in ended.stdout.splitlines())
    assert named.pop("--allow-production") == "None"
    variables = {option: option.upper().replace("-", "_") for option in named}
    assert named == {option: f"LOCUST{name[1:]}" for option, name in variables.items()}
    assert {"--shape", "--rate-factor", "--time-factor", "--out"} <= named.keys()


def test_a_shape_of_the_environment_is_the_one_that_is_meant(tmp_path: Path) -> None:
    path = _changed(tmp_path, shapes={"ours": [{"rate": 1, "for_s": 1}]})
    ended = _locust(path, "--host", "http://127.0.0.1:9", LOCUST_SHAPE="step")
    assert "invalid choice: 'step'" in ended.stderr


def test_a_scenario_without_its_key_sends_nothing() -> None:
    ended = _locust(
        PROJECT / DEFAULT_PATH,
        *("--host", "http://127.0.0.1:9"),
        files=("posthog",),
        POSTHOG_API_KEY="",
    )
    assert ended.returncode == ExitCode.USAGE
    assert "POSTHOG_API_KEY: expected in the environment, which has none" in ended.stderr


def test_two_scenarios_at_once_are_refused() -> None:
    ended = _locust(PROJECT / DEFAULT_PATH, files=("router", "posthog"))
    assert ended.returncode == ExitCode.USAGE
    assert "-f: expected one scenario at a time" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_it_runs_from_whatever_folder_and_needs_one_that_it_can_write_to(tmp_path: Path) -> None:
    """Before the first request: a verdict that cannot be written is lost."""
    options = ("--host", "http://127.0.0.1:9", "--out", "/proc/nobody/writes-here")
    ended = _locust(PROJECT / DEFAULT_PATH, *options, cwd=tmp_path)
    assert ended.returncode == ExitCode.USAGE, ended.stderr
    assert "--out /proc/nobody/writes-here: cannot be written: No such file" in ended.stderr
    assert "Traceback" not in ended.stderr
