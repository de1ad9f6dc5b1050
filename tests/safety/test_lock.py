"""One writing run at a time."""

import itertools
import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from clusterproof.act import lock as lock_module
from clusterproof.act.lock import PROCESS, RunLock, awake_or_not_s, is_alive, is_dead, this_process
from clusterproof.checks import read_spec
from clusterproof.checks.shared import place_of_writing
from clusterproof.errors import ObservationError
from clusterproof.spec import Settings
from clusterproof.wait import wait_until
from tests.observe.loopback import Reply, Request, api_server
from tests.safety.leases_server import Leases

PROJECT = Path(__file__).parents[2]
ELSEWHERE = "another-boot/pid:[1] 77 123"


def held_by_another(leases: Leases, **spec: Any) -> None:  # noqa: ANN401 - JSON
    """A Lease of a run on another machine."""
    lease = {
        "metadata": {"name": "clusterproof", "annotations": {PROCESS: ELSEWHERE}},
        "spec": {
            "holderIdentity": "run 7 on node-9",
            "leaseDurationSeconds": 30,
            "renewTime": "2026-11-26T12:00:00.000000Z",
            **spec,
        },
    }
    leases.answer(Request("POST", "/leases", {}, json.dumps(lease).encode()))


def test_lock_is_taken_and_removed() -> None:
    leases = Leases()
    with api_server(leases.answer) as api:
        lock = RunLock(api, "n", "run-1")
        lock.acquire(within_s=0)
        assert lock.held
        assert leases.lease is not None
        assert leases.lease["spec"]["holderIdentity"].startswith("run run-1 on ")
        lock.release()
    assert leases.lease is None


def test_second_run_says_who_holds_it() -> None:
    leases = Leases()
    held_by_another(leases)
    with (
        api_server(leases.answer) as api,
        pytest.raises(ObservationError, match="run 7 on node-9 holds Lease n/clusterproof") as seen,
    ):
        RunLock(api, "n", "run-1", sleep=lambda _: None).acquire(within_s=0)
    assert seen.value.next_command == "kubectl -n n get lease clusterproof -o yaml"


def test_second_run_goes_on_when_the_first_ends() -> None:
    leases = Leases()
    held_by_another(leases)

    def first_ends(_: float) -> None:
        leases.lease = None

    with api_server(leases.answer) as api:
        lock = RunLock(api, "n", "run-1", sleep=first_ends)
        lock.acquire(within_s=10)
        assert lock.held
        lock.release()


def test_holder_that_died_on_this_machine_is_seen_to_be_dead() -> None:
    leases = Leases()
    with subprocess.Popen([sys.executable, "-c", "pass"]) as child:
        child.wait()
    ours = this_process()
    held_by_another(leases)
    assert leases.lease is not None
    leases.lease["metadata"]["annotations"][PROCESS] = f"{ours.machine} {child.pid} 1"
    with api_server(leases.answer) as api:
        lock = RunLock(api, "n", "run-1")
        lock.acquire(within_s=0)
        assert lock.held
        lock.release()


def test_lease_that_nobody_renews_is_taken_over() -> None:
    leases = Leases()
    held_by_another(leases, leaseDurationSeconds=1)
    with api_server(leases.answer) as api:
        lock = RunLock(api, "n", "run-1")
        lock.acquire(within_s=10)
        assert lock.held
        assert leases.lease is not None
        assert leases.lease["spec"]["leaseTransitions"] == 1
        lock.release()


@pytest.mark.parametrize("renewed", ["2020-01-01T00:00:00.000000Z", "", "2099-01-01T00:00:00Z"])
def test_what_the_holders_clock_says_takes_no_lease_from_it(renewed: str) -> None:
    leases = Leases()
    held_by_another(leases, renewTime=renewed)
    with (
        api_server(leases.answer) as api,
        pytest.raises(ObservationError, match="another run is writing: run 7 on node-9"),
    ):
        RunLock(api, "n", "run-1", sleep=lambda _: None).acquire(within_s=0)


def test_lease_that_is_renewed_while_we_watch_is_not_taken() -> None:
    """Each look is two seconds after the one before, and the Lease lasts for one."""
    leases = Leases()
    held_by_another(leases, leaseDurationSeconds=1)
    looks = itertools.count()
    clock = itertools.count(step=2)

    class EnoughError(Exception):
        """It was looked often enough."""

    def renewed(_: float) -> None:
        assert leases.lease is not None
        leases.answer(Request("PUT", "/leases/clusterproof", {}, json.dumps(leases.lease).encode()))
        if next(looks) == 3:
            raise EnoughError

    with api_server(leases.answer) as api, pytest.raises(EnoughError):
        RunLock(api, "n", "run-1", sleep=renewed, clock=lambda: next(clock)).acquire(within_s=60)
    assert leases.lease is not None
    assert leases.lease["spec"]["holderIdentity"] == "run 7 on node-9"


def test_times_of_the_lease_are_the_api_servers() -> None:
    leases = Leases()

    def answer(request: Request) -> Reply:
        return replace(leases.answer(request), headers={"date": "Wed, 01 Jan 2031 00:00:00 GMT"})

    with api_server(answer) as api:
        lock = RunLock(api, "n", "run-1")
        lock.acquire(within_s=0)
        assert leases.lease is not None
        assert leases.lease["spec"]["renewTime"].startswith("2031-01-01T00:00:0")
        lock.release()


