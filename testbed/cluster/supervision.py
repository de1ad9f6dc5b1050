"""Talking to the supervisor."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterable
from typing import Any

from clusterproof.errors import ObservationError
from testbed.cluster import paths
from testbed.cluster.component import Component, Report, encode
from testbed.cluster.errors import TestbedError
from testbed.cluster.processes import Process
from testbed.settings import patient
from testbed.waits import wait_until

ANSWER_WITHIN_S = 30.0


def supervisor_process() -> Process | None:
    """The running supervisor, if there is one."""
    try:
        record = json.loads(paths.SUPERVISOR_RECORD.read_text())
        process = Process(record["pid"], record["start_ticks"])
    except (FileNotFoundError, ValueError, KeyError):
        return None
    return process if process.alive else None


def launch() -> None:
    """Start the supervisor, free of this terminal, and wait until it answers."""
    paths.LOGS.mkdir(parents=True, exist_ok=True)
    with (paths.LOGS / "supervisor.log").open("ab") as log:
        subprocess.Popen(
            [sys.executable, "-m", "testbed.cluster.supervisor"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=paths.CHECKOUT,
            env={**os.environ, "PYTHONPATH": str(paths.CHECKOUT)},
            start_new_session=True,
        )
    wait_until(
        lambda: len(reports()),
        lambda count: count >= 0,
        waiting_for=f"the supervisor (see {paths.LOGS}/supervisor.log)",
        within_s=10,
        every_s=0.05,
    )


def start(component: Component) -> bool:
    """Start a component; False when the very same one runs already."""
    answer = _ask({"do": "start", "component": component.to_json()})
    return not answer["already"]


def start_all(components: Iterable[Component]) -> int:
    """Start components; returns how many of them did not run already."""
    return sum(start(component) for component in components)


def stop(name: str) -> None:
    """Stop a component and keep it stopped."""
    _ask({"do": "stop", "name": name})


def forget(name: str) -> None:
    """Stop a component that is no part of the cluster itself, and list it no more."""
    _ask({"do": "forget", "name": name})


def reports() -> tuple[Report, ...]:
    """Every component that was ever started."""
    return tuple(Report(**report) for report in _ask({"do": "list"})["components"])


def _ask(request: dict[str, Any]) -> dict[str, Any]:
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(patient(ANSWER_WITHIN_S))
            connection.connect(str(paths.SUPERVISOR_SOCKET))
            connection.sendall(encode(request))
            with connection.makefile("rb") as lines:
                answer: dict[str, Any] = json.loads(lines.readline() or b"{}")
    except (OSError, ValueError) as error:
        raise ObservationError(
            f"the cluster's supervisor does not answer at {paths.SUPERVISOR_SOCKET}: {error};"
            " is the cluster up? python -m testbed.cluster status"
        ) from error
    if not answer.get("ok"):
        raise TestbedError(f"supervisor: {answer.get('error', 'ended before it answered')}")
    return answer
