"""Fields that must say the same, against the rows `check: agrees`.

Source: the deployment's contract.
"""

import pytest

from clusterproof.explain import explain
from clusterproof.judge import differences
from clusterproof.observe import Observed
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.fields import FieldPair, read_pair
from clusterproof.spec.desired import AgreesRow

pytestmark = pytest.mark.rows("agrees")


@pytest.fixture
def observed(rule: AgreesRow, cluster: Cluster) -> Observed[FieldPair]:
    """Both fields as the API server holds them."""
    return read_pair(cluster, rule)


def test_fields_agree(rule: AgreesRow, observed: Observed[FieldPair]) -> None:
    """The part that the row cuts out of one is the other."""
    assert not differences(rule, observed.value), explain(rule, observed)
