"""In folders that a foreign Kubernetes may use too, only our own files go, and empty folders."""

import os
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed.cluster import paths, shared_folders
from tests.testbed_cluster.host_folders import shared_folders_under

NETWORK = "clusterproof-testbed"


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A machine without any of the folders; its path is short, as that of a socket must be."""
    with tempfile.TemporaryDirectory() as folder:
        monkeypatch.setattr(paths, "STATE", Path(folder, "state"))
        monkeypatch.setattr(paths, "RUN", Path(folder, "run"))
        shared_folders_under(Path(folder, "host"), monkeypatch)
        yield Path(folder)


def restored() -> list[str]:
    """What `down` says where `up` found none of the folders."""
    return [
        f"{len(shared_folders.remove_own_files(()))} files of ours",
        *shared_folders.remove_empty(()),
    ]


def written(path: Path, text: str = "") -> Path:
    """A file with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def listening(path: Path) -> socket.socket:
    """A socket that answers at `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen()
    return server


def ours(machine: Path) -> list[Path]:
    """All that a cluster leaves in these folders when its processes were killed."""
    bundle = machine / "run/nodes/node-1/containerd/io.containerd.runtime.v2.task/k8s.io"
    (bundle / "pod-2").mkdir(parents=True)
    listening(shared_folders.KUBELET / "device-plugins/kubelet.sock").close()
    link = shared_folders.LOG_LINKS / "web_shop_web-1.log"
    link.parent.mkdir(parents=True)
    link.symlink_to(paths.STATE / "nodes/node-1/pod-logs/web/0.log")
    return [
        link,
        shared_folders.KUBELET / "device-plugins/kubelet.sock",
        written(shared_folders.KUBELET / "device-plugins/kubelet_internal_checkpoint"),
        written(shared_folders.CNI / f"results/{NETWORK}-pod-1-eth0"),
        written(shared_folders.CNI / "results/cni-loopback-pod-1-lo"),
        written(shared_folders.CNI / "results/cni-loopback-pod-2-lo"),
        written(shared_folders.CNI / f"cache/results/{NETWORK}-pod-1-eth0"),
        written(shared_folders.XTABLES_LOCK),
    ]


def test_nothing_stays_of_a_machine_that_only_we_used(machine: Path) -> None:
    left_behind = ours(machine)
    sentences = restored()
    assert sentences[0] == f"{len(left_behind)} files of ours"
    assert [line for line in sentences[1:] if not line.startswith("undone: ")] == []
    assert shared_folders.existing() == []


def test_files_of_an_install_that_came_since_stay_and_are_named(machine: Path) -> None:
    left_behind = ours(machine)
    foreign = [
        written(shared_folders.KUBELET / "config.yaml"),
        written(shared_folders.KUBELET / "pods/uid/volumes/db/rows"),
        written(shared_folders.CNI / "results/cbr0-pod-9-eth0"),
        written(shared_folders.CNI / "results/cni-loopback-pod-9-lo"),
        written(shared_folders.LOG_LINKS / "theirs.log"),
    ]
    sentences = restored()
    assert [path for path in foreign if not path.exists()] == []
    shared_by_name = {path for path in left_behind if path.parent.name == "device-plugins"}
    assert {path for path in left_behind if os.path.lexists(path)} == shared_by_name
    assert f"left: folder {shared_folders.LOG_LINKS}, with files of others: {foreign[-1]}" in (
        sentences
    )
    assert {line.split()[2].rstrip(",") for line in sentences if line.startswith("left: ")} == {
        str(folder)
        for folder in shared_folders.FOLDERS
        if any(path.is_relative_to(folder) for path in {*foreign, *shared_by_name})
    }


def test_socket_of_a_kubelet_that_lives_stays() -> None:
    address = shared_folders.KUBELET / "device-plugins/kubelet.sock"
    checkpoint = written(address.with_name("kubelet_internal_checkpoint"))
    with listening(address):
        restored()
        assert address.exists()
        assert checkpoint.exists()


def test_lock_of_iptables_that_a_program_wrote_to_stays() -> None:
    written(shared_folders.XTABLES_LOCK, "held")
    restored()
    assert shared_folders.XTABLES_LOCK.read_text() == "held"


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts need root")
def test_nothing_goes_at_or_under_a_mount(machine: Path) -> None:
    disk = written(machine / "disk/empty/of-theirs").parent.parent
    (disk / "empty" / "of-theirs").unlink()
    points = (shared_folders.KUBELET / "pods/uid", shared_folders.CNI)
    for point in points:
        point.mkdir(parents=True)
        subprocess.run(["mount", "--bind", str(disk), str(point)], check=True)  # noqa: S603, S607
    try:
        sentences = restored()
        assert (disk / "empty").is_dir()
    finally:
        for point in points:
            subprocess.run(["umount", str(point)], check=True)  # noqa: S603, S607
    assert sentences == [
        "0 files of ours",
        f"left: folder {shared_folders.KUBELET}, a mount of others: {points[0]}",
        f"left: folder {shared_folders.CNI}, a mount of others: {points[1]}",
    ]
