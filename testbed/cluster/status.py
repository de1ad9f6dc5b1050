"""How the cluster is: components, nodes, add-ons."""

from collections.abc import Iterator

from clusterproof.errors import ObservationError
from clusterproof.kube.client import KubeApi
from clusterproof.kube.connection import connect
from clusterproof.kube.objects import Json, condition
from testbed.cluster import paths, supervision
from testbed.cluster.component import Report
from testbed.cluster.topology import FORWARDS, NODES

METRICS_PATH = "/apis/metrics.k8s.io/v1beta1/nodes"
DNS_PATH = "/apis/apps/v1/namespaces/kube-system/deployments/coredns"


def ready_condition(nodes: list[Json]) -> dict[str, bool]:
    """Name of each node → whether its Ready condition is True."""
    return {node["metadata"]["name"]: condition(node, "Ready") == "True" for node in nodes}


def not_ready(api: KubeApi) -> tuple[str, ...]:
    """Add-ons that do not serve yet, by name."""
    lacking = []
    dns = api.get(DNS_PATH)
    if dns.get("status", {}).get("availableReplicas", 0) < dns["spec"]["replicas"]:
        lacking.append("DNS")
    try:
        measured = {item["metadata"]["name"] for item in api.get(METRICS_PATH)["items"]}
    except ObservationError:
        measured = set()
    lacking += [f"metrics of {node.name}" for node in NODES if node.name not in measured]
    return tuple(lacking)


def lines() -> Iterator[tuple[str, bool]]:
    """What a person wants to know, a line each, with whether it is as it should be."""
    for report in supervision.reports():
        yield component_line(report), report.state == "running"
    api = KubeApi(connect(str(paths.KUBECONFIG)))
    try:
        version = api.get("/version")["gitVersion"]
        nodes = api.list("/api/v1/nodes")
        lacking = not_ready(api)
    except ObservationError as error:
        yield f"API server: expected an answer, {error}", False
        return
    yield f"{'Kubernetes':28} {version}", True
    ready = ready_condition(nodes)
    for node in sorted(nodes, key=lambda each: each["metadata"]["name"]):
        is_ready = ready[node["metadata"]["name"]]
        yield node_line(node, is_ready=is_ready), is_ready
    for name in lacking:
        yield f"{name}: not served", False
    for forward in FORWARDS:
        yield f"{forward.name:28} 127.0.0.1:{forward.port}", True
    yield f"kubeconfig                   {paths.KUBECONFIG}", True


def node_line(node: Json, *, is_ready: bool) -> str:
    """One node in one line, with what it says of its programs."""
    info = node["status"]["nodeInfo"]
    return (
        f"{node['metadata']['name']:28} {'Ready' if is_ready else 'NotReady':11}"
        f" kubelet {info['kubeletVersion']}, {info['containerRuntimeVersion']}"
    )


def component_line(report: Report) -> str:
    """One component in one line."""
    ended = f"  last: {report.last_exit}" if report.last_exit else ""
    return (
        f"{report.name:28} {report.state:11} pid {report.pid:<8} restarts {report.restarts}{ended}"
    )
