"""What the cluster changes on the host outside of its own names, and how that is undone.

Kubelets set kernel parameters and make a few folders of fixed names; CNI and containerd do too.
What was there before is recorded, so that `down` leaves the machine as `up` found it.
"""

import json
import shutil
from contextlib import suppress
from pathlib import Path

from testbed.cluster import paths
from testbed.cluster.topology import CNI_NETWORK

KERNEL_PARAMETERS = (
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
)
"""What a kubelet sets (pkg/kubelet/cm, setupKernelTunables)."""

SHARED_FOLDERS = (
    Path("/var/lib/kubelet/device-plugins"),
    Path("/var/lib/kubelet"),
    Path("/var/lib/cni/results"),
    Path("/var/lib/cni/cache"),
    Path("/var/lib/cni"),
    Path("/var/log/containers"),
    Path("/var/log/pods"),
    Path("/run/containerd/s"),
    Path("/run/containerd/runc"),
    Path("/run/containerd"),
    Path("/run/xtables.lock"),
)
"""Fixed names, deepest first; removed at the end when they were not there before."""


def record() -> None:
    """Record how the machine is, unless that was done already."""
    if paths.HOST_RECORD.exists():
        return
    paths.STATE.mkdir(parents=True, exist_ok=True)
    paths.HOST_RECORD.write_text(
        json.dumps(
            {
                "parameters": {
                    name: Path("/proc/sys", name).read_text().strip() for name in KERNEL_PARAMETERS
                },
                "folders": [str(folder) for folder in SHARED_FOLDERS if folder.exists()],
            }
        )
    )


def restore() -> tuple[str, ...]:
    """Put the machine back as recorded; says what was put back."""
    own = _remove_own_files()
    undone = [f"{len(own)} files in folders shared with others"] if own else []
    try:
        before = json.loads(paths.HOST_RECORD.read_text())
    except (FileNotFoundError, ValueError):
        return tuple(undone)
    for name, value in before["parameters"].items():
        setting = Path("/proc/sys", name)
        if setting.read_text().strip() != value:
            setting.write_text(value)
            undone.append(f"kernel parameter {name} back to {value}")
    for folder in SHARED_FOLDERS:
        if str(folder) not in before["folders"] and folder.exists():
            shutil.rmtree(folder) if folder.is_dir() else folder.unlink()
            undone.append(f"folder {folder}")
    return tuple(undone)


def shim_sockets() -> tuple[Path, ...]:
    """Sockets of our containers' shims, whose folder is fixed and shared with any containerd."""
    found: set[Path] = set()
    for file in paths.RUN.glob("nodes/*/containerd/io.containerd.runtime.v2.task/*/*/address"):
        with suppress(OSError):
            found.add(Path(file.read_text().strip().removeprefix("unix://")))
    return tuple(found)


def _remove_own_files() -> list[Path]:
    own = [path for path in shim_sockets() if path.exists()]
    own += Path("/var/lib/cni/results").glob(f"{CNI_NETWORK}-*")
    own += [
        link
        for link in Path("/var/log/containers").glob("*.log")
        if link.is_symlink() and str(link.readlink()).startswith(str(paths.STATE))
    ]
    for path in own:
        path.unlink(missing_ok=True)
    return own
