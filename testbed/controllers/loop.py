"""What the controllers share: how they are woken, and how they end."""

import logging
import signal
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from clusterproof.errors import ClusterproofError
from testbed.controllers.mirror import Mirror

# Events come in bursts (a rollout, a namespace applied): one computation answers all of them.
DEBOUNCE_S = 0.1
# Catches what no event tells: a node's network namespace that was made anew, a lost process.
RESYNC_S = 10.0
RETRY_S = 1.0

log = logging.getLogger(__name__)


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


def run(mirrors: Sequence[Mirror[Any]], reconcile: Callable[[], None], wake: Wake) -> None:
    """Call `reconcile` after each burst of changes, and now and then, until told to stop.

    Args:
        mirrors: Started here; nothing is reconciled before all of them have their first list.
        reconcile: Applies what differs.
        wake: `changed` is set by the mirrors, `stop` ends the loop.
    """
    for mirror in mirrors:
        mirror.start(wake.stop)
    pause_s = RESYNC_S
    while not wake.stop.is_set():
        if wake.changed.wait(pause_s):
            wake.stop.wait(DEBOUNCE_S)
            wake.changed.clear()
        pause_s = RESYNC_S
        if wake.stop.is_set() or not all(mirror.synced.is_set() for mirror in mirrors):
            continue
        try:
            reconcile()
        except ClusterproofError as error:
            log.warning("%s; again in %g s", error, RETRY_S)
            pause_s = RETRY_S


def each(steps: Iterable[Callable[[], None]]) -> None:
    """Take all steps; the first error is raised when every one was tried.

    Raises:
        ClusterproofError: What the first step that failed raised.
    """
    errors: list[ClusterproofError] = []
    for step in steps:
        try:
            step()
        except ClusterproofError as error:
            errors.append(error)
    if errors:
        raise errors[0]
