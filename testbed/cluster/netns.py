"""Entering a network namespace from Python."""

import ctypes
import os
from pathlib import Path

NETNS = Path("/run/netns")
_CLONE_NEWNET = 0x40000000


def enter(name: str) -> None:
    """Move this thread into a network namespace; sockets it already holds stay where they were.

    Raises:
        OSError: There is no such namespace, or this process may not enter it.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    with (NETNS / name).open("rb") as handle:
        if libc.setns(handle.fileno(), _CLONE_NEWNET) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), name)
