"""Counts and generations of rollouts, as the API leaves them out or spells them."""

from typing import Any

import pytest

from clusterproof.kube.rollout import is_observed, progress_of, wanted_pods

Json = dict[str, Any]


def workload(status: Json, **spec: Any) -> Json:  # noqa: ANN401 - raw JSON
    return {"metadata": {"generation": 3}, "spec": spec, "status": status}


def test_a_count_that_is_absent_is_zero() -> None:
    """Three Pods are ready, and none is for `minReadySeconds` yet: the API leaves out the 0."""
    status = {"readyReplicas": 3, "replicas": 3, "updatedReplicas": 3, "unavailableReplicas": 3}
    progress = progress_of("Deployment", workload(status, replicas=3))
    assert dict(progress.counts)["availableReplicas"] == 0
    assert not progress.is_complete


@pytest.mark.parametrize("spec", [{}, {"replicas": None}])
def test_replicas_that_are_not_said_are_one(spec: Json) -> None:
    assert progress_of("Deployment", workload({}, **spec)).desired == 1


@pytest.mark.parametrize(
    ("observed", "is_current"),
    [(3, True), (2, False), ("3", True), ("2", False), ("5f6d7c", True), (None, False)],
    ids=repr,
)
def test_the_generation_may_be_a_number_in_a_string(observed: object, *, is_current: bool) -> None:
    status = {} if observed is None else {"observedGeneration": observed}
    assert is_observed(workload(status)) is is_current


ENDED = {"conditions": [{"type": "Complete", "status": "True"}]}


@pytest.mark.parametrize(
    ("kind", "spec", "status", "wanted"),
    [
        ("Deployment", {"replicas": 3}, {}, 3),
        ("Deployment", {"replicas": 0}, {}, 0),
        ("DaemonSet", {}, {"desiredNumberScheduled": 2}, 2),
        ("Job", {}, {}, 1),
        ("Job", {"parallelism": 4}, {}, 4),
        ("Job", {"parallelism": 4}, {"succeeded": 1, "active": 2}, 2),
        ("Job", {"parallelism": 4, "completions": 6}, {"succeeded": 5}, 1),
        ("Job", {"parallelism": 4, "suspend": True}, {}, 0),
        ("Job", {"parallelism": 4}, ENDED, 0),
        ("CronJob", {"jobTemplate": {"spec": {"parallelism": 2}}}, {}, 0),
        ("CronJob", {"jobTemplate": {"spec": {"parallelism": 2}}}, {"active": [{}]}, 2),
    ],
)
def test_the_pods_that_a_controller_wants_to_run(
    kind: str, spec: Json, status: Json, wanted: int
) -> None:
    assert wanted_pods(kind, workload(status, **spec)) == wanted
