"""What became of each Pod: its way to the first request, and whether its containers stay."""

from pathlib import Path
from typing import Any

import pytest

from clusterproof.load.lives import judge_containers, steps_to_ready
from clusterproof.load.recording import Change, Recording
from clusterproof.load.timeline import build_timeline
from tests.load.saying import said

T0 = 1000.0
CLIMB = Path(__file__).parent / "recordings" / "climb.json.gz"
"""A real run of the shape `climb` on the local cluster, on 2026-11-27: 3 to 10 Pods."""


def _pod(at: float, restarts: int, kind: str = "MODIFIED", **status: Any) -> Change:  # noqa: ANN401
    ended = {"terminated": {"reason": "OOMKilled", "exitCode": 137}}
    statuses = [
        {"name": "app", "restartCount": restarts, "lastState": ended if restarts else {}},
        {"name": "beside", "restartCount": 0},
    ]
    item = {
        "metadata": {"name": "web-1", "uid": "1"},
        "spec": {"containers": [{"name": "app"}, {"name": "beside"}]},
        "status": {"phase": "Running", "containerStatuses": statuses, **status},
    }
    return Change(T0 + at, "pod", kind, item)


def _said(*changes: Change) -> list[str]:
    finding = judge_containers(Recording(T0, T0 + 100, list(changes)))
    assert finding is not None
    return said(finding).splitlines()


STAYS = "expected no container is restarted, and no Pod fails"


def test_a_container_that_is_killed_under_the_load_is_no_pass() -> None:
    """The others may have answered meanwhile."""
    assert _said(_pod(0, 2, "LISTED"), _pod(10, 3), _pod(20, 6)) == [
        "failed: containers-stay of readiness",
        STAYS,
        "observed 1 were",
        "web-1/app: restarted 4 times: OOMKilled, exit code 137",
    ]


def test_what_was_restarted_before_the_run_is_not_of_it() -> None:
    """A Pod that came in the run has all of its restarts in it."""
    assert _said(_pod(0, 2, "LISTED"), _pod(10, 2))[0] == "passed: containers-stay of readiness"
    assert _said(_pod(10, 1, "ADDED"))[0] == "failed: containers-stay of readiness"


def test_a_pod_that_was_evicted_before_the_run_is_not_of_it() -> None:
    """It stays for days, also where the Pods are listed again."""
    listed = _pod(0, 0, "LISTED", phase="Failed", reason="Evicted")
    again = _pod(50, 0, "MODIFIED", phase="Failed", reason="Evicted")
    assert _said(listed, again)[0] == "passed: containers-stay of readiness"


def test_an_evicted_pod_is_named() -> None:
    failed = _pod(10, 0, phase="Failed", reason="Evicted")
    assert _said(_pod(0, 0, "LISTED"), failed)[-1] == "web-1: Pod failed: Evicted"


def test_a_pod_that_the_autoscaler_removed_has_not_failed() -> None:
    """The kubelet says Failed of every deleted Pod whose program ends with 143 on SIGTERM."""
    ended = _pod(10, 0, phase="Failed")
    ended.object["metadata"]["deletionTimestamp"] = "2026-11-28T00:00:00Z"
    assert _said(_pod(0, 0, "LISTED"), ended)[0] == "passed: containers-stay of readiness"


def test_without_a_pod_nothing_is_said() -> None:
    assert judge_containers(Recording(T0, T0 + 100)) is None


def test_the_time_from_demand_to_the_first_request_is_taken_apart() -> None:
    """Of seven real Pods, in two steps of the autoscaler."""
    recording = Recording.read(CLIMB)
    timeline = build_timeline(recording, hpa="model-router-hpa", service="model-router")
    steps = steps_to_ready(
        recording,
        timeline,
        recording.started_at + 23,
        requests="model_router_requests_total",
        service="model-router",
    )
    assert steps == (
        "the load was in the metrics after 11.6 s, the first step 11.4 s later",
        "7 new Pods, in the median: creation 0.3 s, at most 0.5 s; scheduling 0.1 s, at most 0.3 s;"
        " images of all containers 6.9 s, at most 10.0 s; start 3.2 s, at most 4.5 s;"
        " readiness 2.6 s, at most 3.7 s; endpoint 0.3 s, at most 0.7 s;"
        " first request 2.4 s, at most 4.1 s",
    )


@pytest.mark.parametrize(("requests", "service"), [("", "model-router"), ("x_total", "another")])
def test_a_step_that_was_not_seen_is_left_out(requests: str, service: str) -> None:
    recording = Recording.read(CLIMB)
    timeline = build_timeline(recording, hpa="model-router-hpa", service="model-router")
    since = recording.started_at + 23
    steps = steps_to_ready(recording, timeline, since, requests=requests, service=service)
    assert "first request" not in steps[-1]
    assert ("endpoint" in steps[-1]) == (service == "model-router")
