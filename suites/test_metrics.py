"""Metrics of every Pod, and Prometheus that scrapes them."""

import pytest

from clusterproof.run.check import Checked
from fixtures.running import hold

pytestmark = pytest.mark.area("metrics")


def test_metrics(checked: Checked) -> None:
    """The row holds."""
    hold(checked)
