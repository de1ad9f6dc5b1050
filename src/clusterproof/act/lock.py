"""One writing run at a time: a Lease in the cluster that says who, and since when.

Only runs that make Pods take it; its holder renews it, and removes it when it ends. A holder that
died on this machine is seen to be dead; one elsewhere is believed dead when its Lease was not
renewed for the Lease's own duration while we watched. What the Lease says of the time was written
by the holder's clock, which may be minutes away from ours, and decides nothing. Time in which a
machine is suspended counts: others may have taken over what its run holds.
Rights: `get`, `create`, `update` and `delete leases.coordination.k8s.io`. Without them a run goes
on without a lock, and says so.
Source: Kubernetes docs, "Leases" (v1.35); client-go's leaderelection for "while we watched".
"""

import os
import re
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

from clusterproof.errors import ObservationError
from clusterproof.kube.client import Json, KubeApi
from clusterproof.observe.cluster import RUN_LABEL
from clusterproof.wait import pause

NAME = "clusterproof"
DURATION_S = 30.0
LOOK_EVERY_S = 1.0
PROCESS = "clusterproof.dev/process"
"""Annotation: which process of which machine holds the Lease."""
_DENIED = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.UNAUTHORIZED})
_PROC = Path("/proc")
_ENDED = frozenset("ZX")
"""States in /proc of what has ended, and was not waited for."""


@dataclass(frozen=True, slots=True)
class Process:
    """A process, told apart from every other one, of other machines and of other times too."""

    machine: str
    pid: int
    started: str

    def __str__(self) -> str:
        """As the Lease keeps it."""
        return f"{self.machine} {self.pid} {self.started}"


