"""Egress of every Pod, against the rows `check: egress`.

Source: Kubernetes docs, "Network Policies" (v1.35, read 2026-11-23).
"""

import pytest

from clusterproof.explain import explain
from clusterproof.judge import differences
from clusterproof.observe import Observed
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.egress import EgressReach, read_reach
from clusterproof.observe.matrix import Matrix
from clusterproof.spec.behaviour import EgressRow

pytestmark = pytest.mark.rows("egress")


@pytest.fixture
def observed(rule: EgressRow, cluster: Cluster, egress_matrix: Matrix) -> Observed[EgressReach]:
    """The peer's reach from every ready Pod; void unless a control peer reaches what is refused."""
    return read_reach(cluster, egress_matrix, rule)


def test_workload_reaches_only_the_peers_it_may(
    rule: EgressRow, observed: Observed[EgressReach]
) -> None:
    """Each peer is allowed or refused, from every Pod, as its row says."""
    assert not differences(rule, observed.value), explain(rule, observed)
