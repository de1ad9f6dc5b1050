"""Our control groups: one tree of ours in every hierarchy that the machine mounts.

The supervisor and all that it starts live in `<tree>/system`, the Pods of a node in
`<tree>/<node>`; so "the processes that we started" is what the tree holds, whatever became of
their parents.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from testbed.cluster.topology import CGROUP, CGROUP_WEIGHT, NODES

V2 = "cgroup2"
_INHERITED = ("cpuset.cpus", "cpuset.mems")
"""Empty in a new v1 group, which can then hold no process."""


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """One mounted cgroup hierarchy.

    Attributes:
        mount: Where.
        options: Mount options: the controllers, in v1.
        version2: Whether it is the unified one.
    """

    mount: Path
    options: frozenset[str]
    version2: bool

    @property
    def tree(self) -> Path:
        """Our tree in it."""
        return self.mount / CGROUP


def parse_hierarchies(mounts: str) -> tuple[Hierarchy, ...]:
    """The hierarchies named by the text of /proc/self/mounts."""
    found = []
    for line in mounts.splitlines():
        _, where, kind, options, *_ = line.split()
        if kind in {"cgroup", V2}:
            found.append(Hierarchy(Path(where), frozenset(options.split(",")), kind == V2))
    return tuple(found)


def hierarchies() -> tuple[Hierarchy, ...]:
    """The hierarchies of this machine."""
    return parse_hierarchies(Path("/proc/self/mounts").read_text())


def create_tree() -> None:
    """Make our groups, with the processors and memory nodes of their parents."""
    for hierarchy in hierarchies():
        if hierarchy.version2 and not {"cpu", "memory"} <= _controllers(hierarchy):
            continue  # a side tree of a v1 machine: it limits nothing
        _make(hierarchy.tree)
        _delegate(hierarchy)
        _weigh(hierarchy)
        for name in ("system", *(node.name for node in NODES)):
            _make(hierarchy.tree / name)


def join_system(pid: int) -> None:
    """Move a process, and so all that it will start, into our system group."""
    for hierarchy in hierarchies():
        group = hierarchy.tree / "system"
        if group.is_dir() and (hierarchy.version2 or hierarchy.options & {"memory", "pids"}):
            (group / "cgroup.procs").write_text(str(pid))


def processes() -> frozenset[int]:
    """Every process in our groups."""
    found: set[int] = set()
    for group in groups():
        with suppress(OSError):
            found.update(int(pid) for pid in (group / "cgroup.procs").read_text().split())
    # 0 stands for a process of another pid namespace, and to kill(2) it means ourselves.
    return frozenset(found - {0})


def groups() -> Iterator[Path]:
    """Our groups, the deepest first."""
    for hierarchy in hierarchies():
        if hierarchy.tree.is_dir():
            yield from sorted(
                (path for path in hierarchy.tree.rglob("*") if path.is_dir()),
                key=lambda path: -len(path.parts),
            )
            yield hierarchy.tree


def remove_tree() -> tuple[Path, ...]:
    """Remove our groups; those that still hold a process stay. Returns what was removed."""
    removed = []
    for group in groups():
        with suppress(OSError):
            group.rmdir()
            removed.append(group)
    return tuple(removed)


def _make(group: Path) -> None:
    group.mkdir(exist_ok=True)
    for name in _INHERITED:
        own, parent = group / name, group.parent / name
        if own.exists() and parent.exists() and not own.read_text().strip():
            own.write_text(parent.read_text())


def _weigh(hierarchy: Hierarchy) -> None:
    for name, of_one_process in (("cpu.shares", 1024), ("cpu.weight", 100)):
        setting = hierarchy.tree / name
        if setting.exists():
            setting.write_text(str(CGROUP_WEIGHT * of_one_process))


def _controllers(hierarchy: Hierarchy) -> frozenset[str]:
    return frozenset((hierarchy.mount / "cgroup.controllers").read_text().split())


def _delegate(hierarchy: Hierarchy) -> None:
    if not hierarchy.version2:
        return
    for group in (hierarchy.mount, hierarchy.tree):
        setting = group / "cgroup.subtree_control"
        lacking = _controllers(hierarchy) - frozenset(setting.read_text().split())
        if lacking:
            setting.write_text(" ".join(f"+{name}" for name in sorted(lacking)))