def this_process() -> Process:
    """Ourselves; on a system without /proc, a process of an unknown machine."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        machine = f"{boot}/{(_PROC / 'self/ns/pid').readlink()}"
        return Process(machine, os.getpid(), _started(os.getpid()))
    except OSError:
        return Process("", os.getpid(), "")


def _started(pid: int) -> str:
    """When it was started, in clock ticks since boot: a pid is used again, with another start."""
    return _stat(pid)[19]


def _stat(pid: int) -> list[str]:
    return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()


def is_dead(written: str) -> bool:
    """True only for a process of this very machine that is certainly gone.

    The kernel is asked by a signal that is none: in a /proc that is mounted with hidepid the
    processes of other users are not there, though they run.
    """
    process = _of_this_machine(written)
    if process is None:
        return False
    try:
        os.kill(process.pid, 0)
    except ProcessLookupError:
        return True
    except OSError:  # somebody else's, so it runs; whether it is the holder /proc may say
        pass
    try:
        return _started(process.pid) != process.started
    except OSError:
        return False


def is_alive(written: str) -> bool:
    """True only for a process of this very machine that certainly runs."""
    process = _of_this_machine(written)
    if process is None:
        return False
    try:
        state, started = _stat(process.pid)[0], _started(process.pid)
    except OSError:
        return False
    return started == process.started and state not in _ENDED


def _of_this_machine(written: str) -> Process | None:
    """The process that a Lease names, where it is one of this machine."""
    machine, _, rest = written.partition(" ")
    pid, _, started = rest.partition(" ")
    if not machine or machine != this_process().machine or not re.fullmatch("[0-9]{1,9}", pid):
        return None
    return Process(machine, int(pid), started)


def awake_or_not_s() -> float:
    """Seconds of a clock that goes on while the machine is suspended, where there is one."""
    if sys.platform == "linux":
        with suppress(OSError):
            return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


class RunLock:
    """The Lease `clusterproof` of one namespace.

    Attributes:
        place: `namespace/name` of the Lease; our Pods carry it.
        note: Why there is no lock though the run goes on, or none for long, or "".
    """

    def __init__(
        self,
        api: KubeApi,
        namespace: str,
        run_id: str,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = awake_or_not_s,
    ) -> None:
        """Hold nothing yet; tests bring a pause and a clock of their own."""
        self.place = f"{namespace}/{NAME}"
        self.note = ""
        self._api = api
        self._run_id = run_id
        self._sleep = sleep
        self._clock = clock
        self._renewed_s = 0.0
        self._collection = f"/apis/coordination.k8s.io/v1/namespaces/{quote(namespace)}/leases"
        self._path = f"{self._collection}/{NAME}"
        self._lease: Json | None = None
        self._ending = threading.Event()
        self._renewer: threading.Thread | None = None

    @property
    def held(self) -> bool:
        """True while nobody else may write: the Lease is ours, and not overdue."""
        return self._lease is not None and self._clock() - self._renewed_s <= DURATION_S

    def acquire(self, *, within_s: float) -> None:
        """Hold the Lease, or know that we may not (`note`).

        Raises:
            ObservationError: Another run holds it still after `within_s`; says which and where.
        """
        ends_at = time.monotonic() + within_s
        watched: tuple[str, float] = ("", 0.0)
        while self._lease is None:
            try:
                lease = self._api.find(self._path)
                now = self._clock()
                version = (lease or {}).get("metadata", {}).get("resourceVersion", "")
                if version != watched[0]:
                    watched = (version, now)
                if lease is None or _is_free(lease, watched_s=now - watched[1]):
                    self._take(lease)
                    continue
            except ObservationError as error:
                if error.status not in _DENIED:
                    raise
                self.note = f"two runs at once are not kept apart: {error}"
                return
            if time.monotonic() > ends_at:
                namespace = self.place.partition("/")[0]
                raise ObservationError(
                    f"another run is writing: {_who(lease)}; waited {within_s:g} s for it",
                    next_command=f"kubectl -n {namespace} get lease {NAME} -o yaml",
                )
            pause(LOOK_EVERY_S, sleep=self._sleep)
        self._renewer = threading.Thread(target=self._renew, name="run-lock", daemon=True)
        self._renewer.start()

    def refuse_if_lost(self) -> None:
        """Refuse to write where the Lease was ours, and is no more.

        Raises:
            ObservationError: Another run writes now.
        """
        if self._renewer is not None and not self.held:
            raise ObservationError(
                f"the Lease {self.place} was lost or not renewed in time: another run may write now"
            )

    def release(self) -> None:
        """Remove the Lease, if it is still ours.

        Raises:
            ObservationError: It could not be removed; it expires by itself.
        """
        self._ending.set()
        if self._renewer is not None:
            self._renewer.join()
        if self._lease is None:
            return
        meta = self._lease["metadata"]
        ours = {"uid": meta["uid"], "resourceVersion": meta["resourceVersion"]}
        self._lease = None
        body = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": ours}
        try:
            self._api.request("DELETE", self._path, body=body)
        except ObservationError as error:
            if error.status not in {HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT}:
                raise

    def _take(self, current: Json | None) -> None:
        """Create or take over; somebody quicker is no error."""
        lease, asked_s = _lease(self._run_id, current, self._api.now()), self._clock()
        try:
            if current is None:
                answer = self._api.request("POST", self._collection, body=lease)
            else:
                answer = self._api.request("PUT", self._path, body=lease)
        except ObservationError as error:
            if error.status not in {HTTPStatus.CONFLICT, HTTPStatus.NOT_FOUND}:
                raise
            return
        self._lease, self._renewed_s = answer.json(), asked_s

    def _renew(self) -> None:
        """Renew at once, so that a missing right is noted by the shortest run, and from then on."""
        pause_s = 0.0
        while not self._ending.wait(pause_s):
            pause_s = DURATION_S / 3
            lease = self._lease
            if lease is None:
                return
            spec = {**lease["spec"], "renewTime": _written(self._api.now())}
            asked_s = self._clock()
            try:
                answer = self._api.request("PUT", self._path, body={**lease, "spec": spec})
                self._lease, self._renewed_s = answer.json(), asked_s
            except (ObservationError, ValueError) as error:
                gone = getattr(error, "status", None) in {
                    HTTPStatus.CONFLICT,
                    HTTPStatus.NOT_FOUND,
                }
                if getattr(error, "status", None) in _DENIED:
                    self.note = f"the Lease {self.place} cannot be renewed: {error}"
                if gone or self._clock() - self._renewed_s > DURATION_S:
                    self._lease = None


def _lease(run_id: str, current: Json | None, now: datetime) -> Json:
    metadata: dict[str, Any] = {
        "name": NAME,
        "labels": {RUN_LABEL: run_id},
        "annotations": {PROCESS: str(this_process())},
    }
    transitions = 0
    if current is not None:
        metadata["resourceVersion"] = current["metadata"]["resourceVersion"]
        transitions = int((current.get("spec") or {}).get("leaseTransitions") or 0) + 1
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": metadata,
        "spec": {
            "holderIdentity": f"run {run_id} on {socket.gethostname()}, pid {os.getpid()}",
            "leaseDurationSeconds": int(DURATION_S),
            "acquireTime": _written(now),
            "renewTime": _written(now),
            "leaseTransitions": transitions,
        },
    }


def _is_free(lease: Json, *, watched_s: float) -> bool:
    spec = lease.get("spec") or {}
    if not spec.get("holderIdentity"):
        return True
    process = (lease["metadata"].get("annotations") or {}).get(PROCESS, "")
    if is_dead(process):
        return True
    # It was suspended with us, and renews as soon as it can; an earlier lock of our own does not.
    if process != str(this_process()) and is_alive(process):
        return False
    duration_s = float(spec.get("leaseDurationSeconds") or DURATION_S)
    return watched_s > duration_s


def _who(lease: Json) -> str:
    spec = lease.get("spec") or {}
    return (
        f"{spec.get('holderIdentity')} holds Lease {lease['metadata'].get('namespace')}/{NAME}, "
        f"renewed at {spec.get('renewTime') or 'an unknown time'}"
    )


def _written(now: datetime) -> str:
    return now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
