"""Events, exposures and flags, sent and read back."""

import pytest

from clusterproof.run.check import Checked
from clusterproof.run.results import hold

pytestmark = pytest.mark.area("ingestion")


def test_ingestion(checked: Checked) -> None:
    """The row holds."""
    hold(checked)
