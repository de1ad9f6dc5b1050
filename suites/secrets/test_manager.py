"""Who manages Secrets, against the rows `check: secret-manager`.

Source: docs of Sealed Secrets, External Secrets Operator and Vault (read 2026-11-23).
"""

import pytest

from clusterproof.explain import explain
from clusterproof.judge import differences
from clusterproof.observe import Observed
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.configuration import SecretManager, read_secret_manager
from clusterproof.spec.desired import SecretManagerRow

pytestmark = pytest.mark.rows("secret-manager")


@pytest.fixture
def observed(rule: SecretManagerRow, cluster: Cluster) -> Observed[SecretManager]:
    """The tool behind each Secret, by owner reference or annotation."""
    return read_secret_manager(cluster, rule)


def test_secrets_are_there(rule: SecretManagerRow, observed: Observed[SecretManager]) -> None:
    """The Secrets exist; that none manages them is a warning in the evidence."""
    assert not differences(rule, observed.value), explain(rule, observed)
