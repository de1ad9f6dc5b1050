"""How a deployment is: what counts as a change, and what as not whole."""

from typing import Any

import pytest

from clusterproof.act.rehearsal.state import changes, essence, incomplete, read_state
from clusterproof.spec.row import ObjectRef
from tests.observe.cluster_objects import cluster_of, deployment, pod

REF = ObjectRef(kind="Deployment", namespace="a", name="web")
ROLLOUT = "Rollout.v1alpha1.argoproj.io"
LABELS = {"app": "web"}
FULL = {"updatedReplicas": 2, "readyReplicas": 2, "availableReplicas": 2, "replicas": 2}


def web(**status: Any) -> dict[str, Any]:  # noqa: ANN401 - raw JSON
    item = deployment("web", "a", LABELS)
    item["metadata"]["generation"] = 3
    item["spec"]["replicas"] = 2
    return {**item, "status": {"observedGeneration": 3, **FULL, **status}}


def node(**spec: Any) -> dict[str, Any]:  # noqa: ANN401 - raw JSON
    return {"kind": "Node", "metadata": {"name": "n", "labels": {"zone": "a"}}, "spec": spec}


def test_what_the_server_writes_is_no_change() -> None:
    one = web()
    other = web(readyReplicas=0)
    other["metadata"] |= {"generation": 9, "resourceVersion": "7", "managedFields": [{}]}
    other["metadata"]["annotations"] = {"deployment.kubernetes.io/revision": "8"}
    assert essence(one) == essence(other)


@pytest.mark.parametrize(
    ("after", "said"),
    [
        ([node(unschedulable=True), web()], "Node//n: unschedulable was False, is True"),
        ([node()], "Deployment/a/web: is gone"),
        ([node(), web(), deployment("new", "a", {})], "Deployment/a/new: was not there"),
    ],
    ids=["cordoned", "gone", "left"],
)
def test_what_is_not_as_it_was_is_named(after: list[dict[str, Any]], said: str) -> None:
    with cluster_of(node(), web()) as first, cluster_of(*after) as second:
        before = read_state(first.api, ["a"], [REF])
        assert list(changes(before, read_state(second.api, ["a"], [REF]))) == [said]


SCALED: dict[str, Any] = {
    "kind": "HorizontalPodAutoscaler",
    "metadata": {"name": "web", "namespace": "a"},
    "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "web"}, "maxReplicas": 9},
}


def _config(name: str, text: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "a"}
    return {"kind": "ConfigMap", "metadata": metadata, "data": {"key": text}}


def _claim(name: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "a"}
    return {"kind": "PersistentVolumeClaim", "metadata": metadata, "spec": {"volumeName": "v"}}


def _marked(item: dict[str, Any]) -> dict[str, Any]:
    """As an autoscaler of nodes marks one that it may do without, and a discovery of features."""
    key = "DeletionCandidateOfClusterAutoscaler"
    taints = [{"key": key, "value": "1764345600", "effect": "PreferNoSchedule"}]
    labels = {**item["metadata"]["labels"], "feature.node.kubernetes.io/cpu-load": "high"}
    metadata = {**item["metadata"], "labels": labels}
    return {**item, "metadata": metadata, "spec": {**item["spec"], "taints": taints}}


def _replicas(item: dict[str, Any], count: int) -> dict[str, Any]:
    return {**item, "spec": {**item["spec"], "replicas": count}}


KEPT_BY_KEDA = {
    **SCALED,
    "metadata": {
        "name": "keda-hpa-web",
        "namespace": "a",
        "labels": {"app.kubernetes.io/managed-by": "keda-operator"},
    },
}
TO_ZERO = {**SCALED, "spec": {**SCALED["spec"], "minReplicas": 0}}
DB = {
    "kind": "StatefulSet",
    "metadata": {"name": "db", "namespace": "a"},
    "spec": {"volumeClaimTemplates": [{"metadata": {"name": "data"}}]},
}
DB_SCALED = {
    "kind": "HorizontalPodAutoscaler",
    "metadata": {"name": "db", "namespace": "a"},
    "spec": {"scaleTargetRef": {"kind": "StatefulSet", "name": "db"}, "maxReplicas": 9},
}


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ([web(), SCALED], [_replicas(web(), 4), SCALED], []),
        ([web()], [_replicas(web(), 4)], ["Deployment/a/web: spec.replicas was 2, is 4"]),
        ([web()], [web(), node()], []),
        ([web(), node()], [web()], []),
        ([node()], [_marked(node())], []),
        ([_config("state", "1")], [_config("state", "2"), _config("lock", "1")], []),
        (
            [_config("own", "1")],
            [_config("own", "2")],
            ["ConfigMap/a/own: data.key was 1, is 2"],
        ),
        (
            [DB, _claim("data-db-0")],
            [DB, _claim("data-db-0"), _claim("data-db-1")],
            ["PersistentVolumeClaim/a/data-db-1: was not there"],
        ),
        ([DB, DB_SCALED], [DB, DB_SCALED, _claim("data-db-1")], []),
        ([DB], [DB, _claim("report-29401-x7k2p-scratch"), _claim("data-other-db-1")], []),
        (
            [web(), SCALED],
            [_replicas(web(), 0), SCALED],
            [
                "Deployment/a/web: spec.replicas was set by a HorizontalPodAutoscaler, is 0",
            ],
        ),
        ([_replicas(web(), 0), SCALED], [_replicas(web(), 0), SCALED], []),
        ([_replicas(web(), 0), KEPT_BY_KEDA], [_replicas(web(), 2), KEPT_BY_KEDA], []),
        ([web(), TO_ZERO], [_replicas(web(), 0), TO_ZERO], []),
    ],
    ids=[
        "autoscaled",
        "scaled",
        "a node joined",
        "a node left",
        "a node is marked",
        "a controller's state",
        "own",
        "a claim is left",
        "an autoscaler's claim",
        "claims of others",
        "left at 0",
        "at 0 before",
        "from 0 by KEDA",
        "to 0 by an HPA",
    ],
)
def test_what_others_do_meanwhile_is_not_ours(
    before: list[dict[str, Any]], after: list[dict[str, Any]], said: list[str]
) -> None:
    database = ObjectRef(kind="StatefulSet", namespace="a", name="db")
    states = []
    for objects in (before, after):
        with cluster_of(*objects) as cluster:
            states.append(read_state(cluster.api, ["a"], [REF, database], ["ConfigMap/a/own"]))
    assert list(changes(*states)) == said


