"""Ingresses and their backends, against the rows `check: ingress`.

Source: Kubernetes docs, "Ingress" (v1.35, read 2026-11-23).
"""

import pytest

from clusterproof.explain import explain
from clusterproof.judge import differences
from clusterproof.observe import Observed
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.networking import IngressView, read_ingress
from clusterproof.spec.behaviour import IngressRow

pytestmark = pytest.mark.rows("ingress")


@pytest.fixture
def observed(rule: IngressRow, cluster: Cluster) -> Observed[IngressView]:
    """The Ingress' rules for the host, its Service, and its addresses."""
    return read_ingress(cluster, rule)


def test_ingress_leads_to_its_service(rule: IngressRow, observed: Observed[IngressView]) -> None:
    """The host is sent to a port that the Service has, and a controller serves it."""
    assert not differences(rule, observed.value), explain(rule, observed)
