"""Keys that reach a container, against the rows `check: consumed`.

Source: Kubernetes docs, "ConfigMaps" and "Secrets" as environment variables
(v1.35, read 2026-11-23).
"""

import pytest

from clusterproof.explain import explain
from clusterproof.judge import differences
from clusterproof.observe import Observed
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.configuration import Consumed, read_consumed
from clusterproof.spec.desired import ConsumedRow

pytestmark = pytest.mark.rows("consumed")


@pytest.fixture
def observed(rule: ConsumedRow, cluster: Cluster) -> Observed[Consumed]:
    """Keys that the object holds and the container gets."""
    return read_consumed(cluster, rule)


def test_container_gets_its_keys(rule: ConsumedRow, observed: Observed[Consumed]) -> None:
    """Each key is held by the object and set in the container from it."""
    assert not differences(rule, observed.value), explain(rule, observed)
