"""The configuration files of one node: containerd, CNI, kubelet, kube-proxy."""

import json
from pathlib import Path
from string import Template

import yaml

from clusterproof.kube.objects import Json
from testbed.cluster import cgroups, kubeconfigs, packages, paths
from testbed.cluster.binaries import program
from testbed.cluster.paths import NodePaths
from testbed.cluster.topology import (
    CLUSTER_DOMAIN,
    CNI_NETWORK,
    DNS_SERVICE_IP,
    MAX_PODS_PER_NODE,
    PAUSE_IMAGE,
    POD_CIDR,
    Node,
)
from testbed.settings import patient

RESOLVER = "nameserver 192.0.2.53\n"
"""For Pods with dnsPolicy Default: TEST-NET-1, so nothing answers, and nothing leaves."""


def write(node: Node) -> None:
    """Write all of them."""
    at = NodePaths(node)
    for folder in (at.config / "cni", at.kubelet_root, at.cni, at.run, at.containerd_root):
        folder.mkdir(parents=True, exist_ok=True)
    (at.config / "containerd.toml").write_text(containerd(at))
    (at.config / "cni" / "10-ptp.conflist").write_text(json.dumps(cni(at), indent=2))
    group = cgroups.path_of(node.name, cgroups.hierarchies())
    (at.config / "kubelet.json").write_text(json.dumps(kubelet(at, group), indent=2))
    (at.config / "kube-proxy.json").write_text(json.dumps(kube_proxy(at), indent=2))
    (at.config / "resolv.conf").write_text(RESOLVER)


def filled(name: str, **values: object) -> str:
    """A file of `nodes/` with these values."""
    text = (Path(__file__).with_name("nodes") / name).read_text(encoding="utf-8")
    return Template(text).substitute(values)


def containerd(at: NodePaths) -> str:
    """Configuration of containerd 2."""
    return filled(
        "containerd.toml",
        root=at.containerd_root,
        run=at.run,
        socket=at.containerd_socket,
        shims=at.shims,
        config=at.config,
        pause_image=PAUSE_IMAGE,
        cni_plugins=packages.file(packages.CNI, packages.CNI_PLUGINS),
        shim=program("containerd-shim-runc-v2"),
    )


def cni(at: NodePaths) -> Json:
    """The network of a node's Pods, as CNI's plugins read it."""
    text = filled("cni.yaml", network=CNI_NETWORK, leases=at.cni, pod_cidr=at.node.pod_cidr)
    plugins: Json = yaml.safe_load(text)
    return plugins


def kubelet(at: NodePaths, cgroup: str) -> Json:
    """KubeletConfiguration; `cgroup` is the root of its Pods'."""
    text = filled(
        "kubelet.yaml",
        node=at.node.name,
        socket=at.containerd_socket,
        config=at.config,
        state=at.state,
        cgroup=cgroup,
        certs=paths.CERTS,
        dns=DNS_SERVICE_IP,
        domain=CLUSTER_DOMAIN,
        most_pods=MAX_PODS_PER_NODE,
        lease_s=round(patient(40)),
        request_timeout=f"{patient(120):g}s",
    )
    configuration: Json = yaml.safe_load(text)
    return configuration


def kube_proxy(at: NodePaths) -> Json:
    """KubeProxyConfiguration."""
    kubeconfig = kubeconfigs.path_of("kube-proxy")
    values = {"node": at.node.name, "kubeconfig": kubeconfig, "pod_cidr": POD_CIDR}
    configuration: Json = yaml.safe_load(filled("kube-proxy.yaml", **values))
    return configuration
