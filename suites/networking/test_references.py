"""Hosts and ports in ConfigMaps, against the rows `check: reference`.

Source: Kubernetes docs, "DNS for Services and Pods" (v1.35, read 2026-11-23).
"""

import pytest

from clusterproof.explain import explain
from clusterproof.judge import differences
from clusterproof.observe import Observed
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.networking import Reference, read_reference
from clusterproof.spec.behaviour import ReferenceRow

pytestmark = pytest.mark.rows("reference")


@pytest.fixture
def observed(rule: ReferenceRow, cluster: Cluster) -> Observed[Reference]:
    """The host and port as the ConfigMap has them, and the Service."""
    return read_reference(cluster, rule)


def test_reference_names_a_service_and_its_port(
    rule: ReferenceRow, observed: Observed[Reference]
) -> None:
    """The host means the row's Service, and the port is one of its own."""
    assert not differences(rule, observed.value), explain(rule, observed)
