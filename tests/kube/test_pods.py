"""Restarts of containers whose last end has no time."""

from datetime import UTC, datetime
from typing import Any

import pytest

from clusterproof.kube.pods import Span, has_ended_for_good, pod_containers, restarts_within

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


def _rule(operator: str, *codes: int) -> dict[str, Any]:
    return {"action": "Restart", "exitCodes": {"operator": operator, "values": [*codes]}}


@pytest.mark.parametrize(
    ("rules", "is_for_good"),
    [
        ([], True),
        ([_rule("In", 143)], False),
        ([_rule("In", 1, 2)], True),
        ([_rule("In", 1), _rule("In", 2, 143)], False),
        ([_rule("NotIn", 1)], False),
        ([_rule("NotIn", 143)], True),
    ],
)
def test_a_rule_restarts_what_the_policy_does_not(
    rules: list[dict[str, Any]], *, is_for_good: bool
) -> None:
    web = {"name": "web", "image": "web:1", "restartPolicy": "Never", "restartPolicyRules": rules}
    state = {"terminated": {"exitCode": 143, "reason": "Error"}}
    pod = {
        "metadata": {"name": "web-1"},
        "spec": {"containers": [web]},
        "status": {"phase": "Running", "containerStatuses": [{"name": "web", "state": state}]},
    }
    (container,) = pod_containers(pod)
    assert has_ended_for_good(pod, container) is is_for_good
