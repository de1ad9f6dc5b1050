"""`clusterproof init` beside autoscalers: its own spec is green on the cluster that they scale."""

from typing import Any

import pytest

from tests.generate.test_more_rows import service
from tests.generate.test_rows import PLAIN, REF, item, made, rows, workload

Json = dict[str, Any]
SCALED_OBJECT = "ScaledObject.v1alpha1.keda.sh"
VERTICAL = "VerticalPodAutoscaler.v1.autoscaling.k8s.io"
ASKING = {**PLAIN, "resources": {"requests": {"cpu": "100m"}, "limits": {"memory": "1Gi"}}}


def scaled(**spec: Any) -> Json:  # noqa: ANN401 - raw JSON
    """KEDA's, of the workload; KEDA takes it for a Deployment where nobody says its kind."""
    return item(SCALED_OBJECT, {"scaleTargetRef": {"name": "web"}, "triggers": [], **spec})


@pytest.mark.parametrize(
    ("spec", "low", "high"),
    [
        ({}, 0, 100),
        ({"minReplicaCount": 2, "maxReplicaCount": 9}, 2, 9),
        ({"minReplicaCount": 2, "maxReplicaCount": 9, "idleReplicaCount": 0}, 0, 9),
    ],
)
def test_replicas_that_keda_scales_are_within_its_bounds(spec: Json, low: int, high: int) -> None:
    checks = {row["check"]: row for row in rows("workloads", workload(PLAIN), scaled(**spec))}
    assert checks["replicas"]["replicas"] == {"min": low, "max": high}
    assert ("starts" in checks) is (low > 0)


BY_HPA = {"scaleTargetRef": {"kind": "Deployment", "name": "web"}, "maxReplicas": 9}
OF_KEDA = item("HorizontalPodAutoscaler", {**BY_HPA, "minReplicas": 1})
OF_KEDA["metadata"] |= {"name": "h", "labels": {"app.kubernetes.io/managed-by": "keda-operator"}}
IDLE = scaled(minReplicaCount=3, idleReplicaCount=0, maxReplicaCount=9)


@pytest.mark.parametrize(
    ("replicas", "scalers", "low"),
    [
        (0, [item("HorizontalPodAutoscaler", {**BY_HPA, "minReplicas": 0})], 0),
        (0, [item("HorizontalPodAutoscaler", BY_HPA)], 0),  # switched off by 0 replicas
        (2, [item("HorizontalPodAutoscaler", BY_HPA)], 1),
        (0, [OF_KEDA], 0),  # its ScaledObject is not among the objects
        (2, [OF_KEDA], 0),
        (0, [OF_KEDA, IDLE], 0),
        (0, [IDLE, OF_KEDA], 0),
        (5, [scaled(minReplicaCount=3, maxReplicaCount=9), OF_KEDA], 3),
    ],
)
def test_replicas_that_are_scaled_to_none_are_as_expected(
    replicas: int, scalers: list[Json], low: int
) -> None:
    web = workload(PLAIN, replicas=replicas)
    (row,) = [row for row in rows("workloads", web, *scalers) if row["check"] == "replicas"]
    assert row["replicas"] == {"min": low, "max": 9}


def test_replicas_of_a_paused_rollout_are_left_out() -> None:
    """Its row would be red at once: `rollout-paused`."""
    paused = workload(PLAIN, paused=True)
    assert "replicas" not in {row["check"] for row in rows("workloads", paused)}
    assert f"{REF}: its replicas, as its rollout is paused" in made(paused).left_out


