"""What a verification is measured beside."""

from pathlib import Path

from testbed.bench import kubectl_calls


def test_two_calls_of_kubectl_fetch_the_lists_of_a_run() -> None:
    reads = [
        "/api/v1/namespaces/shop/pods?limit=500",
        "/apis/apps/v1/namespaces/shop/deployments?limit=500",
        "/api/v1/namespaces/data/services",
        "/api/v1/nodes",
        "/version",
        "/api/v1/namespaces/shop/pods/router-1/proxy/metrics",
        "/apis/autoscaling/v2/namespaces/lonely/horizontalpodautoscalers/one",
    ]
    calls = kubectl_calls(Path("config"), reads)
    assert [call[-3:] for call in calls] == [
        ["-n", "shop", "deployments.apps,nodes,pods"],
        ["-n", "data", "services"],
    ]
