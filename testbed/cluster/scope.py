"""A scope of systemd that holds the cluster: a control group that systemd gives away to us.

A transient unit: nothing of it is written to disk, and it ends with its last process.
"""

import os
import shutil
import subprocess
from pathlib import Path

from testbed.cluster.errors import TestbedError
from testbed.cluster.topology import CGROUP, CGROUP_WEIGHT
from testbed.settings import patient
from testbed.waits import wait_until

UNIT = f"{CGROUP}.scope"
BOOTED = Path("/run/systemd/system")
CONTROLLERS = frozenset({"cpu", "cpuset", "io", "memory", "pids"})
"""Those of cgroup v2 that systemd manages (systemd.resource-control)."""

STARTED_WITHIN_S = 20.0
_WEIGHT = CGROUP_WEIGHT * 100
_HOLDER = ("sleep", "infinity")
"""A scope needs a process from the beginning; the cluster's own come later."""


def under_systemd() -> bool:
    """Whether systemd is the machine's first process, as sd_booted(3) finds out."""
    return BOOTED.is_dir() and shutil.which("systemd-run") is not None


def command() -> list[str]:
    """What starts the scope; its own process becomes the holder."""
    return [
        "systemd-run",
        "--scope",
        "--quiet",
        "--collect",
        f"--unit={UNIT}",
        # Beside system.slice and user.slice, so that its weight counts against all of either.
        "--slice=-.slice",
        "--description=local cluster of clusterproof (make cluster-down ends it)",
        "--property=Delegate=yes",
        f"--property=CPUWeight={_WEIGHT}",
        "--property=TasksMax=infinity",
        "--",
        *_HOLDER,
    ]


def start(tree: Path) -> int:
    """Start the scope, whose group is `tree`; returns the process that holds it.

    Raises:
        TestbedError: systemd refused.
        NeverAcceptedError: The group is not there in time.
    """
    holder = subprocess.Popen(
        command(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "SYSTEMD_BUS_TIMEOUT": f"{patient(STARTED_WITHIN_S):.0f}"},
        start_new_session=True,
    )

    def held() -> bool:
        if holder.poll() is not None:
            _, words = holder.communicate()
            raise TestbedError(
                f"systemd-run: expected a scope {UNIT}, got exit {holder.returncode}:"
                f" {words.strip()}; see: systemctl status {UNIT}"
            )
        procs = tree / "cgroup.procs"
        return procs.exists() and str(holder.pid) in procs.read_text().split()

    wait_until(
        held,
        bool,
        waiting_for=f"the scope {UNIT} of systemd",
        within_s=STARTED_WITHIN_S,
        every_s=0.05,
    )
    return holder.pid
