"""The broken link is named: recordings made by hand, one fault each."""

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import pytest

from clusterproof.load.account import Account
from clusterproof.load.analysis import Inputs, analyse
from clusterproof.load.counters import Scrape, series
from clusterproof.load.finding import Finding, Link, judge_run
from clusterproof.load.hpa.replay import replay
from clusterproof.load.hpa.rules import ControllerFlags
from clusterproof.load.objectives import LoadSpec, read_objectives
from clusterproof.load.recording import Change, Recording, UsageRead
from clusterproof.load.scaling import Demand, judge_scaling
from clusterproof.load.sections import Scaling
from clusterproof.load.serving import judge_terminations
from clusterproof.load.timeline import build_timeline
from clusterproof.outcome import Outcome

T0 = 1_800_000_000.0
UP, DOWN, END = 30.0, 180.0, 640.0
HPA = {
    "metadata": {"name": "model-router-hpa"},
    "spec": {
        "minReplicas": 3,
        "maxReplicas": 10,
        "metrics": [
            {"type": "Resource", "resource": {"name": "cpu", "target": {"averageUtilization": 70}}},
            {
                "type": "Resource",
                "resource": {"name": "memory", "target": {"averageUtilization": 80}},
            },
        ],
        "behavior": {
            "scaleUp": {
                "stabilizationWindowSeconds": 0,
                "selectPolicy": "Max",
                "policies": [
                    {"type": "Percent", "value": 100, "periodSeconds": 30},
                    {"type": "Pods", "value": 2, "periodSeconds": 30},
                ],
            },
            "scaleDown": {
                "stabilizationWindowSeconds": 300,
                "policies": [{"type": "Percent", "value": 50, "periodSeconds": 60}],
            },
        },
    },
}


@dataclass
class Story:
    """Replicas over time: what was desired, and what became Ready."""

    desired: tuple[tuple[float, int], ...] = ((0, 3), (60, 6), (90, 10), (500, 5), (560, 3))
    ready: tuple[tuple[float, int], ...] = ((0, 3), (64, 6), (94, 10), (510, 5), (570, 3))
    cpu: int = 120

    def record(self) -> Recording:
        """The recording that this story leaves."""
        recording = Recording(T0, T0 + END)
        for at, count in self.desired:
            recording.changes.append(self._hpa(at, count))
            recording.changes.append(self._deployment(at, count))
        alive = 0
        for at, count in self.ready:
            for number in range(alive, count):
                recording.changes.append(_pod(at, f"pod-{number}"))
            for number in range(count, alive):
                recording.changes.append(_pod(at, f"pod-{number}", kind="DELETED"))
            alive = count
        recording.changes.sort(key=lambda c: c.at)
        recording.usage = [
            UsageRead(T0 + s, {"pod-0": {"timestamp": T0, "window_s": 10.0, "usage": {}}})
            for s in range(0, int(END), 5)
        ]
        return recording

    def _hpa(self, at: float, desired: int) -> Change:
        hpa = deepcopy(HPA)
        current = {
            "type": "Resource",
            "resource": {"name": "cpu", "current": {"averageUtilization": self.cpu}},
        }
        hpa["status"] = {
            "desiredReplicas": desired,
            "currentMetrics": [current],
            "conditions": [{"type": "ScalingActive", "status": "True"}],
        }
        return Change(T0 + at, "hpa", "MODIFIED", hpa)

    def _deployment(self, at: float, replicas: int) -> Change:
        item = {"metadata": {"name": "model-router"}, "spec": {"replicas": replicas}, "status": {}}
        return Change(T0 + at, "target", "MODIFIED", item)


def _pod(
    at: float, name: str, *, kind: str = "ADDED", ready: str = "True", scheduled: str = "True"
) -> Change:
    status = {
        "phase": "Running" if scheduled == "True" else "Pending",
        "conditions": [
            {
                "type": "Ready",
                "status": ready,
                "lastTransitionTime": "2027-01-15T08:00:00Z",
                "message": "probe failed",
            },
            {"type": "PodScheduled", "status": scheduled, "message": "0/5 nodes are available"},
        ],
    }
    item = {
        "metadata": {"name": name, "uid": f"uid-{name}"},
        "spec": {"containers": [{"name": "model-router"}]},
        "status": status,
    }
    return Change(T0 + at, "pod", kind, item)


@pytest.fixture(scope="module")
def spec() -> LoadSpec:
    return read_objectives()


