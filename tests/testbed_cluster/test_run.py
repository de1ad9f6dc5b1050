"""What goes wrong with a program or the machine is a sentence, never a traceback."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from clusterproof.errors import ObservationError
from testbed.cluster.errors import TestbedError
from testbed.cluster.run import completed, exit_code, run, sentence
from testbed.deploy.kubectl import Kubectl
from testbed.settings import patient


def test_output_is_given_back_and_input_is_never_the_terminals() -> None:
    assert run(["cat"], stdin="given") == "given"
    assert run(["cat"]) == ""


def test_exit_code_and_last_words_of_a_failure_are_told() -> None:
    with pytest.raises(TestbedError, match=r"^sh -c .*: exit 3\nno such thing$"):
        run(["sh", "-c", "echo no such thing >&2; exit 3"])


def test_program_that_is_not_there_or_cannot_start_is_named(tmp_path: Path) -> None:
    with pytest.raises(TestbedError, match="no-such-program: expected it installed"):
        run(["no-such-program"])
    with pytest.raises(TestbedError, match=r"expected it to start, .*Permission denied"):
        run([str(tmp_path)])


def test_program_that_outlasts_its_time_is_one_sentence() -> None:
    with pytest.raises(TestbedError) as raised:
        completed(["sleep", "30"], timeout_s=0.2)
    told = str(raised.value)
    assert told.startswith(f"sleep 30: expected it to end within {patient(0.2):g} s, it did not; ")
    assert "\n" not in told


def test_long_command_is_cut_short() -> None:
    with pytest.raises(TestbedError) as raised:
        run(["false", "x" * 5000])
    assert len(str(raised.value)) < 400


def test_slow_kubectl_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("testbed.deploy.kubectl._TIMEOUT_S", 0.2)
    slow = tmp_path / "kubectl"
    slow.write_text("#!/bin/sh\nexec sleep 30\n")
    slow.chmod(0o755)
    with pytest.raises(
        TestbedError, match=rf"apply .*: expected it to end within {patient(0.2):g} s"
    ):
        Kubectl(slow, tmp_path / "kubeconfig").apply([])


def _fill_the_disk() -> int:
    return Path("/dev/full").write_text("x")


def _outlast() -> int:
    return subprocess.run(["/bin/sleep", "30"], timeout=0.1, check=True).returncode


def _fail() -> int:
    return subprocess.run(["/bin/false"], check=True).returncode


def _not_there() -> int:
    return len(Path("/no/such/file").read_text())


def _could_not_look() -> int:
    raise ObservationError("the API server does not answer")


def _interrupted() -> int:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("main", "code", "words"),
    [
        (lambda: 0, 0, ""),
        (lambda: 6, 6, ""),
        (_fill_the_disk, 7, "the disk is full: make room and run it again"),
        (_outlast, 7, "/bin/sleep 30: expected it to end within 0.1 s"),
        (_fail, 7, "/bin/false: expected exit 0, got 1"),
        (_not_there, 7, "/no/such/file: No such file or directory"),
        (_could_not_look, 7, "the API server does not answer"),
        (_interrupted, 2, "interrupted"),
    ],
)
def test_commands_end_with_a_sentence_and_their_exit_code(
    main: Callable[[], int], code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code("deploy", main, failed=7) == code
    told = capsys.readouterr().err
    assert told.count("\n") == bool(words)
    assert told.startswith("deploy: ") == bool(words)
    assert words in told


def test_lost_network_keeps_the_systems_words() -> None:
    assert sentence(OSError(101, "Network is unreachable")) == "Network is unreachable"
