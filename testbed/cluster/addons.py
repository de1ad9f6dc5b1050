"""What is applied to the new API server: nodes, DNS, metrics, Prometheus, classes."""

import base64
import json
from string import Template
from typing import Any

from testbed.cluster import contour, discovery, paths
from testbed.cluster.binaries import program
from testbed.cluster.kubectl import environment, request_timeout
from testbed.cluster.run import run
from testbed.cluster.topology import (
    CLUSTER_DOMAIN,
    CONTROL,
    COREDNS_IMAGE,
    DNS_SERVICE_IP,
    GATEWAY,
    INGRESS_CLASS,
    METRICS_SERVER_PORT,
    NODES,
    OUTSIDE,
    OUTSIDE_HOSTS,
    PROMETHEUS_ADAPTER_PORT,
    PROMETHEUS_PORT,
    Node,
)
from testbed.settings import patient

FILES = (
    "classes.yaml",
    "contour.yaml",
    "coredns.yaml",
    "metrics-server.yaml",
    "prometheus.yaml",
    "prometheus-adapter.yaml",
)
APPLY_WITHIN_S = 60.0
_APPLY = (
    *("apply", "--server-side", "--force-conflicts"),
    *("--field-manager=clusterproof-testbed", "-f", "-"),
)


def apply() -> None:
    """Apply all of it; what is there already is left as it is."""
    theirs = contour.manifests().read_text()
    _kubectl(*_APPLY, stdin=theirs)
    within = f"--timeout={patient(APPLY_WITHIN_S):g}s"
    kinds = [
        document["metadata"]["name"]
        for document in map(json.loads, theirs.split("\n---\n"))
        if document["kind"] == "CustomResourceDefinition"
    ]
    _kubectl("wait", "--for=condition=Established", "crd", *kinds, within)
    documents = [json.dumps(node_object(node)) for node in NODES]
    documents += [render((paths.ADDONS / name).read_text()) for name in FILES]
    _kubectl(*_APPLY, stdin="\n---\n".join(documents))


def _kubectl(*arguments: str, stdin: str | None = None) -> None:
    run(
        [
            str(program("kubectl")),
            f"--kubeconfig={paths.KUBECONFIG}",
            request_timeout(APPLY_WITHIN_S),
            *arguments,
        ],
        stdin=stdin,
        env=environment(),
        timeout_s=APPLY_WITHIN_S,
    )


def write_prometheus_config() -> None:
    """Write Prometheus' configuration."""
    text = (paths.ADDONS / "prometheus-config.yaml.in").read_text()
    (paths.STATE / "prometheus.yaml").write_text(render(text))


def render(text: str) -> str:
    """`text` with the topology's values."""
    authority = (paths.CERTS / "ca.crt").read_bytes()
    return Template(text).substitute(
        ca_bundle=base64.b64encode(authority).decode(),
        cluster_domain=CLUSTER_DOMAIN,
        control_address=str(CONTROL.address),
        coredns_image=COREDNS_IMAGE,
        dns_service_ip=str(DNS_SERVICE_IP),
        gateway=GATEWAY,
        ingress_class=INGRESS_CLASS,
        metrics_server_port=str(METRICS_SERVER_PORT),
        outside_address=str(OUTSIDE.address),
        outside_hosts=" ".join(OUTSIDE_HOSTS),
        prometheus_adapter_port=str(PROMETHEUS_ADAPTER_PORT),
        prometheus_port=str(PROMETHEUS_PORT),
        prometheus_rules=str(paths.PROMETHEUS_RULES / "*.yaml"),
        prometheus_targets=str(discovery.TARGETS),
    )


def node_object(node: Node) -> dict[str, Any]:
    """The Node, made before its kubelet registers, so that it has the Pod range of our routes."""
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": node.name,
            "labels": {
                "kubernetes.io/hostname": node.name,
                "topology.kubernetes.io/zone": node.zone,
            },
        },
        "spec": {"podCIDR": str(node.pod_cidr), "podCIDRs": [str(node.pod_cidr)]},
    }
