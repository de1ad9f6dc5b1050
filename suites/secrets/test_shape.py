"""Secrets by their shape, against the rows `check: secret-shape`.

Source: the deployment's contract, Config and PostHog secrets.
"""

import pytest

from clusterproof.explain import explain
from clusterproof.judge import differences
from clusterproof.observe import Observed
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.configuration import SecretShape, read_secret_shape
from clusterproof.spec.desired import SecretShapeRow

pytestmark = pytest.mark.rows("secret-shape")


@pytest.fixture
def observed(rule: SecretShapeRow, cluster: Cluster) -> Observed[SecretShape]:
    """Length, prefix and placeholder; never the value."""
    return read_secret_shape(cluster, rule)


def test_secret_has_its_shape(rule: SecretShapeRow, observed: Observed[SecretShape]) -> None:
    """Present, long enough, with its prefix, and no placeholder."""
    assert not differences(rule, observed.value), explain(rule, observed)
