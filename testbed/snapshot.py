"""What a cluster could change of a machine: `python3 -m testbed.snapshot FILE`.

Also runs where nothing of ours is installed yet, so it uses nothing but the standard library. Each
section is a mapping, so that two snapshots can be compared name by name: `testbed.differences`.
"""

import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from testbed.settings import patient

Section = dict[str, str]

COMMAND_WITHIN_S = 30.0
KERNELS_OWN = frozenset({"kernel/ns_last_pid", "kernel/perf_event_max_sample_rate"})
"""Parameters that can be written, and that the kernel also changes by itself."""

LISTENING = "0A"
_READ, _WRITTEN = 0o444, 0o222
_TABLES = ("tcp", "tcp6", "udp", "udp6")
_SERVICES = ("/run/", "/var/", "@")
"""Where the Unix sockets of services are; "@": in the abstract namespace."""

_FOLDERS = ("/run", "/var/lib", "/var/log", "/var/cache", "/opt", "/srv", "/tmp", "/root")  # noqa: S108
_TREES = ("/etc", "/usr/local", "/usr/sbin", "/usr/bin", "/usr/lib/systemd", "/usr/lib/cni")


def snapshot() -> dict[str, Section]:
    """The machine as it is, section by section."""
    return {
        "units of systemd": units(),
        "enabled units": enabled_units(),
        "processes": processes(),
        "listening sockets": listening(),
        "network namespaces": namespaces(),
        "network links": {path.name: "" for path in Path("/sys/class/net").iterdir()},
        "routes": dict.fromkeys(_lines(Path("/proc/net/route"))[1:], ""),
        "mounts": mounts(),
        "control groups": control_groups(),
        "kernel modules": modules(),
        "kernel parameters": parameters(),
        "packages": packages(),
        "accounts": dict.fromkeys(_lines(Path("/etc/passwd")), ""),
        "folders": folders(),
        "files": files(),
        "loop devices": {
            str(path.parent.parent): path.read_text().strip()
            for path in Path("/sys/block").glob("loop*/loop/backing_file")
        },
    }


def units() -> Section:
    """Loaded units, but for devices, with whether they are active; none where systemd is not."""
    if not Path("/run/systemd/system").is_dir():
        return {}
    listed = _printed("systemctl", "list-units", "--all", "--plain", "--no-legend", "--full")
    states = {}
    for line in listed.splitlines():
        name, load, active, *_ = line.split()
        if not name.endswith(".device"):
            states[name] = f"{load} {active}"
    return states


def enabled_units() -> Section:
    """The units that systemd starts at boot, as the links that say so; read without systemd too."""
    folder = Path("/etc/systemd/system")
    return {
        str(link.relative_to(folder)): str(link.readlink())
        for link in folder.rglob("*.*")
        if link.is_symlink()
    }


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
    """TCP ports that are listened on, UDP ports that are bound, and Unix sockets of services.

    A port of the range that `bind` chooses from is nobody's service, and comes and goes.
    """
    first, last = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    sockets = {}
    for table in _TABLES:
        for line in _lines(Path("/proc/net", table))[1:]:
            _, local, _, state, *_ = line.split()
            address, _, hexadecimal = local.partition(":")
            port = int(hexadecimal, 16)
            served = table.startswith("udp") or state == LISTENING
            if served and not first <= port <= last:
                sockets[f"{table} {address}:{port}"] = ""
    for line in _lines(Path("/proc/net/unix"))[1:]:
        columns = line.split()
        accepts = int(columns[3], 16) & 0x10000
        if accepts and columns[7:] and columns[7].startswith(_SERVICES):
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
    lines = _lines(Path("/proc/self/mounts"))
    return {line.split()[1]: line.split()[2] for line in lines}


def control_groups() -> Section:
    """Control groups, and what the root of cgroup v2 hands down."""
    root = Path("/sys/fs/cgroup")
    groups = {str(folder.relative_to(root)): "" for folder in _folders(root)}
    control = root / "cgroup.subtree_control"
    for name in control.read_text().split() if control.exists() else ():
        groups[f"the root hands down {name}"] = ""
    return groups


def modules() -> Section:
    """Names of loaded kernel modules; none where the kernel has all built in."""
    listed = Path("/proc/modules")
    return {line.split()[0]: "" for line in _lines(listed)} if listed.exists() else {}


def parameters() -> Section:
    """Kernel parameters that can be set: what can only be read is a counter or a fact."""
    root = Path("/proc/sys")
    settings = {}
    for path in _files(root):
        name = str(path.relative_to(root))
        try:
            mode = path.stat().st_mode
            if stat.S_ISREG(mode) and mode & _READ and mode & _WRITTEN and name not in KERNELS_OWN:
                settings[name] = path.read_text().strip()
        except (OSError, UnicodeDecodeError):
            continue  # some cannot be read, whatever their mode says
    return settings


def packages() -> Section:
    """Debian packages, with their versions and states."""
    if not shutil.which("dpkg-query"):
        return {}
    form = "${binary:Package} ${Version} ${db:Status-Abbrev}\\n"
    listed = _printed("dpkg-query", "--show", f"--showformat={form}")
    return {line.split()[0]: line.split(" ", 1)[1].strip() for line in listed.splitlines()}


def folders() -> Section:
    """What stands in the folders where programs leave their data."""
    return {str(path): "" for folder in _FOLDERS for path in Path(folder).glob("*")}


def files() -> Section:
    """Files of the system's configuration and programs, with their sizes and times."""
    return {str(path): _fingerprint(path) for tree in _TREES for path in _files(Path(tree))}


def _files(root: Path) -> Iterator[Path]:
    """Everything below that is no folder; os.walk passes over folders that go meanwhile."""
    for folder, folders, names in os.walk(root):
        links = [name for name in folders if Path(folder, name).is_symlink()]
        yield from (Path(folder, name) for name in (*links, *names))


def _folders(root: Path) -> Iterator[Path]:
    for folder, names, _ in os.walk(root):
        yield from (Path(folder, name) for name in names)


def _lines(file: Path) -> list[str]:
    return file.read_text().splitlines()


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
