"""Services, names, Ingresses and certificates."""

import pytest

from clusterproof.run.check import Checked
from clusterproof.run.results import hold

pytestmark = pytest.mark.area("networking")


def test_networking(checked: Checked) -> None:
    """The row holds."""
    hold(checked)
