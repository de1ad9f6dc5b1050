"""Files that the cluster is configured by, and the readings of the host."""

import io
import json
import tarfile
from pathlib import Path
from string import Template
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from testbed.cluster import certs, kind, kwok, node_files, paths, supervision
from testbed.cluster.cgroups import parse_hierarchies
from testbed.cluster.discovery import target
from testbed.cluster.disks import Disk, is_ours, parse
from testbed.cluster.kubeconfigs import with_all_inside
from testbed.cluster.paths import NodePaths
from testbed.cluster.progress import Progress
from testbed.cluster.size import NODE_COUNT
from testbed.cluster.system_images import write_archive
from testbed.cluster.topology import NODES

AT = NodePaths(NODES[2])

V1_MOUNTS = """\
tmpfs /sys/fs/cgroup tmpfs rw 0 0
cgroup /sys/fs/cgroup/memory cgroup rw,relatime,memory 0 0
cgroup2 /sys/fs/cgroup/unified cgroup2 rw,relatime 0 0
"""


def test_hierarchies_of_both_versions_are_told_apart() -> None:
    memory, unified = parse_hierarchies(V1_MOUNTS)
    assert (memory.mount.name, memory.version2) == ("memory", False)
    assert "memory" in memory.options
    assert (unified.mount.name, unified.version2) == ("unified", True)


def test_every_file_of_a_node_stays_in_its_own_folders() -> None:
    told = [
        json.dumps(node_files.cni(AT)),
        json.dumps(node_files.kubelet(AT, "/group/node-3")),
        node_files.containerd(AT),
    ]
    others = [node.name for node in NODES if node.name != "node-3"]
    assert not [name for text in told for name in others if f"/{name}" in text]


def test_pods_of_a_node_get_addresses_of_its_range() -> None:
    plugin: dict[str, Any] = node_files.cni(AT)["plugins"][0]
    assert plugin["ipam"]["ranges"] == [[{"subnet": "10.244.3.0/24"}]]


def test_kubelet_never_collects_images() -> None:
    assert node_files.kubelet(AT, "/group/node-3")["imageGCHighThresholdPercent"] == 100


@pytest.mark.parametrize("path", sorted(paths.ADDONS.glob("*.yaml")), ids=lambda path: path.name)
def test_addon_is_yaml_with_only_known_placeholders(path: Path) -> None:
    template = Template(path.read_text())
    assert template.is_valid()
    values = dict.fromkeys(template.get_identifiers(), "1")
    documents = [*yaml.safe_load_all(template.substitute(values))]
    assert all({"apiVersion", "kind", "metadata"} <= document.keys() for document in documents)


@pytest.mark.parametrize("name", ["metrics-server", "prometheus-adapter"])
def test_aggregated_api_is_served_under_a_name_of_the_certificate(name: str) -> None:
    """Else the API server takes none of its answers."""
    documents = yaml.safe_load_all((paths.ADDONS / f"{name}.yaml").read_text())
    services = [each["spec"]["service"] for each in documents if each["kind"] == "APIService"]
    names = next(leaf.hosts for leaf in certs.leaves() if leaf.name == name)
    assert services
    assert {f"{each['name']}.{each['namespace']}.svc" for each in services} <= {*names}


def test_kubeconfig_holds_everything_inside() -> None:
    made = yaml.safe_load(with_all_inside("https://127.0.0.1:1", b"ca", b"cert", b"key"))
    assert made["current-context"] == "testbed"
    assert made["clusters"][0]["cluster"]["certificate-authority-data"] == "Y2E="
    assert made["users"][0]["user"].keys() == {"client-certificate-data", "client-key-data"}


def test_kind_cluster_has_as_many_workers_as_the_local_one() -> None:
    roles = [node["role"] for node in kind.config()["nodes"]]
    assert roles.count("worker") == NODE_COUNT
    assert roles.count("control-plane") == 1


def test_simulated_pod_is_marked_and_bound_to_a_simulated_node() -> None:
    made = kwok.pod(7, 3)
    assert made["metadata"]["labels"] == {kwok.MARK: "true"}
    assert made["spec"]["nodeName"] == kwok.node(3)["metadata"]["name"]