def _judge(recording: Recording, spec: LoadSpec, *, down: bool = True) -> list[Finding]:
    timeline = build_timeline(recording, hpa="model-router-hpa")
    demand = Demand(T0 + UP, T0 + DOWN if down else None, T0 + END, int(down))
    found = judge_scaling(recording, timeline, scaling_of(spec), demand, None)
    # The model has no usage to replay here: hpa/ and the laboratory test it.
    return [f for f in found if f.id != "hpa-model"]


def scaling_of(spec: LoadSpec) -> Scaling:
    """The section of the project's load spec, which has one."""
    assert spec.scaling is not None
    return spec.scaling


def _edit_hpa(recording: Recording, path: tuple[str, ...], value: object) -> None:
    for change in recording.of("hpa"):
        item: Any = change.object
        for key in path[:-1]:
            item = item[key]
        item[path[-1]] = value


def test_a_run_as_the_spec_says_passes(spec: LoadSpec) -> None:
    found = _judge(Story().record(), spec)
    assert {f.id: f.outcome for f in found if f.outcome is not Outcome.PASSED} == {}
    assert judge_run(found).outcome is Outcome.PASSED


def test_max_replicas_6_is_the_bounds(spec: LoadSpec) -> None:
    story = Story(((0, 3), (60, 6), (500, 3)), ((0, 3), (64, 6), (510, 3)))
    recording = story.record()
    _edit_hpa(recording, ("spec", "maxReplicas"), 6)
    assert judge_run(_judge(recording, spec)).broken is Link.HPA_BOUNDS


def test_a_scale_down_window_of_0_is_the_policy(spec: LoadSpec) -> None:
    story = Story(
        ((0, 3), (60, 6), (90, 10), (200, 5), (260, 3)),
        ((0, 3), (64, 6), (94, 10), (210, 5), (270, 3)),
    )
    recording = story.record()
    _edit_hpa(recording, ("spec", "behavior", "scaleDown", "stabilizationWindowSeconds"), 0)
    found = _judge(recording, spec)
    assert judge_run(found).broken is Link.HPA_POLICY
    early = next(f for f in found if f.id == "down-window")
    assert early.observed.endswith("20 s after the end of the high load")


STUCK = Story(((0, 3),), ((0, 3),))


@pytest.mark.parametrize(
    ("message", "link"),
    [
        ("failed to get cpu utilization: unable to get metrics for resource cpu", Link.METRICS),
        ("missing request for cpu in container model-router of Pod pod-0", Link.CPU_REQUEST),
    ],
)
def test_metrics_that_fail_are_told_apart(spec: LoadSpec, message: str, link: Link) -> None:
    recording = STUCK.record()
    condition = {
        "type": "ScalingActive",
        "status": "False",
        "reason": "FailedGetResourceMetric",
        "message": message,
    }
    _edit_hpa(recording, ("status", "conditions"), [condition])
    warning = {
        "metadata": {"name": "warning"},
        "involvedObject": {"kind": "HorizontalPodAutoscaler", "name": "model-router-hpa"},
        "count": 40,
    }
    recording.changes.append(Change(recording.ended_at - 1, "event", "MODIFIED", warning))
    assert judge_run(_judge(recording, spec)).broken is link


def test_a_metrics_api_without_an_answer_is_the_metrics(spec: LoadSpec) -> None:
    recording = STUCK.record()
    recording.usage = [UsageRead(r.at, {}, "503", 503) for r in recording.usage]
    assert judge_run(_judge(recording, spec)).broken is Link.METRICS


def test_a_quota_is_named(spec: LoadSpec) -> None:
    story = Story(((0, 3), (60, 6), (90, 10)), ((0, 3), (64, 6), (94, 7)))
    recording = story.record()
    failure = {
        "type": "ReplicaFailure",
        "status": "True",
        "reason": "FailedCreate",
        "message": 'pods "x" is forbidden: exceeded quota: seven',
    }
    recording.of("target")[-1].object["status"] = {"conditions": [failure]}
    assert judge_run(_judge(recording, spec, down=False)).broken is Link.QUOTA


@pytest.mark.parametrize(
    ("ready", "scheduled", "link"),
    [("False", "True", Link.READINESS), ("False", "False", Link.SCHEDULER)],
)
def test_pods_that_do_not_come_are_told_apart(
    spec: LoadSpec, ready: str, scheduled: str, link: Link
) -> None:
    story = Story(((0, 3), (60, 6), (90, 10)), ((0, 3), (64, 6)))
    recording = story.record()
    for number in range(6, 10):
        recording.changes.append(_pod(94, f"late-{number}", ready=ready, scheduled=scheduled))
    assert judge_run(_judge(recording, spec, down=False)).broken is link


