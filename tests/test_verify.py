"""Wrong usage of `verify` and `plan`: one sentence, exit code 4, and soon."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from clusterproof import door, verify
from clusterproof.options import OF_PYTEST
from clusterproof.outcome import ExitCode

KUBECONFIG = """\
apiVersion: v1
kind: Config
contexts: [{name: here, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: u, user: {}}]
"""


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--frob"], "there is no option --frob; see: clusterproof verify --help"),
        (["--frob=1", "-q"], "there is no option --frob; see: clusterproof verify --help"),
        (["-zhunter2"], "there is no option -z; see: clusterproof verify --help"),
        (["--profile", "nope"], "--profile: expected one of cloud, cloud-eu, lab, read-only,"),
        (["--spec", "/no/such.yaml"], "--spec: expected a spec file, there is no /no/such.yaml"),
        (["--kubeconfig", "/no/such"], "--kubeconfig: expected a file, /no/such is not there"),
        (["--kubeconfig", "/"], "--kubeconfig: expected a file, / is a folder"),
        (["--namespace"], "argument --namespace: expected one argument; see:"),
        (["--lock-wait", "x"], "argument --lock-wait: invalid float value: 'x'; see:"),
        (["--contexts", "a,b", "--plan"], "--contexts: expected without --context and --plan"),
    ],
)
def test_wrong_usage_is_one_sentence(
    words: list[str], sentence: str, capfd: pytest.CaptureFixture[str]
) -> None:
    try:
        code = door.main(["verify", *words])
    except SystemExit as ended:
        code = int(ended.code or 0)
    shown = capfd.readouterr()
    assert code == ExitCode.USAGE
    assert shown.out == ""
    assert shown.err.startswith(f"clusterproof verify: {sentence}")
    assert shown.err.count("\n") == 1


def test_a_context_that_is_not_there_is_wrong_usage(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config").write_text(KUBECONFIG, encoding="utf-8")
    words = ["--kubeconfig", str(tmp_path / "config"), "--context", "there"]
    assert door.main(["verify", *words]) == ExitCode.USAGE
    assert "it has: here\n" in capfd.readouterr().err


@pytest.mark.parametrize(
    "words", [["--frob"], ["--profile", "nope"], ["--context", "nope", "--kubeconfig", "CONFIG"]]
)
def test_wrong_usage_costs_less_than_a_second(words: list[str], tmp_path: Path) -> None:
    """Of CPU: the clock of a machine that others use says little."""
    (tmp_path / "config").write_text(KUBECONFIG, encoding="utf-8")
    given = [str(tmp_path / "config") if word == "CONFIG" else word for word in words]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "clusterproof", "verify", *given]
    code = subprocess.run(command, check=False, capture_output=True).returncode  # noqa: S603
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert code == ExitCode.USAGE
    assert (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime) < 1.0


def test_what_only_the_suites_can_tell_is_one_sentence_too(tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text("no mapping", encoding="utf-8")
    (tmp_path / "config").write_text(KUBECONFIG, encoding="utf-8")
    command = [sys.executable, "-m", "clusterproof", "verify"]
    command += ["--spec", str(tmp_path / "spec.yaml"), "--kubeconfig", str(tmp_path / "config")]
    finished = subprocess.run(  # noqa: S603 - our own command
        command, check=False, capture_output=True, text=True
    )
    assert finished.returncode == ExitCode.USAGE
    lines = [line for line in (finished.stdout + finished.stderr).splitlines() if line]
    assert lines == [
        f"ERROR: {tmp_path}/spec.yaml:1: expected a mapping at the top, got str",
    ]


def test_no_plugin_of_a_developer_is_in_a_users_run(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "clusterproof", "plan", "-k", "router-replicas"]
    finished = subprocess.run(  # noqa: S603 - our own command
        command, check=False, capture_output=True, text=True, cwd=tmp_path
    )
    assert "router-replicas" in finished.stdout
    assert "plugins:" not in finished.stdout


def test_the_options_of_pytest_are_those_that_it_has() -> None:
    command = [sys.executable, "-m", "pytest", "--help", "--noconftest"]
    command += ["--disable-plugin-autoload", "-p", "no:cacheprovider"]
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603
    options = {
        word.strip(",").partition("=")[0]
        for line in shown.splitlines()
        if line.startswith("  -")
        for word in line.split()
        if word.startswith("--") or (word.startswith("-") and len(word.strip(",")) == 2)
    }
    assert {"-k", "-x"} < options
    assert {option for option in options if not verify.begins(option, OF_PYTEST)} == set()
    assert len(options) > 50
