"""NetworkPolicies, read, and dialled from every Pod."""

import pytest

from clusterproof.run.check import Checked
from clusterproof.run.results import hold

pytestmark = pytest.mark.area("network-policy")


def test_network_policy(checked: Checked) -> None:
    """The row holds."""
    hold(checked)
