"""What a cluster could change of a machine: `python3 -m testbed.vm.snapshot FILE`.

Runs in the virtual machine before anything of ours is installed there, so it uses nothing but the
standard library. Each section is a mapping, so that two snapshots can be compared name by name.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from testbed.settings import patient

Section = dict[str, str]

COMMAND_WITHIN_S = 30.0
PARAMETERS_APART_S = 3.0
"""A kernel parameter that changes by itself within this time is a counter, and left out."""

COUNTERS = ("fs/dentry-state", "fs/inode-", "fs/file-nr", "kernel/ns_last_pid", "kernel/random/")
"""The kernel's own, that may stand still for that long."""

LISTENING = "0A"
_TABLES = ("tcp", "tcp6", "udp", "udp6")
_FOLDERS = ("/run", "/var/lib", "/var/log", "/var/cache", "/opt", "/srv", "/tmp", "/root")  # noqa: S108
_TREES = ("/etc", "/usr/local", "/usr/sbin", "/usr/bin", "/usr/lib/systemd", "/usr/lib/cni")


def snapshot() -> dict[str, Section]:
    """The machine as it is, section by section."""
    return {
        "units of systemd": units(),
        "unit files": unit_files(),
        "processes": processes(),
        "listening sockets": listening(),
        "network namespaces": namespaces(),
        "network links": {path.name: "" for path in Path("/sys/class/net").iterdir()},
        "routes": dict.fromkeys(Path("/proc/net/route").read_text().splitlines()[1:], ""),
        "mounts": mounts(),
        "control groups": control_groups(),
        "kernel modules": modules(),
        "kernel parameters": parameters(),
        "packages": packages(),
        "accounts": dict.fromkeys(Path("/etc/passwd").read_text().splitlines(), ""),
        "folders": folders(),
        "files": files(),
        "loop devices": {
            str(path.parent.parent): path.read_text().strip()
            for path in Path("/sys/block").glob("loop*/loop/backing_file")
        },
    }


def units() -> Section:
    """Loaded units, but for devices, with whether they are active."""
    listed = _printed("systemctl", "list-units", "--all", "--plain", "--no-legend", "--full")
    states = {}
    for line in listed.splitlines():
        name, load, active, *_ = line.split()
        if not name.endswith(".device"):
            states[name] = f"{load} {active}"
    return states


def unit_files() -> Section:
    """Installed unit files, with whether they are enabled."""
    listed = _printed(
        "systemctl", "--root=/", "list-unit-files", "--plain", "--no-legend", "--full"
    )
    return {line.split()[0]: line.split()[1] for line in listed.splitlines()}


def processes() -> Section:
    """Names of running programs, with how many run; kernel threads are left out."""
    counts: dict[str, int] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if (entry / "cmdline").read_bytes() and int(entry.name) != os.getpid():
                name = (entry / "comm").read_text().strip()
                counts[name] = counts.get(name, 0) + 1
        except OSError:
            continue  # ended meanwhile
    return {name: str(count) for name, count in counts.items()}


def listening() -> Section:
    """TCP ports that are listened on, UDP ports that are bound, and named Unix sockets."""
    sockets = {}
    for table in _TABLES:
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            _, local, _, state, *_ = line.split()
            if table.startswith("udp") or state == LISTENING:
                address, port = local.split(":")
                sockets[f"{table} {address}:{int(port, 16)}"] = ""
    for line in Path("/proc/net/unix").read_text().splitlines()[1:]:
        columns = line.split()
        accepts = int(columns[3], 16) & 0x10000
        if accepts and len(columns) > 7:  # noqa: PLR2004 - the eighth is the path
            sockets[f"unix {columns[7]}"] = ""
    return sockets


def namespaces() -> Section:
    """Network namespaces that a name or a process holds."""
    held = {f"name {path.name}": "" for path in Path("/run/netns").glob("*")}
    for link in Path("/proc").glob("[0-9]*/ns/net"):
        try:
            held[str(link.readlink())] = ""
        except OSError:
            continue  # ended meanwhile
    return held


def mounts() -> Section:
    """Mount points, with their types."""
    lines = Path("/proc/self/mounts").read_text().splitlines()
    return {line.split()[1]: line.split()[2] for line in lines}


def control_groups() -> Section:
    """Control groups, and what the root of cgroup v2 hands down."""
    root = Path("/sys/fs/cgroup")
    groups = {str(path.relative_to(root)): "" for path in root.rglob("*") if path.is_dir()}
    control = root / "cgroup.subtree_control"
    for name in control.read_text().split() if control.exists() else ():
        groups[f"the root hands down {name}"] = ""
    return groups


def modules() -> Section:
    """Names of loaded kernel modules."""
    return {line.split()[0]: "" for line in Path("/proc/modules").read_text().splitlines()}


def parameters() -> Section:
    """Kernel parameters, but for counters."""
    first = dict(_parameters())
    time.sleep(PARAMETERS_APART_S)
    return {name: text for name, text in _parameters() if first.get(name) == text}


def _parameters() -> Iterator[tuple[str, str]]:
    root = Path("/proc/sys")
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if not path.is_file() or name.startswith(COUNTERS) or not os.access(path, os.R_OK):
            continue
        try:
            yield name, path.read_text().strip()
        except (OSError, UnicodeDecodeError):
            continue  # some cannot be read, whatever their mode says


def packages() -> Section:
    """Installed packages, with their versions."""
    listed = _printed("dpkg-query", "--show", "--showformat=${Package} ${Version} ${Status}\\n")
    return {line.split()[0]: line.split(" ", 1)[1] for line in listed.splitlines()}


def folders() -> Section:
    """What stands in the folders where programs leave their data."""
    return {str(path): "" for folder in _FOLDERS for path in Path(folder).glob("*")}


def files() -> Section:
    """Files of the system's configuration and programs, with their sizes and times."""
    return {
        str(path): _fingerprint(path)
        for tree in _TREES
        for path in Path(tree).rglob("*")
        if path.is_symlink() or path.is_file()
    }


def _fingerprint(path: Path) -> str:
    if path.is_symlink():
        return f"link to {path.readlink()}"
    status = path.stat()
    return f"{status.st_size} bytes of {status.st_mtime_ns}"


def _printed(*command: str) -> str:
    bound_s = f"{patient(COMMAND_WITHIN_S):.0f}"
    return subprocess.run(
        command,
        stdout=subprocess.PIPE,  # its errors are for the log
        text=True,
        check=True,
        timeout=patient(COMMAND_WITHIN_S),
        env={**os.environ, "SYSTEMD_BUS_TIMEOUT": bound_s},
    ).stdout


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(snapshot(), indent=1, sort_keys=True))
