"""What stands in the way is said in one sentence, before anything is changed."""

import os
import socket
from pathlib import Path

import pytest

from testbed.cluster import __main__ as command_line
from testbed.cluster import preflight
from testbed.cluster.errors import PreflightError
from testbed.cluster.preflight import lacking_space, port_taken

EXABYTES = 2**62


def test_user_who_is_not_root_is_told_to_use_sudo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(PreflightError, match=r"expected root .* this is user 1000: .* sudo"):
        preflight.check_root()


@pytest.mark.parametrize("command", ["up", "down"])
def test_refusal_is_a_usage_error(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert command_line.main([command]) == 4
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_another_system_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    with pytest.raises(PreflightError, match="expected Linux, this is Darwin: use TESTBED=kind"):
        preflight.check_root()


def test_port_that_somebody_listens_on_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert port_taken(port)
    assert not port_taken(port)


def test_full_disk_is_said_with_both_figures(tmp_path: Path) -> None:
    [sentence] = lacking_space(tmp_path / "not" / "there" / "yet", EXABYTES)
    assert "expected 4294967296.0 GiB free, found" in sentence


def test_enough_space_is_not_mentioned(tmp_path: Path) -> None:
    assert not [*lacking_space(tmp_path, 1)]


def test_kind_without_docker_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert command_line.main(["up", "--backend", "kind"]) == 4
    assert "expected docker and kind on PATH" in capsys.readouterr().err
