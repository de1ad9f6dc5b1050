"""The model's proposals against the facts of upstream's table test.

Source: k8s.io/kubernetes v1.35.4, pkg/controller/podautoscaler/replica_calculator_test.go:
two containers per pod with equal requests and usage, CPU initialization 2 min, readiness delay
10 s. The cases are its facts; the words and the code are ours.
"""

from dataclasses import dataclass
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clusterproof.load.hpa.proposal import (
    ContainerView,
    NoProposalError,
    PodView,
    Proposal,
    Sample,
    Seen,
    Tolerances,
    group,
    propose,
)
from clusterproof.load.hpa.rules import ControllerFlags, ResourceTarget

V = TypeVar("V")
NOW = 10_000.0
FLAGS = ControllerFlags(cpu_initialization_s=120, readiness_delay_s=10)
HOT, COOL = NOW, NOW - 3 * 60
TEN_PERCENT = Tolerances(0.1, 0.1)


@dataclass(frozen=True)
class Case:
    """One row: per-container requests and usage in millicores, target percent, expected result."""

    name: str
    current: int
    requests: tuple[int, ...]
    levels: tuple[int, ...]
    target: int
    expected: int
    shown: int
    ready: tuple[str, ...] = ()
    started: tuple[float, ...] = ()
    phases: tuple[str, ...] = ()
    deleting: tuple[bool, ...] = ()
    tolerances: Tolerances = TEN_PERCENT


F, T, U = "False", "True", "Unknown"
ONE = (1000, 1000, 1000)
FOUR = (1000, 1000, 1000, 1000)
UNEVEN = (900, 1000, 1100)
CASES = [
    Case("scale up", 3, ONE, (300, 500, 700), 30, 5, 50),
    Case("unready, less scale", 3, ONE, (300, 500, 700), 30, 4, 60, ready=(F, T, T)),
    Case("hot cpu, less scale", 3, ONE, (300, 500, 700), 30, 4, 60, started=(HOT, COOL, COOL)),
    Case("unready, no scale", 3, ONE, (400, 500, 700), 30, 3, 40, ready=(T, F, F)),
    Case(
        "hot and unready, no scale",
        3,
        ONE,
        (400, 500, 700),
        30,
        3,
        40,
        ready=(T, F, F),
        started=(COOL, HOT, HOT),
    ),
    Case(
        "failed pods are ignored",
        2,
        FOUR,
        (500, 700),
        30,
        4,
        60,
        ready=(T, T, F, F),
        phases=("Running", "Running", "Failed", "Failed"),
    ),
    Case(
        "deleted pods are ignored",
        2,
        FOUR,
        (500, 700),
        30,
        4,
        60,
        ready=(T, T, F, F),
        phases=("Running",) * 4,
        deleting=(False, False, True, True),
    ),
    Case("0 % tolerance", 3, UNEVEN, (909, 1010, 1111), 100, 4, 101, tolerances=Tolerances(0, 0)),
    Case(
        "200 % up tolerance",
        3,
        UNEVEN,
        (1890, 1910, 1900),
        100,
        3,
        190,
        tolerances=Tolerances(0.1, 2.0),
    ),
    Case(
        "8 % up tolerance",
        3,
        UNEVEN,
        (1100, 1080, 1090),
        100,
        4,
        109,
        tolerances=Tolerances(2.0, 0.08),
    ),
    Case(
        "36 % down tolerance",
        3,
        UNEVEN,
        (660, 640, 650),
        100,
        3,
        65,
        tolerances=Tolerances(0.36, 0.1),
    ),
    Case(
        "34 % down tolerance",
        3,
        UNEVEN,
        (660, 640, 650),
        100,
        2,
        65,
        tolerances=Tolerances(0.34, 0.1),
    ),
    Case("superfluous metrics", 4, FOUR, (4000, 9500, 3000, 7000, 3200, 2000), 100, 24, 587),
    Case("missing metrics", 4, FOUR, (400, 95), 100, 3, 24),
    Case("missing, at target", 2, (1000, 1000), (1000,), 100, 2, 100),
    Case("missing, above target", 2, (1000, 1000), (1900,), 100, 2, 190),
    Case("missing, below target", 2, (1000, 1000), (600,), 100, 2, 60),
    Case("missing and unready", 3, ONE, (100, 450), 50, 3, 45, ready=(F, T, T)),
    Case("missing and hot", 3, ONE, (100, 450), 50, 3, 45, started=(HOT, COOL, COOL)),
    Case("missing and unready, up", 3, ONE, (100, 2000), 50, 4, 200, ready=(F, T, T)),
    Case(
        "missing and hot, up",
        3,
        ONE,
        (100, 2000),
        50,
        4,
        200,
        ready=(F, T, T),
        started=(HOT, COOL, COOL),
    ),
    Case("missing and unready, down", 4, FOUR, (100, 100, 100), 50, 3, 10, ready=(F, T, T, T)),
    Case(
        "missing, target over 100 %",
        4,
        (1000, 1000, 2000, 2000),
        (200, 100, 100),
        300,
        2,
        6,
        ready=(F, T, T, T),
    ),
    Case("surge during a rollout", 2, ONE, (100, 100), 50, 2, 10, phases=("Running",) * 3),
]


