"""What a recording shows over time: each series from changes made by hand."""

from dataclasses import replace
from typing import Any

import pytest

from clusterproof.kube.objects import condition_entry
from clusterproof.load.hpa.proposal import ContainerView, PodView, Sample
from clusterproof.load.hpa.rules import ResourceTarget
from clusterproof.load.recording import Change, Recording, UsageRead, epoch, slimmed, usage_of
from clusterproof.load.timeline import (
    build_timeline,
    deletions,
    figure_seen,
    figures_over_time,
    first_at,
    is_ready,
    pod_view,
    samples_of,
    value_at,
)

STEPS = ((10.0, 3.0), (20.0, 6.0), (30.0, 5.0))
READY = {"type": "Ready", "status": "True", "lastTransitionTime": "2027-01-15T08:00:00Z"}
Json = dict[str, Any]


def _pod(name: str = "a", *, ready: str = "True", **metadata: str) -> Json:
    """A Pod whose UID is its name."""
    conditions = [{"type": "PodScheduled", "status": "True"}, {**READY, "status": ready}]
    return {
        "metadata": {"name": name, "uid": name, **metadata},
        "spec": {"containers": [{"name": "c"}]},
        "status": {"conditions": conditions},
    }


def _hpa(desired: int | None, **current: int | None) -> Json:
    """An autoscaler's status, with the utilization that it shows by resource."""
    shown = [
        {
            "type": "Resource",
            "resource": {"name": name, "current": {"averageUtilization": percent}},
        }
        for name, percent in current.items()
    ]
    metrics = [
        {"type": "Resource", "resource": {"name": name, "target": {"averageUtilization": percent}}}
        for name, percent in (("cpu", 70), ("memory", 80))
    ]
    status = {} if desired is None else {"desiredReplicas": desired, "currentMetrics": shown}
    return {"metadata": {"name": "h"}, "spec": {"metrics": metrics}, "status": status}


def _slice(name: str, service: str, ready: str = "") -> Json:
    """An EndpointSlice: one endpoint per letter, y or n; ? says nothing, which means ready."""
    endpoints = [
        {
            "addresses": [f"{name}-{place}"],
            "conditions": {} if one == "?" else {"ready": one == "y"},
        }
        for place, one in enumerate(ready)
    ]
    labels = {"kubernetes.io/service-name": service}
    return {"metadata": {"name": name, "labels": labels}, "endpoints": endpoints}


@pytest.mark.parametrize(
    ("at", "value"), [(9.9, 0.0), (10, 3.0), (19.9, 3.0), (20, 6.0), (30, 5.0), (99, 5.0)]
)
def test_a_value_holds_until_the_next(at: float, value: float) -> None:
    assert value_at(STEPS, at) == value
    assert value_at((), at, 7.0) == 7.0


@pytest.mark.parametrize(
    ("wanted", "since", "at"),
    [
        (3, 15, 15),
        (6, 15, 20),
        (6, 19.9, 20),
        (5, 25, 25),
        (6, 20, 20),
        (6, 30, None),
        (7, 0, None),
        (3, 0, 10),
    ],
)
def test_when_a_value_was_reached(wanted: float, since: float, at: float | None) -> None:
    """At once where it holds already."""
    assert first_at(STEPS, wanted, since=since) == at


def test_a_scale_that_says_no_replicas_has_none() -> None:
    """Of a target that is known by its scale alone: the API leaves 0 out."""
    scales: list[Json] = [{"replicas": 2}, {}, {"replicas": 1}]
    changes = [
        Change(at, "target", "MODIFIED", slimmed("target", {"metadata": {"name": "d"}, "spec": s}))
        for at, s in enumerate(scales)
    ]
    found = build_timeline(Recording(0, 10, changes), hpa="h")
    assert found.replicas == ((0, 2.0), (1, 0.0), (2, 1.0))


def test_each_series_is_of_its_own_object() -> None:
    """Others of the same kind are left out, and what did not change is said once."""

    def deployment(name: str, replicas: int) -> Json:
        return {"metadata": {"name": name}, "spec": {"replicas": replicas}}

    changes = [
        Change(1, "target", "LISTED", deployment("d", 3)),
        Change(3, "target", "MODIFIED", deployment("d", 3)),
        Change(4, "target", "MODIFIED", deployment("d", 6)),
        Change(5, "hpa", "LISTED", _hpa(None)),
        Change(6, "hpa", "MODIFIED", _hpa(3, cpu=70)),
        Change(7, "hpa", "MODIFIED", _hpa(6, cpu=140, memory=10)),
        Change(8, "hpa", "MODIFIED", _hpa(6, cpu=None, memory=10)),
        Change(9, "hpa", "MODIFIED", {**_hpa(9, cpu=1), "metadata": {"name": "other"}}),
    ]
    recording = Recording(0, 10, changes)
    found = build_timeline(recording, hpa="h", service="s")
    assert found.replicas == ((1, 3.0), (4, 6.0))
    assert found.desired == ((5, 0.0), (6, 3.0), (7, 6.0))
    assert found.pressure == ((6, 100.0), (7, 200.0), (8, 12.5))
    assert figures_over_time(recording, "h") == {
        "cpu": ((6, 100.0), (7, 200.0)),
        "memory": ((7, 12.5),),
    }
    assert (found.ready, found.pods, found.endpoints) == ((), (), ())


