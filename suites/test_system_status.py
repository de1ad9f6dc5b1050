"""PostHog's own status page, and what speaks against it."""

import pytest

from clusterproof.run.check import Checked
from clusterproof.run.results import hold

pytestmark = pytest.mark.area("system-status")


def test_system_status(checked: Checked) -> None:
    """The row holds."""
    hold(checked)
