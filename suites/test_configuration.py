"""ConfigMaps and Secrets as the containers really get them."""

import pytest

from clusterproof.run.check import Checked
from clusterproof.run.results import hold

pytestmark = pytest.mark.area("configuration")


def test_configuration(checked: Checked) -> None:
    """The row holds."""
    hold(checked)
