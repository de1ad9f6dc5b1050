"""Bringing the cluster up: from nothing, from the wreck of a killed run, or from "nearly there"."""

from contextlib import closing, nullcontext
from pathlib import Path

from clusterproof.kube.client import KubeApi
from clusterproof.kube.connection import connect
from testbed.cluster import (
    addons,
    binaries,
    certs,
    cgroups,
    components,
    contour,
    engine,
    envoy,
    host,
    images,
    kubeconfigs,
    minor,
    modules,
    network,
    node_files,
    packages,
    paths,
    preflight,
    size,
    status,
    store,
    supervision,
    system_images,
    teardown,
)
from testbed.cluster.component import Component
from testbed.cluster.errors import PreflightError, TestbedError
from testbed.cluster.paths import NodePaths
from testbed.cluster.progress import Progress
from testbed.cluster.topology import NODES, Node
from testbed.waits import wait_until

API_WITHIN_S = 60.0
NODES_WITHIN_S = 120.0
ADDONS_WITHIN_S = 120.0


def up(progress: Progress, *, deployment: bool = True) -> None:
    """Make the cluster run; a running one is repaired.

    Args:
        progress: Told what is done.
        deployment: Whether the images of the deployment are built and imported as well.
    """
    before = {*modules.loaded()}
    try:
        _up(progress, before, deployment=deployment)
    except BaseException:
        if not running():
            modules.unload(modules.since(before))
        raise
    finally:
        host.record_modules(modules.since(before))


def _up(progress: Progress, modules_before: set[str], *, deployment: bool) -> None:
    preflight.check()
    if running():
        _refuse_changes()
    archives = prepare(progress, deployment=deployment)
    if running():
        images.import_into_nodes(archives, progress)
        network.create()
        kubeconfigs.deliver()
    else:
        if teardown.leftovers():
            with progress.step("clearing what an earlier run left"):
                teardown.down(progress.say)
        # What an earlier run had loaded is no part of how the machine was.
        modules_before &= {*modules.loaded()}
        host.record(modules_before)
        modules.load()
        host.record_modules(modules.since(modules_before))  # for the `down` of a killed run
        cgroups.create_tree()
        binaries.prune()
        store.update_seed(archives, say=progress.say)
        _create(progress)
    started = _start_all(progress)
    _wait_until_served(progress)
    progress.say(
        f"up, {started} of {len(all_components())} components were started now:"
        f" kubectl --kubeconfig {paths.KUBECONFIG} get nodes"
    )


def running() -> bool:
    """Whether there is a cluster that was made to the end and still has its supervisor."""
    return paths.COMPLETE.exists() and supervision.supervisor_process() is not None


def _refuse_changes() -> None:
    """A running cluster keeps its size, its engine and its Kubernetes."""
    held = minor.recorded()
    version = minor.named(*held) if held else "another version, not recorded"
    for name, wanted, present in (
        ("NODES", size.NODE_COUNT, size.recorded() or size.DEFAULT),
        ("POLICY", engine.ENGINE, engine.recorded() or engine.NFTABLES),
        ("KUBERNETES", minor.named(minor.KUBERNETES, minor.KUBELET), version),
    ):
        if present != wanted:
            raise PreflightError(
                f"{name}={wanted}: the cluster that runs has {present}, and a running one is not"
                " changed; remove it first: make cluster-down"
            )


def prepare(progress: Progress, *, deployment: bool = True) -> list[Path]:
    """Packages, programs and images: what a cold machine lacks and a warm one has.

    Returns:
        The archives of all images, without those of the deployment where it is not wanted.
    """
    if packages.lacking(packages.of_cluster()):
        with progress.step("Debian's programs"):
            packages.ensure(packages.of_cluster(), progress.say)
    preflight.check_networks()
    building = images.building(progress) if deployment else nullcontext(list)
    with building as built:
        families = binaries.of_cluster()
        if binaries.missing(families):
            with progress.step("building the cluster's programs"):
                binaries.ensure(progress.say, families)
        binaries.ensure(progress.say, families)
        contour.manifests()
        envoy.ensure(progress.say)
        return [*system_images.ensure(), *built()]


