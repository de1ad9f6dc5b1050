"""How the controllers are woken, retried and ended."""

import threading
from dataclasses import dataclass
from functools import partial

import pytest

from clusterproof.kube.client import KubeApi
from clusterproof.kube.connection import Connection
from clusterproof.wait import wait_until
from testbed.cluster.errors import TestbedError
from testbed.controllers.loop import Wake, each, run
from testbed.controllers.mirror import Mirror


class Synced(Mirror[str]):
    """A mirror that has its list once it is started."""

    def __init__(self) -> None:
        """Of a server that is never asked."""
        api = KubeApi(Connection("http://127.0.0.1:1"))
        super().__init__(api, "/api/v1/things", str, threading.Event())

    def start(self, stop: threading.Event) -> None:
        """Have the list."""
        if not stop.is_set():
            self.synced.set()


class Never(Synced):
    """A mirror whose list does not come; starting it ends the loop."""

    def start(self, stop: threading.Event) -> None:
        """Have nothing."""
        stop.set()


@dataclass
class Turns:
    """Counts the turns; fails the first ones; ends the loop after the last."""

    wake: Wake
    last: int
    failures: int = 0
    done: int = 0

    def __call__(self) -> None:
        """One turn."""
        self.done += 1
        if self.done == self.last:
            self.wake.stop.set()
        if self.done <= self.failures:
            raise TestbedError(f"turn {self.done}: expected success, seen failure")


def test_failed_turn_is_told_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    wake = Wake()
    turns = Turns(wake, last=2, failures=1)
    wake.changed.set()
    run([Synced()], turns, wake)
    assert turns.done == 2
    assert "turn 1: expected success, seen failure; again in 1 s" in caplog.text


def test_burst_of_changes_is_one_turn() -> None:
    wake = Wake()
    turns = Turns(wake, last=99)
    thread = threading.Thread(target=run, args=([Synced()], turns, wake))
    thread.start()
    for _ in range(50):
        wake.changed.set()
    wait_until(lambda: turns.done, bool, waiting_for="a turn", within_s=5, every_s=0.01)
    wake.stop.set()
    wake.changed.set()
    thread.join(5)
    assert not thread.is_alive()
    assert turns.done == 1


def test_nothing_is_applied_before_every_list_is_in() -> None:
    wake = Wake()
    turns = Turns(wake, last=1)
    wake.changed.set()
    run([Synced(), Never()], turns, wake)
    assert turns.done == 0


def test_every_step_is_taken_and_the_first_error_told() -> None:
    taken = []

    def step(name: str) -> None:
        taken.append(name)
        if name != "b":
            raise TestbedError(name)

    with pytest.raises(TestbedError, match="a"):
        each(partial(step, name) for name in "abc")
    assert taken == ["a", "b", "c"]
