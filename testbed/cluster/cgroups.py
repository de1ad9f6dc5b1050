"""Our control groups: one tree of ours in every hierarchy that the machine mounts.

The supervisor and all that it starts live in `<tree>/system`, the Pods of a node in
`<tree>/<node>`; so "the processes that we started" is what the tree holds, whatever became of
their parents.

On the ordinary machine, cgroup v2 under systemd, every group belongs to systemd but those below a
unit that it delegates: there the tree is a scope of ours (see `scope`). Elsewhere it is a plain
group. Sources: systemd, "Control Group APIs and Delegation" (single-writer rule); Kubernetes docs,
"Container Runtimes" (cgroup drivers): the kubelets keep the cgroupfs driver, since systemd has
given the scope away, and five of them could not share the one kubepods.slice of the other driver.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from testbed.cluster import paths, scope
from testbed.cluster.errors import TestbedError
from testbed.cluster.topology import CGROUP, CGROUP_WEIGHT, NODES

V2 = "cgroup2"
SUBTREE_CONTROL = "cgroup.subtree_control"
DEFAULT_V2_WEIGHT = 100
ROOT_RECORD = paths.STATE / "cgroup-root-before"
"""Which controllers the root group handed down before we, and the kubelets, asked for more."""

_INHERITED = ("cpuset.cpus", "cpuset.mems")
"""Empty in a new v1 group, which can then hold no process."""


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """One mounted cgroup hierarchy.

    Attributes:
        mount: Where.
        options: Mount options: the controllers, in v1.
        version2: Whether it is the unified one.
        delegated: Whether systemd manages it, so that our tree has to be a scope.
    """

    mount: Path
    options: frozenset[str]
    version2: bool
    delegated: bool = False

    @property
    def tree(self) -> Path:
        """Our tree in it."""
        return self.mount / (scope.UNIT if self.delegated else CGROUP)

    @property
    def limits(self) -> bool:
        """Whether it has controllers: the unified one of a v1 machine has none."""
        return not self.version2 or {"cpu", "memory"} <= _words(self.mount / "cgroup.controllers")


def parse_hierarchies(mounts: str, *, systemd: bool = False) -> tuple[Hierarchy, ...]:
    """The hierarchies named by the text of /proc/self/mounts.

    Args:
        mounts: The text.
        systemd: Whether systemd is the machine's first process.
    """
    parsed = []
    for line in mounts.splitlines():
        _, where, kind, options, *_ = line.split()
        if kind in {"cgroup", V2}:
            version2 = kind == V2
            names = frozenset(options.split(","))
            parsed.append(Hierarchy(Path(where), names, version2, version2 and systemd))
    return tuple(parsed)


def hierarchies() -> tuple[Hierarchy, ...]:
    """The hierarchies of this machine."""
    return parse_hierarchies(Path("/proc/self/mounts").read_text(), systemd=scope.under_systemd())


def path_of(node: str, machine: tuple[Hierarchy, ...]) -> str:
    """The group of a node's Pods, as its kubelet is told: without the mount point."""
    tree = next((each.tree.name for each in machine if each.version2 and each.limits), CGROUP)
    return f"/{tree}/{node}"


def create_tree() -> None:
    """Make our groups, with the processors and memory nodes of their parents.

    Raises:
        TestbedError: The root group cannot hand controllers down, or systemd gives no scope.
    """
    for hierarchy in hierarchies():
        if not hierarchy.limits:
            continue
        holder = scope.start(hierarchy.tree) if hierarchy.delegated else None
        for name in ("", "system"):
            _make(hierarchy.tree / name)
        if holder is not None:
            # A group with processes of its own can hand no controller down.
            (hierarchy.tree / "system" / "cgroup.procs").write_text(str(holder))
        if hierarchy.version2:
            _hand_down(hierarchy)
        if not hierarchy.delegated:  # the scope's own settings are systemd's: `scope.start`
            _weigh(hierarchy)
        for node in NODES:
            _make(hierarchy.tree / node.name)


