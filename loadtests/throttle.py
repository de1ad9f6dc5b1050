"""`python -m loadtests.throttle SHARE COMMAND...`: run a command with that share of one core.

A cgroup of our own with a CFS quota (v1 or v2), removed when the command has ended: to show that a
generator that is starved is called not credible. Needs the right to make cgroups.
"""

import os
import subprocess
import sys
from pathlib import Path

_PERIOD_US = 100_000
_MOST_S = 3600


def main(arguments: list[str]) -> int:
    """Make the group, run, remove the group; the command's exit code."""
    share, command = float(arguments[0]), arguments[1:]
    quota = int(share * _PERIOD_US)
    group = _group()
    group.mkdir()
    try:
        if (group / "cpu.max").exists():
            (group / "cpu.max").write_text(f"{quota} {_PERIOD_US}", encoding="ascii")
        else:
            (group / "cpu.cfs_period_us").write_text(str(_PERIOD_US), encoding="ascii")
            (group / "cpu.cfs_quota_us").write_text(str(quota), encoding="ascii")
        process = subprocess.Popen(command)  # noqa: S603 - the caller's own argv
        (group / "cgroup.procs").write_text(str(process.pid), encoding="ascii")
        return process.wait(timeout=_MOST_S)
    finally:
        group.rmdir()


def _group() -> Path:
    for root in ("/sys/fs/cgroup/cpu", "/sys/fs/cgroup"):
        if Path(root).is_dir():
            return Path(root) / f"clusterproof-throttle-{os.getpid()}"
    raise FileNotFoundError("/sys/fs/cgroup")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
