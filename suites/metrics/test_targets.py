"""Prometheus' targets, against the rows `check: targets`.

Source: Prometheus docs, "Jobs and instances" (read 2026-11-23).
"""

import pytest

from clusterproof.explain import explain
from clusterproof.judge import differences
from clusterproof.observe import Observed
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.prometheus import Prometheus, read_targets
from clusterproof.observe.targets import Target
from clusterproof.spec.behaviour import TargetsRow

pytestmark = pytest.mark.rows("targets")


@pytest.fixture
def observed(
    rule: TargetsRow, prometheus: Prometheus, cluster: Cluster
) -> Observed[tuple[Target, ...]]:
    """Every ready Pod as Prometheus sees it."""
    return read_targets(prometheus, cluster, rule)


def test_every_ready_pod_is_an_up_target(
    rule: TargetsRow, observed: Observed[tuple[Target, ...]]
) -> None:
    """Each ready Pod is scraped, successfully and of late."""
    assert not differences(rule, observed.value), explain(rule, observed)