def test_without_the_right_a_run_goes_on_and_says_so() -> None:
    leases = Leases()
    leases.status = 403
    with api_server(leases.answer) as api:
        lock = RunLock(api, "n", "run-1")
        lock.acquire(within_s=0)
        assert not lock.held
        assert "two runs at once are not kept apart" in lock.note
        lock.refuse_if_lost()
        lock.release()


def test_lock_that_was_taken_over_refuses_to_write(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock_module, "DURATION_S", 0.06)
    leases = Leases()
    with api_server(leases.answer) as api:
        lock = RunLock(api, "n", "run-1")
        lock.acquire(within_s=0)
        leases.lease = None
        held_by_another(leases)
        assert lock._renewer is not None
        lock._renewer.join(5)
        with pytest.raises(ObservationError, match="was lost"):
            lock.refuse_if_lost()
        lock.release()
    assert leases.lease is not None, "somebody else's Lease stays"


def test_this_process_is_alive_and_others_are_not_judged() -> None:
    assert not is_dead(str(this_process()))
    assert not is_dead(ELSEWHERE)
    assert not is_dead("")


@pytest.mark.parametrize(
    ("answer", "dead"),
    [(ProcessLookupError(), True), (PermissionError(), False), (None, False)],
    ids=["no-such-process", "of-another-user", "ours"],
)
def test_a_process_that_proc_does_not_show_is_dead_only_if_the_kernel_says_so(
    answer: OSError | None, *, dead: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A /proc that is mounted with hidepid=2 has no entry for the processes of other users."""
    ours = this_process()

    def kill(pid: int, signal: int) -> None:
        assert (pid, signal) == (4242, 0)
        if answer is not None:
            raise answer

    monkeypatch.setattr("os.kill", kill)
    monkeypatch.setattr(lock_module, "this_process", lambda: ours)
    monkeypatch.setattr(lock_module, "_PROC", tmp_path)
    written = f"{ours.machine} 4242 7"
    assert is_dead(written) is dead
    assert not is_alive(written)


def test_a_process_of_the_same_number_is_told_by_its_start() -> None:
    ours = this_process()
    assert is_dead(f"{ours.machine} {ours.pid} 1")
    assert not is_alive(f"{ours.machine} {ours.pid} 1")
    assert is_alive(str(ours))
    assert not is_alive(ELSEWHERE)


def test_what_has_ended_and_was_not_waited_for_is_not_alive() -> None:
    with subprocess.Popen([sys.executable, "-c", "pass"]) as child:
        ours = this_process()
        started = lock_module._started(child.pid)
        wait_until(
            lambda: lock_module._stat(child.pid)[0],
            lambda state: state == "Z",
            waiting_for="the end of a process",
            within_s=20,
        )
        assert not is_alive(f"{ours.machine} {child.pid} {started}")


def test_the_clock_goes_on_while_the_machine_is_suspended() -> None:
    if sys.platform == "linux":
        assert awake_or_not_s() == pytest.approx(time.clock_gettime(time.CLOCK_BOOTTIME), abs=5)


class Clock:
    """A clock that a test moves on, as a suspended machine would."""

    def __init__(self) -> None:
        """Some time after boot."""
        self.now_s = 1000.0

    def __call__(self) -> float:
        """The time."""
        return self.now_s


def test_a_run_that_was_suspended_for_longer_than_its_lease_writes_no_more() -> None:
    """Until it has renewed it: somebody else may have taken it over."""
    leases, clock = Leases(), Clock()
    with api_server(leases.answer) as api:
        lock = RunLock(api, "n", "run-1", clock=clock)
        lock.acquire(within_s=0)
        lock.refuse_if_lost()
        time.sleep(0.3)  # its first renewal
        clock.now_s += 31
        assert not lock.held
        with pytest.raises(ObservationError, match="lost or not renewed in time"):
            lock.refuse_if_lost()
        lock.release()
    assert leases.lease is None


def test_a_holder_of_this_machine_that_runs_is_not_taken_over_after_both_were_suspended() -> None:
    leases, clock = Leases(), Clock()
    held_by_another(leases)
    assert leases.lease is not None

    def suspended(_: float) -> None:
        clock.now_s += 3600

    with (
        subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child,
        api_server(leases.answer) as api,
    ):
        ours = this_process()
        running = f"{ours.machine} {child.pid} {lock_module._started(child.pid)}"
        leases.lease["metadata"]["annotations"][PROCESS] = running
        lock = RunLock(api, "n", "run-1", sleep=suspended, clock=clock)
        with pytest.raises(ObservationError, match="another run is writing"):
            lock.acquire(within_s=0.2)
        child.kill()
        child.wait()
        lock.acquire(within_s=0)
        assert lock.held
        lock.release()


def test_lease_that_may_not_be_renewed_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock_module, "DURATION_S", 0.3)
    leases = Leases()
    with api_server(leases.answer) as api:
        lock = RunLock(api, "n", "run-1")
        lock.acquire(within_s=0)
        leases.status = 403
        assert lock._renewer is not None
        lock._renewer.join(5)
        assert lock.note.startswith("the Lease n/clusterproof cannot be renewed: PUT ")
        with pytest.raises(ObservationError, match="was lost"):
            lock.refuse_if_lost()
        lock.release()


def test_spec_without_any_namespace_is_told_what_is_missing() -> None:
    spec = read_spec(PROJECT / "spec" / "self-hosted.yaml")
    nowhere = replace(spec, namespaces={}, settings=Settings())
    with pytest.raises(ObservationError, match=r"yaml has no settings\.dialler \(an image"):
        place_of_writing(nowhere)
    assert place_of_writing(replace(nowhere, namespaces={"a": "shop"})) == "shop"
