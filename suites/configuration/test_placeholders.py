"""Placeholders of the README, against the rows `check: placeholders`.

Source: the deployment's contract, Placeholders.
"""

import pytest

from clusterproof.explain import explain
from clusterproof.judge import differences
from clusterproof.observe import Observed
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.configuration import Placeholders, read_placeholders
from clusterproof.spec.desired import PlaceholdersRow

pytestmark = pytest.mark.rows("placeholders")


@pytest.fixture
def observed(rule: PlaceholdersRow, cluster: Cluster) -> Observed[Placeholders]:
    """Every place of the namespace that holds a placeholder."""
    return read_placeholders(cluster, rule)


def test_no_placeholder_survived(rule: PlaceholdersRow, observed: Observed[Placeholders]) -> None:
    """None is left."""
    assert not differences(rule, observed.value), explain(rule, observed)
