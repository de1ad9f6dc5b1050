"""Whether this machine can hold the cluster, told before anything is changed."""

import os
import platform
import shutil
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from testbed.cluster import cgroups, modules, paths, supervision
from testbed.cluster.errors import PreflightError
from testbed.cluster.topology import FORWARDS

FREE_CACHE_BYTES = 6 * 2**30
FREE_STATE_BYTES = 4 * 2**30
MEMORY_BYTES = 6 * 2**30
"""Our choice: the whole deployment was seen at 3 to 4 GiB; two more keep it out of trouble."""

MACHINES = frozenset({"x86_64", "aarch64"})


def check() -> None:
    """Pass, or say everything that stands in the way.

    Raises:
        PreflightError: At least one thing does.
    """
    check_root()
    before = modules.loaded()
    modules.load()
    complaints = [*_system(), *_space(), *_ports()]
    if complaints:
        modules.unload(modules.since(before))
        raise PreflightError("\n".join(complaints))


def check_networks() -> None:
    """Pass when the kernel makes what the cluster's networks are made of.

    Raises:
        PreflightError: It does not.
    """
    if lacking := [*modules.lacking_in_networks()]:
        raise PreflightError("\n".join(lacking))


def check_root() -> None:
    """Pass when we may do what has to be done.

    Raises:
        PreflightError: We are not root.
    """
    if platform.system() != "Linux":
        raise PreflightError(
            f"expected Linux, this is {platform.system()}: use TESTBED=kind with Docker, or verify"
            " any cluster with --kubeconfig"
        )
    if os.geteuid() != 0:
        raise PreflightError(
            "expected root (network namespaces and containers need it), this is user"
            f" {os.geteuid()}: run it again with sudo"
        )


def _system() -> Iterator[str]:
    if platform.machine() not in MACHINES:
        yield f"expected a processor of {sorted(MACHINES)}, this is {platform.machine()}"
    if not shutil.which("apt-get"):
        yield (
            "expected Debian 12 or a relative of it (apt-get brings runc, the CNI plugins and"
            f" others), this is {_distribution()}"
        )
    if not cgroups.hierarchies():
        yield "expected control groups mounted under /sys/fs/cgroup, found none"
    yield from modules.lacking()
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if pages < MEMORY_BYTES:
        yield f"expected {_gib(MEMORY_BYTES)} of memory or more, this machine has {_gib(pages)}"


def _space() -> Iterator[str]:
    for folder, needed in ((paths.cache(), FREE_CACHE_BYTES), (paths.STATE, FREE_STATE_BYTES)):
        yield from lacking_space(folder, needed)


def lacking_space(folder: Path, needed: int) -> Iterator[str]:
    """Say when the disk under `folder`, which need not be there yet, has less than `needed`."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(there).free
    if free < needed:
        yield f"{folder}: expected {_gib(needed)} free, found {_gib(free)}"


def _ports() -> Iterator[str]:
    if supervision.supervisor_process() is not None:
        return
    for forward in FORWARDS:
        if port_taken(forward.port) and not _left_by_us(forward.name):
            yield (
                f"127.0.0.1:{forward.port} (for {forward.name}): expected it free, another program"
                f" listens there; see: ss -ltnp 'sport = :{forward.port}'"
            )


def port_taken(port: int) -> bool:
    """Whether a program of the host listens on this loopback port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def _left_by_us(forward: str) -> bool:
    """Whether a forwarder that a killed run left behind still serves; `up` ends it first."""
    wanted = f"testbed.cluster.forward\0{forward}\0"
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # ended meanwhile
            if wanted in entry.read_text():
                return True
    return False


def _distribution() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return "an unknown distribution"


def _gib(value: int) -> str:
    return f"{value / 2**30:.1f} GiB"
