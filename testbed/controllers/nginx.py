"""One nginx in a network namespace: started, checked, reloaded without losing a request, ended."""

import logging
import os
import signal
import socket
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path

from clusterproof.errors import ObservationError
from clusterproof.wait import NeverAcceptedError
from testbed.controllers.loop import ControllerError
from testbed.settings import patient
from testbed.waits import wait_until

# Without -e it would write to /var/log/nginx first, which is not there unless it is installed.
NGINX = ("nginx", "-e", "stderr", "-p")
CHECK_TIMEOUT_S = 10.0
LIVE_WITHIN_S = 5.0
END_WITHIN_S = 3.0
# Endpoints change in bursts during a rollout. Pods that go are retried elsewhere meanwhile.
BETWEEN_RELOADS_S = 1.0

log = logging.getLogger(__name__)


class Nginx:
    """The process, and the configuration that it runs."""

    def __init__(self, netns: Path, directory: Path, ended: threading.Event) -> None:
        """Prepare the directory; nothing is started before the first `apply`.

        Args:
            netns: The network namespace it serves in.
            directory: Its own.
            ended: Set when the process ends by itself.
        """
        (directory / "temp").mkdir(parents=True, exist_ok=True)
        # The workers run as another user, and come by here to their temporary files.
        directory.chmod(0o711)
        (directory / "temp").chmod(0o711)
        self.directory = directory
        self._netns = netns
        self._ended = ended
        self._process: subprocess.Popen[bytes] | None = None
        self._live = ""
        self._reloaded_at = 0.0

    @property
    def live(self) -> str:
        """The configuration that is served, or "" if none is."""
        running = self._process is not None and self._process.poll() is None
        return self._live if running else ""

    def apply(self, text: str, digest: str) -> None:
        """Serve `text`, whose status server answers `digest`; the former one stays if it is bad.

        Raises:
            ControllerError: nginx refuses the text, or does not come to serve it.
        """
        candidate = self.directory / "candidate.conf"
        candidate.write_text(text)
        self._check(candidate)
        candidate.replace(self.directory / "nginx.conf")
        if self._process is not None and self._process.poll() is None:
            threading.Event().wait(self._reloaded_at + BETWEEN_RELOADS_S - time.monotonic())
            former = _workers(self._process.pid)
            self._process.send_signal(signal.SIGHUP)
        else:
            former = set()
            self._start()
        self._reloaded_at = time.monotonic()
        try:
            wait_until(
                lambda: ask(self.directory / "status.sock", "/configuration"),
                lambda answer: answer == digest,
                waiting_for=f"nginx serving configuration {digest}",
                within_s=LIVE_WITHIN_S,
                every_s=0.02,
            )
            # Until they are told to end, the former workers accept connections beside the new ones.
            wait_until(
                lambda: {worker for worker in former if _accepts(worker)},
                lambda accepting: not accepting,
                waiting_for="no worker of the former configuration accepting connections",
                within_s=LIVE_WITHIN_S,
                every_s=0.02,
            )
        except NeverAcceptedError as error:
            raise ControllerError(str(error)) from error
        self._live = text

    def end(self) -> None:
        """End it: open requests are finished first, for as long as `END_WITHIN_S`."""
        if self._process is None:
            return
        for number in (signal.SIGQUIT, signal.SIGTERM, signal.SIGKILL):
            self._process.send_signal(number)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(patient(END_WITHIN_S))
                break
        self._process = None

    def _check(self, file: Path) -> None:
        done = subprocess.run(
            [*self._inside(), *NGINX, str(self.directory), "-c", str(file), "-t", "-q"],
            capture_output=True,
            text=True,
            timeout=patient(CHECK_TIMEOUT_S),
            check=False,
        )
        if done.returncode:
            message = (
                f"nginx -t {file}: expected a valid configuration, seen: {done.stderr.strip()}"
            )
            raise ControllerError(message)

    def _start(self) -> None:
        end_leftover(self.directory)
        (self.directory / "status.sock").unlink(missing_ok=True)
        directory, file = str(self.directory), str(self.directory / "nginx.conf")
        self._process = subprocess.Popen(
            # If the controller is killed, nginx ends too, instead of serving what nobody updates.
            ("setpriv", "--pdeathsig", "TERM", *self._inside(), *NGINX, directory, "-c", file),
            stdin=subprocess.DEVNULL,
        )
        threading.Thread(target=self._watch, args=(self._process,), daemon=True).start()

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        log.info("nginx %d ended with %d", process.pid, process.wait())
        self._ended.set()

    def _inside(self) -> list[str]:
        return ["nsenter", f"--net={self._netns}"]


def ask(status_socket: Path, path: str) -> str:
    """The status server's answer; its socket is a file, so any network namespace reaches it.

    Raises:
        ObservationError: Nothing answers there.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asker:
            asker.settimeout(patient(1.0))
            asker.connect(str(status_socket))
            asker.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
            answer = b"".join(iter(lambda: asker.recv(4096), b""))
    except OSError as error:
        message = f"nginx at {status_socket}: expected an answer, seen: {error}"
        raise ObservationError(message) from error
    return answer.decode().partition("\r\n\r\n")[2]


def _workers(master: int) -> set[int]:
    """The processes that nginx started."""
    children = Path(f"/proc/{master}/task/{master}/children").read_text()
    return {int(number) for number in children.split()}


def _accepts(worker: int) -> bool:
    """False once it is gone or says in its title that it is shutting down.

    Source: nginx, src/os/unix/ngx_process_cycle.c, ngx_worker_process_cycle.
    """
    try:
        return b"shutting down" not in Path(f"/proc/{worker}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False


def end_leftover(directory: Path) -> None:
    """End an nginx of this directory that a killed controller left behind."""
    try:
        number = int((directory / "nginx.pid").read_text())
        command = Path(f"/proc/{number}/cmdline").read_text()
    except (OSError, ValueError):
        return
    if f"{directory}/nginx.conf" not in command:
        return  # the number is another program's by now
    log.warning("ends nginx %d, left behind", number)
    with suppress(ProcessLookupError):
        os.kill(number, signal.SIGTERM)
    wait_until(
        lambda: Path(f"/proc/{number}").exists(),
        lambda there: not there,
        waiting_for=f"nginx {number} ended",
        within_s=END_WITHIN_S,
        every_s=0.05,
    )
