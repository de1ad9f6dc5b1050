"""Single fields of objects, against the rows `check: field`.

Source: Kubernetes API reference (v1.35, read 2026-11-23); the meaning of a field is compared,
not its spelling.
"""

import pytest

from clusterproof.explain import explain
from clusterproof.judge import differences
from clusterproof.observe import Observed
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.fields import FieldValue, read_field
from clusterproof.spec.desired import FieldRow

pytestmark = pytest.mark.rows("field")


@pytest.fixture
def observed(rule: FieldRow, cluster: Cluster) -> Observed[FieldValue]:
    """The field as the API server holds it."""
    return read_field(cluster, rule)


def test_field_is_as_declared(rule: FieldRow, observed: Observed[FieldValue]) -> None:
    """The field meets the row's expectation."""
    assert not differences(rule, observed.value), explain(rule, observed)
