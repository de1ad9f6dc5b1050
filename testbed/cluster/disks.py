"""The loop devices that volumes are made of.

Loop devices belong to the whole machine: one of another mount namespace may show the very path of
ours. So a device is ours when its file is the one that we see at that path, by inode.
"""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from testbed.cluster import paths
from testbed.cluster.errors import TestbedError
from testbed.cluster.run import run

_LIST = ("losetup", "--list", "--noheadings", "--raw", "--output", "NAME,BACK-INO,BACK-FILE")
_FIELDS = 3


@dataclass(frozen=True, slots=True)
class Disk:
    """One loop device in use.

    Attributes:
        device: Its path.
        inode: The inode of its file.
        file: The path of its file, as whoever attached it saw it.
    """

    device: str
    inode: int
    file: Path


def parse(listed: str) -> frozenset[Disk]:
    """The devices in the output of `losetup`."""
    rows = (line.split(maxsplit=_FIELDS - 1) for line in listed.splitlines())
    return frozenset(Disk(row[0], int(row[1]), Path(row[2])) for row in rows if len(row) == _FIELDS)


def attached() -> frozenset[Disk]:
    """Every loop device of the machine that is in use."""
    return parse(run(_LIST))


def ours() -> frozenset[Disk]:
    """Those on a file in our folders."""
    return frozenset(disk for disk in attached() if is_ours(disk))


def detach(disks: frozenset[Disk]) -> None:
    """Let go of these; one that something still holds goes away with its last holder."""
    for disk in disks & attached():
        with suppress(TestbedError):  # it has just gone by itself, or a look at the end says so
            run(["losetup", "--detach", disk.device])


def is_ours(disk: Disk) -> bool:
    """Whether the file of this device is the one that we see at its path, in our folders."""
    if not disk.file.is_relative_to(paths.STATE):
        return False
    try:
        return disk.file.stat().st_ino == disk.inode
    except OSError:
        return False
