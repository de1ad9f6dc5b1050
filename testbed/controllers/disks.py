"""One directory per volume, backed by a sparse ext4 image of the volume's size.

A file system of its own makes capacity and used share true: a plain directory would report the
machine's disk for every volume. Where the machine has no loop devices, a plain directory must do.
"""

import logging
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from testbed.cluster.run import run

LOOP_CONTROL = Path("/dev/loop-control")
# Few, because the tables of unused inodes would be written out over time; as many as a database
# with one file per table and index can need, even on a small volume.
BYTES_PER_INODE = 256 * 1024
FEWEST_INODES = 16 * 1024
# Test equipment: no journal (nothing here outlives the machine), no blocks kept back for root.
FORMAT = ("mkfs.ext4", "-q", "-F", "-m", "0", "-O", "^has_journal,^resize_inode")
MOUNT_OPTIONS = "loop,noatime,noinit_itable"
ANYBODY_WRITES = 0o777

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Disks:
    """The volumes below `root`: `UID/` is what a Pod gets, `UID.img` what it is made of."""

    root: Path

    def make(self, uid: str, size_bytes: int) -> Path:
        """The mounted directory of a volume, new or as it was left.

        Raises:
            TestbedError: The file system could not be made or mounted.
        """
        directory, image = self.root / uid, self.root / f"{uid}.img"
        directory.mkdir(parents=True, exist_ok=True)
        if not LOOP_CONTROL.exists():
            log.warning("no %s: %s reports the machine's disk", LOOP_CONTROL, directory)
        elif not directory.is_mount():
            if not image.exists():
                _format(image, size_bytes)
            run(["mount", "-t", "ext4", "-o", MOUNT_OPTIONS, str(image), str(directory)])
            # Databases refuse a data directory that is not empty.
            with suppress(FileNotFoundError):
                (directory / "lost+found").rmdir()
        # As other local provisioners do: a container's user is unknown here.
        directory.chmod(ANYBODY_WRITES)
        return directory

    def remove(self, uid: str) -> None:
        """Unmount and delete; a volume that is not there is no error.

        Raises:
            TestbedError: Something still uses it.
        """
        directory, image = self.root / uid, self.root / f"{uid}.img"
        if directory.is_mount():
            # The loop device goes with its last mount.
            run(["umount", str(directory)])
        if directory.exists():
            run(["rm", "-rf", "--one-file-system", str(directory)])
        image.unlink(missing_ok=True)

    def present(self) -> tuple[str, ...]:
        """The volumes that are there, in whatever state."""
        return tuple(sorted({path.name.removesuffix(".img") for path in self.root.glob("*")}))


def _format(image: Path, size_bytes: int) -> None:
    fresh = image.with_suffix(".new")
    with fresh.open("wb") as file:
        file.truncate(size_bytes)
    inodes = max(FEWEST_INODES, size_bytes // BYTES_PER_INODE)
    run([*FORMAT, "-N", str(inodes), str(fresh)])
    # Only a finished file system gets the name that `make` looks for.
    fresh.replace(image)