def test_leases_of_simulated_nodes_that_are_gone_are_removed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A `down` that was interrupted took the nodes and not their Leases."""
    leases = [{"metadata": {"name": name}} for name in ("node-1", "simulated-000")]
    deleted = []
    api = SimpleNamespace(
        list=lambda path, **_: leases if path == kwok.NODE_LEASES else [],
        request=lambda method, path, **_: deleted.append((method, path)),
    )
    monkeypatch.setattr(kwok, "connect", lambda _: None)
    monkeypatch.setattr(kwok, "KubeApi", lambda _: api)
    monkeypatch.setattr(supervision, "reports", list)
    kwok.down(Progress(io.StringIO()))
    assert deleted == [("DELETE", f"{kwok.NODE_LEASES}/simulated-000")]


def test_image_archive_is_the_same_for_the_same_program(tmp_path: Path) -> None:
    first, second = tmp_path / "1.tar", tmp_path / "2.tar"
    for path in (first, second):
        write_archive(path, "clusterproof.dev/x:1", "x", b"\x7fELF" + bytes(60))
    assert first.read_bytes() == second.read_bytes()


def test_image_archive_holds_the_program_and_its_name(tmp_path: Path) -> None:
    path = tmp_path / "1.tar"
    write_archive(path, "clusterproof.dev/x:1", "x", b"\x7fELF" + bytes(60))
    with tarfile.open(path) as archive:
        members = {
            member.name: file.read()
            for member in archive
            if (file := archive.extractfile(member)) is not None
        }
    [image] = json.loads(members["manifest.json"])
    assert image["RepoTags"] == ["clusterproof.dev/x:1"]
    assert json.loads(members[image["Config"]])["config"]["Entrypoint"] == ["/x"]
    with tarfile.open(fileobj=io.BytesIO(members[image["Layers"][0]])) as layer:
        assert [(entry.name, entry.mode) for entry in layer] == [("x", 0o755)]


def pod(**annotations: str) -> dict[str, Any]:
    """A running Pod with these prometheus.io annotations."""
    return {
        "metadata": {
            "name": "p",
            "namespace": "n",
            "labels": {"app": "a"},
            "annotations": {f"prometheus.io/{key}": value for key, value in annotations.items()},
        },
        "spec": {"nodeName": "node-1"},
        "status": {"podIP": "10.244.1.9", "phase": "Running"},
    }


def test_annotated_pod_is_a_target() -> None:
    assert target(pod(scrape="true", port="9090", path="/m")) == {
        "targets": ["10.244.1.9:9090"],
        "labels": {
            "__metrics_path__": "/m",
            "namespace": "n",
            "pod": "p",
            "node": "node-1",
            "app": "a",
        },
    }


@pytest.mark.parametrize("annotations", [{}, {"scrape": "false"}, {"port": "9090"}])
def test_other_pod_is_no_target(annotations: dict[str, str]) -> None:
    assert target(pod(**annotations)) is None


@pytest.mark.parametrize("status", [{}, {"podIP": "10.244.1.9", "phase": "Succeeded"}])
def test_pod_without_an_address_or_that_ended_is_no_target(status: dict[str, str]) -> None:
    assert target({**pod(scrape="true"), "status": status}) is None


def test_every_loop_device_in_use_is_read(tmp_path: Path) -> None:
    seen = parse(f"/dev/loop4 99 {tmp_path}/a.img\n/dev/loop5 7 /gone.img (deleted)\n\n")
    assert {(disk.device, disk.inode) for disk in seen} == {("/dev/loop4", 99), ("/dev/loop5", 7)}


def test_disk_is_ours_when_its_file_is_the_one_at_that_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "STATE", tmp_path)
    file = tmp_path / "a.img"
    file.touch()
    inode = file.stat().st_ino
    assert is_ours(Disk("/dev/loop4", inode, file))
    assert not is_ours(Disk("/dev/loop4", inode + 1, file))
    assert not is_ours(Disk("/dev/loop4", inode, tmp_path / "gone.img"))
    assert not is_ours(Disk("/dev/loop4", inode, Path("/elsewhere/a.img")))
