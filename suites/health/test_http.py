"""Health endpoints of every Pod, against the rows `check: http`.

Source: Kubernetes docs, "Access Services Running on Clusters" (v1.35, read 2026-11-23).
"""

import pytest

from clusterproof.explain import explain
from clusterproof.judge import differences
from clusterproof.observe import Observed
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.http import PodAnswer, read_answers
from clusterproof.spec.behaviour import HttpRow

pytestmark = pytest.mark.rows("http")


@pytest.fixture
def observed(rule: HttpRow, cluster: Cluster) -> Observed[tuple[PodAnswer, ...]]:
    """What each running Pod answers by itself, not through a Service."""
    return read_answers(cluster, rule)


def test_every_pod_answers(rule: HttpRow, observed: Observed[tuple[PodAnswer, ...]]) -> None:
    """Each Pod answers the path with the row's status and fields."""
    assert not differences(rule, observed.value), explain(rule, observed)
