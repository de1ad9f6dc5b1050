"""What a person may do to a cluster with kubectl, and exactly the rows that it turns red.

The whole of the suites is run each time: no other row may be anything but green.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from clusterproof.observe.api import KubeApi
from clusterproof.observe.connect import connect
from clusterproof.outcome import Outcome
from clusterproof.report.record import RowResult
from clusterproof.spec import read_spec
from testbed.cluster import binaries, paths
from testbed.deploy.deployment import OVERLAYS
from testbed.deploy.kubectl import SERVER_SIDE, Kubectl
from testbed.prove.change import heal
from testbed.prove.run import check, quick

pytestmark = pytest.mark.cluster

PROJECT = Path(__file__).parents[2]
SPEC = read_spec(PROJECT / "spec" / "self-hosted.yaml")
AS_DEPLOYED = ("apply", *SERVER_SIDE, "-k", str(OVERLAYS / "self-hosted"))


@dataclass(frozen=True)
class Act:
    """What is done, how it is undone, and what each red row says first."""

    does: tuple[str, ...]
    undoes: tuple[str, ...]
    reds: dict[str, str]


ACTS = {
    "router-scaled-to-2": Act(
        does=("-n", "voicehelper-prod", "scale", "deployment/model-router", "--replicas=2"),
        undoes=("-n", "voicehelper-prod", "scale", "deployment/model-router", "--replicas=3"),
        reds={"router-replicas": "expected 3 to 10, observed 2"},
    ),
    "autoscaler-deleted": Act(
        does=("-n", "voicehelper-prod", "delete", "hpa", "model-router-hpa"),
        undoes=AS_DEPLOYED,
        reds={},
    ),
    "namespace-labelled-wrongly": Act(
        does=("label", "namespace", "posthog", "name=posthog-old", "--overwrite"),
        undoes=("label", "namespace", "posthog", "name=posthog", "--overwrite"),
        reds={},
    ),
    "worker-stopped": Act(
        does=("-n", "posthog", "scale", "deployment/posthog-worker", "--replicas=0"),
        undoes=("-n", "posthog", "scale", "deployment/posthog-worker", "--replicas=2"),
        reds={},
    ),
    "literal-policy": Act(
        does=(
            *("apply", *SERVER_SIDE, "-f"),
            str(PROJECT / "testbed" / "manifests" / "literal-netpol.yaml"),
        ),
        undoes=AS_DEPLOYED,
        reds={},
    ),
}


@pytest.fixture(scope="module")
def kubectl() -> Kubectl:
    return Kubectl(binaries.program("kubectl"), paths.KUBECONFIG)


@pytest.fixture(params=sorted(ACTS))
def act(request: pytest.FixtureRequest) -> Act:
    return ACTS[str(request.param)]


@pytest.fixture
def rows(act: Act, kubectl: Kubectl) -> Iterator[tuple[RowResult, ...]]:
    """Every row's result while the act is in force; the cluster is healed afterwards."""
    kubectl.run(*act.does)
    try:
        yield check(paths.KUBECONFIG, quick(SPEC), [PROJECT / "suites"])
    finally:
        kubectl.run(*act.undoes)
        api = KubeApi(connect(str(paths.KUBECONFIG)))
        heal(api, SPEC.namespaces.values())
        api.close()


def test_an_act_turns_exactly_its_rows_red(act: Act, rows: tuple[RowResult, ...]) -> None:
    said = {
        row.id: f"{row.outcome}: {'; '.join(row.differences) or row.cause}"
        for row in rows
        if row.outcome is not Outcome.PASSED
    }
    seen = "\n".join(f"{row}: {words}" for row, words in sorted(said.items()))
    assert sorted(said) == sorted(act.reds), seen
    for row, words in act.reds.items():
        assert f"failed: {words}" in said[row]
