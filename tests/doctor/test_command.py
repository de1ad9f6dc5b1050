"""`clusterproof doctor` against an API server on loopback, and without one."""

from pathlib import Path

import pytest

from clusterproof import cli
from clusterproof.outcome import ExitCode
from clusterproof.project import profiles
from tests.nightly.api_server import Answers, kubeconfig, served, write_spec


@pytest.fixture
def answers() -> Answers:
    return Answers()


def doctor(tmp_path: Path, answers: Answers, *options: str) -> int:
    spec = write_spec(tmp_path, "first", "second")
    with served(answers) as server:
        path = kubeconfig(tmp_path, server)
        return cli.main(["doctor", "--kubeconfig", str(path), "--spec", str(spec), *options])


def test_every_right_is_every_row(
    tmp_path: Path, answers: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    assert doctor(tmp_path, answers) == ExitCode.PASSED
    shown = capsys.readouterr().out
    assert "context loopback, server http://127.0.0.1:" in shown
    assert "Kubernetes v1.35.4, answered in" in shown
    assert "uid uid-of-this-cluster" in shown
    assert "2 of 2 can be judged\n" in shown


def test_a_right_that_is_not_granted_closes_its_rows(
    tmp_path: Path, answers: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    answers.lacking = {"list configmaps in here"}
    assert doctor(tmp_path, answers) == ExitCode.INCONCLUSIVE
    shown = capsys.readouterr().out
    assert "list configmaps in here: closes settings-first, settings-second\n" in shown
    assert "0 of 2 can be judged; 2 will be INCONCLUSIVE\n" in shown


def test_nothing_but_reviews_is_posted(tmp_path: Path, answers: Answers) -> None:
    doctor(tmp_path, answers)
    assert {body["kind"] for body in answers.posted} == {"SelfSubjectAccessReview"}


def test_no_kubeconfig_is_said_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["doctor", "--kubeconfig", str(tmp_path / "none")]) == ExitCode.USAGE
    *_, last = capsys.readouterr().out.splitlines()
    assert last.startswith("no  kubeconfig  --kubeconfig: no such file:")


def test_a_server_that_does_not_answer_is_inconclusive(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = kubeconfig(tmp_path, "http://127.0.0.1:1")
    assert cli.main(["doctor", "--kubeconfig", str(path)]) == ExitCode.INCONCLUSIVE
    assert "GET /version: no answer from the API server" in capsys.readouterr().out


def test_a_profile_that_is_not_there_names_those_that_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["doctor", "--profile", "objectives"]) == ExitCode.USAGE
    assert f"expected one of {', '.join(profiles())};" in capsys.readouterr().out
