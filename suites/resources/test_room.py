"""Room for more replicas, against the rows `check: room`.

Source: Kubernetes docs, "Resource Quotas" and "Node Allocatable" (v1.35, read 2026-11-23).
"""

import pytest

from clusterproof.explain import explain
from clusterproof.judge import differences
from clusterproof.observe import Observed
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.resources import Room, read_room
from clusterproof.spec.desired import RoomRow

pytestmark = pytest.mark.rows("room")


@pytest.fixture
def observed(rule: RoomRow, cluster: Cluster) -> Observed[Room]:
    """How many replicas run, and how many more would be admitted."""
    return read_room(cluster, rule)


def test_workload_has_room_to_scale(rule: RoomRow, observed: Observed[Room]) -> None:
    """The row's number of replicas would be admitted."""
    assert not differences(rule, observed.value), explain(rule, observed)
