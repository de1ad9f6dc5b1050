"""Restarts of containers whose last end has no time."""

from datetime import UTC, datetime
from typing import Any

import pytest

from clusterproof.kube.pods import Span, pod_containers, restarts_within

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("restarts", "last", "span"),
    [
        (40, {"terminated": {"reason": "ContainerStatusUnknown", "finishedAt": None}}, Span(0, 40)),
        (40, {}, Span(0, 40)),
        (0, {}, Span(0, 0)),
        (40, {"terminated": {"finishedAt": "2026-11-25T12:00:00Z"}}, Span(0, 0)),
    ],
)
def test_restarts_without_a_time_may_all_be_recent(
    restarts: int, last: dict[str, Any], span: Span
) -> None:
    status = {"name": "web", "restartCount": restarts, "lastState": last, "state": {"running": {}}}
    pod = {
        "metadata": {"name": "web-1", "creationTimestamp": "2026-11-01T00:00:00Z"},
        "spec": {"containers": [{"name": "web", "image": "web:1"}]},
        "status": {"containerStatuses": [status]},
    }
    (container,) = pod_containers(pod)
    assert restarts_within(pod, container, NOW, 600) == span
