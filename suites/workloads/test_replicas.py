"""Replicas of every workload, against the rows `check: replicas`.

Source: Kubernetes docs, "Deployments", status of a Deployment (v1.35, read 2026-11-23).
"""

import pytest

from clusterproof.explain import explain
from clusterproof.judge import differences
from clusterproof.observe import Observed
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.workloads import Replicas, read_replicas
from clusterproof.spec.desired import ReplicasRow

pytestmark = pytest.mark.rows("replicas")


@pytest.fixture
def observed(rule: ReplicasRow, cluster: Cluster) -> Observed[Replicas]:
    """The replicas that the workload's controller reports, after a rollout had time to end."""
    return read_replicas(cluster, rule)


def test_workload_runs_its_replicas(rule: ReplicasRow, observed: Observed[Replicas]) -> None:
    """Desired is within the row's bounds; updated, ready and available agree with it."""
    assert not differences(rule, observed.value), explain(rule, observed)
