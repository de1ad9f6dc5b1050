"""Sums over all replicas, against the rows `check: totals`.

Source: the deployment's contract, Topology.
"""

import pytest

from clusterproof.explain import explain
from clusterproof.judge import differences
from clusterproof.observe import Observed
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.resources import Totals, read_totals
from clusterproof.spec.desired import TotalsRow

pytestmark = pytest.mark.rows("totals")


@pytest.fixture
def observed(rule: TotalsRow, cluster: Cluster) -> Observed[Totals]:
    """The sum of the bound over containers times desired replicas."""
    return read_totals(cluster, rule)


def test_workloads_add_up(rule: TotalsRow, observed: Observed[Totals]) -> None:
    """The true sum is the row's; what the deployment's own table says stands beside it."""
    assert not differences(rule, observed.value), explain(rule, observed)
