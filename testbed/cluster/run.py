"""Running programs to their end, with their last words when they fail."""

import errno
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from clusterproof.errors import ClusterproofError
from testbed.cluster.errors import TestbedError
from testbed.settings import patient

SHOWN_LINES = 15
SHOWN_COMMAND = 300
FAILED, INTERRUPTED = 1, 2


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
        TestbedError: It is not installed, failed, or did not end within `patient(timeout_s)`.
    """
    ended = completed(argv, stdin=stdin, env=env, cwd=cwd, timeout_s=timeout_s)
    if ended.returncode != 0:
        words = _last_lines(ended.stderr or ended.stdout)
        raise TestbedError(f"{_shown(argv)}: exit {ended.returncode}\n{words}")
    return ended.stdout


def completed(
    argv: Sequence[str],
    *,
    stdin: str | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout_s: float = 60.0,
) -> subprocess.CompletedProcess[str]:
    """How `argv` ended, whatever its exit code.

    Raises:
        TestbedError: It could not be started, or did not end within `patient(timeout_s)`.
    """
    try:
        return subprocess.run(
            argv,
            input=stdin,
            # Nothing that we start may wait for a person.
            stdin=subprocess.DEVNULL if stdin is None else None,
            env={**os.environ, **env} if env else None,
            cwd=cwd,
            capture_output=True,
            text=True,
            timeout=patient(timeout_s),
            check=False,
        )
    except FileNotFoundError as error:
        raise TestbedError(f"{argv[0]}: expected it installed, found no such program") from error
    except OSError as error:
        raise TestbedError(f"{argv[0]}: expected it to start, {sentence(error)}") from error
    except subprocess.TimeoutExpired as error:
        raise TestbedError(sentence(error)) from error


def sentence(error: OSError | subprocess.SubprocessError) -> str:
    """What went wrong with the machine or a program, in one sentence."""
    match error:
        case subprocess.TimeoutExpired():
            command = error.cmd if isinstance(error.cmd, str) else _shown(error.cmd)
            within = f"{round(error.timeout, 1):g} s"
            return (
                f"{command}: expected it to end within {within}, it did not; on a slow machine"
                " every wait can be multiplied: PATIENCE=10"
            )
        case subprocess.CalledProcessError():
            command = error.cmd if isinstance(error.cmd, str) else _shown(error.cmd)
            return f"{command}: expected exit 0, got {error.returncode}"
        case OSError(errno=errno.ENOSPC | errno.EDQUOT):
            where = f"{error.filename}: " if error.filename else ""
            return f"{where}the disk is full: make room and run it again (df -h shows where)"
        case OSError(strerror=str(reason)):
            return f"{error.filename}: {reason}" if error.filename else reason
    return str(error)


def exit_code(name: str, main: Callable[[], int], *, failed: int = FAILED) -> int:
    """What `main` returns; what the machine refuses is a sentence after `name`, no traceback."""
    try:
        return main()
    except ClusterproofError as error:
        sys.stderr.write(f"{name}: {error}\n")
    except (OSError, subprocess.SubprocessError) as error:
        sys.stderr.write(f"{name}: {sentence(error)}\n")
    except KeyboardInterrupt:
        sys.stderr.write(f"{name}: interrupted\n")
        return INTERRUPTED
    return failed


def _shown(argv: Sequence[str]) -> str:
    command = " ".join(map(str, argv))
    return command if len(command) <= SHOWN_COMMAND else f"{command[:SHOWN_COMMAND]}..."


def _last_lines(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-SHOWN_LINES:])
