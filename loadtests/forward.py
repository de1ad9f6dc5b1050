"""A way to a Service from outside the cluster: kubectl's port-forward, started again when it ends.

kubectl forwards to one Pod of the Service and ends when that Pod goes; then the next one is taken.
Requests in flight at that moment fail and are counted. It is slow and one Pod carries all: good for
a smoke run, not for a scaling run (use --host, --via or deploy/load for those).
"""

import atexit
import logging
import shutil
import socket

import gevent
from gevent import subprocess

from clusterproof.errors import SpecError
from clusterproof.load.sections import ServiceRef

LOG = logging.getLogger("clusterproof.load")
_AGAIN_AFTER_S = 0.3
_UP_WITHIN_S = 20.0


class Forward:
    """A local port that leads to a Service for as long as this process lives."""

    def __init__(self, target: ServiceRef, context: str) -> None:
        """Choose a free local port; `start` opens it.

        Args:
            target: The Service.
            context: Of the kubeconfig: the one that was asked about, whatever is current later.
        """
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.local_port = int(probe.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.local_port}"
        self.restarts = -1
        self._command = [
            *(shutil.which("kubectl") or "kubectl", "--context", context),
            *("-n", target.namespace, "port-forward"),
            *("--address=127.0.0.1", f"service/{target.name}", f"{self.local_port}:{target.port}"),
        ]
        self._process: subprocess.Popen | None = None
        self._ended = False

    def start(self) -> bool:
        """Open it and keep it open; False when it did not come up in time."""
        gevent.spawn(self._keep)
        with gevent.Timeout(_UP_WITHIN_S, False):  # noqa: FBT003 - gevent's own: do not raise
            while not self._answers():
                gevent.sleep(_AGAIN_AFTER_S)
            return True
        return False

    def stop(self) -> None:
        """Close it."""
        self._ended = True
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def _keep(self) -> None:
        while not self._ended:
            self.restarts += 1
            try:
                self._process = subprocess.Popen(
                    self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
                )
            except OSError as error:
                LOG.error("port-forward cannot start: %s; give --host", error)  # noqa: TRY400 - the sentence is enough
                return
            self._process.wait()
            if not self._ended:
                LOG.warning("port-forward ended (its Pod went?); started again")
                gevent.sleep(_AGAIN_AFTER_S)

    def _answers(self) -> bool:
        with socket.socket() as attempt:
            attempt.settimeout(1.0)
            return attempt.connect_ex(("127.0.0.1", self.local_port)) == 0


def forward_to(target: ServiceRef, context: str) -> str:
    """A port-forward by a context of the kubeconfig, until this process ends; its URL.

    Raises:
        SpecError: It did not come up.
    """
    forward = Forward(target, context)
    if not forward.start():
        raise SpecError(
            f"no --host, and no port-forward to service/{target.name} in"
            f" {target.namespace}: give --host URL, or a kubeconfig that reaches it"
        )
    atexit.register(forward.stop)
    return forward.url
