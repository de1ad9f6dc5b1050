"""A command of ours as a child process, which is told to end when we are, and then waited for.

`subprocess.run` kills its child a quarter of a second after a Ctrl-C: a run of the suites would
leave its Pods and its Lease in the cluster, and no report.
"""

import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run_to_its_end(command: Sequence[str]) -> int:
    """The exit code of a command, whatever this process is told meanwhile.

    What a terminal sends to both reaches the child twice; the suites take that for once.
    """
    with subprocess.Popen(command) as process:  # noqa: S603 - our own command

        def pass_on(number: int, _frame: FrameType | None) -> None:
            with suppress(ProcessLookupError, ValueError):
                process.send_signal(number)

        before = {number: signal.signal(number, pass_on) for number in _SIGNALS}
        try:
            return process.wait()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
