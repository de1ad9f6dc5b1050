"""The command line of every program of the cluster.

Source: Kubernetes v1.35, component command line reference.
"""

import sys

from testbed.cluster import engine, kubeconfigs, paths
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

_PYTHON_ENV = {
    "PYTHONPATH": f"{paths.CHECKOUT}:{paths.CHECKOUT / 'src'}",
    "PYTHONUNBUFFERED": "1",
    # Killed programs leave their temporary files; here `down` removes them.
    "TMPDIR": str(paths.TEMPORARY),
}


def first() -> tuple[Component, ...]:
    """What everything else needs."""
    return (etcd(), api_server())


def etcd() -> Component:
    """The store. Its data is thrown away with the cluster, so it need not wait for the disk."""
    return _control(
        "etcd",
        str(program("etcd")),
        f"--data-dir={paths.STATE}/etcd",
        f"--listen-client-urls={ETCD_URL}",
        f"--advertise-client-urls={ETCD_URL}",
        "--listen-peer-urls=http://127.0.0.1:2380",
        "--unsafe-no-fsync",
        "--quota-backend-bytes=4294967296",
        "--auto-compaction-mode=periodic",
        "--auto-compaction-retention=5m",
        "--log-level=warn",
    )


def api_server() -> Component:
    """The API server, with aggregation (metrics.k8s.io, custom and external)."""
    certs = paths.CERTS
    return _control(
        "kube-apiserver",
        str(program("kube-apiserver")),
        f"--advertise-address={CONTROL.address}",
        f"--secure-port={API_PORT}",
        f"--etcd-servers={ETCD_URL}",
        f"--service-cluster-ip-range={SERVICE_CIDR}",
        "--allow-privileged=true",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        f"--client-ca-file={certs}/ca.crt",
        f"--tls-cert-file={certs}/apiserver.crt",
        f"--tls-private-key-file={certs}/apiserver.key",
        f"--kubelet-certificate-authority={certs}/ca.crt",
        f"--kubelet-client-certificate={certs}/apiserver-kubelet-client.crt",
        f"--kubelet-client-key={certs}/apiserver-kubelet-client.key",
        # It would dial node names otherwise, which no resolver knows.
        "--kubelet-preferred-address-types=InternalIP",
        f"--service-account-issuer=https://kubernetes.default.svc.{CLUSTER_DOMAIN}",
        f"--service-account-key-file={certs}/service-accounts.pub",
        f"--service-account-signing-key-file={certs}/service-accounts.key",
        f"--requestheader-client-ca-file={certs}/front-proxy-ca.crt",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-username-headers=X-Remote-User",
        f"--proxy-client-cert-file={certs}/front-proxy-client.crt",
        f"--proxy-client-key-file={certs}/front-proxy-client.key",
        "--enable-aggregator-routing=true",
        f"--request-timeout={patient(60):g}s",  # Kubernetes' own default
        "--profiling=false",
    )


def controller_manager() -> Component:
    """The controllers; the HPA's sync period stays Kubernetes' own 15 s."""
    certs = paths.CERTS
    return _control(
        "kube-controller-manager",
        str(program("kube-controller-manager")),
        *_kubeconfigs("kube-controller-manager"),
        "--leader-elect=false",
        "--use-service-account-credentials=true",
        f"--service-account-private-key-file={certs}/service-accounts.key",
        f"--root-ca-file={certs}/ca.crt",
        f"--cluster-signing-cert-file={certs}/ca.crt",
        f"--cluster-signing-key-file={certs}/ca.key",
        f"--cluster-cidr={POD_CIDR}",
        f"--service-cluster-ip-range={SERVICE_CIDR}",
        "--allocate-node-cidrs=false",
        # Kubernetes' own defaults.
        f"--node-monitor-grace-period={patient(50):g}s",
        f"--node-startup-grace-period={patient(60):g}s",
        "--profiling=false",
    )


def scheduler() -> Component:
    """The scheduler."""
    return _control(
        "kube-scheduler",
        str(program("kube-scheduler")),
        *_kubeconfigs("kube-scheduler"),
        "--leader-elect=false",
        "--profiling=false",
    )


def metrics_server() -> Component:
    """The resource metrics API. The kubelet timeout must be smaller than the resolution.

    The resolution is a pace as well: on a slow machine it grows to a minute, and no further.
    """
    return _control(
        "metrics-server",
        str(program("metrics-server")),
        *_kubeconfigs("metrics-server"),
        *_serving("metrics-server", METRICS_SERVER_PORT),
        f"--kubelet-certificate-authority={paths.CERTS}/ca.crt",
        "--kubelet-preferred-address-types=InternalIP",
        f"--kubelet-request-timeout={min(patient(5), 45):g}s",
        f"--metric-resolution={min(patient(10), 60):g}s",
        # Its question whether a request is allowed is bounded by 10 s that nobody can change.
        f"--authorization-webhook-cache-authorized-ttl={patient(10):g}s",
    )


