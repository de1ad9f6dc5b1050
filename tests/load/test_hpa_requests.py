"""What a share is of: requests of the Pod or of its containers, and all that has to be there.

Source: k8s.io/kubernetes v1.35.4, pkg/controller/podautoscaler/replica_calculator.go
(calculateRequests) and metrics/client.go (getPodMetrics, getContainerMetrics).
"""

from dataclasses import replace

import pytest

from clusterproof.load.hpa.proposal import (
    ContainerView,
    NoProposalError,
    PodView,
    Proposal,
    Sample,
    Seen,
    Tolerances,
    propose,
)
from clusterproof.load.hpa.rules import ResourceTarget
from tests.load.hpa_parts import FLAGS, NOW, READY, cpu

BOTH = Sample({"app": {"cpu": 30}, "log": {"cpu": 50}}, NOW, 10.0)
APP = replace(cpu(50), container="app")


def one_pod(target: ResourceTarget, pod: PodView, sample: Sample) -> Proposal:
    """The proposal from one Pod, `p`."""
    return propose(
        target, Seen(NOW, 1, (replace(pod, name="p"),), {"p": sample}), Tolerances(0.1, 0.1), FLAGS
    )


TWO = replace(
    READY, containers=(ContainerView("app", {"cpu": 100}), ContainerView("log", {"cpu": 60}))
)


@pytest.mark.parametrize(
    ("target", "pod", "shown"),
    [
        (cpu(50), TWO, 50),
        (APP, TWO, 30),
        (cpu(50), replace(TWO, pod_requests={"cpu": 200}), 40),
        (APP, replace(TWO, pod_requests={"cpu": 200}), 30),
    ],
    ids=["all-containers", "one-container", "the-pods-own", "the-containers-own"],
)
def test_requests_are_the_pods_own_or_those_of_its_containers(
    target: ResourceTarget, pod: PodView, shown: int
) -> None:
    """A metric of one container takes that container's."""
    assert one_pod(target, pod, BOTH).shown == shown


@pytest.mark.parametrize(
    ("target", "pod", "sample", "says"),
    [
        (
            cpu(50),
            replace(TWO, pod_requests={"memory": 1}),
            BOTH,
            "missing pod-level request for cpu in Pod p",
        ),
        (
            APP,
            replace(READY, containers=TWO.containers[1:]),
            BOTH,
            "container app not found in Pod p",
        ),
        (
            APP,
            TWO,
            Sample({"log": {"cpu": 50}}, NOW, 10.0),
            "no metrics returned for resource cpu",
        ),
        (
            cpu(50),
            replace(READY, containers=(ContainerView("app", {"cpu": 0}),)),
            BOTH,
            "no metrics returned matched known pods",
        ),
    ],
    ids=["pod-level", "no-container", "not-measured", "asks-for-nothing"],
)
def test_what_a_share_needs_and_is_not_there_is_named(
    target: ResourceTarget, pod: PodView, sample: Sample, says: str
) -> None:
    """With the Pod, so that it can be found."""
    with pytest.raises(NoProposalError) as none:
        one_pod(target, pod, sample)
    assert str(none.value) == says


def test_pod_whose_container_is_not_measured_is_missing() -> None:
    """It does not take the figures of the others away (getContainerMetrics, v1.35.4)."""
    pods = (replace(TWO, name="p"), replace(TWO, name="q"))
    samples = {
        "p": Sample({"log": {"cpu": 50}}, NOW, 10.0),
        "q": Sample({"app": {"cpu": 90}, "log": {"cpu": 1}}, NOW, 10.0),
    }
    found = propose(APP, Seen(NOW, 2, pods, samples), Tolerances(0.1, 0.1), FLAGS)
    assert found == Proposal(2, 90)


def test_no_pod_at_all_gives_no_proposal() -> None:
    """Whatever the metrics API still has."""
    with pytest.raises(NoProposalError) as none:
        propose(cpu(50), Seen(NOW, 1, (), {"gone": BOTH}), Tolerances(0.1, 0.1), FLAGS)
    assert str(none.value) == "no pods returned by selector"


@pytest.mark.parametrize(
    ("usage", "container", "value"),
    [
        ({"app": {"cpu": 1}, "log": {"cpu": 2}}, "", 3),
        ({"app": {"cpu": 1}, "log": {}}, "", None),
        ({}, "", None),
        ({"app": {"cpu": 1}, "log": {}}, "app", 1),
        ({"app": {"cpu": 1}, "log": {}}, "log", None),
    ],
)
def test_a_pod_is_measured_when_all_its_containers_are(
    usage: dict[str, dict[str, int]], container: str, value: int | None
) -> None:
    """Or the one that is asked for."""
    assert Sample(usage, NOW, 10.0).value("cpu", container) == value
