"""Names inside the workloads' Pods, against the rows `check: dns`.

Source: Kubernetes docs, "DNS for Services and Pods" (v1.35, read 2026-11-23).
"""

import pytest

from clusterproof.explain import explain
from clusterproof.judge import differences
from clusterproof.observe import Observed
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.egress import Resolution, read_resolution
from clusterproof.observe.matrix import Matrix
from clusterproof.spec.behaviour import DnsRow

pytestmark = pytest.mark.rows("dns")


@pytest.fixture
def observed(rule: DnsRow, cluster: Cluster, egress_matrix: Matrix) -> Observed[Resolution]:
    """What the name resolves to in every ready Pod."""
    return read_resolution(cluster, egress_matrix, rule)


def test_name_resolves_to_its_service(rule: DnsRow, observed: Observed[Resolution]) -> None:
    """In every Pod the name leads to the addresses of its Service, and to no other."""
    assert not differences(rule, observed.value), explain(rule, observed)
