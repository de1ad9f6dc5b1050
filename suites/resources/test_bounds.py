"""Requests and limits of every container, against the rows `check: quantity`.

Source: Kubernetes docs, "Resource Management for Pods and Containers" (v1.35, read 2026-11-23).
"""

import pytest

from clusterproof.explain import explain
from clusterproof.judge import differences
from clusterproof.observe import Observed
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.workloads import Bound, read_bound
from clusterproof.spec.desired import QuantityRow

pytestmark = pytest.mark.rows("quantity")


@pytest.fixture
def observed(rule: QuantityRow, cluster: Cluster) -> Observed[Bound]:
    """The bound in the template and in each Pod."""
    return read_bound(cluster, rule)


def test_container_has_its_bound(rule: QuantityRow, observed: Observed[Bound]) -> None:
    """The same quantity, declared in the template and admitted in every Pod."""
    assert not differences(rule, observed.value), explain(rule, observed)
