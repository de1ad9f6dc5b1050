"""What the controllers share: how they are woken, how they end, what they tell."""

import json
import logging
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from testbed.controllers.kube import ApiError

# Events come in bursts (a rollout, a namespace applied): one computation answers all of them.
DEBOUNCE_S = 0.1
# Catches what no event tells: a node's network namespace that was made anew, a lost process.
RESYNC_S = 10.0
FIRST_RETRY_S = 0.5
LONGEST_RETRY_S = 10.0

log = logging.getLogger(__name__)


class ControllerError(Exception):
    """Something could not be applied: says what was expected, what was seen, and where."""


class Followed(Protocol):
    """A mirror, as far as the loop needs to know it."""

    path: str

    @property
    def synced(self) -> bool:
        """True once the first list is in."""

    @property
    def error(self) -> str:
        """Why the copy may be stale, or ""."""

    def start(self, stop: threading.Event) -> None:
        """Begin to follow."""


class StatusFile:
    """A small JSON file that tells a reader what was applied, and when."""

    def __init__(self, path: Path) -> None:
        """Write to `path`, whose directory is made if need be."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._applied = 0

    def applied(self, facts: Mapping[str, object]) -> None:
        """Record a success; `generation` counts them, so a reader can await the next."""
        self._applied += 1
        self._write({"errors": [], "appliedAt": time.time(), **facts})

    def failed(self, error: str) -> None:
        """Record a failure beside what was applied before it."""
        self._write({**self._read(), "errors": [error]})

    def remove(self) -> None:
        """Leave no file: no controller runs any more."""
        self._path.unlink(missing_ok=True)

    def _read(self) -> dict[str, object]:
        try:
            kept: dict[str, object] = json.loads(self._path.read_text())
        except (OSError, ValueError):
            return {}
        return kept

    def _write(self, facts: Mapping[str, object]) -> None:
        fresh = self._path.with_suffix(".new")
        fresh.write_text(json.dumps({**facts, "generation": self._applied}, indent=1) + "\n")
        fresh.replace(self._path)


@dataclass(frozen=True)
class Wake:
    """What the loop waits for: a change, or the end."""

    changed: threading.Event = field(default_factory=threading.Event)
    stop: threading.Event = field(default_factory=threading.Event)

    def end_on_signals(self) -> None:
        """Make SIGTERM and SIGINT end the loop in an orderly way."""

        def end(number: int, _frame: object) -> None:
            log.info("ends on %s", signal.Signals(number).name)
            self.stop.set()
            self.changed.set()

        signal.signal(signal.SIGTERM, end)
        signal.signal(signal.SIGINT, end)


def run(
    mirrors: Sequence[Followed],
    reconcile: Callable[[], Mapping[str, object]],
    status: StatusFile,
    wake: Wake,
) -> None:
    """Call `reconcile` after each burst of changes, and now and then, until told to stop.

    Args:
        mirrors: Started here; nothing is reconciled before all of them have their first list.
        reconcile: Applies what differs; returns what is now in force.
        status: Where success and failure are told.
        wake: `changed` is set by the mirrors, `stop` ends the loop.
    """
    for mirror in mirrors:
        mirror.start(wake.stop)
    retry_s = FIRST_RETRY_S
    pause_s = RESYNC_S
    while not wake.stop.is_set():
        if wake.changed.wait(pause_s):
            wake.stop.wait(DEBOUNCE_S)
            wake.changed.clear()
        pause_s = RESYNC_S
        if wake.stop.is_set() or not all(mirror.synced for mirror in mirrors):
            continue
        try:
            status.applied(reconcile())
            retry_s = FIRST_RETRY_S
        except (ControllerError, ApiError) as error:
            log.warning("%s; again in %.1f s", error, retry_s)
            status.failed(str(error))
            pause_s, retry_s = retry_s, min(retry_s * 2, LONGEST_RETRY_S)
