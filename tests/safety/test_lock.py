"""One writing run at a time."""

import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from clusterproof.act import lock as lock_module
from clusterproof.act.lock import PROCESS, RunLock, is_dead, this_process
from clusterproof.checks import read_spec
from clusterproof.checks.shared import place_of_writing
from clusterproof.errors import ObservationError
from clusterproof.spec import Settings
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
    leases = Leases()
    held_by_another(leases, leaseDurationSeconds=1)
    looks = []

    def renewed(_: float) -> None:
        looks.append(1)
        time.sleep(0.05)
        assert leases.lease is not None
        leases.answer(Request("PUT", "/leases/clusterproof", {}, json.dumps(leases.lease).encode()))

    with (
        api_server(leases.answer) as api,
        pytest.raises(ObservationError, match="another run is writing"),
    ):
        RunLock(api, "n", "run-1", sleep=renewed).acquire(within_s=1.5)
    assert len(looks) >= 2


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