def test_of_a_load_that_demands_too_little_nothing_is_said(spec: LoadSpec) -> None:
    recording = Story(((0, 3), (60, 4)), ((0, 3), (64, 4)), cpu=65).record()
    found = judge_run(_judge(recording, spec, down=False))
    assert (found.outcome, found.broken) == (Outcome.INCONCLUSIVE, Link.DEMAND)


def test_flapping_is_seen(spec: LoadSpec) -> None:
    desired = ((0, 3), (60, 6), (80, 10), (100, 8), (120, 10))
    recording = Story(desired, desired).record()
    flapping = next(f for f in _judge(recording, spec, down=False) if f.id == "no-flapping")
    assert flapping.outcome is Outcome.FAILED


def test_a_failed_request_while_a_pod_goes_is_its_termination() -> None:
    recording = Story().record()
    account = Account()
    account.end("x", latency_s=1, service_s=1, at_s=511, fault="reset", answered=False)
    found = judge_terminations([], recording, account, T0)
    assert [(f.link, f.outcome) for f in found] == [(Link.TERMINATION, Outcome.FAILED)]
    quiet = judge_terminations([], recording, Account(), T0)
    assert [f.outcome for f in quiet] == [Outcome.PASSED]


def test_a_recording_without_an_hpa_cannot_be_replayed() -> None:
    recording = Recording(T0, T0 + 10)
    timeline = build_timeline(recording, hpa="x")
    assert replay(recording, timeline, hpa="x", flags=ControllerFlags()) is None


@pytest.mark.parametrize(
    ("affinity", "outcome", "link"),
    [("ClientIP", Outcome.FAILED, Link.SERVICE), ("None", Outcome.INCONCLUSIVE, Link.DEMAND)],
)
def test_load_that_an_affinity_keeps_on_one_pod_is_no_bad_generator(
    spec: LoadSpec, affinity: str, outcome: Outcome, link: Link
) -> None:
    """The mean of all Pods asks for no more replicas, though one has all the load."""
    recording = Story(desired=((0, 3),), ready=((0, 3),), cpu=40).record()
    service = {"metadata": {"name": "model-router"}, "spec": {"sessionAffinity": affinity}}
    recording.changes.insert(0, Change(T0, "service", "LISTED", service))
    assert spec.metrics is not None
    counter = series(spec.metrics.requests, {})
    for number in range(3):
        pod, grown = f"pod-{number}", 0.0 if number else 9000.0
        recording.scrapes += [
            Scrape(T0 + at, pod, f"uid-{pod}", {counter: value})
            for at, value in ((1, 0.0), (150, grown), (END, grown))
        ]
    generator = {"scenario": "router", "started_at": T0, "stages": [[20, 20, 30], [160, 160, 220]]}
    inputs = Inputs({**generator, "findings": []}, Account(), recording, None, None)
    verdict = analyse(inputs, spec).verdict
    assert (verdict.outcome, verdict.broken) == (Outcome.FAILED, Link.SERVICE)
    ceiling = next(f for f in verdict.findings if f.id == "ceiling")
    assert (ceiling.outcome, ceiling.link) == (outcome, link)
    assert [f.id for f in verdict.findings].count("service-spread") == 1


@pytest.mark.parametrize("kind", ["Pods", "Object", "External"])
def test_an_hpa_by_other_metrics_is_judged_but_by_the_model(spec: LoadSpec, kind: str) -> None:
    """What no recording has the model cannot go by; KEDA's HPAs are such."""
    recording = Story().record()
    metric = {"type": kind, kind.lower(): {"metric": {"name": "queue_length"}}}
    metrics: Any = HPA["spec"]
    _edit_hpa(recording, ("spec", "metrics"), [metric, *metrics["metrics"]])
    generator = {"scenario": "router", "started_at": T0, "stages": [[160, 160, 40]]}
    inputs = Inputs({**generator, "findings": []}, Account(), recording, None, None)
    claims = {f.id: f for f in analyse(inputs, spec).verdict.findings}
    assert "hpa-model" not in claims  # else no such run could ever pass
    assert claims["hpa-metrics"].evidence == (
        f"not compared with the model of the controller: the HPA goes by {kind} queue_length",
    )
    for claim in ("hpa-bounds", "hpa-policy", "hpa-targets"):
        assert claims[claim].outcome is Outcome.PASSED