def _at(values: tuple[V, ...], index: int, default: V) -> V:
    return values[index] if index < len(values) else default


def _pods(case: Case) -> tuple[PodView, ...]:
    count = max(case.current, len(case.phases))
    pods = []
    for index in range(count):
        requests = {"cpu": case.requests[index]} if index < len(case.requests) else {}
        pods.append(
            PodView(
                name=f"pod-{index}",
                phase=_at(case.phases, index, "Running"),
                deleting=_at(case.deleting, index, default=False),
                started_at=_at(case.started, index, 0.0),
                ready=_at(case.ready, index, T),
                containers=(ContainerView("one", requests), ContainerView("two", requests)),
            )
        )
    return tuple(pods)


def _samples(levels: tuple[int, ...]) -> dict[str, Sample]:
    return {
        f"pod-{index}": Sample({"one": {"cpu": level}, "two": {"cpu": level}}, 0.0, 60.0)
        for index, level in enumerate(levels)
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_proposal_equals_upstream(case: Case) -> None:
    found = propose(
        ResourceTarget("cpu", utilization=case.target),
        Seen(NOW, case.current, _pods(case), _samples(case.levels)),
        case.tolerances,
        FLAGS,
    )
    assert found == Proposal(case.expected, case.shown)


@pytest.mark.parametrize(
    ("requests", "samples", "says"),
    [
        ((1000, 1000, 1000), {}, "no metrics returned"),
        ((1000, 1000, 1000), None, "unable to get metrics"),
        ((), _samples((200,)), "missing request for cpu in container one of Pod pod-0"),
        (
            (1000,),
            {"an-older-pod": Sample({"one": {"cpu": 100}}, 0.0, 60.0)},
            "no metrics returned matched known pods",
        ),
    ],
)
def test_no_proposal_says_why(
    requests: tuple[int, ...], samples: dict[str, Sample] | None, says: str
) -> None:
    case = Case("none", 1, requests, (), 100, 0, 0)
    with pytest.raises(NoProposalError, match=says):
        propose(
            ResourceTarget("cpu", utilization=100),
            Seen(NOW, 1, _pods(case), samples),
            TEN_PERCENT,
            FLAGS,
        )


def test_one_container_alone_is_measured() -> None:
    samples = {
        f"pod-{i}": Sample({"one": {"cpu": 1000}, "two": {"cpu": level}}, 0.0, 60.0)
        for i, level in enumerate((300, 500, 700))
    }
    found = propose(
        ResourceTarget("cpu", utilization=30, container="two"),
        Seen(NOW, 3, _pods(Case("c", 3, ONE, (), 30, 5, 50)), samples),
        TEN_PERCENT,
        FLAGS,
    )
    assert found == Proposal(5, 50)


@pytest.mark.parametrize(
    ("levels", "target", "expected", "shown"),
    [
        ((20_000, 21_000, 21_000), 20_000, 3, 20_666),
        ((40_000, 42_000, 41_000), 20_000, 7, 41_000),
    ],
)
def test_average_value_targets_use_the_integer_mean(
    levels: tuple[int, ...], target: int, expected: int, shown: int
) -> None:
    samples = {f"pod-{i}": Sample({"one": {"memory": v}}, 0.0, 60.0) for i, v in enumerate(levels)}
    found = propose(
        ResourceTarget("memory", average_milli=target),
        Seen(NOW, 3, _pods(Case("c", 3, ONE, (), 30, 5, 50)), samples),
        TEN_PERCENT,
        FLAGS,
    )
    assert found == Proposal(expected, shown)


def _grouped(pod: PodView, sample: Sample | None, resource: str = "cpu") -> str:
    samples = {} if sample is None else {pod.name: sample}
    usage = dict.fromkeys(samples, 1)
    flags = ControllerFlags(cpu_initialization_s=120, readiness_delay_s=30)
    groups = group(Seen(NOW, 1, (pod,), samples), usage, resource=resource, flags=flags)
    for name in ("unready", "missing", "ignored"):
        if getattr(groups, name):
            return name
    return "ready"


@pytest.mark.parametrize(
    ("pod", "sample", "resource", "expected"),
    [
        (PodView("a", "Succeeded", ready=None), Sample({}, NOW, 60), "memory", "ready"),
        (PodView("b", "Succeeded", started_at=NOW, ready=None), Sample({}, 0, 0), "cpu", "unready"),
        (
            PodView("c", started_at=NOW - 60, ready_changed_at=NOW - 30),
            Sample({}, NOW, 30),
            "cpu",
            "ready",
        ),
        (
            PodView("d", started_at=NOW - 60, ready_changed_at=NOW - 30),
            Sample({}, NOW, 60),
            "cpu",
            "unready",
        ),
        (
            PodView("e", started_at=NOW - 60, ready=F, ready_changed_at=NOW - 30),
            Sample({}, NOW, 30),
            "cpu",
            "unready",
        ),
        (
            PodView("f", started_at=NOW - 180, ready=F, ready_changed_at=NOW - 170),
            Sample({}, NOW, 60),
            "cpu",
            "unready",
        ),
        (
            PodView("g", started_at=NOW - 180, ready=F, ready_changed_at=NOW - 50),
            Sample({}, NOW, 60),
            "cpu",
            "ready",
        ),
        (PodView("h", started_at=NOW), None, "cpu", "missing"),
        (PodView("i", "Failed", started_at=NOW), None, "cpu", "ignored"),
        (PodView("j", "Pending", started_at=NOW), None, "cpu", "unready"),
        (PodView("k", deleting=True, started_at=NOW), None, "cpu", "ignored"),
    ],
)
def test_pods_are_sorted_as_upstream_sorts_them(
    pod: PodView, sample: Sample | None, resource: str, expected: str
) -> None:
    assert _grouped(pod, sample, resource) == expected


@settings(deadline=None)
@given(
    levels=st.lists(st.integers(0, 4000), min_size=1, max_size=12),
    target=st.integers(1, 300),
    request=st.integers(1, 4000),
)
def test_more_usage_never_proposes_fewer(levels: list[int], target: int, request: int) -> None:
    def replicas(values: list[int]) -> int:
        return propose(
            ResourceTarget("cpu", utilization=target),
            Seen(
                NOW,
                len(values),
                _pods(Case("p", len(values), (request,) * len(values), (), target, 0, 0)),
                _samples(tuple(values)),
            ),
            TEN_PERCENT,
            FLAGS,
        ).replicas

    assert replicas([level + 100 for level in levels]) >= replicas(levels)
