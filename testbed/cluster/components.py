"""Every program of the cluster, with the command line that it is started by."""

import sys
from dataclasses import replace
from pathlib import Path
from string import Template

import yaml

from testbed.cluster import engine, paths
from testbed.cluster.binaries import program
from testbed.cluster.component import Component
from testbed.cluster.paths import NodePaths
from testbed.cluster.topology import (
    API_PORT,
    CLUSTER_DOMAIN,
    CONTROL,
    FORWARDS,
    METRICS_SERVER_PORT,
    NODES,
    OUTSIDE,
    POD_CIDR,
    PROMETHEUS_ADAPTER_PORT,
    PROMETHEUS_PORT,
    SERVICE_CIDR,
    Node,
)
from testbed.settings import patient

ETCD_URL = "http://127.0.0.1:2379"
"""Loopback of the control plane's own namespace: nobody else can dial it, so no TLS."""

POLICY_ENGINE = "network-policies"
"""Names all programs of `policy_engine` together, where one is to be stopped or started."""

_OPTIONS: dict[str, list[str]] = yaml.safe_load(
    Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8")
)
# Killed programs leave their temporary files; here `down` removes them.
_TEMPORARY = {"TMPDIR": str(paths.TEMPORARY)}
# containerd's shims write there what runc is to execute (go-runc, Exec).
_NODE_ENV = {**_TEMPORARY, "XDG_RUNTIME_DIR": str(paths.TEMPORARY)}
_PYTHON_ENV = {
    "PYTHONPATH": f"{paths.CHECKOUT}:{paths.CHECKOUT / 'src'}",
    "PYTHONUNBUFFERED": "1",
    **_TEMPORARY,
}


def first() -> tuple[Component, ...]:
    """What everything else needs."""
    return (_control("etcd"), _control("kube-apiserver"))


def control_plane() -> tuple[Component, ...]:
    """What runs beside the API server, once it answers."""
    return (
        _control("kube-controller-manager"),
        _control("kube-scheduler"),
        _control("metrics-server"),
        _module("scrape-targets", "testbed.cluster.discovery", netns=CONTROL.netns),
        Component("prometheus", ("prometheus", *_options("prometheus")), CONTROL.netns),
        _control("prometheus-adapter"),
    )


def on_node(node: Node, name: str) -> Component:
    """A program of a node: containerd, kubelet, kube-proxy or kube-router."""
    at = NodePaths(node)
    options = _options(
        name,
        node=node.name,
        zone=node.zone,
        address=node.station.address,
        config=at.config,
        kubelet_root=at.kubelet_root,
    )
    command = (str(program(name)), *options)
    return Component(f"{node.name}/{name}", command, node.station.netns, _NODE_ENV)


def outside_world() -> Component:
    """What plays the internet."""
    return _module("outside-world", "testbed.cluster.outside", netns=OUTSIDE.netns)


def forwards() -> tuple[Component, ...]:
    """The loopback ports of the host."""
    return tuple(
        _module(f"forward-{forward.name}", "testbed.cluster.forward", forward.name)
        for forward in FORWARDS
    )


def policy_engine() -> tuple[Component, ...]:
    """What enforces NetworkPolicies: our own controller, or kube-router on each node."""
    if engine.ENGINE == engine.KUBE_ROUTER:
        return tuple(on_node(node, "kube-router") for node in NODES)
    return (_controller("policy"),)


def controllers() -> tuple[Component, ...]:
    """The controllers that a cloud would bring: volumes."""
    return (_controller("volumes"),)


def _controller(name: str) -> Component:
    options = (name, f"--kubeconfig={paths.KUBECONFIG}")
    own = _module(f"controller-{name}", "testbed.controllers", *options)
    return replace(own, cwd=str(paths.CHECKOUT))


def _module(name: str, module: str, *options: str, netns: str = "") -> Component:
    return Component(name, (sys.executable, "-m", module, *options), netns, _PYTHON_ENV)


def _control(name: str) -> Component:
    return Component(name, (str(program(name)), *_options(name)), CONTROL.netns)


def _options(name: str, **of_node: object) -> list[str]:
    """The options of a program in components.yaml, filled in."""
    values = {
        "addons": paths.ADDONS,
        "api_port": API_PORT,
        "certs": paths.CERTS,
        "control": CONTROL.address,
        "domain": CLUSTER_DOMAIN,
        "etcd": ETCD_URL,
        "kubeconfigs": paths.KUBECONFIGS,
        "kubelet_request_s": f"{min(patient(5), 45):g}",
        "metric_resolution_s": f"{min(patient(10), 60):g}",
        "metrics_server_port": METRICS_SERVER_PORT,
        "patient_10_s": f"{patient(10):g}",
        "patient_50_s": f"{patient(50):g}",
        "patient_60_s": f"{patient(60):g}",
        "pod_cidr": POD_CIDR,
        "prometheus_adapter_port": PROMETHEUS_ADAPTER_PORT,
        "prometheus_port": PROMETHEUS_PORT,
        "service_cidr": SERVICE_CIDR,
        "state": paths.STATE,
        **of_node,
    }
    return [Template(option).substitute(values) for option in _OPTIONS[name]]
