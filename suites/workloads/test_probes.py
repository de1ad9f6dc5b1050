"""The kubelet's probes, against the rows `check: probe`.

Source: Kubernetes docs, "Configure Liveness, Readiness and Startup Probes"
(v1.35, read 2026-11-23).
"""

import pytest

from clusterproof.explain import explain
from clusterproof.judge import differences
from clusterproof.observe import Observed
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.workloads import Probe, read_probe
from clusterproof.spec.desired import ProbeRow

pytestmark = pytest.mark.rows("probe")


@pytest.fixture
def observed(rule: ProbeRow, cluster: Cluster) -> Observed[Probe]:
    """The probe as the template declares it."""
    return read_probe(cluster, rule)


def test_container_has_its_probe(rule: ProbeRow, observed: Observed[Probe]) -> None:
    """The probe's handler, path and port are the row's."""
    assert not differences(rule, observed.value), explain(rule, observed)
