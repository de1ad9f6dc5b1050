"""How the controllers are woken, retried and ended, and what their status file tells."""

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from clusterproof.wait import wait_until
from testbed.controllers.loop import ControllerError, StatusFile, Wake, run


@dataclass
class Synced:
    """A mirror that has its list once it is started."""

    path: str = "/api/v1/things"
    synced: bool = False
    error: str = ""

    def start(self, stop: threading.Event) -> None:
        """Have the list."""
        self.synced = not stop.is_set()


@dataclass
class Turns:
    """Counts the turns; fails the first ones; ends the loop after the last."""

    wake: Wake
    last: int
    failures: int = 0
    done: int = 0
    ended: threading.Event = field(default_factory=threading.Event)

    def __call__(self) -> Mapping[str, object]:
        """One turn."""
        self.done += 1
        if self.done == self.last:
            self.wake.stop.set()
        if self.done <= self.failures:
            message = f"turn {self.done}: expected success, seen failure"
            raise ControllerError(message)
        return {"turn": self.done}


def read(path: Path) -> dict[str, object]:
    facts: dict[str, object] = json.loads(path.read_text())
    return facts


def test_failed_turn_is_told_and_tried_again(tmp_path: Path) -> None:
    wake, path = Wake(), tmp_path / "status" / "x.json"
    turns = Turns(wake, last=2, failures=1)
    wake.changed.set()
    run([Synced()], turns, StatusFile(path), wake)
    assert turns.done == 2
    assert read(path)["errors"] == []
    assert read(path)["turn"] == 2


def test_failure_stays_beside_what_is_in_force(tmp_path: Path) -> None:
    status = StatusFile(tmp_path / "x.json")
    status.applied({"turn": 1})
    status.failed("why")
    facts = read(tmp_path / "x.json")
    assert (facts["turn"], facts["errors"], facts["generation"]) == (1, ["why"], 1)
    status.applied({"turn": 2})
    assert read(tmp_path / "x.json")["errors"] == []
    status.remove()
    assert not (tmp_path / "x.json").exists()


def test_burst_of_changes_is_one_turn(tmp_path: Path) -> None:
    wake, path = Wake(), tmp_path / "x.json"
    turns = Turns(wake, last=99)
    thread = threading.Thread(target=run, args=([Synced()], turns, StatusFile(path), wake))
    thread.start()
    for _ in range(50):
        wake.changed.set()
    wait_until(lambda: turns.done, bool, waiting_for="a turn", within_s=5, every_s=0.01)
    wake.stop.set()
    wake.changed.set()
    thread.join(5)
    assert not thread.is_alive()
    assert turns.done == 1


def test_nothing_is_applied_before_every_list_is_in(tmp_path: Path) -> None:
    wake = Wake()
    never = Synced()
    never.start = lambda stop: None if stop.is_set() else wake.stop.set()  # type: ignore[method-assign]
    turns = Turns(wake, last=1)
    wake.changed.set()
    run([never], turns, StatusFile(tmp_path / "x.json"), wake)
    assert turns.done == 0
