"""Pods older than their configuration, against the rows `check: fresh`.

Source: Kubernetes docs, "ConfigMaps": environment variables are not updated in a running Pod.
"""

import pytest

from clusterproof.explain import explain
from clusterproof.judge import differences
from clusterproof.observe import Observed
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.configuration import Freshness, read_freshness
from clusterproof.spec.desired import FreshRow

pytestmark = pytest.mark.rows("fresh")


@pytest.fixture
def observed(rule: FreshRow, cluster: Cluster) -> Observed[Freshness]:
    """Start of each Pod against the last write of the object's data."""
    return read_freshness(cluster, rule)


def test_pods_run_with_current_data(rule: FreshRow, observed: Observed[Freshness]) -> None:
    """No Pod started before the data last changed."""
    assert not differences(rule, observed.value), explain(rule, observed)
