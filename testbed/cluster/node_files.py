"""The configuration files of one node: containerd, CNI, kubelet, kube-proxy."""

import json
from typing import Any

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


def containerd(at: NodePaths) -> str:
    """Configuration of containerd 2."""
    # restrict_oom_score_adj: without CAP_SYS_RESOURCE every sandbox would fail otherwise.
    # nri, and socket_dir by default, are of fixed names, which five on one machine would share.
    runtime = 'plugins."io.containerd.cri.v1.runtime"'
    return f"""version = 3
root = "{at.containerd_root}"
state = "{at.run}/containerd"
oom_score = 0
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.nri.v1.nri",
  "io.containerd.snapshotter.v1.blockfile", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.erofs",
  "io.containerd.snapshotter.v1.native", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.tracing.processor.v1.otlp"]
[grpc]
  address = "{at.containerd_socket}"
[plugins."io.containerd.shim.v1.manager"]
  socket_dir = "{at.shims}"
[plugins."io.containerd.grpc.v1.cri"]
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
[plugins."io.containerd.cri.v1.images"]
  snapshotter = "overlayfs"
  pinned_images = {{ sandbox = "{PAUSE_IMAGE}" }}
[{runtime}]
  restrict_oom_score_adj = true
  [{runtime}.cni]
    bin_dirs = ["{packages.file(packages.CNI, packages.CNI_PLUGINS)}"]
    conf_dir = "{at.config}/cni"
  [{runtime}.containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    runtime_path = "{program("containerd-shim-runc-v2")}"
    [{runtime}.containerd.runtimes.runc.options]
      SystemdCgroup = false
      Root = "{at.run}/runc"
"""


def cni(at: NodePaths) -> dict[str, Any]:
    """A routed link per Pod: every packet between Pods passes the node's forward hook."""
    return {
        "cniVersion": "1.0.0",
        "name": CNI_NETWORK,
        "plugins": [
            {
                "type": "ptp",
                "ipMasq": False,
                "mtu": 1500,
                "ipam": {
                    "type": "host-local",
                    "dataDir": str(at.cni),
                    "ranges": [[{"subnet": str(at.node.pod_cidr)}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            },
            {"type": "portmap", "capabilities": {"portMappings": True}, "snat": True},
        ],
    }


def kubelet(at: NodePaths, cgroup: str) -> dict[str, Any]:
    """KubeletConfiguration (kubelet.config.k8s.io/v1beta1); `cgroup` is the root of its Pods'."""
    certs = paths.CERTS
    socket = f"unix://{at.containerd_socket}"
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": "0.0.0.0",  # noqa: S104 - of its own network namespace
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True, "cacheTTL": "2m0s"},
            "x509": {"clientCAFile": str(certs / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(certs / f"{at.node.name}.crt"),
        "tlsPrivateKeyFile": str(certs / f"{at.node.name}.key"),
        "containerRuntimeEndpoint": socket,
        "imageServiceEndpoint": socket,
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": cgroup,
        "failCgroupV1": False,
        "failSwapOn": False,
        "clusterDNS": [str(DNS_SERVICE_IP)],
        "clusterDomain": CLUSTER_DOMAIN,
        "resolvConf": str(at.config / "resolv.conf"),
        "podLogsDir": str(at.state / "pod-logs"),
        "volumePluginDir": str(at.state / "volume-plugins"),
        "maxPods": MAX_PODS_PER_NODE,
        # Kubernetes' own defaults. A quarter of the first is what a renewal of the Lease may take.
        "nodeLeaseDurationSeconds": round(patient(40)),
        "runtimeRequestTimeout": f"{patient(120):g}s",
        "volumeStatsAggPeriod": "10s",  # a minute is long where the Pods are a minute old
        "oomScoreAdj": 0,
        # The five share one disk, and images come from an archive: never collect, evict late.
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "evictionHard": {
            "memory.available": "100Mi",
            "nodefs.available": "1%",
            "imagefs.available": "1%",
            "nodefs.inodesFree": "1%",
        },
        "containerLogMaxSize": "10Mi",
        "containerLogMaxFiles": 3,
        # Kernel settings belong to the machine, not to a node that is one of five on it.
        "makeIPTablesUtilChains": False,
        "localStorageCapacityIsolation": True,
        "enableServer": True,
        "logging": {"verbosity": 1},
    }


def kube_proxy(at: NodePaths) -> dict[str, Any]:
    """KubeProxyConfiguration (kubeproxy.config.k8s.io/v1alpha1)."""
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "bindAddress": "0.0.0.0",  # noqa: S104 - of its own network namespace
        "clientConnection": {"kubeconfig": str(kubeconfigs.path_of("kube-proxy"))},
        "hostnameOverride": at.node.name,
        "mode": "nftables",
        "clusterCIDR": str(POD_CIDR),
        "detectLocalMode": "ClusterCIDR",
        # Only the first network namespace of a machine may set conntrack's limits.
        "conntrack": {"maxPerCore": 0, "min": 0},
        "oomScoreAdj": 0,
        "metricsBindAddress": "127.0.0.1:10249",
        "healthzBindAddress": "0.0.0.0:10256",
    }