def test_pods_are_counted_until_they_are_deleted() -> None:
    """One that is being deleted is no longer one of them, before it is gone."""
    changes = [
        Change(1, "pod", "LISTED", _pod("a")),
        Change(2, "pod", "ADDED", _pod("b", ready="False")),
        Change(3, "pod", "MODIFIED", _pod("b")),
        Change(4, "pod", "MODIFIED", _pod("a", deletionTimestamp="now")),
        Change(5, "pod", "DELETED", _pod("a", deletionTimestamp="now")),
        Change(6, "pod", "DELETED", _pod("b")),
        Change(7, "pod", "DELETED", _pod("c")),
    ]
    found = build_timeline(Recording(0, 10, changes), hpa="h")
    assert found.ready == ((1, 1.0), (3, 2.0), (4, 1.0), (6, 0.0))
    assert found.pods == ((1, 1.0), (2, 2.0), (4, 1.0), (6, 0.0))


def test_endpoints_are_those_of_the_service_in_all_its_slices() -> None:
    """A Service has another name than its Deployment, and may have several slices."""
    changes = [
        Change(1, "endpointslice", "LISTED", _slice("s-1", "s", "yn?")),
        Change(2, "endpointslice", "LISTED", _slice("o-1", "other", "y")),
        Change(3, "endpointslice", "ADDED", _slice("s-2", "s", "yy")),
        Change(4, "endpointslice", "MODIFIED", _slice("s-1", "s", "y")),
        Change(5, "endpointslice", "DELETED", _slice("s-2", "s", "yy")),
        Change(6, "endpointslice", "DELETED", _slice("s-3", "s")),
        Change(7, "endpointslice", "MODIFIED", {"metadata": {"name": "s-9"}}),
        Change(8, "endpointslice", "MODIFIED", {**_slice("s-1", "s"), "endpoints": None}),
    ]
    found = build_timeline(Recording(0, 10, changes), hpa="h", service="s")
    assert found.endpoints == ((1, 2.0), (3, 4.0), (4, 3.0), (5, 1.0), (8, 0.0))


CPU, MEMORY = (ResourceTarget(name, utilization=50) for name in ("cpu", "memory"))
CPU_AVERAGE = ResourceTarget("cpu", average_milli=500)
OF_APP = ResourceTarget("cpu", utilization=50, container="app")


def test_the_figure_that_a_status_shows_of_a_metric() -> None:
    """Of the resource and container that are asked for; an external metric is none."""
    hpa = _hpa(3, cpu=0, memory=12)
    hpa["status"]["currentMetrics"].insert(0, {"external": {"current": {"value": "1"}}})
    assert figure_seen(hpa, CPU) == 0
    assert figure_seen(hpa, MEMORY) == 12
    assert figure_seen(hpa, ResourceTarget("gpu", utilization=50)) is None
    assert figure_seen(_hpa(3, cpu=None), CPU) is None
    assert figure_seen({}, CPU) is None
    bare = {"status": {"currentMetrics": [{"resource": {"name": "cpu"}}]}}
    assert figure_seen(bare, CPU) is None


def test_the_figure_of_an_average_and_of_a_container_is_told_from_the_utilization() -> None:
    """In thousandths. The entry of a utilization has an average as well, that of another target."""
    shown = [
        {"resource": {"name": "cpu", "current": {"averageValue": "40m"}}},
        {"resource": {"name": "cpu", "current": {"averageUtilization": 7, "averageValue": "9m"}}},
        {
            "containerResource": {
                "name": "cpu",
                "container": "app",
                "current": {"averageUtilization": 8, "averageValue": "1m"},
            }
        },
    ]
    hpa = {"status": {"currentMetrics": shown}}
    assert figure_seen(hpa, CPU_AVERAGE) == 40
    assert figure_seen(hpa, CPU) == 7
    assert figure_seen(hpa, OF_APP) == 8
    assert figure_seen(hpa, replace(OF_APP, container="proxy")) is None
    assert figure_seen({"status": {"currentMetrics": shown[1:]}}, CPU_AVERAGE) is None


