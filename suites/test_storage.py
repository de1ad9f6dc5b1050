"""Volumes: classes, sizes and what is used of them."""

import pytest

from clusterproof.run.check import Checked
from clusterproof.run.results import hold

pytestmark = pytest.mark.area("storage")


def test_storage(checked: Checked) -> None:
    """The row holds."""
    hold(checked)
