"""Wrong usage is one sentence, and says no secret that stands in the wrong place."""

import subprocess
from pathlib import Path

import pytest

from clusterproof.cli import main
from clusterproof.load.__main__ import main as load
from clusterproof.outcome import ExitCode
from clusterproof.project import suites_command
from clusterproof.redact import MASK

TOKEN = "glpat-" + "a1B2x" * 4  # made up for this test
ROW = """\
area: configuration
rows:
- id: a
  claim: The setting says yes
  source: tests/redact
  check: field
  of: ConfigMap/${home}/settings
  path: data.one
  expect: {equals: yes}
"""
SPEC = """\
name: small
profile: small
namespaces: {home: here}
include: [rows.yaml]
"""


def write_spec(folder: Path, *, expires: str = "") -> Path:
    """A spec; with `expires` it has an accepted difference."""
    entry = (
        f"{{row: a, codes: [field-differs], reason: It is known, owner: us, expires: {expires}}}"
    )
    (folder / "rows.yaml").write_text(ROW, "utf-8")
    (folder / "accepted.yaml").write_text(f"version: 1\naccepted:\n- {entry}\n", "utf-8")
    accepted = "accepted: [accepted.yaml]\n" if expires else ""
    (folder / "spec.yaml").write_text(SPEC + accepted, "utf-8")
    return folder / "spec.yaml"


@pytest.mark.parametrize(
    "arguments",
    [
        [TOKEN],
        ["check-spec", "spec.yaml", f"--header={TOKEN}"],
        ["verify", "--lock-wait", TOKEN],
        ["undo", "--oldest", TOKEN],
        ["load", "judge", f"--header={TOKEN}"],
        ["load", "plan", "--rate", TOKEN],
    ],
)
def test_a_command_says_none(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == ExitCode.USAGE
    shown = capsys.readouterr().err
    assert MASK in shown or "unrecognized arguments: --header;" in shown  # its value is not said
    assert TOKEN not in shown
    assert shown.count("\n") == 1


def test_wrong_usage_of_load_has_the_exit_code_of_wrong_usage(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        load([])
    assert ended.value.code == ExitCode.USAGE
    assert "required: command" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--spec", "--only", "--namespace"])
def test_the_suites_say_none(tmp_path: Path, option: str) -> None:
    spec = write_spec(tmp_path, expires=TOKEN if option == "--spec" else "")
    more = [] if option == "--spec" else [option, TOKEN]
    run = subprocess.run(  # noqa: S603 - our own suites
        suites_command(["--plan", "--spec", str(spec), *more]),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert run.returncode == ExitCode.USAGE
    assert MASK in run.stderr
    assert TOKEN not in run.stdout + run.stderr
