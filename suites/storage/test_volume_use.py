"""Use of every claim's volume, against the rows `check: volume-use`.

Source: Kubernetes docs, "Node metrics data", stats/summary (v1.35, read 2026-11-23).
"""

import pytest

from clusterproof.explain import explain
from clusterproof.judge import differences
from clusterproof.observe import Observed
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.storage import VolumeUse, read_volume_use
from clusterproof.spec.desired import VolumeUseRow

pytestmark = pytest.mark.rows("volume-use")


@pytest.fixture
def observed(rule: VolumeUseRow, cluster: Cluster) -> Observed[VolumeUse]:
    """Used and capacity bytes, as the kubelet measures them."""
    return read_volume_use(cluster, rule)


def test_volume_is_not_full(rule: VolumeUseRow, observed: Observed[VolumeUse]) -> None:
    """The used share is not over the row's."""
    assert not differences(rule, observed.value), explain(rule, observed)
