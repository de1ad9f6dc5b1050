"""Running programs to their end, with their last words when they fail."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from testbed.cluster.errors import TestbedError

SHOWN_LINES = 15


def run(
    argv: Sequence[str],
    *,
    stdin: str | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout_s: float = 60.0,
) -> str:
    """What `argv` wrote to stdout.

    Raises:
        TestbedError: It is not installed, failed, or did not end within `timeout_s`.
    """
    try:
        done = subprocess.run(
            argv,
            input=stdin,
            env={**os.environ, **env} if env else None,
            cwd=cwd,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
    except FileNotFoundError as error:
        raise TestbedError(f"{argv[0]}: expected it installed, found no such program") from error
    except subprocess.TimeoutExpired as error:
        raise TestbedError(f"{' '.join(argv)}: did not end within {timeout_s:g} s") from error
    if done.returncode != 0:
        last = "\n".join((done.stderr or done.stdout).strip().splitlines()[-SHOWN_LINES:])
        raise TestbedError(f"{' '.join(argv)}: exit {done.returncode}\n{last}")
    return done.stdout
