"""Metrics against what we sent ourselves, by the rows `check: metric-moves`.

Source: Prometheus docs, "Metric types: Counter" (read 2026-11-23).
"""

import pytest

from clusterproof.explain import explain
from clusterproof.judge import differences
from clusterproof.observe import Observed
from clusterproof.observe.moves import Moved, read_moves
from clusterproof.observe.traffic import Traffic
from clusterproof.spec.behaviour import MetricMovesRow

pytestmark = pytest.mark.rows("metric-moves")


@pytest.fixture
def observed(rule: MetricMovesRow, traffic: Traffic) -> Observed[Moved]:
    """The metric's rise over all Pods while our traffic was sent."""
    return read_moves(traffic, rule)


def test_metric_rises_by_what_was_done(rule: MetricMovesRow, observed: Observed[Moved]) -> None:
    """The rise is what we sent: nothing lost, nothing counted twice."""
    assert not differences(rule, observed.value), explain(rule, observed)
