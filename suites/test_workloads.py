"""Workloads: images, replicas, probes and starts."""

import pytest

from clusterproof.run.check import Checked
from clusterproof.run.results import hold

pytestmark = pytest.mark.area("workloads")


def test_workloads(checked: Checked) -> None:
    """The row holds."""
    hold(checked)