def test_a_condition_is_found_by_its_type() -> None:
    assert condition_entry(_pod(), "Ready") == READY
    assert condition_entry(_pod(), "Initialized") == {}
    assert condition_entry({}, "Ready") == {}


def test_a_pod_that_is_being_deleted_is_not_ready() -> None:
    assert is_ready(_pod())
    assert not is_ready(_pod(ready="False"))
    assert not is_ready(_pod(deletionTimestamp="now"))
    assert not is_ready({"metadata": {}})


def test_deletions_are_seen_from_their_mark_to_their_end() -> None:
    """The first mark counts; who is not gone goes until the end; who was never marked, at once."""
    changes = [
        Change(1, "pod", "LISTED", _pod("a")),
        Change(2, "pod", "MODIFIED", _pod("a", deletionTimestamp="now")),
        Change(3, "pod", "MODIFIED", _pod("a", deletionTimestamp="now")),
        Change(4, "pod", "DELETED", _pod("a", deletionTimestamp="now")),
        Change(5, "pod", "MODIFIED", _pod("b", deletionTimestamp="now")),
        Change(6, "pod", "DELETED", _pod("c")),
        Change(7, "pod", "ADDED", _pod("d")),
    ]
    found = deletions(Recording(0, 10, changes))
    assert found == {"a": (2, 4), "b": (5, 10), "c": (6, 6)}


def test_a_pod_as_the_controller_looks_at_it() -> None:
    """Requests in thousandths; an init container counts when it stays (a sidecar)."""
    requests = {"resources": {"requests": {"cpu": "100m", "memory": "1Ki"}}}
    pod = _pod("a", deletionTimestamp="now")
    pod["spec"] = {
        "containers": [{"name": "c", **requests}, {"name": "d"}],
        "initContainers": [{"name": "i"}, {"name": "s", "restartPolicy": "Always"}],
    }
    pod["status"] |= {"phase": "Running", "startTime": "2027-01-15T07:59:30Z"}
    at = epoch("2027-01-15T08:00:00Z")
    assert pod_view(pod) == PodView(
        name="a",
        phase="Running",
        deleting=True,
        started_at=at - 30,
        ready="True",
        ready_changed_at=at,
        containers=(
            ContainerView("c", {"cpu": 100, "memory": 1_024_000}),
            ContainerView("d", {}),
            ContainerView("s", {}),
        ),
    )


def test_requests_of_the_pod_itself_are_seen() -> None:
    """They stand for those of its containers (calculateRequests), and a recording holds them."""
    pod = _pod("a")
    pod["spec"] = {"containers": [{"name": "c"}], "resources": {"requests": {"cpu": "300m"}}}
    assert pod_view(slimmed("pod", pod)).pod_requests == {"cpu": 300}


def test_a_pod_of_which_nothing_is_known_yet_is_pending() -> None:
    bare = {"metadata": {"name": "a"}, "spec": {"containers": []}}
    assert pod_view(bare) == PodView(
        "a",
        "Pending",
        deleting=False,
        started_at=None,
        ready=None,
        ready_changed_at=0.0,
        containers=(),
    )


def test_samples_of_an_answer_and_of_none() -> None:
    """An answer without Pods is an answer; an error is none."""
    pod = {"usage": {"c": {"cpu": 5}}, "timestamp": 3.0, "window_s": 10.0}
    assert samples_of(UsageRead(1, {"a": pod})) == {"a": Sample({"c": {"cpu": 5}}, 3.0, 10.0)}
    assert samples_of(UsageRead(1, {})) == {}
    assert samples_of(UsageRead(1, {"a": pod}, "away")) is None


@pytest.mark.parametrize(
    ("window", "seconds"),
    [
        ("10.5s", 10.5),
        ("1m0s", 60),
        ("1h2m3s", 3723),
        ("500ms", 0.5),
        ("1m30.25s", 90.25),
        ("7us", 7e-6),
        ("7\u00b5s", 7e-6),
        ("9ns", 9e-9),
        ("0s", 0),
    ],
)
def test_usage_in_plain_numbers(window: str, seconds: float) -> None:
    """Usage in thousandths, the timestamp since the epoch, the window as Go writes durations."""
    item = {
        "timestamp": "2027-01-15T08:00:00Z",
        "window": window,
        "containers": [
            {"name": "c", "usage": {"cpu": "1500000n", "memory": "2Ki"}},
            {"name": "d", "usage": {"cpu": "0"}},
        ],
    }
    found = usage_of(item)
    assert found["window_s"] == pytest.approx(seconds)
    assert found["timestamp"] == 1_800_000_000.0
    assert found["usage"] == {"c": {"cpu": 2, "memory": 2_048_000}, "d": {"cpu": 0}}