def _create(progress: Progress) -> None:
    """Everything that is made once: networks, certificates, files, the nodes' stores."""
    with progress.step("networks, certificates and the nodes' stores"):
        paths.RUN.mkdir(parents=True, exist_ok=True)
        size.RECORD.write_text(f"{size.NODE_COUNT}\n")
        engine.RECORD.write_text(f"{engine.ENGINE}\n")
        minor.RECORD.write_text(f"{minor.KUBERNETES} {minor.KUBELET}\n")
        network.create()
        certs.write_all(paths.CERTS)
        kubeconfigs.write_all()
        addons.write_prometheus_config()
        contour.write_files()
        for node in NODES:
            _create_node(node)
        supervision.launch()
        paths.COMPLETE.touch()


def _create_node(node: Node) -> None:
    node_files.write(node)
    held = store.seed()
    at = NodePaths(node)
    store.lend(held, at.containerd_root)
    at.archives.write_text(held.record.read_text())


def _start_all(progress: Progress) -> int:
    started = supervision.start_all(components.first())
    # The nodes' runtimes start while the API server does.
    started += supervision.start_all([components.on_node(node, "containerd") for node in NODES])
    started += supervision.start_all((*components.forwards(), components.outside_world()))
    with progress.step("control plane"), _api() as api:
        wait_until(
            lambda: api.text("/readyz"),
            lambda answer: answer == "ok",
            waiting_for=f"the API server (see {paths.LOGS}/kube-apiserver.log)",
            within_s=API_WITHIN_S,
            every_s=0.25,
        )
        addons.apply()
    return started + supervision.start_all(all_components())


def _api() -> "closing[KubeApi]":
    return closing(KubeApi(connect(str(paths.KUBECONFIG))))


def _wait_until_served(progress: Progress) -> None:
    with progress.step("nodes Ready"), _api() as api:
        wait_until(
            lambda: status.ready_condition(api.list("/api/v1/nodes")),
            lambda ready: all(ready.get(node.name) for node in NODES),
            waiting_for=f"{len(NODES)} Ready nodes (see {paths.LOGS}/node-1-kubelet.log)",
            within_s=NODES_WITHIN_S,
        )
    with progress.step("DNS and metrics"), _api() as api:
        wait_until(
            lambda: status.not_ready(api),
            lambda lacking: not lacking,
            waiting_for="the add-ons",
            within_s=ADDONS_WITHIN_S,
        )


def start_component(name: str) -> None:
    """Start a component that was stopped.

    Raises:
        TestbedError: There is none of that name.
    """
    supervision.start_all(_named(name))


def stop_component(name: str) -> None:
    """Stop a component and keep it stopped.

    Raises:
        TestbedError: There is none of that name.
    """
    for component in _named(name):
        supervision.stop(component.name)


def _named(name: str) -> tuple[Component, ...]:
    """The component of that name, or all that enforce NetworkPolicies, whichever engine runs."""
    if name == components.POLICY_ENGINE:
        return components.policy_engine()
    by_name = {component.name: component for component in all_components()}
    if name not in by_name:
        expected = ", ".join((*by_name, components.POLICY_ENGINE))
        raise TestbedError(f"component {name!r}: expected one of {expected}")
    return (by_name[name],)


def all_components() -> tuple[Component, ...]:
    """Every program of the cluster, in the order they are started."""
    nodes = [
        components.on_node(node, name)
        for node in NODES
        for name in ("containerd", "kubelet", "kube-proxy")
    ]
    return (
        *components.first(),
        *components.forwards(),
        components.outside_world(),
        *components.control_plane(),
        *nodes,
        *components.policy_engine(),
        *components.controllers(),
        *contour.components(),
    )
