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

pytestmark = pytest.mark.cluster

PROJECT = Path(__file__).parents[2]
SPEC = read_spec(PROJECT / "spec" / "self-hosted.yaml")
AS_DEPLOYED = ("apply", *SERVER_SIDE, "-k", str(OVERLAYS / "self-hosted"))


@dataclass(frozen=True)
class Act:
    """What is done and how it is undone, as kubectl's words; and what each red row says.

    Attributes:
        blind: Rows that have nothing left to judge, and why they are inconclusive.
        may: Rows that turn red too, or not, by what the act does not decide.
    """

    does: tuple[tuple[str, ...], ...]
    undoes: tuple[tuple[str, ...], ...]
    reds: dict[str, str]
    blind: dict[str, str] = field(default_factory=dict)
    may: frozenset[str] = frozenset()


ROUTER = ("-n", "voicehelper-prod")
POSTHOG = ("-n", "posthog")
FLOOR = '{"spec": {"minReplicas": %d}}'
NO_HPA = "HorizontalPodAutoscaler/voicehelper-prod/model-router-hpa: expected .*, observed "
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
            "hpa-min": "spec.minReplicas: expected 3, observed 2",
            "router-pdb-healthy": "status.disruptionsAllowed: expected at_least 1.0, observed 0",
            "router-replicas": "spec.replicas: expected 3 to 10, observed 2",
        },
    ),
    "autoscaler-deleted": Act(
        does=((*ROUTER, "delete", "hpa", "model-router-hpa"),),
        undoes=(AS_DEPLOYED,),
        reds={
            "hpa-conditions": f"{NO_HPA}absent",
            "hpa-cpu": f"{NO_HPA}no such object",
            "hpa-down-percent": f"{NO_HPA}no such object",
            "hpa-down-window": f"{NO_HPA}no such object",
            "hpa-max": f"{NO_HPA}no such object",
            "hpa-memory": f"{NO_HPA}no such object",
            "hpa-metrics": f"{NO_HPA}absent",
            "hpa-min": f"{NO_HPA}no such object",
            "hpa-requests": f"{NO_HPA}absent",
            "hpa-target": f"{NO_HPA}absent",
            "hpa-target-name": f"{NO_HPA}no such object",
            "hpa-up-percent": f"{NO_HPA}no such object",
            "hpa-up-pods": f"{NO_HPA}no such object",
            "hpa-up-select": f"{NO_HPA}no such object",
            "hpa-up-window": f"{NO_HPA}no such object",
        },
    ),
    # Connections that stand are not cut by a policy: the router's events still arrive.
    "namespace-labelled-wrongly": Act(
        does=(("label", "namespace", "posthog", "name=posthog-old", "--overwrite"),),
        undoes=(("label", "namespace", "posthog", "name=posthog", "--overwrite"),),
        reds={
            "egress-posthog": "3 of 3 Pods: expected allowed, observed timeout",
            "policy-peers": "egress.0..*name=posthog.: expected a namespace with this label",
            "policy-allows": "PostHog: expected posthog/app=posthog-web on 8000/TCP allowed",
        },
        may=OF_NEW_CONNECTIONS,
    ),
    "worker-stopped": Act(
        does=((*POSTHOG, "scale", "deployment/posthog-worker", "--replicas=0"),),
        undoes=((*POSTHOG, "scale", "deployment/posthog-worker", "--replicas=2"),),
        reds={
            "exposure-durable": "durable: expected 1.0, observed 0",
            "ingestion-durable": "durable: expected 1.0, observed 0 .0 of 200.",
            "ingestion-lag-p95-s": "lag_p95_s: .* observed no event came back",
            "ingestion-lost": "lost: expected 0, observed 200 of 200 sent",
            "posthog-total-cpu-limit": "sum of limits.cpu: expected 13.5, observed 9500m",
            "posthog-total-cpu-request": "sum of requests.cpu: expected 3.75, observed 2750m",
            "posthog-total-memory-limit": "sum of limits.memory: expected 27Gi, observed 19Gi",
            "posthog-total-memory-request": "sum of requests.memory: .* observed 4.75Gi",
            "posthog-worker-replicas": "spec.replicas: expected 2, observed 0",
            "posthog-worker-starts": "Deployment/posthog/posthog-worker: expected Pods",
            "status-worker-alive": "worker_alive: expected true, observed false",
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
            "egress-anthropic": "3 of 3 Pods: .*none of 1 egress rules allows it",
            "egress-dns": "3 of 3 Pods: .*none of 1 egress rules allows it",
            "egress-openai": "3 of 3 Pods: .*none of 1 egress rules allows it",
            "egress-postgres": "3 of 3 Pods: .*none of 1 egress rules allows it",
            "egress-posthog": "3 of 3 Pods: .*its name cannot be resolved: DNS is refused",
            "egress-redis": "3 of 3 Pods: .*none of 1 egress rules allows it",
            "policy-allows": "DNS: .*the README's literal policy",
            "router-dns-postgres": ".*the name did not resolve",
            "router-dns-posthog": ".*the name did not resolve",
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
    for row, words in act.reds.items():
        assert re.match(f"failed: {words}", results[row]), results[row]
    for row, words in act.blind.items():
        assert re.match(f"inconclusive: .*{words}", results[row]), results[row]
    sys.stdout.write(f"\n{len(act.reds)} of {len(rows)} rows red\n")
