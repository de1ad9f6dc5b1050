"""One long-running program of the cluster, as data that travels to the supervisor."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from testbed.cluster import paths


@dataclass(frozen=True, slots=True)
class Component:
    """How one program is started.

    Attributes:
        name: Its name here, and that of its log file; a node's are "node-1/kubelet".
        argv: Program and arguments.
        netns: The network namespace it lives in, or "" for the host's.
        env: What is added to its environment.
        cwd: Its working folder.
    """

    name: str
    argv: tuple[str, ...]
    netns: str = ""
    env: dict[str, str] = field(default_factory=dict)
    cwd: str = "/"

    @property
    def log(self) -> Path:
        """Where its output goes."""
        return paths.LOGS / f"{self.name.replace('/', '-')}.log"

    @property
    def command(self) -> tuple[str, ...]:
        """What is executed: `nsenter` becomes the program itself, so the pid is the program's."""
        if not self.netns:
            return self.argv
        return ("nsenter", f"--net=/run/netns/{self.netns}", "--", *self.argv)

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Component":
        """From plain data."""
        return cls(**{**data, "argv": tuple(data["argv"])})


@dataclass(frozen=True, slots=True)
class Report:
    """What the supervisor knows of one component.

    Attributes:
        name: The component's name.
        state: "running", "restarting", "failed" or "stopped".
        pid: Its process, or 0.
        start_ticks: Start time of that process.
        restarts: How often it was started again after ending by itself.
        last_exit: How it last ended, or "".
    """

    name: str
    state: str
    pid: int
    start_ticks: int
    restarts: int
    last_exit: str


def encode(message: dict[str, Any]) -> bytes:
    """One message of the supervisor's socket: a line of JSON."""
    return json.dumps(message).encode() + b"\n"
