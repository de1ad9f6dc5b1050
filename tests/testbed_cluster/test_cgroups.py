"""Where our control groups are: cgroup v1, v2, and v2 under systemd, which gives a scope away."""

import errno
import os
from pathlib import Path

import pytest

from testbed.cluster import cgroups, scope
from testbed.cluster.cgroups import Hierarchy, parse_hierarchies, path_of
from testbed.cluster.errors import TestbedError
from testbed.cluster.topology import NODES

ALL_OF_V2 = "cpuset cpu io memory hugetlb pids rdma misc\n"


def _v1(folder: Path, *, systemd: bool) -> tuple[Hierarchy, ...]:
    """A hybrid machine: controllers in v1, and a unified hierarchy without any."""
    (folder / "unified").mkdir()
    (folder / "unified" / "cgroup.controllers").write_text("\n")
    return parse_hierarchies(
        f"tmpfs {folder} tmpfs rw 0 0\n"
        f"cgroup {folder}/memory cgroup rw,relatime,memory 0 0\n"
        f"cgroup {folder}/cpu,cpuacct cgroup rw,cpu,cpuacct 0 0\n"
        f"cgroup2 {folder}/unified cgroup2 rw,relatime 0 0\n",
        systemd=systemd,
    )


def _v2(folder: Path, *, systemd: bool) -> tuple[Hierarchy, ...]:
    (folder / "cgroup.controllers").write_text(ALL_OF_V2)
    (folder / "cgroup.subtree_control").write_text("cpu memory pids\n")
    return parse_hierarchies(f"cgroup2 {folder} cgroup2 rw,nosuid 0 0\n", systemd=systemd)


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where it is written down what the root group handed down before."""
    file = tmp_path / "state" / "cgroup-root-before"
    monkeypatch.setattr(cgroups, "ROOT_RECORD", file)
    return file


@pytest.mark.parametrize("first_process", ["systemd", "another"])
def test_v1_keeps_plain_groups_in_every_hierarchy(tmp_path: Path, first_process: str) -> None:
    machine = _v1(tmp_path, systemd=first_process == "systemd")
    limiting = [hierarchy for hierarchy in machine if hierarchy.limits]
    assert [hierarchy.tree for hierarchy in limiting] == [
        tmp_path / "memory" / "clusterproof-testbed",
        tmp_path / "cpu,cpuacct" / "clusterproof-testbed",
    ]
    assert path_of("node-1", machine) == "/clusterproof-testbed/node-1"


def test_v2_under_systemd_is_a_scope_of_ours(tmp_path: Path) -> None:
    (unified,) = machine = _v2(tmp_path, systemd=True)
    assert unified.limits
    assert unified.tree == tmp_path / "clusterproof-testbed.scope"
    assert path_of("node-2", machine) == "/clusterproof-testbed.scope/node-2"


def test_v2_without_systemd_is_a_plain_group(tmp_path: Path) -> None:
    (unified,) = machine = _v2(tmp_path, systemd=False)
    assert unified.tree == tmp_path / "clusterproof-testbed"
    assert path_of("node-2", machine) == "/clusterproof-testbed/node-2"


def test_the_scope_is_delegated_weighed_and_unlimited() -> None:
    command = scope.command()
    assert command[:2] == ["systemd-run", "--scope"]
    assert {
        "--unit=clusterproof-testbed.scope",
        "--slice=-.slice",
        "--property=Delegate=yes",
        "--property=CPUWeight=2000",
        "--property=TasksMax=infinity",
    } <= set(command)
    assert command[command.index("--") + 1 :] == ["sleep", "infinity"]


def test_a_tree_on_v2_has_a_group_per_node_and_the_holder_in_system(
    tmp_path: Path, record: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (unified,) = machine = _v2(tmp_path, systemd=True)
    monkeypatch.setattr(cgroups, "hierarchies", lambda: machine)

    def start(tree: Path) -> int:
        tree.mkdir()
        (tree / "cgroup.controllers").write_text(ALL_OF_V2)
        (tree / "cgroup.subtree_control").write_text("")
        return 4711

    monkeypatch.setattr(scope, "start", start)
    cgroups.create_tree()
    assert {path.name for path in unified.tree.iterdir() if path.is_dir()} == {
        "system",
        *(node.name for node in NODES),
    }
    assert (unified.tree / "system" / "cgroup.procs").read_text() == "4711"
    assert record.read_text() == "cpu memory pids\n"
    # The last of what was written, one at a time: a file here keeps only that.
    assert (unified.tree / "cgroup.subtree_control").read_text() == "+rdma"


@pytest.mark.parametrize(
    ("first_process", "withdrawn"),
    [("systemd", ["-hugetlb"]), ("another", ["-cpuset", "-hugetlb"])],
)
def test_what_was_handed_down_is_taken_back_but_for_systemds_own(
    tmp_path: Path,
    record: Path,
    monkeypatch: pytest.MonkeyPatch,
    first_process: str,
    withdrawn: list[str],
) -> None:
    machine = _v2(tmp_path, systemd=first_process == "systemd")
    monkeypatch.setattr(cgroups, "hierarchies", lambda: machine)
    record.parent.mkdir()
    record.write_text("cpu memory pids\n")
    (tmp_path / "cgroup.subtree_control").write_text("cpuset cpu memory hugetlb pids\n")
    written: list[tuple[Path, str]] = []
    monkeypatch.setattr(Path, "write_text", lambda path, text: written.append((path, text)))
    cgroups.remove_tree()
    assert written == [(tmp_path / "cgroup.subtree_control", text) for text in withdrawn]


def test_a_root_group_with_processes_is_one_sentence(
    tmp_path: Path, record: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = _v2(tmp_path, systemd=False)
    monkeypatch.setattr(cgroups, "hierarchies", lambda: machine)
    record.parent.mkdir()
    record.write_text("")

    def refuse(path: Path, text: str) -> int:
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), f"{path} {text}")

    monkeypatch.setattr(Path, "write_text", refuse)
    with pytest.raises(TestbedError, match=r"hand the controllers .* down, got Device or resource"):
        cgroups.create_tree()


def test_the_groups_of_a_tree_come_deepest_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (unified,) = machine = _v2(tmp_path, systemd=True)
    monkeypatch.setattr(cgroups, "hierarchies", lambda: machine)
    (unified.tree / "node-1" / "kubepods").mkdir(parents=True)
    assert [path.name for path in cgroups.groups()] == [
        "kubepods",
        "node-1",
        "clusterproof-testbed.scope",
    ]
