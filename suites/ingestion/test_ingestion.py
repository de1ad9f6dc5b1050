"""Events sent by the official SDK and read back, against the rows `check: ingestion`.

Source: PostHog's own acceptance tests of its ingestion (read 2026-11-23).
"""

import pytest

from clusterproof.explain import explain
from clusterproof.judge import differences
from clusterproof.observe import Observed
from clusterproof.observe.ingestion import EventBatch, read_batch
from clusterproof.spec.behaviour import IngestionRow

pytestmark = pytest.mark.rows("ingestion")


@pytest.fixture
def observed(rule: IngestionRow, ingestion: EventBatch) -> Observed[EventBatch]:
    """What became of every event of one batch."""
    return read_batch(ingestion, rule)


def test_events_arrive_as_they_were_sent(
    rule: IngestionRow, observed: Observed[EventBatch]
) -> None:
    """The row's figure of the batch is as expected."""
    assert not differences(rule, observed.value), explain(rule, observed)
