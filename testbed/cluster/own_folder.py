"""A folder of the user's cache that one run has to itself, also after a run that was killed."""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from testbed.cluster import paths
from testbed.cluster.errors import PreflightError, TestbedError
from testbed.cluster.mounts import mount_points
from testbed.cluster.run import run
from testbed.waits import last_within

NAMES = ("stock", "vm")
"""Who has such a folder: `make test-stock` and `make demo-vm`."""

GONE_WITHIN_S = 10.0
"""Processes of a killed run may be about to end, and still write."""


@contextmanager
def own_folder(name: str, command: str) -> Iterator[tuple[Path, IO[str]]]:
    """An empty folder, gone in the end, with the open file of its lock.

    Who inherits the file keeps the folder: a run that was killed has it until its last process.

    Args:
        name: One of `NAMES`.
        command: What a person types for it.

    Raises:
        PreflightError: Another run has it.
        TestbedError: What a killed run left cannot be removed.
    """
    _place(name).mkdir(parents=True, exist_ok=True)
    with (_place(name) / ".lock").open("w") as lock:
        if not _locked(lock):
            raise PreflightError(f"another `{command}` runs: wait until it has ended")
        folder = _folder(name)
        _remove(folder)
        folder.mkdir()
        try:
            yield folder, lock
        finally:
            _remove(folder)


def left() -> list[Path]:
    """The folders of runs that were killed."""
    return list(_of_killed_runs())


def remove_left() -> list[str]:
    """Remove them, with what is mounted in them; says which.

    Raises:
        TestbedError: One cannot be removed.
    """
    removed = []
    for folder in _of_killed_runs():
        _remove(folder)
        removed.append(str(folder))
    return removed


def _of_killed_runs() -> Iterator[Path]:
    """Each with its lock held for as long as the caller looks at it."""
    for name in NAMES:
        if _folder(name).exists():
            with (_place(name) / ".lock").open("w") as lock:
                if _locked(lock):
                    yield _folder(name)


def _place(name: str) -> Path:
    return paths.cache() / name


def _folder(name: str) -> Path:
    return _place(name) / "run"


def _locked(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _remove(folder: Path) -> None:
    if mounted := mount_points([folder]):
        run(["umount", "--lazy", *map(str, mounted)])
    if mounted := mount_points([folder]):
        # It may be the host's own folder: nothing is deleted under a mount.
        raise TestbedError(f"expected nothing mounted in {folder}, found {mounted[0]}")

    def removed() -> bool:
        shutil.rmtree(folder, ignore_errors=True)
        return not folder.exists()

    if not last_within(removed, bool, within_s=GONE_WITHIN_S):
        shutil.rmtree(folder)  # says what stands in the way
