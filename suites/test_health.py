"""Probes and health endpoints, asked of every Pod."""

import pytest

from clusterproof.run.check import Checked
from clusterproof.run.results import hold

pytestmark = pytest.mark.area("health")


def test_health(checked: Checked) -> None:
    """The row holds."""
    hold(checked)
