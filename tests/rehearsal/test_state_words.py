"""The state of a deployment to the letter: what is kept of it, and what is said of a change."""

from typing import Any

import pytest

from clusterproof.act.rehearsal.state import changes, essence, incomplete, read_state
from clusterproof.spec.row import ObjectRef
from tests.observe.cluster_objects import cluster_of, deployment, pod
from tests.rehearsal.test_state import FULL, LABELS, REF, node, web


def test_the_essence_is_all_but_the_status_and_what_the_server_writes() -> None:
    metadata = {"name": "web", "namespace": "a", "labels": LABELS, "uid": "u", "selfLink": "/x"}
    metadata |= {"creationTimestamp": "now", "annotations": {"mine": "1"}}
    item = {"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"x": 1}, "status": {"y": 2}}
    assert essence({**item, "metadata": metadata}) == {
        "kind": "Deployment",
        "spec": {"x": 1},
        "metadata": {
            "name": "web",
            "namespace": "a",
            "labels": LABELS,
            "annotations": {"mine": "1"},
        },
    }


def test_a_state_has_every_kind_that_an_operation_may_change() -> None:
    kinds = ("ConfigMap", "Deployment", "HorizontalPodAutoscaler", "PodDisruptionBudget", "Service")
    objects: list[dict[str, Any]] = [
        {"kind": kind, "metadata": {"name": "x", "namespace": space}}
        for kind in (*kinds, "StatefulSet", "PersistentVolumeClaim", "DaemonSet")
        for space in ("a", "b", "c")
    ]
    for each in objects:
        if each["kind"] == "HorizontalPodAutoscaler":
            each["spec"] = {"scaleTargetRef": {"kind": "Deployment", "name": "x"}}
    database = ObjectRef(kind="StatefulSet", namespace="a", name="db")
    with cluster_of(*objects, node()) as cluster:
        state = read_state(cluster.api, ["b", "a", "b"], [database])
    wanted = (*kinds, "StatefulSet")
    assert list(state) == [*(f"{kind}/{space}/x" for space in "ab" for kind in wanted), "Node//n"]


def test_a_node_is_whether_it_takes_pods() -> None:
    with cluster_of(node(taints=[{"key": "x"}], unschedulable=True, podCIDR="x")) as cluster:
        state = read_state(cluster.api, [], [])
    assert state["Node//n"] == {"unschedulable": True}
    with cluster_of({"kind": "Node", "metadata": {"name": "n"}}) as cluster:
        bare = read_state(cluster.api, [], [])
    assert bare["Node//n"] == {"unschedulable": False}


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ({"a": [1, 2]}, {"a": [1, 3]}, "a[1] was 2, is 3"),
        ({"X": 1}, {"X": 2}, "X was 1, is 2"),
        ({"a": [1]}, {"a": [1, 2]}, "a was [1], is [1, 2]"),
        ({"a": {"b": 1}, "c": 2}, {"a": {"b": 1}, "c": 3}, "c was 2, is 3"),
        ({"a": {"b": 1}}, {"a": {}}, "a.b was 1, is absent"),
        ({"a": 1}, {"a": {"b": 1}}, "a was 1, is {'b': 1}"),
        ({"a": [{"b": 1}]}, {"a": [{"b": 2}]}, "a[0].b was 1, is 2"),
        ({"a": ""}, {"a": "x" * 60}, "a was , is " + "x" * 60),
        ({"a": ""}, {"a": "x" * 61}, "a was , is " + "x" * 60 + "…"),
    ],
)
def test_the_first_part_that_is_another_is_said(
    before: dict[str, Any], after: dict[str, Any], said: str
) -> None:
    assert list(changes({"K": before}, {"K": after})) == [f"K: {said}"]


def test_each_object_that_is_another_is_said_in_order() -> None:
    before = {"b": {"x": 1}, "c": {"x": 1}, "d": {"x": 1}}
    after = {"a": {"x": 1}, "c": {"x": 2}, "d": {"x": 1}}
    assert list(changes(before, after)) == [
        "a: was not there",
        "b: is gone",
        "c: x was 1, is 2",
    ]


