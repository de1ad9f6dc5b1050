"""Requests, limits, quotas, LimitRanges and room on the nodes."""

import pytest

from clusterproof.run.check import Checked
from clusterproof.run.results import hold

pytestmark = pytest.mark.area("resources")


def test_resources(checked: Checked) -> None:
    """The row holds."""
    hold(checked)
