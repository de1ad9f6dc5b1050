"""What the cluster changes on the host outside of its own names, and how that is undone.

Kubelets set kernel parameters and make a few folders of fixed names; CNI and containerd do too.
What was there before is recorded, so that `down` leaves the machine as `up` found it.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from testbed.cluster import modules, paths, shared_folders
from testbed.cluster.run import run

KERNEL_PARAMETERS = (
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
)
"""What a kubelet sets (pkg/kubelet/cm, setupKernelTunables)."""

_LISTEN = "0A"
"""The state of a listening socket in /proc/net/tcp."""


def record(modules_before: Iterable[str]) -> None:
    """Record how the machine is, unless that was done already.

    Args:
        modules_before: The kernel modules that were loaded before we loaded any.
    """
    if paths.HOST_RECORD.exists():
        return
    paths.STATE.mkdir(parents=True, exist_ok=True)
    paths.HOST_RECORD.write_text(
        json.dumps(
            {
                "parameters": parameters(),
                "folders": shared_folders.existing(),
                "modules": sorted(modules_before),
                "packages": packages(),
                "units": enabled_units(),
            }
        )
    )


def record_modules(came: Iterable[str]) -> None:
    """Add to the record, where there is one, the kernel modules that came by our doing."""
    if not paths.HOST_RECORD.exists():
        return
    before = json.loads(paths.HOST_RECORD.read_text())
    before["came"] = sorted({*before.get("came", ()), *came})
    paths.HOST_RECORD.write_text(json.dumps(before))


def restore() -> tuple[str, ...]:
    """Put the machine back as recorded; says what was put back, and what others changed."""
    try:
        before = json.loads(paths.HOST_RECORD.read_text())
    except (FileNotFoundError, ValueError):
        before = {}
    own = shared_folders.remove_own_files(before.get("folders"))
    undone = [f"undone: {len(own)} files in folders shared with others"] if own else []
    if not before:
        return tuple(undone)
    undone += [f"undone: {sentence}" for sentence in set_parameters(before["parameters"])]
    undone += shared_folders.remove_empty(before["folders"])
    if "modules" in before:  # a cluster that an earlier version started has no such record
        came = before.get("came", [])
        if gone := modules.unload(came):
            undone.append(f"undone: kernel modules {' '.join(gone)}")
        if later := modules.like_ours(modules.since([*before["modules"], *came])):
            undone.append(f"left: kernel modules that came after `up`: {' '.join(later)}")
        undone += changed_by_others(before, {"packages": packages(), "units": enabled_units()})
    return tuple(undone)


def parameters() -> dict[str, str]:
    """The kernel parameters that a kubelet sets, as they are."""
    return {name: Path("/proc/sys", name).read_text().strip() for name in KERNEL_PARAMETERS}


def set_parameters(wanted: Mapping[str, str]) -> list[str]:
    """Set kernel parameters; says which ones had another value."""
    changed = []
    for name, value in wanted.items():
        setting = Path("/proc/sys", name)
        if setting.read_text().strip() != value:
            setting.write_text(value)
            changed.append(f"kernel parameter {name} back to {value}")
    return changed


def packages() -> list[str]:
    """The machine's Debian packages, with version and state."""
    form = "${binary:Package} ${Version} ${db:Status-Abbrev}\n"
    return [line.strip() for line in run(["dpkg-query", "-W", "-f", form]).splitlines()]


def enabled_units() -> list[str]:
    """The units that systemd starts at boot, as the links that say so; read without systemd too."""
    folder = Path("/etc/systemd/system")
    return sorted(
        str(link.relative_to(folder)) for link in folder.rglob("*.*") if link.is_symlink()
    )


def listening() -> list[str]:
    """The TCP ports of the host that something listens on, but for those that the kernel chose.

    A port of the range for `bind` to port 0 is nobody's service, and comes and goes.
    """
    first, last = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    rows = [
        line.split()
        for name in ("tcp", "tcp6")
        for line in Path("/proc/self/net", name).read_text().splitlines()[1:]
    ]
    ports = {int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == _LISTEN}
    return [f"tcp/{port}" for port in sorted(ports) if not first <= port <= last]


def running_services() -> list[str]:
    """The services that systemd runs; none where it does not run."""
    if not Path("/run/systemd/system").is_dir():
        return []
    units = run(["systemctl", "list-units", "--type=service", "--state=running", "--plain", "-q"])
    return sorted(line.split()[0] for line in units.splitlines() if line.split())


def state() -> dict[str, list[str]]:
    """All that the cluster must leave as it was, one line each."""
    return {
        "packages": packages(),
        "units": enabled_units(),
        "services": running_services(),
        "ports": listening(),
        "modules": sorted(modules.loaded()),
        "parameters": [f"{name} = {value}" for name, value in parameters().items()],
        "folders": shared_folders.existing(),
    }


def changed_by_others(
    before: Mapping[str, Iterable[str]], now: Mapping[str, Iterable[str]]
) -> list[str]:
    """What differs though nothing of ours changes it, one line each."""
    lines: list[str] = []
    for kind, names in now.items():
        was = set(before.get(kind, ()))
        lines += [
            f"changed meanwhile, not by us: {kind}: + {name}" for name in sorted({*names} - was)
        ]
        lines += [
            f"changed meanwhile, not by us: {kind}: - {name}" for name in sorted(was - {*names})
        ]
    return lines
