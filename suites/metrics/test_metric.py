"""Metrics on every Pod's own page, against the rows `check: metric`.

Source: Prometheus docs, "Exposition formats" (read 2026-11-23).
"""

import pytest

from clusterproof.explain import explain
from clusterproof.judge import differences
from clusterproof.observe import Observed
from clusterproof.observe.metrics import Exposed, MetricsPages, read_exposed
from clusterproof.spec.behaviour import MetricRow

pytestmark = pytest.mark.rows("metric")


@pytest.fixture
def observed(rule: MetricRow, metrics_pages: MetricsPages) -> Observed[tuple[Exposed, ...]]:
    """The metric's type on the page of every running Pod."""
    return read_exposed(metrics_pages, rule)


def test_every_pod_exposes_the_metric(
    rule: MetricRow, observed: Observed[tuple[Exposed, ...]]
) -> None:
    """Each Pod's page has the metric, with its type."""
    assert not differences(rule, observed.value), explain(rule, observed)
