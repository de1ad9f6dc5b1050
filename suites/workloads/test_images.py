"""Images of every workload, against the rows `check: images`.

Source: Kubernetes docs, "Images" (v1.35, read 2026-11-23).
"""

import pytest

from clusterproof.explain import explain
from clusterproof.judge import differences
from clusterproof.observe import Observed
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.workloads import RunningImage, read_images
from clusterproof.spec.desired import ImagesRow

pytestmark = pytest.mark.rows("images")


@pytest.fixture
def observed(rule: ImagesRow, cluster: Cluster) -> Observed[tuple[RunningImage, ...]]:
    """Each container's image, declared and as its Pods run it."""
    return read_images(cluster, rule)


def test_workload_runs_pinned_images(
    rule: ImagesRow, observed: Observed[tuple[RunningImage, ...]]
) -> None:
    """Pinned, no placeholder, and what the Pods really run."""
    assert not differences(rule, observed.value), explain(rule, observed)
