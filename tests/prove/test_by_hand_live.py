"""What a person may do to a cluster with kubectl, and exactly the rows that it turns red.

The whole of the suites is run each time: no other row may be anything but green.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from clusterproof.checks import read_spec
from clusterproof.kube.client import KubeApi
from clusterproof.kube.connection import connect
from clusterproof.outcome import Outcome
from clusterproof.report.record import RowResult
from testbed.cluster import binaries, paths
from testbed.deploy.deployment import OVERLAYS
from testbed.deploy.kubectl import SERVER_SIDE, Kubectl
from testbed.prove.heal import heal
from testbed.prove.run import check, quick
from testbed.prove.steps import Due

pytestmark = pytest.mark.cluster

PROJECT = Path(__file__).parents[2]
SPEC = read_spec(PROJECT / "spec" / "self-hosted.yaml")
AS_DEPLOYED = ("apply", *SERVER_SIDE, "-k", str(OVERLAYS / "self-hosted"))


@dataclass(frozen=True)
class Act:
    """What is done and how it is undone, as kubectl's words; and by what each row is red.

    Attributes:
        blind: Rows that have nothing left to judge, and why they are inconclusive.
        may: Rows that turn red too, or not, by what the act does not decide.
    """

    does: tuple[tuple[str, ...], ...]
    undoes: tuple[tuple[str, ...], ...]
    reds: dict[str, object]
    blind: dict[str, str] = field(default_factory=dict)
    may: frozenset[str] = frozenset()


ROUTER = ("-n", "voicehelper-prod")
POSTHOG = ("-n", "posthog")
FLOOR = '{"spec": {"minReplicas": %d}}'
GONE = ("event-lost", "event-waiting", "event-not-back")
OF_NEW_CONNECTIONS = frozenset(
    {"exposure-durable", "exposure-wrong-variant", "metric-posthog-events-sent-total-moves"}
)
"""Routers whose connection to PostHog stands go on sending: these are red where one is new."""

ACTS = {
    # The autoscaler would take the scaling back within 15 s: its floor is lowered first.
    "router-scaled-to-2": Act(
        does=(
            (*ROUTER, "patch", "hpa/model-router-hpa", "-p", FLOOR % 2),
            (*ROUTER, "scale", "deployment/model-router", "--replicas=2"),
        ),
        undoes=(
            (*ROUTER, "patch", "hpa/model-router-hpa", "-p", FLOOR % 3),
            (*ROUTER, "scale", "deployment/model-router", "--replicas=3"),
        ),
        reds={
            "hpa-min": {"code": "field-differs", "observed": "2"},
            "router-pdb-healthy": {"code": "field-differs", "observed": "0"},
            "router-replicas": {"code": "replicas-outside-bounds", "observed": "2"},
        },
    ),
    "autoscaler-deleted": Act(
        does=((*ROUTER, "delete", "hpa", "model-router-hpa"),),
        undoes=(AS_DEPLOYED,),
        reds={
            "hpa-conditions": "autoscaler-absent",
            "hpa-cpu": "object-absent",
            "hpa-down-percent": "object-absent",
            "hpa-down-select": "object-absent",
            "hpa-down-tolerance": "object-absent",
            "hpa-down-window": "object-absent",
            "hpa-max": "object-absent",
            "hpa-memory": "object-absent",
            "hpa-metrics": "autoscaler-absent",
            "hpa-min": "object-absent",
            "hpa-requests": "autoscaler-absent",
            "hpa-target": "autoscaler-absent",
            "hpa-target-name": "object-absent",
            "hpa-up-percent": "object-absent",
            "hpa-up-pods": "object-absent",
            "hpa-up-select": "object-absent",
            "hpa-up-tolerance": "object-absent",
            "hpa-up-window": "object-absent",
        },
    ),
    # Connections that stand are not cut by a policy: the router's events still arrive.
    "namespace-labelled-wrongly": Act(
        does=(("label", "namespace", "posthog", "name=posthog-old", "--overwrite"),),
        undoes=(("label", "namespace", "posthog", "name=posthog", "--overwrite"),),
        reds={
            "egress-posthog": "peer-not-allowed",
            "policy-peers": "namespace-missing",
            "policy-allows": {"code": "need-denied", "what": "PostHog"},
        },
        may=OF_NEW_CONNECTIONS,
    ),
    "worker-stopped": Act(
        does=((*POSTHOG, "scale", "deployment/posthog-worker", "--replicas=0"),),
        undoes=((*POSTHOG, "scale", "deployment/posthog-worker", "--replicas=2"),),
        reds={
            "exposure-durable": "exposure-lost",
            "ingestion-durable": GONE,
            "ingestion-lag-p95-s": GONE,
            "ingestion-lost": GONE,
            "posthog-total-cpu-limit": {"code": "total-differs", "observed": "9500m"},
            "posthog-total-cpu-request": {"code": "total-differs", "observed": "2750m"},
            "posthog-total-memory-limit": {"code": "total-differs", "observed": "19Gi"},
            "posthog-total-memory-request": {"code": "total-differs", "observed": "4.75Gi"},
            "posthog-worker-replicas": {"code": "replicas-outside-bounds", "observed": "0"},
            "posthog-worker-starts": "pods-absent",
            "status-worker-alive": {"code": "figure-differs", "observed": "false"},
        },
        blind={
            "exposure-wrong-variant": "no exposure event was read back",
            "ingestion-altered": "none of 200 events came back",
            "ingestion-duplicate": "none of 200 events came back",
            "ingestion-late": "none of 200 events came back",
        },
    ),
    "literal-policy": Act(
        does=(
            (
                *("apply", *SERVER_SIDE, "-f"),
                str(PROJECT / "testbed" / "manifests" / "literal-netpol.yaml"),
            ),
        ),
        undoes=(AS_DEPLOYED,),
        reds={
            "egress-anthropic": "peer-not-allowed",
            "egress-dns": "dns-refused",
            "egress-openai": "peer-not-allowed",
            "egress-postgres": "peer-not-allowed",
            "egress-posthog": "name-not-resolved",
            "egress-redis": "peer-not-allowed",
            "policy-allows": {"code": "need-denied", "what": "DNS"},
            "router-dns-postgres": "name-not-resolved",
            "router-dns-posthog": "name-not-resolved",
        },
        may=OF_NEW_CONNECTIONS,
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
    for words in act.does:
        kubectl.run(*words)
    try:
        yield check(paths.KUBECONFIG, quick(SPEC))
    finally:
        for words in act.undoes:
            kubectl.run(*words)
        api = KubeApi(connect(str(paths.KUBECONFIG)))
        heal(api, SPEC.namespaces.values())
        api.close()


def test_an_act_turns_exactly_its_rows_red(act: Act, rows: tuple[RowResult, ...]) -> None:
    results = {
        row.id: f"{row.outcome}: {'; '.join(row.differences) or row.cause}"
        for row in rows
        if row.outcome is not Outcome.PASSED
    }
    listing = "\n".join(f"{row}: {words}" for row, words in sorted(results.items()))
    assert set(results) - act.may == act.reds.keys() | act.blind.keys(), listing
    parts = {row.id: row.parts for row in rows if row.outcome is Outcome.FAILED}
    for row, code in act.reds.items():
        due = Due.model_validate(code)
        assert any(due.is_met(part) for part in parts[row]), results[row]
    for row, words in act.blind.items():
        assert re.match(f"inconclusive: .*{words}", results[row]), results[row]
    sys.stdout.write(f"\n{len(act.reds)} of {len(rows)} rows red\n")