def join_system(pid: int) -> None:
    """Move a process, and so all that it will start, into our system group."""
    for hierarchy in hierarchies():
        group = hierarchy.tree / "system"
        if group.is_dir() and (hierarchy.version2 or hierarchy.options & {"memory", "pids"}):
            (group / "cgroup.procs").write_text(str(pid))


def processes() -> frozenset[int]:
    """Every process in our groups."""
    pids: set[int] = set()
    for group in groups():
        with suppress(OSError):
            pids.update(int(pid) for pid in (group / "cgroup.procs").read_text().split())
    # 0 stands for a process of another pid namespace, and to kill(2) it means ourselves.
    return frozenset(pids - {0})


def groups() -> Iterator[Path]:
    """Our groups, the deepest first."""
    for hierarchy in hierarchies():
        # systemd removes the groups of an empty scope: they may vanish while we look.
        yield from (Path(folder) for folder, _, _ in os.walk(hierarchy.tree, topdown=False))


def remove_tree() -> tuple[Path, ...]:
    """Remove our groups; those that still hold a process stay. Returns what was removed."""
    removed = []
    for group in groups():
        with suppress(OSError):
            group.rmdir()
            removed.append(group)
    for hierarchy in hierarchies():
        if hierarchy.version2 and hierarchy.limits and not hierarchy.tree.exists():
            _take_back(hierarchy)
    return tuple(removed)


def _make(group: Path) -> None:
    group.mkdir(exist_ok=True)
    for name in _INHERITED:
        own, parent = group / name, group.parent / name
        if own.exists() and parent.exists() and not own.read_text().strip():
            own.write_text(parent.read_text())


def _weigh(hierarchy: Hierarchy) -> None:
    for name, of_one_process in (("cpu.shares", 1024), ("cpu.weight", DEFAULT_V2_WEIGHT)):
        setting = hierarchy.tree / name
        if setting.exists():
            setting.write_text(str(CGROUP_WEIGHT * of_one_process))


def _words(file: Path) -> frozenset[str]:
    return frozenset(file.read_text().split())


def _hand_down(hierarchy: Hierarchy) -> None:
    """Give our tree every controller of the machine.

    A kubelet refuses a cgroupRoot that lacks one of cpu, cpuset, memory, pids and hugetlb (its
    cgroupV2impl.Validate), and systemd knows no hugetlb. Kubelet and runc write to the root group
    as well (libcontainer's CreateCgroupPath).
    """
    root = hierarchy.mount / SUBTREE_CONTROL
    if not ROOT_RECORD.exists():
        ROOT_RECORD.parent.mkdir(parents=True, exist_ok=True)
        ROOT_RECORD.write_text(root.read_text())
    for group in (hierarchy.mount, hierarchy.tree):
        control = group / SUBTREE_CONTROL
        lacking = _words(group / "cgroup.controllers") - _words(control)
        try:
            for name in sorted(lacking):
                control.write_text(f"+{name}")
        except OSError as error:
            raise TestbedError(
                f"{control}: expected to hand the controllers {', '.join(sorted(lacking))} down,"
                f" got {error.strerror}; in a container, the group that it starts in must hold no"
                " process: run the cluster on the machine itself"
            ) from error


def _take_back(hierarchy: Hierarchy) -> None:
    """Withdraw from the root group what it did not hand down before.

    The controllers that systemd knows are left to systemd, which withdraws them itself when no
    unit needs them, and would take no note of it if somebody else did.
    """
    if not ROOT_RECORD.exists():
        return
    control = hierarchy.mount / SUBTREE_CONTROL
    added = _words(control) - _words(ROOT_RECORD)
    for name in sorted(added - (scope.CONTROLLERS if hierarchy.delegated else frozenset())):
        with suppress(OSError):  # another program's groups use it by now
            control.write_text(f"-{name}")
