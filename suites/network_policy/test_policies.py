"""NetworkPolicies as they are written, against the rows `check: policy`.

Source: Kubernetes docs, "Network Policies" (v1.35, read 2026-11-23).
"""

import pytest

from clusterproof.explain import explain
from clusterproof.judge import differences
from clusterproof.observe import Observed
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.policy import PolicyView, read_policies
from clusterproof.spec.behaviour import PolicyRow

pytestmark = pytest.mark.rows("policy")


@pytest.fixture
def observed(rule: PolicyRow, cluster: Cluster) -> Observed[PolicyView]:
    """The policy, those beside it, and the Pods and namespaces that they are about."""
    return read_policies(cluster, rule)


def test_policy_says_what_it_must(rule: PolicyRow, observed: Observed[PolicyView]) -> None:
    """It selects the workload, names namespaces that exist, and allows what the workload needs."""
    assert not differences(rule, observed.value), explain(rule, observed)