def test_replicas_of_somebodys_own_kind_that_are_scaled_are_no_drift() -> None:
    """As those of a Rollout."""
    kind = "Rollout.v1alpha1.argoproj.io"
    rollout = item(kind, {"replicas": 3, "strategy": {"canary": {"maxSurge": 1}}})
    target = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "web"}
    spec = {"scaleTargetRef": target, "minReplicas": 2, "maxReplicas": 5}
    ref = f"{kind}/${{here}}/web"

    def paths(*objects: Json) -> list[str]:
        return [row["path"] for row in rows("workloads", *objects) if row.get("of") == ref]

    assert paths(rollout) == ["spec.replicas", "spec.strategy"]
    autoscaler = item("HorizontalPodAutoscaler", spec)
    assert paths(rollout, autoscaler) == ["spec.strategy"]
    said = f"{ref}: spec.replicas, which its autoscaler keeps between 2 and 5"
    assert said in made(rollout, autoscaler).left_out


@pytest.mark.parametrize("scaler", [scaled(), None])
def test_what_may_have_no_pods_claims_nothing_of_them(scaler: Json | None) -> None:
    none = {} if scaler else {"replicas": 0}
    main = {**PLAIN, "ports": [{"containerPort": 80}]}
    objects = [workload(main, **none), service({"port": 80}), *([scaler] if scaler else [])]
    found = made(*objects)
    checks = [row["check"] for area in found.areas.values() for row in area]
    assert "service" not in checks
    assert "starts" not in checks
    why = "may be scaled to none" if scaler else "has no replicas"
    assert f"{REF}: whether its containers start, as it {why}" in found.left_out
    assert f"Service/${{here}}/front: its workload {why}" in found.left_out


@pytest.mark.parametrize(("nodes", "least", "starts"), [(0, 0, False), (3, 1, True)])
def test_a_daemon_of_nodes_that_the_cluster_has_not(
    nodes: int, least: int, *, starts: bool
) -> None:
    """As those of GPUs that managed clusters bring along."""
    daemon = workload(PLAIN) | {"kind": "DaemonSet"}
    daemon["status"] = {"desiredNumberScheduled": nodes}
    checks = {row["check"]: row for row in rows("workloads", daemon)}
    assert checks["replicas"]["replicas"]["min"] == least
    assert ("starts" in checks) is starts


def vertical(**spec: Any) -> Json:  # noqa: ANN401 - raw JSON
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    return item(VERTICAL, {"targetRef": target, **spec})


@pytest.mark.parametrize(
    ("policy", "template_alone"),
    [
        ({}, {"requests", "limits"}),
        ({"containerName": "*", "controlledValues": "RequestsOnly"}, {"requests"}),
        ({"containerName": "web", "controlledResources": ["memory"]}, {"limits"}),
        ({"containerName": "web", "controlledResources": []}, set()),
        ({"containerName": "web", "mode": "Off"}, set()),
    ],
)
def test_what_a_vertical_autoscaler_sets_is_said_of_the_template_alone(
    policy: Json, template_alone: set[str]
) -> None:
    scaler = vertical(resourcePolicy={"containerPolicies": [policy]} if policy else {})
    found = rows("resources", workload(ASKING), scaler)
    assert len(found) == 2
    of_template = {row["path"].split(".")[-1].split("[")[0] for row in found if "path" in row}
    assert of_template == template_alone


def test_a_vertical_autoscaler_that_only_recommends_sets_nothing() -> None:
    scaler = vertical(updatePolicy={"updateMode": "Off"})
    found = rows("resources", workload(ASKING), scaler)
    assert {row["check"] for row in found} == {"quantity"}


@pytest.mark.parametrize(
    "odd",
    [
        item(SCALED_OBJECT, {"scaleTargetRef": "web"}),
        item(SCALED_OBJECT, {"scaleTargetRef": {"name": "web"}, "minReplicaCount": "two"}),
        item(VERTICAL, {"targetRef": {"kind": "Deployment", "name": "web"}, "resourcePolicy": 1}),
        item("HorizontalPodAutoscaler", {"scaleTargetRef": {"kind": "Deployment", "name": "web"}}),
    ],
)
def test_an_autoscaler_that_the_api_server_would_not_take_breaks_nothing(odd: Json) -> None:
    made(workload(PLAIN), odd)
