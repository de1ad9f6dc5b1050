"""Pods older than their configuration, against the rows `check: fresh`.

Source: Kubernetes docs, "ConfigMaps": environment variables are not updated in a running Pod.
"""

import pytest

from clusterproof.explain import explain
from clusterproof.judge import differences
from clusterproof.observe import Observed
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.freshness import Freshness, read_freshness
from clusterproof.spec.desired import FreshRow

pytestmark = pytest.mark.rows("fresh")


@pytest.fixture
def observed(rule: FreshRow, cluster: Cluster, *, read_only: bool) -> Observed[Freshness]:
    """What Pods that are older than the data's last write really have."""
    return read_freshness(cluster, rule, read_only=read_only)


def test_pods_run_with_current_data(rule: FreshRow, observed: Observed[Freshness]) -> None:
    """Every Pod has the values that the object has now."""
    assert not differences(rule, observed.value), explain(rule, observed)
