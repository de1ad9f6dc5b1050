"""PostHog's own status page, against the rows `check: posthog-status`.

Source: PostHog's posthog/api/instance_status.py (read 2026-11-23).
"""

import pytest

from clusterproof.explain import explain
from clusterproof.judge import differences
from clusterproof.kube.paths import Missing, look_up
from clusterproof.observe import Observed
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.posthog_status import Figure, StatusPage, read_figure
from clusterproof.spec.behaviour import StatusRow

pytestmark = pytest.mark.rows("posthog-status")


@pytest.fixture
def observed(
    rule: StatusRow, status_page: StatusPage, cluster: Cluster, *, nothing_arrived: bool
) -> Observed[Figure]:
    """One figure of the status page, with what speaks against it."""
    claim = cluster.find(rule.of) if rule.of else None
    capacity = look_up(claim, "status.capacity.storage")
    return read_figure(
        status_page,
        rule,
        capacity=None if isinstance(capacity, Missing) else capacity,
        nothing_arrived=nothing_arrived,
    )


def test_posthog_is_well(rule: StatusRow, observed: Observed[Figure]) -> None:
    """What PostHog says of itself is as expected, and agrees with what was seen."""
    assert not differences(rule, observed.value), explain(rule, observed)
