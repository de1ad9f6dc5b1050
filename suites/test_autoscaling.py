"""HorizontalPodAutoscalers: what they say, and what they are computed from."""

import pytest

from clusterproof.run.check import Checked
from clusterproof.run.results import hold

pytestmark = pytest.mark.area("autoscaling")


def test_autoscaling(checked: Checked) -> None:
    """The row holds."""
    hold(checked)