def prometheus() -> Component:
    """Prometheus, scraping Pods by their annotations."""
    return _control(
        "prometheus",
        "prometheus",
        f"--config.file={paths.STATE}/prometheus.yaml",
        f"--storage.tsdb.path={paths.STATE}/prometheus",
        "--storage.tsdb.retention.time=6h",
        f"--web.listen-address={CONTROL.address}:{PROMETHEUS_PORT}",
        "--log.level=warn",
    )


def prometheus_adapter() -> Component:
    """The custom and external metrics APIs, answered by Prometheus: what HPAs scale by as well."""
    return _control(
        "prometheus-adapter",
        str(program("prometheus-adapter")),
        *_kubeconfigs("prometheus-adapter", own="--lister-kubeconfig"),
        *_serving("prometheus-adapter", PROMETHEUS_ADAPTER_PORT),
        f"--prometheus-url=http://{CONTROL.address}:{PROMETHEUS_PORT}/",
        f"--config={paths.ADDONS}/prometheus-adapter.rules",
    )


def scrape_targets() -> Component:
    """What tells Prometheus which Pods there are."""
    return Component(
        "scrape-targets",
        (sys.executable, "-m", "testbed.cluster.discovery"),
        CONTROL.netns,
        _PYTHON_ENV,
    )


def control_plane() -> tuple[Component, ...]:
    """What runs beside the API server, once it answers."""
    return (
        controller_manager(),
        scheduler(),
        metrics_server(),
        scrape_targets(),
        prometheus(),
        prometheus_adapter(),
    )


def containerd(node: Node) -> Component:
    """The container runtime of a node."""
    return _on_node(node, "containerd", f"--config={NodePaths(node).config}/containerd.toml")


def kubelet(node: Node) -> Component:
    """The kubelet of a node."""
    at = NodePaths(node)
    return _on_node(
        node,
        "kubelet",
        f"--config={at.config}/kubelet.json",
        f"--kubeconfig={kubeconfigs.path_of(node.name)}",
        f"--root-dir={at.kubelet_root}",
        f"--cert-dir={at.kubelet_root}/pki",
        f"--hostname-override={node.name}",
        f"--node-ip={node.station.address}",
        f"--node-labels=topology.kubernetes.io/zone={node.zone}",
    )


def kube_proxy(node: Node) -> Component:
    """The Service proxy of a node."""
    return _on_node(node, "kube-proxy", f"--config={NodePaths(node).config}/kube-proxy.json")


def outside_world() -> Component:
    """What plays the internet."""
    return Component(
        "outside-world",
        (sys.executable, "-m", "testbed.cluster.outside"),
        OUTSIDE.netns,
        _PYTHON_ENV,
    )


def forwards() -> tuple[Component, ...]:
    """The loopback ports of the host."""
    return tuple(
        Component(
            f"forward-{forward.name}",
            (sys.executable, "-m", "testbed.cluster.forward", forward.name),
            env=_PYTHON_ENV,
        )
        for forward in FORWARDS
    )


POLICY_ENGINE = "network-policies"
"""Names all programs of `policy_engine` together, where one is to be stopped or started."""


def policy_engine() -> tuple[Component, ...]:
    """What enforces NetworkPolicies: our own controller, or kube-router on each node."""
    if engine.ENGINE == engine.KUBE_ROUTER:
        return tuple(kube_router(node) for node in NODES)
    return (_controller("policy"),)


def kube_router(node: Node) -> Component:
    """The firewall of kube-router on a node, and nothing else of it: no routes, no Services."""
    return _on_node(
        node,
        "kube-router",
        f"--kubeconfig={kubeconfigs.path_of('admin')}",
        f"--hostname-override={node.name}",
        f"--service-cluster-ip-range={SERVICE_CIDR}",
        "--run-firewall=true",
        "--run-router=false",
        "--run-service-proxy=false",
        "--run-loadbalancer=false",
        "--health-port=0",
    )


def controllers() -> tuple[Component, ...]:
    """The controllers that a cloud would bring: volumes."""
    return (_controller("volumes"),)


def _controller(name: str) -> Component:
    return Component(
        f"controller-{name}",
        (sys.executable, "-m", "testbed.controllers", name, f"--kubeconfig={paths.KUBECONFIG}"),
        env=_PYTHON_ENV,
        cwd=str(paths.CHECKOUT),
    )


def _kubeconfigs(name: str, own: str = "--kubeconfig") -> tuple[str, ...]:
    """What a program asks the API server for, and who may ask the program, by one kubeconfig."""
    flags = (own, "--authentication-kubeconfig", "--authorization-kubeconfig")
    return tuple(f"{flag}={kubeconfigs.path_of(name)}" for flag in flags)


def _serving(name: str, port: int) -> tuple[str, ...]:
    """Where a program serves over TLS, with its certificate."""
    file = paths.CERTS / name
    return (
        f"--secure-port={port}",
        f"--tls-cert-file={file}.crt",
        f"--tls-private-key-file={file}.key",
    )


def _control(name: str, *argv: str) -> Component:
    return Component(name, argv, CONTROL.netns)


def _on_node(node: Node, name: str, *flags: str) -> Component:
    return Component(f"{node.name}/{name}", (str(program(name)), *flags), node.station.netns)
