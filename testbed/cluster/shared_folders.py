"""Folders of fixed names that kubelets and CNI make, ours and any other alike.

A foreign Kubernetes may have come since `up`, so nothing is deleted as a whole: files
go that are ours by name, then the folders that `up` did not find and that hold no file any more.
"""

import fcntl
import os
import re
import socket
from collections.abc import Collection, Iterator
from pathlib import Path

from testbed.cluster import paths
from testbed.cluster.mounts import mount_points
from testbed.cluster.topology import CNI_NETWORK

KUBELET = Path("/var/lib/kubelet")
CNI = Path("/var/lib/cni")
LOG_LINKS = Path("/var/log/containers")
XTABLES_LOCK = Path("/run/xtables.lock")

FOLDERS = (
    KUBELET / "device-plugins",
    KUBELET,
    CNI / "results",
    CNI / "cache",
    CNI,
    LOG_LINKS,
    Path("/var/log/pods"),
)
"""The deepest first."""

_DEVICE_PLUGINS = ("kubelet_internal_checkpoint", "DEPRECATION", "kubelet.sock")
"""What a kubelet writes outside of its root (pkg/kubelet/cm/devicemanager)."""

_LOOPBACK = "cni-loopback"
"""The network that containerd gives each Pod beside ours (go-cni, WithLoNetwork)."""

SHOWN = 3


def existing() -> list[str]:
    """Those that are there."""
    return [str(path) for path in (*FOLDERS, XTABLES_LOCK) if path.exists()]


def remove_own_files(before: Collection[str] | None) -> list[Path]:
    """Delete what is ours by name; returns it.

    Args:
        before: What `existing` said before `up`; None where no one knows.
    """
    own = [path for path in (*_cni_results(), *_log_links()) if _is_there(path)]
    if before is not None:
        own += _of_device_plugins(before)
    for path in own:
        path.unlink(missing_ok=True)
    if before is not None and str(XTABLES_LOCK) not in before and _removed_lock():
        own.append(XTABLES_LOCK)
    return own


def remove_empty(before: Collection[str]) -> Iterator[str]:
    """Remove the folders that `up` did not find and that hold no file; says what went and stays."""
    mounts = mount_points(FOLDERS)
    for folder in FOLDERS:
        if str(folder) in before or not folder.is_dir() or folder.is_symlink():
            continue
        inside = [mount for mount in mounts if mount.is_relative_to(folder)]
        if inside or _is_within(folder, mounts):
            yield f"left: folder {folder}, a mount of others: {_listed(inside or mounts)}"
        elif files := _files(folder):
            yield f"left: folder {folder}, with files of others: {_listed(files)}"
        elif _removed(folder):
            yield f"undone: folder {folder}"
        else:
            yield f"left: folder {folder}, in which others have just made a file"


def _cni_results() -> list[Path]:
    """What CNI keeps of our Pods' networks, by libcni's form NETWORK-CONTAINER-INTERFACE."""
    ours = [path for folder in _cni_folders() for path in folder.glob(f"{CNI_NETWORK}-*")]
    containers = {
        folder.name
        for folder in paths.RUN.glob("nodes/*/containerd/io.containerd.runtime.v2.task/*/*")
    }
    form = re.compile(rf"{re.escape(CNI_NETWORK)}-(.+)-[^-]+")
    containers |= {match[1] for path in ours if (match := form.fullmatch(path.name))}
    loopbacks = [
        path
        for folder in _cni_folders()
        for container in containers
        if (path := folder / f"{_LOOPBACK}-{container}-lo").exists()
    ]
    return [*ours, *loopbacks]


def _cni_folders() -> tuple[Path, ...]:
    return (CNI / "results", CNI / "cache" / "results")


def _log_links() -> list[Path]:
    return [
        link
        for link in LOG_LINKS.glob("*.log")
        if link.is_symlink() and link.readlink().is_relative_to(paths.STATE)
    ]


def _of_device_plugins(before: Collection[str]) -> list[Path]:
    """A kubelet's files here bear no name of ours: a kubelet that lives, or has more, owns them."""
    folder = KUBELET / "device-plugins"
    if str(folder) in before or not folder.is_dir() or _is_within(folder, mount_points(FOLDERS)):
        return []
    if {path.name for path in KUBELET.iterdir()} != {folder.name} or _answers(
        folder / "kubelet.sock"
    ):
        return []
    return [path for name in _DEVICE_PLUGINS if _is_there(path := folder / name)]


def _answers(address: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(address))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:
            return True
    return True


def _removed_lock() -> bool:
    """Whether the lock file of iptables went; one that a program holds, or wrote to, stays."""
    try:
        with XTABLES_LOCK.open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(lock.fileno()).st_size:
                return False
            XTABLES_LOCK.unlink()
    except OSError:
        return False
    return True


def _is_within(path: Path, mounts: list[Path]) -> bool:
    return any(path.is_relative_to(mount) for mount in mounts)


def _is_there(path: Path) -> bool:
    return path.is_symlink() or path.exists()


def _files(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.is_symlink() or not path.is_dir()]


def _removed(folder: Path) -> bool:
    try:
        for place, _, _ in os.walk(folder, topdown=False):
            Path(place).rmdir()
    except OSError:
        return False
    return True


def _listed(names: list[Path]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(map(str, names[:SHOWN])) + more
