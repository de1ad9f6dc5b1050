"""The folder of a load run: one process writes it at a time, and its files are of one run."""

import fcntl
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from clusterproof.errors import SpecError

FILES = ("generator.json", "account.json")
"""Written by the generator; the others by the session that watches."""
RUN_VARIABLE = "CLUSTERPROOF_RUN"
"""Environment variable by which a session gives its generator the id of the run."""
CONTEXT_VARIABLE = "CLUSTERPROOF_ASKED_CONTEXT"
"""Environment variable with the context that the program which starts a generator has asked about,
with its cluster: the generator asks about no other."""
SCENARIO_VARIABLE = "LOCUST_SCENARIO"
"""Environment variable that names another scenario of the load spec for the same callers."""
LIFELINE_VARIABLE = "CLUSTERPROOF_LIFELINE"
"""Environment variable: standard input is a pipe that the process which started the generator
holds open, so that its end is seen however it comes about."""


def lock(folder: Path) -> IO[str]:
    """Make the folder, and keep every other run out of it until the file is closed.

    Raises:
        SpecError: It cannot be written, or another run is using it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        held = (folder / ".lock").open("w", encoding="utf-8")
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise SpecError(f"--out {folder}: another run is writing there; name another") from error
    except OSError as error:
        raise SpecError(f"--out {folder}: cannot be written: {error.strerror}") from error
    return held


def refuse_mixture(runs: Mapping[str, str]) -> None:
    """Nothing, unless the files are of several runs.

    Args:
        runs: The id of the run by the name of the file; "" in a file that has none.

    Raises:
        SpecError: They are; names the files.
    """
    if len(set(runs.values())) > 1:
        names = ", ".join(f"{name} of run {run or 'unknown'}" for name, run in runs.items())
        raise SpecError(f"the folder holds files of several runs: {names}")
