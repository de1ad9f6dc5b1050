"""How the cluster is: components, nodes, add-ons."""

from typing import Any

from clusterproof.errors import ObservationError
from clusterproof.observe.api import KubeApi

Json = dict[str, Any]
METRICS_PATH = "/apis/metrics.k8s.io/v1beta1/nodes"


def ready_condition(nodes: list[Json]) -> dict[str, bool]:
    """Name of each node → whether its Ready condition is True."""
    return {
        node["metadata"]["name"]: any(
            condition["type"] == "Ready" and condition["status"] == "True"
            for condition in node.get("status", {}).get("conditions", [])
        )
        for node in nodes
    }


def not_ready(api: KubeApi) -> tuple[str, ...]:
    """Add-ons that do not serve yet, by name."""
    lacking = []
    dns = api.get("/apis/apps/v1/namespaces/kube-system/deployments/coredns")
    if dns.get("status", {}).get("availableReplicas", 0) < dns["spec"]["replicas"]:
        lacking.append("DNS")
    try:
        api.get(METRICS_PATH)
    except ObservationError:
        lacking.append("metrics API")
    return tuple(lacking)
