"""LimitRanges of a namespace, against the rows `check: limit-range`.

Source: Kubernetes docs, "Limit Ranges" (v1.35, read 2026-11-23).
"""

import pytest

from clusterproof.explain import explain
from clusterproof.judge import differences
from clusterproof.observe import Observed
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.resources import LimitRangeEffects, read_limit_ranges
from clusterproof.spec.desired import LimitRangeRow

pytestmark = pytest.mark.rows("limit-range")


@pytest.fixture
def observed(rule: LimitRangeRow, cluster: Cluster) -> Observed[LimitRangeEffects]:
    """What each LimitRange would do to the workloads' containers."""
    return read_limit_ranges(cluster, rule)


def test_no_limit_range_interferes(
    rule: LimitRangeRow, observed: Observed[LimitRangeEffects]
) -> None:
    """No LimitRange sets, or refuses, what a container declares."""
    assert not differences(rule, observed.value), explain(rule, observed)
