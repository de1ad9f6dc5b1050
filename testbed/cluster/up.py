"""Bringing the cluster up: from nothing, from the wreck of a killed run, or from "nearly there"."""

import json
import subprocess
import sys
from pathlib import Path

from clusterproof.observe.api import KubeApi
from clusterproof.observe.connect import connect
from clusterproof.wait import wait_until
from testbed.cluster import (
    addons,
    binaries,
    certs,
    cgroups,
    components,
    host,
    kubeconfigs,
    network,
    node_files,
    packages,
    paths,
    preflight,
    store,
    supervision,
    system_images,
    teardown,
)
from testbed.cluster.component import Component
from testbed.cluster.errors import TestbedError
from testbed.cluster.paths import NodePaths
from testbed.cluster.progress import Progress
from testbed.cluster.status import not_ready, ready_condition
from testbed.cluster.topology import NODES, Node

API_WITHIN_S = 60.0
NODES_WITHIN_S = 120.0
ADDONS_WITHIN_S = 120.0
IMAGES_WITHIN_S = 1800.0


def up(progress: Progress) -> None:
    """Make the cluster run; a running one is repaired."""
    preflight.check()
    prepare(progress)
    if supervision.supervisor_process() is None:
        _from_nothing(progress)
    else:
        _repair(progress)
    progress.say(f"up: kubectl --kubeconfig {paths.KUBECONFIG} get nodes")


def prepare(progress: Progress) -> None:
    """Packages, programs and images: what a cold machine lacks and a warm one has."""
    if lacking := packages.missing():
        with progress.step(f"installing {' '.join(lacking)}"):
            packages.install(lacking)
    if any(binaries.missing()):
        with progress.step("building the cluster's programs"):
            binaries.ensure(progress.say)
    binaries.ensure(progress.say)
    archives = [*system_images.ensure(), *application_archives(progress)]
    if supervision.supervisor_process() is None:
        store.update_seed(archives, say=progress.say)
    else:
        import_into_nodes(archives, progress)


def application_archives(progress: Progress) -> list[Path]:
    """Archives of the deployment's images, built when the cache lacks them."""
    if not (paths.CHECKOUT / "testbed" / "images" / "__main__.py").exists():
        return []
    progress.say("images of the deployment ...")
    done = subprocess.run(
        [sys.executable, "-m", "testbed.images", "build"],
        cwd=paths.CHECKOUT,
        stdout=subprocess.PIPE,
        text=True,
        timeout=IMAGES_WITHIN_S,
        check=False,
    )
    if done.returncode != 0:
        raise TestbedError(
            f"python -m testbed.images build: expected exit 0, got {done.returncode}"
        )
    return [Path(path) for path in json.loads(done.stdout).values()]


def import_into_nodes(archives: list[Path], progress: Progress) -> None:
    """Give running nodes the archives that changed since they got theirs."""
    for node in NODES:
        at = NodePaths(node)
        record = at.state / "archives.json"
        held = json.loads(record.read_text()) if record.exists() else {}
        wanted = {str(archive): store.fingerprint(archive) for archive in archives}
        for name in (name for name, mark in wanted.items() if held.get(name) != mark):
            progress.say(f"importing {Path(name).name} into {node.name}")
            store.import_archive(at.containerd_socket, Path(name))
        record.write_text(json.dumps(wanted))


def _from_nothing(progress: Progress) -> None:
    if teardown.leftovers():
        with progress.step("clearing what an earlier run left"):
            teardown.down(progress.say)
    host.record()
    cgroups.create_tree()
    with progress.step("networks"):
        network.create()
    with progress.step("certificates"):
        certs.write_all(paths.CERTS)
        kubeconfigs.write_all()
    supervision.launch()
    with progress.step("control plane"):
        supervision.start(components.etcd())
        supervision.start(components.api_server())
        for node in NODES:
            _start_runtime(node)
        _start_rest(progress)


def _repair(progress: Progress) -> None:
    network.create()
    kubeconfigs.deliver()
    supervision.start(components.etcd())
    supervision.start(components.api_server())
    _start_rest(progress)


def _start_runtime(node: Node) -> None:
    node_files.write(node)
    held = store.seed()
    store.lend(held, NodePaths(node).containerd_root)
    (NodePaths(node).state / "archives.json").write_text(json.dumps(held.archives()))
    supervision.start(components.containerd(node))


def _start_rest(progress: Progress) -> None:
    for component in (*components.forwards(), components.outside_world()):
        supervision.start(component)
    api = KubeApi(connect(str(paths.KUBECONFIG)))
    wait_until(
        lambda: api.text("/readyz"),
        lambda answer: answer == "ok",
        waiting_for=f"the API server (see {paths.LOGS}/kube-apiserver.log)",
        within_s=API_WITHIN_S,
        every_s=0.25,
    )
    progress.say("the API server answers")
    addons.write_prometheus_config()
    addons.apply()
    started = 0
    for component in components.control_plane():
        started += supervision.start(component)
    for node in NODES:
        started += supervision.start(components.containerd(node))
        started += supervision.start(components.kubelet(node))
        started += supervision.start(components.kube_proxy(node))
    for component in components.controllers():
        started += supervision.start(component)
    progress.say(f"{started} components started, the others ran already")
    with progress.step("nodes Ready"):
        wait_until(
            lambda: ready_condition(api.list("/api/v1/nodes")),
            lambda ready: all(ready.get(node.name) for node in NODES),
            waiting_for=f"{len(NODES)} Ready nodes (see {paths.LOGS}/node-1-kubelet.log)",
            within_s=NODES_WITHIN_S,
        )
    with progress.step("DNS, metrics, Prometheus"):
        wait_until(
            lambda: not_ready(api),
            lambda lacking: not lacking,
            waiting_for="the add-ons",
            within_s=ADDONS_WITHIN_S,
        )


def restart_component(name: str) -> None:
    """Start a component that was stopped, by name."""
    for component in all_components():
        if component.name == name:
            supervision.start(component)
            return
    known = ", ".join(component.name for component in all_components())
    raise TestbedError(f"component {name!r}: expected one of {known}")


def all_components() -> tuple[Component, ...]:
    """Every program of the cluster, in the order they are started."""
    nodes = [
        make(node)
        for node in NODES
        for make in (components.containerd, components.kubelet, components.kube_proxy)
    ]
    return (
        components.etcd(),
        components.api_server(),
        *components.forwards(),
        components.outside_world(),
        *components.control_plane(),
        *nodes,
        *components.controllers(),
    )
