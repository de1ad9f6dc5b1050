"""What the cluster changes on the host outside of its own names, and how that is undone.

Kubelets set kernel parameters and make a few folders of fixed names; CNI and containerd do too.
What was there before is recorded, so that `down` leaves the machine as `up` found it.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from testbed import snapshot
from testbed.cluster import modules, paths, shared_folders
from testbed.differences import differences
from testbed.snapshot import Section

KERNEL_PARAMETERS = (
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
)
"""What a kubelet sets (pkg/kubelet/cm, setupKernelTunables)."""


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
                "compared": compared(),
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
    came = before.get("came", [])
    if gone := modules.unload(came):
        undone.append(f"undone: kernel modules {' '.join(gone)}")
    if later := modules.like_ours(modules.since([*before["modules"], *came])):
        undone.append(f"left: kernel modules that came after `up`: {' '.join(later)}")
    return (*undone, *changed_by_others(before["compared"]))


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


def compared() -> dict[str, Section]:
    """What nothing of ours changes, and `down` only compares."""
    return {"packages": snapshot.packages(), "enabled units": snapshot.enabled_units()}


def changed_by_others(before: Mapping[str, Section]) -> list[str]:
    """What differs from a `compared()` of before though nothing of ours changes it, a line each."""
    return [
        f"changed meanwhile, not by us: {difference}"
        for difference in differences(before, compared())
    ]
