"""How a run is told to end."""

import math
import signal
import threading
import time
from types import FrameType
from typing import Final

_AT_ONCE_S: Final = 1.0


def end_when_told() -> None:
    """Let a SIGTERM (a Job's deadline, a node that drains) end the run as Ctrl-C does.

    What was made is removed, and the report lists what did not run.
    """
    if threading.current_thread() is threading.main_thread():
        told = _Told()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, told)


class _Told:
    """Ends the run once where a terminal, and the process that started this one, both say so."""

    def __init__(self) -> None:
        """Nobody said so yet."""
        self._at = -math.inf

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Interrupt the run; what comes within a second is the same interrupt.

        Raises:
            KeyboardInterrupt: The first time, and when it is asked for again later.
        """
        before, self._at = self._at, time.monotonic()
        if self._at - before > _AT_ONCE_S:
            signal.default_int_handler(number, frame)
