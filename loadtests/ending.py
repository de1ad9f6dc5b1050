"""How a generator ends before its plan does: told to, or since nobody is left who watches it.

SIGTERM (`timeout`, a CI job's cancel, a Job's deadline), Ctrl-C and SIGHUP end it, and so does the
end of the process that started it, by whatever signal: the pipe on its standard input is closed
then. No request is sent from that moment on, those under way get a few seconds, and the record is
written. Workers end by themselves when the master is silent.
"""

import os
import signal
from collections.abc import Callable

import gevent
from gevent.os import tp_read
from locust.runners import WorkerRunner

from clusterproof.load.folder import LIFELINE_VARIABLE

END_WITHIN_S = 2.0
"""For answers that are under way; our choice: all is over within 5 s."""
_LOOK_EVERY_S, _SILENT_LOOKS = 1.0, 4
"""Workers hear of their master each second. Locust's own 60 s would be a minute of load that
nobody watches."""
AT_WORK = frozenset({"spawning", "running"})
"""States of a Locust runner whose test has not begun to end."""
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def listen(end: Callable[[str], None]) -> None:
    """Call `end` with the reason, once for each signal, and when the starting process is gone.

    `end` ends a headless run. Locust's own SIGTERM handler, which is there only while no headless
    run is, shuts the program down.
    """

    def told(number: signal.Signals) -> None:
        end(f"it was told to end ({number.name})")
        if number is not signal.SIGTERM:
            os.kill(os.getpid(), signal.SIGTERM)

    for number in _SIGNALS:
        gevent.signal_handler(number, told, number)
    if os.environ.get(LIFELINE_VARIABLE):
        gevent.spawn(_follow_parent, end)


def follow_master(runner: WorkerRunner) -> None:
    """A worker ends soon after its master has gone, however it went."""
    gevent.spawn(_follow_master, runner)


def _follow_master(runner: WorkerRunner) -> None:
    # Looks, not seconds: one that stood still has read nothing meanwhile, and is not alone. While a
    # test ends, Locust reads no message; without a test its own limit will do.
    heard, silent = None, 0
    while silent < _SILENT_LOOKS:
        gevent.sleep(_LOOK_EVERY_S)
        latest = runner.last_heartbeat_timestamp
        silent = silent + 1 if runner.state in AT_WORK and latest == heard else 0
        heard = latest
    runner.quit()


def _follow_parent(end: Callable[[str], None]) -> None:
    while tp_read(0, 1):
        pass
    end("the process that started it is gone")
    os.kill(os.getpid(), signal.SIGTERM)
