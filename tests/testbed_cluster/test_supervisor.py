"""The supervisor's decisions, on real processes."""

import signal
import time
from pathlib import Path

import pytest

from clusterproof.wait import wait_until
from testbed.cluster import paths
from testbed.cluster.component import Component
from testbed.cluster.processes import Process, end, identify
from testbed.cluster.supervisor import (
    PAUSE_MAX_S,
    RESTART_LIMIT,
    Supervised,
    Supervisor,
    pause_before_restart_s,
)


@pytest.fixture(autouse=True)
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Logs go to a folder of the test's own."""
    monkeypatch.setattr(paths, "LOGS", tmp_path)
    return tmp_path


def sleeper(name: str = "sleeper") -> Component:
    """A program that runs until it is ended."""
    return Component(name, ("sleep", "30"))


def end_and_start_again(one: Supervised) -> None:
    """One round of the supervisor's, without its pause."""
    assert one.process is not None
    one.process.wait()
    one.tick()
    one.restart_at = time.monotonic()
    one.tick()


def test_pause_doubles_up_to_a_bound() -> None:
    assert [pause_before_restart_s(n) for n in range(4)] == [1, 2, 4, 8]
    assert pause_before_restart_s(RESTART_LIMIT) == PAUSE_MAX_S


def test_started_component_runs_and_stops_on_request() -> None:
    one = Supervised(sleeper())
    one.start()
    assert one.report().state == "running"
    one.stop()
    one.tick()
    assert one.report().state == "stopped"


def test_component_that_ends_is_started_again() -> None:
    one = Supervised(sleeper())
    one.start()
    first = one.report().pid
    assert one.process is not None
    one.process.send_signal(signal.SIGKILL)
    end_and_start_again(one)
    again = one.report()
    one.stop()
    assert (again.state, again.restarts) == ("running", 1)
    assert again.pid != first


def test_component_that_never_holds_is_given_up() -> None:
    one = Supervised(Component("broken", ("false",)))
    one.start()
    for _ in range(RESTART_LIMIT):
        end_and_start_again(one)
    assert one.process is not None
    one.process.wait()
    one.tick()
    assert one.report().state == "failed"
    assert one.report().restarts == RESTART_LIMIT


def test_program_that_is_not_there_is_reported_not_raised() -> None:
    one = Supervised(Component("absent", ("/nonexistent/program",)))
    one.start()
    assert one.report().state == "restarting"
    assert "No such file" in one.report().last_exit


def test_output_goes_to_the_components_own_log(logs: Path) -> None:
    one = Supervised(Component("node-1/talker", ("echo", "said")))
    one.start()
    assert one.process is not None
    one.process.wait()
    assert (logs / "node-1-talker.log").read_text() == "said\n"


def test_same_component_is_not_started_twice() -> None:
    supervisor = Supervisor()
    request: dict[str, object] = {"do": "start", "component": sleeper().to_json()}
    assert supervisor.handle(request) == {"ok": True, "already": False}
    assert supervisor.handle(request) == {"ok": True, "already": True}
    supervisor.handle({"do": "shutdown"})


def test_forgotten_component_is_not_listed() -> None:
    supervisor = Supervisor()
    supervisor.handle({"do": "start", "component": sleeper().to_json()})
    supervisor.handle({"do": "forget", "name": "sleeper"})
    assert supervisor.handle({"do": "list"}) == {"ok": True, "components": []}


@pytest.mark.parametrize("request_", [{}, {"do": "dance"}, {"do": "stop", "name": "nobody"}])
def test_unknown_request_is_refused(request_: dict[str, object]) -> None:
    assert Supervisor().handle(request_)["ok"] is False


def test_component_survives_the_way_to_the_supervisor() -> None:
    component = Component("a", ("b", "c"), "cp-net", {"D": "e"}, "/tmp")  # noqa: S108
    assert Component.from_json(component.to_json()) == component


def test_another_process_with_the_same_pid_is_not_taken_for_ours() -> None:
    one = Supervised(sleeper())
    one.start()
    ours = identify(one.report().pid)
    assert ours is not None
    other = Process(ours.pid, ours.start_ticks + 1)
    end(other)
    assert ours.alive
    assert not other.alive
    end(ours)
    assert not ours.alive
    one.stop()


def test_ended_process_is_not_alive_while_it_waits_to_be_reaped() -> None:
    one = Supervised(Component("short", ("true",)))
    one.start()
    pid = one.report().pid
    wait_until(lambda: identify(pid), lambda seen: seen is None, waiting_for="its end", within_s=5)
    one.stop()
