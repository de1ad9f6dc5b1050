"""Which process is which: a pid alone is not an identity, a pid and its start time are."""

import os
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from clusterproof.wait import NeverAcceptedError
from testbed.settings import patient
from testbed.waits import wait_until

_START_TIME_FIELD = 19
"""Index of starttime in /proc/PID/stat counted from behind the command's closing bracket."""


@dataclass(frozen=True, slots=True)
class Process:
    """One process, so that a later one with the same pid is not taken for it.

    Attributes:
        pid: Its number.
        start_ticks: When it started, in clock ticks since boot.
    """

    pid: int
    start_ticks: int

    @property
    def alive(self) -> bool:
        """Whether this very process still runs (a zombie does not)."""
        return identify(self.pid) == self


def identify(pid: int) -> Process | None:
    """The running process with this pid, if any."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat[stat.rindex(")") + 2 :].split()
    if fields[0] in {"Z", "X"}:
        return None
    return Process(pid, int(fields[_START_TIME_FIELD]))


def end_child(child: subprocess.Popen[bytes], within_s: float) -> None:
    """End a program that we started: asked first, killed when it does not listen."""
    child.terminate()
    try:
        child.wait(patient(within_s))
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def end(process: Process, *, within_s: float = 10.0) -> None:
    """End one process: asked first, killed when it does not listen."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if not process.alive:
            return
        with suppress(ProcessLookupError):
            os.kill(process.pid, number)
        with suppress(NeverAcceptedError):
            wait_until(
                lambda: process.alive,
                lambda alive: not alive,
                waiting_for=f"the end of process {process.pid}",
                within_s=within_s,
                every_s=0.05,
            )
