"""A run that is told to end, by a terminal or by whoever started it, ends as it should."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from clusterproof.outcome import ExitCode, Outcome
from clusterproof.report.record import RunRecord
from tests.nightly.api_server import Answers, kubeconfig, served, write_spec


class Waiting(dict[str, Any]):
    """Lists that are not answered before they are released."""

    def __init__(self) -> None:
        """Nobody asked yet."""
        super().__init__()
        self.asked, self.released = threading.Event(), threading.Event()

    def get(self, _path: str, default: Any = None) -> Any:  # noqa: ANN401 - a list of objects
        """An answer, as soon as it is released."""
        self.asked.set()
        self.released.wait(30)
        return default


class Started:
    """A command in a process group of its own, in the middle of a look."""

    def __init__(self, folder: Path, lists: Waiting, *words: str) -> None:
        """Start it, and wait until it looks."""
        self.process = subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-m", "clusterproof", *words],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        assert lists.asked.wait(60)

    def end(self) -> str:
        """What it says, to its end."""
        said, _ = self.process.communicate(timeout=60)
        return said


@pytest.fixture
def lists() -> Iterator[Waiting]:
    made = Waiting()
    yield made
    made.released.set()


@pytest.fixture
def words(tmp_path: Path, lists: Waiting) -> Iterator[list[str]]:
    answers = Answers()
    answers.lists = lists
    with served(answers) as server:
        config = kubeconfig(tmp_path, server)
        spec = write_spec(tmp_path / "spec", "one", "two")
        yield ["--kubeconfig", str(config), "--spec", str(spec)]
        lists.released.set()


def interrupt_all(process: "subprocess.Popen[str]") -> None:
    """As a terminal does on Ctrl-C."""
    os.killpg(process.pid, signal.SIGINT)


def interrupt_parent(process: "subprocess.Popen[str]") -> None:
    process.send_signal(signal.SIGINT)


def terminate_parent(process: "subprocess.Popen[str]") -> None:
    process.send_signal(signal.SIGTERM)


@pytest.mark.parametrize("tell", [interrupt_all, interrupt_parent, terminate_parent])
@pytest.mark.parametrize("more", [[], ["--contexts", "loopback,other"]])
def test_verify_leaves_a_partial_report(
    tmp_path: Path,
    lists: Waiting,
    words: list[str],
    tell: Callable[["subprocess.Popen[str]"], None],
    more: list[str],
) -> None:
    run = Started(tmp_path, lists, "verify", *words, *more)
    tell(run.process)
    said = run.end()
    assert run.process.returncode == ExitCode.INTERRUPTED, said
    assert "Traceback" not in said
    (path,) = (tmp_path / "reports").glob("**/run.json")
    record = RunRecord.from_json(path.read_text("utf-8"))
    assert Outcome.NOT_RUN in {row.outcome for row in record.rows}
    assert "=== other ===" not in said


def test_another_command_says_so_in_a_sentence(
    tmp_path: Path, lists: Waiting, words: list[str]
) -> None:
    run = Started(tmp_path, lists, "init", *words[:2], "--namespace", "here", "made")
    interrupt_all(run.process)
    assert run.end() == "clusterproof: interrupted\n"
    assert run.process.returncode == ExitCode.INTERRUPTED
    assert not (tmp_path / "made").exists()