def waiting(reason: str, name: str = "p") -> dict[str, Any]:
    """A Pod that waits for this reason."""
    return pod(name, "a", LABELS, state={"waiting": {"reason": reason}})


SHORT = "Deployment/a/web: desired 2, updated/ready/available/all [2, 1, 2, 2]"


@pytest.mark.parametrize(
    ("pods", "why"),
    [
        ([pod("p", "a", LABELS)], ""),
        ([waiting("PodInitializing")], ""),
        ([waiting("ErrImagePull"), waiting("Other", "q")], " (p: ErrImagePull)"),
        ([waiting("PodInitializing"), waiting("x" * 200, "q")], f" (q: {'x' * 157})"),
    ],
)
def test_what_is_not_whole_says_the_first_reason(pods: list[dict[str, Any]], why: str) -> None:
    with cluster_of(web(readyReplicas=1), *pods) as cluster:
        assert incomplete(cluster.api, [REF]) == (f"{SHORT}{why}",)


def test_a_pod_that_has_no_place_says_so() -> None:
    nowhere = waiting("ErrImagePull")
    nowhere["status"]["conditions"].append({"type": "PodScheduled", "status": "False"})
    with cluster_of(web(readyReplicas=1), nowhere) as cluster:
        assert incomplete(cluster.api, [REF]) == (f"{SHORT} (p: not scheduled)",)


@pytest.mark.parametrize(
    ("status", "why"), [("True", "exceeded quota"), ("False", "p: ErrImagePull")]
)
def test_what_the_controller_says_comes_first(status: str, why: str) -> None:
    conditions = [
        {"type": "Progressing", "status": "True", "message": "other"},
        {"type": "ReplicaFailure", "status": status, "message": "exceeded quota"},
    ]
    short = web(readyReplicas=1, conditions=conditions)
    with cluster_of(short, waiting("ErrImagePull")) as cluster:
        assert incomplete(cluster.api, [REF]) == (f"{SHORT} ({why})",)


def test_everything_that_is_not_whole_is_said_of_each_workload() -> None:
    ending = [pod(name, "a", LABELS) for name in ("p", "q")]
    for one in ending:
        one["metadata"]["deletionTimestamp"] = "2026-11-24T06:00:00Z"
    gone = ObjectRef(kind="Deployment", namespace="a", name="gone")
    with cluster_of(web(observedGeneration=2), *ending) as cluster:
        assert incomplete(cluster.api, [gone, REF], replicas=3) == (
            "Deployment/a/gone: no such object",
            "Deployment/a/web: 2 replicas are wanted, not 3",
            "Deployment/a/web: desired 2, updated/ready/available/all [2, 2, 2, 2]",
            "Deployment/a/web: yet to end: p, q",
        )


def test_a_workload_of_no_status_has_no_replicas() -> None:
    bare = deployment("web", "a", LABELS)
    with cluster_of(bare) as cluster:
        assert incomplete(cluster.api, [REF]) == (
            "Deployment/a/web: desired 1, updated/ready/available/all [0, 0, 0, 0]",
        )
    with cluster_of({**bare, "status": dict.fromkeys(FULL, 1)}, pod("p", "a", LABELS)) as cluster:
        assert incomplete(cluster.api, [REF], replicas=1) == ()


def test_what_another_workload_ends_is_not_this_ones() -> None:
    other = pod("other", "a", {"app": "other"})
    other["metadata"]["deletionTimestamp"] = "2026-11-24T06:00:00Z"
    with cluster_of(web(), other) as cluster:
        assert incomplete(cluster.api, [REF]) == ()


def test_a_status_that_was_never_written_is_of_no_generation() -> None:
    item = web()
    item["metadata"]["generation"] = 1
    del item["status"]["observedGeneration"]
    with cluster_of(item) as cluster:
        assert incomplete(cluster.api, [REF]) == (
            "Deployment/a/web: desired 2, updated/ready/available/all [2, 2, 2, 2]",
        )
