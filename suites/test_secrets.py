"""Secrets by their shape, never by their value."""

import pytest

from clusterproof.run.check import Checked
from clusterproof.run.results import hold

pytestmark = pytest.mark.area("secrets")


def test_secrets(checked: Checked) -> None:
    """The row holds."""
    hold(checked)
