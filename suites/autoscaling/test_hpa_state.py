"""What the HPA controller says, against the rows `check: hpa-state`.

Source: Kubernetes docs, "Horizontal Pod Autoscaling", status conditions (v1.35, read 2026-11-23).
"""

import pytest

from clusterproof.explain import explain
from clusterproof.judge import differences
from clusterproof.observe import Observed
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.scaling import HpaState, read_hpa_state
from clusterproof.spec.desired import HpaStateRow

pytestmark = pytest.mark.rows("hpa-state")


@pytest.fixture
def observed(rule: HpaStateRow, cluster: Cluster) -> Observed[HpaState]:
    """Conditions, current metrics, target and requests."""
    return read_hpa_state(cluster, rule)


def test_autoscaler_can_work(rule: HpaStateRow, observed: Observed[HpaState]) -> None:
    """The aspect that the row names is as an autoscaler needs it."""
    assert not differences(rule, observed.value), explain(rule, observed)
