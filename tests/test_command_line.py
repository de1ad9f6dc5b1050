"""The command itself: version, help, wrong usage, and completion in a real shell."""

import subprocess
import tomllib
from pathlib import Path

import pytest

from clusterproof import cli
from clusterproof.options import OPTIONS, joined
from clusterproof.outcome import ExitCode

PROJECT = Path(__file__).parents[1]


def ended(*arguments: str) -> object:
    with pytest.raises(SystemExit) as error:
        cli.main(arguments)
    return error.value.code


def test_version_is_that_of_the_project(capsys: pytest.CaptureFixture[str]) -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert ended("--version") == 0
    assert capsys.readouterr().out == f"clusterproof {project['version']}\n"


def test_the_changelog_begins_with_this_version() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8").splitlines()
    first = next(line for line in lines if line.startswith("## "))
    assert first.split()[1] == project["version"]


def test_help_of_verify_has_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended("verify", "--help") == 0
    shown = capsys.readouterr().out
    assert [option.flag for option in OPTIONS if option.flag not in shown] == []


def test_the_suites_have_these_options_and_no_others(pytestconfig: pytest.Config) -> None:
    known = {option.flag.removeprefix("--").replace("-", "_") for option in OPTIONS}
    assert {name for name in known if not hasattr(pytestconfig.option, name)} == set()


@pytest.mark.parametrize("words", [["frob"], ["check-spec"], ["history", "list", "--frob"], []])
def test_wrong_usage_has_its_own_exit_code(words: list[str]) -> None:
    assert ended(*words) == ExitCode.USAGE


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        (["clusterproof", "do"], {"doctor"}),
        (["clusterproof", "history", "ser"], {"serve"}),
        (["clusterproof", "verify", "--read"], {"--read-only"}),
        (["clusterproof", "nightly", "run", "--with"], {"--within"}),
    ],
)
def test_bash_completes_what_was_begun(
    typed: list[str], offered: set[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["completion", "bash"]) == ExitCode.PASSED
    script = capsys.readouterr().out
    words = " ".join(typed)
    asking = (
        f"{script}\nCOMP_WORDS=({words}); COMP_CWORD={len(typed) - 1}; COMP_LINE='{words}'\n"
        '"$(complete -p clusterproof | sed "s/.*-F \\([^ ]*\\).*/\\1/")"\n'
        'printf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    answer = subprocess.run(  # noqa: S603 - our own script
        ["bash", "--norc", "-c", asking],  # noqa: S607 - whatever bash the machine has
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert set(answer.stdout.split()) == offered


@pytest.mark.parametrize("shell", ["zsh", "tcsh"])
def test_other_shells_get_a_script_too(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["completion", shell]) == ExitCode.PASSED
    assert "clusterproof" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "handed_on"),
    [
        (["--spec", "a.yaml", "-q"], ["--spec=a.yaml", "-q"]),
        (["--spec=a.yaml", "--read-only", "-k", "x"], ["--spec=a.yaml", "--read-only", "-k", "x"]),
        (["--namespace", "a=b", "--namespace", "c=d"], ["--namespace=a=b", "--namespace=c=d"]),
        (["--report-dir", ""], ["--report-dir="]),
        (["--kubeconfig", "--plan"], ["--kubeconfig", "--plan"]),
    ],
)
def test_no_value_of_an_option_looks_like_a_test(given: list[str], handed_on: list[str]) -> None:
    assert joined(given) == handed_on
