"""Keeps the cluster's programs running: `python -m testbed.cluster.supervisor`.

One process, one thread. Listens on a Unix socket for one line of JSON per connection:
{"do": "start", "component": {...}} | {"do": "stop", "name": ...} | {"do": "forget", "name": ...} |
{"do": "list"} | {"do": "shutdown"}. A program that ends by itself is started again after a pause
that doubles, and is given up after RESTART_LIMIT starts that all ended soon.
"""

import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

from testbed.cluster import cgroups, paths
from testbed.cluster.component import Component, Report, encode
from testbed.cluster.processes import end_child, identify
from testbed.settings import patient

RESTART_LIMIT = 8
PAUSE_MAX_S = 30.0
SETTLED_S = 60.0
"""A program that ran this long has recovered: its next end is counted from the beginning."""

TICK_S = 0.5
STOP_WITHIN_S = 8.0
LOG_LIMIT_BYTES = 64 * 2**20
REQUEST_LIMIT_BYTES = 2**20


def pause_before_restart_s(restarts: int) -> float:
    """How long to wait before start number `restarts + 1`."""
    return min(2.0**restarts, PAUSE_MAX_S)


class Supervised:
    """One component and its process."""

    def __init__(self, component: Component) -> None:
        """Nothing runs yet."""
        self.component = component
        self.process: subprocess.Popen[bytes] | None = None
        self.restarts = 0
        self.started_at = 0.0
        self.restart_at: float | None = None
        self.last_exit = ""
        self.wanted = False

    def start(self) -> None:
        """Start it; a program that cannot be started counts as one that ended at once."""
        self.wanted = True
        self.restart_at = None
        self.started_at = time.monotonic()
        log = self.component.log
        log.parent.mkdir(parents=True, exist_ok=True)
        try:
            with log.open("ab") as out:
                self.process = subprocess.Popen(
                    self.component.command,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    cwd=self.component.cwd,
                    env={**os.environ, **self.component.env},
                    start_new_session=True,
                )
        except OSError as error:
            self.process = None
            self.last_exit = str(error)
            self._plan_restart()

    def stop(self) -> None:
        """End it, and keep it ended."""
        self.wanted = False
        self.restart_at = None
        if self.process is None:
            return
        end_child(self.process, STOP_WITHIN_S)
        self.last_exit = "stopped on request"
        self.process = None

    def tick(self) -> None:
        """Notice an end, and start again when it is time."""
        if self.process is not None and self.process.poll() is not None:
            ran_s = time.monotonic() - self.started_at
            self.last_exit = f"exit {self.process.returncode} after {ran_s:.0f} s"
            self.process = None
            if ran_s >= SETTLED_S:
                self.restarts = 0
            self._plan_restart()
        if self.restart_at is not None and time.monotonic() >= self.restart_at:
            self.restarts += 1
            self.start()
        self._bound_log()

    def report(self) -> Report:
        """Its state now."""
        pid = self.process.pid if self.process else 0
        process = identify(pid) if pid else None
        return Report(
            name=self.component.name,
            state=self._state(),
            pid=pid,
            start_ticks=process.start_ticks if process else 0,
            restarts=self.restarts,
            last_exit=self.last_exit,
        )

    def _state(self) -> str:
        if not self.wanted:
            return "stopped"
        if self.process is not None:
            return "running"
        return "restarting" if self.restart_at is not None else "failed"

    def _plan_restart(self) -> None:
        if self.restarts < RESTART_LIMIT:
            self.restart_at = time.monotonic() + pause_before_restart_s(self.restarts)

    def _bound_log(self) -> None:
        log = self.component.log
        if log.exists() and log.stat().st_size > LOG_LIMIT_BYTES:
            # The program appends, so cutting the file short under it is safe.
            log.with_suffix(".log.old").write_bytes(log.read_bytes()[-LOG_LIMIT_BYTES // 8 :])
            os.truncate(log, 0)


class Supervisor:
    """All components, and the socket that they are asked for."""

    def __init__(self) -> None:
        """Nothing runs yet."""
        self.all: dict[str, Supervised] = {}
        self.ending = False

    def serve(self, listener: socket.socket) -> None:
        """Answer requests and mind the components until told to shut down."""
        with selectors.DefaultSelector() as selector:
            selector.register(listener, selectors.EVENT_READ)
            while not self.ending:
                for _ in selector.select(TICK_S):
                    self._answer(listener)
                for component in self.all.values():
                    component.tick()

    def handle(self, request: dict[str, object]) -> dict[str, object]:
        """The answer to one request."""
        match request:
            case {"do": "start", "component": dict(data)}:
                return self._start(Component.from_json(data))
            case {"do": "stop", "name": str(name)} if name in self.all:
                self.all[name].stop()
                return {"ok": True}
            case {"do": "forget", "name": str(name)} if name in self.all:
                self.all.pop(name).stop()
                return {"ok": True}
            case {"do": "list"}:
                return {"ok": True, "components": [asdict(s.report()) for s in self.all.values()]}
            case {"do": "shutdown"}:
                self.ending = True
                for component in reversed(self.all.values()):
                    component.stop()
                return {"ok": True}
            case _:
                return {"ok": False, "error": f"unknown request {request.get('do')!r}"}

    def _start(self, component: Component) -> dict[str, object]:
        known = self.all.get(component.name)
        if known and known.process and known.process.poll() is None:
            if known.component == component:
                return {"ok": True, "already": True}
            known.stop()
        self.all[component.name] = Supervised(component)
        self.all[component.name].start()
        return {"ok": True, "already": False}

    def _answer(self, listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(patient(5.0))
            try:
                with connection.makefile("rb") as lines:
                    request = json.loads(lines.readline(REQUEST_LIMIT_BYTES))
                connection.sendall(encode(self.handle(request)))
            except (OSError, ValueError, TypeError) as error:
                sys.stderr.write(f"request not answered: {error}\n")


def main() -> None:
    """Listen until told to shut down."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    cgroups.join_system(os.getpid())
    paths.TEMPORARY.mkdir(mode=0o700, parents=True, exist_ok=True)
    paths.SUPERVISOR_SOCKET.unlink(missing_ok=True)
    myself = identify(os.getpid())
    if myself is not None:
        paths.SUPERVISOR_RECORD.write_text(json.dumps(asdict(myself)))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(paths.SUPERVISOR_SOCKET))
        Path(paths.SUPERVISOR_SOCKET).chmod(0o600)
        listener.listen(16)
        Supervisor().serve(listener)


if __name__ == "__main__":
    main()
