"""Starts of every workload's containers, against the rows `check: starts`.

Source: Kubernetes docs, "Pod Lifecycle", container states (v1.35, read 2026-11-23).
"""

import pytest

from clusterproof.explain import explain
from clusterproof.judge import differences
from clusterproof.observe import Observed
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.workloads import Starts, read_starts
from clusterproof.spec.desired import StartsRow

pytestmark = pytest.mark.rows("starts")


@pytest.fixture
def observed(rule: StartsRow, cluster: Cluster) -> Observed[Starts]:
    """Waiting reasons and late restarts of the workload's Pods."""
    return read_starts(cluster, rule)


def test_containers_start_and_stay_up(rule: StartsRow, observed: Observed[Starts]) -> None:
    """No container waits for a bad reason, and none was restarted of late."""
    assert not differences(rule, observed.value), explain(rule, observed)
