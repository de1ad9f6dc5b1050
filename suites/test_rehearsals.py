"""Operations under load, each undone; only with --rehearse."""

import pytest

from clusterproof.run.check import Checked
from clusterproof.run.results import hold

pytestmark = pytest.mark.area("rehearsals")


def test_rehearsals(checked: Checked) -> None:
    """The row holds."""
    hold(checked)