@pytest.mark.parametrize(
    ("api_version", "said"),
    [
        ("argoproj.io/v1alpha1", []),
        ("apps/v1", [f"{ROLLOUT}/a/web: spec.replicas was 2, is 4"]),
    ],
)
def test_an_autoscaler_may_scale_a_workload_of_somebodys_own_kind(
    api_version: str, said: list[str]
) -> None:
    target = {"apiVersion": api_version, "kind": "Rollout", "name": "web"}
    scaler = {**SCALED, "spec": {"scaleTargetRef": target, "maxReplicas": 9}}
    ref = ObjectRef(kind=ROLLOUT, namespace="a", name="web")
    resource = {"kind": "Rollout", "name": "rollouts", "namespaced": True}
    states = []
    for count in (2, 4):
        rollout = _replicas(web() | {"kind": "Rollout"}, count)
        served: dict[str, Any] = {
            "/apis/argoproj.io/v1alpha1": {"resources": [resource]},
            "/apis/argoproj.io/v1alpha1/namespaces/a/rollouts": {
                "kind": "RolloutList",
                "items": [rollout],
            },
        }
        with cluster_of(scaler, answers=served) as cluster:
            states.append(read_state(cluster.api, ["a"], [ref]))
    assert list(changes(*states)) == said


def test_a_field_is_named_by_its_path() -> None:
    changed = web()
    changed["spec"]["template"]["metadata"]["annotations"] = {"restartedAt": "now"}
    with cluster_of(web()) as first, cluster_of(changed) as second:
        before, after = (read_state(one.api, ["a"], [REF]) for one in (first, second))
    said = "spec.template.metadata.annotations was absent, is {'restartedAt': 'now'}"
    assert list(changes(before, after)) == [f"Deployment/a/web: {said}"]


def test_our_own_objects_are_no_change() -> None:
    ours = {
        "kind": "ConfigMap",
        "metadata": {"name": "x", "namespace": "a", "labels": {"clusterproof.dev/run": "r"}},
    }
    with cluster_of(web(), ours) as cluster:
        assert set(read_state(cluster.api, ["a"], [REF])) == {"Deployment/a/web"}


@pytest.mark.parametrize(
    ("status", "replicas", "said"),
    [
        ({}, None, ""),
        ({}, 2, ""),
        ({}, 5, "2 replicas are wanted, not 5"),
        ({"updatedReplicas": 1}, None, "updated/ready/available/all [1, 2, 2, 2]"),
        ({"replicas": 3}, None, "updated/ready/available/all [2, 2, 2, 3]"),
        ({"availableReplicas": 1}, None, "[2, 2, 1, 2]"),
        ({"observedGeneration": 2}, None, "desired 2"),
        ({"observedGeneration": "2"}, None, "desired 2"),  # a Rollout's is a text
        ({"observedGeneration": "3"}, None, ""),
        ({"observedGeneration": "5d8f7c"}, None, ""),  # an older Rollout's is a hash
    ],
)
def test_whole_is_current_and_available(
    status: dict[str, Any], replicas: int | None, said: str
) -> None:
    with cluster_of(web(**status), pod("p", "a", LABELS)) as cluster:
        found = "; ".join(incomplete(cluster.api, [REF], replicas=replicas))
    assert said in found
    assert bool(said) == bool(found)


def test_a_pod_that_has_yet_to_end_is_not_whole() -> None:
    ending = pod("old", "a", LABELS)
    ending["metadata"]["deletionTimestamp"] = "2026-11-24T06:00:00Z"
    with cluster_of(web(), ending) as cluster:
        assert incomplete(cluster.api, [REF]) == ("Deployment/a/web: yet to end: old",)


def test_a_workload_that_is_gone_is_not_whole() -> None:
    with cluster_of() as cluster:
        assert incomplete(cluster.api, [REF]) == ("Deployment/a/web: no such object",)
