"""Exposure events of routed requests, against the rows `check: exposure`.

Source: PostHog docs, "Experiments: exposures" (read 2026-11-23).
"""

from collections.abc import Mapping

import pytest

from clusterproof.errors import ObservationError
from clusterproof.explain import explain
from clusterproof.judge import differences
from clusterproof.observe import Observed
from clusterproof.observe.ingestion import Exposures, Reading, Stored, read_exposures
from clusterproof.observe.traffic import Traffic
from clusterproof.spec import Spec
from clusterproof.spec.behaviour import ExposureRow

pytestmark = pytest.mark.rows("exposure")


@pytest.fixture
def observed(
    rule: ExposureRow,
    spec: Spec,
    traffic: Traffic,
    exposures_back: tuple[Mapping[str, Stored], Reading],
) -> Observed[Exposures]:
    """Our routed requests, with the events that tell PostHog of them."""
    if spec.settings.traffic is None:
        raise ObservationError(f"{spec.path.name} has no settings.traffic")
    return read_exposures(traffic, exposures_back, rule, spec.settings.traffic.variant_property)


def test_exposures_tell_what_was_routed(rule: ExposureRow, observed: Observed[Exposures]) -> None:
    """The row's figure of the routed requests is as expected."""
    assert not differences(rule, observed.value), explain(rule, observed)
