"""The suites as a process that ends in time, whatever happens in it."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Final

from clusterproof.project import PROJECT, suites_command

GRACE_S: Final = 60.0
"""What an interrupted run has to write its report and remove its Pods, before it is killed."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How the process ended.

    Attributes:
        exit_code: As pytest gave it; negative for a signal.
        stopped: Why it was told to end early, or "".
    """

    exit_code: int
    stopped: str
    started_at: float
    finished_at: float


def run_suites(
    arguments: Sequence[str], *, within_s: float, scratch: Path, grace_s: float = GRACE_S
) -> Ended:
    """Run `pytest suites/` until it ends, or until the deadline ends it.

    An interrupt lets pytest write a report in which the rows that were not reached are NOT_RUN;
    only a process that does not heed it within `grace_s` is killed. The same when this process is
    told to end: a Job's own deadline, or an eviction.

    Args:
        arguments: Options of the suites.
        within_s: The deadline.
        scratch: The only place for temporary files.
        grace_s: See above.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    command = suites_command(["-q", "--no-header", *arguments])
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": str(scratch)}
    started_at = time.time()
    with subprocess.Popen(  # noqa: S603 - our own suites
        command, cwd=PROJECT, env=environment, start_new_session=True
    ) as process:
        stopper = _Stopper(process, grace_s)
        deadline = threading.Timer(
            within_s, stopper.stop, (f"stopped at the deadline of {within_s:g} s",)
        )
        deadline.daemon = True
        deadline.start()
        before = signal.signal(signal.SIGTERM, stopper.told)
        try:
            exit_code = process.wait()
        except KeyboardInterrupt:
            stopper.stop("interrupted")
            exit_code = process.wait()
        finally:
            deadline.cancel()
            stopper.close()
            signal.signal(signal.SIGTERM, before)
    return Ended(exit_code, stopper.reason, started_at, time.time())


class _Stopper:
    """Interrupts a process group once, and kills it if it does not heed that."""

    def __init__(self, process: "subprocess.Popen[bytes]", grace_s: float) -> None:
        self.reason = ""
        self._process = process
        self._kill = threading.Timer(grace_s, self._send, (signal.SIGKILL,))
        self._kill.daemon = True

    def told(self, number: int, _frame: FrameType | None) -> None:
        """Told by a signal."""
        self.stop(f"told to end by {signal.Signals(number).name}")

    def stop(self, reason: str) -> None:
        """Interrupt it, the first time."""
        if not self.reason:
            self.reason = reason
            self._send(signal.SIGINT)
            self._kill.start()

    def close(self) -> None:
        """Kill nothing any more."""
        self._kill.cancel()

    def _send(self, number: signal.Signals) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, number)
