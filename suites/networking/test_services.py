"""Services and their endpoints, against the rows `check: service`.

Source: Kubernetes docs, "Service" and "EndpointSlices" (v1.35, read 2026-11-23).
"""

import pytest

from clusterproof.explain import explain
from clusterproof.judge import differences
from clusterproof.observe import Observed
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.networking import ServiceView, read_service
from clusterproof.spec.behaviour import ServiceRow

pytestmark = pytest.mark.rows("service")


@pytest.fixture
def observed(rule: ServiceRow, cluster: Cluster) -> Observed[ServiceView]:
    """The Service, the Pods that it selects, and its ready endpoints."""
    return read_service(cluster, rule)


def test_service_leads_to_every_ready_pod(
    rule: ServiceRow, observed: Observed[ServiceView]
) -> None:
    """The port has each ready Pod of the workload as an endpoint, on its own port, and no other."""
    assert not differences(rule, observed.value), explain(rule, observed)
