"""Metrics of every Pod, and Prometheus that scrapes them."""

import pytest

from clusterproof.run.check import Checked
from clusterproof.run.results import hold

pytestmark = pytest.mark.area("metrics")


def test_metrics(checked: Checked) -> None:
    """The row holds."""
    hold(checked)
