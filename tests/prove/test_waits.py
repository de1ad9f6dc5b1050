"""Whose figures, and whose Pods, are waited for."""

import pytest

from clusterproof.kube.objects import Json
from testbed.prove.waits import lacks_pods, scaled


def test_an_autoscaler_scales_what_its_reference_names_in_its_own_namespace() -> None:
    """A scaleTargetRef has no namespace."""
    item = {
        "metadata": {"name": "router", "namespace": "a"},
        "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "r"}},
    }
    assert str(scaled(item)) == "Deployment/a/r"


@pytest.mark.parametrize(
    ("status", "lacks"),
    [
        ({}, True),
        ({"active": 1}, True),
        ({"active": 2}, False),
        ({"active": 1, "succeeded": 1}, False),
        ({"succeeded": 2, "conditions": [{"type": "Complete", "status": "True"}]}, False),
        ({"failed": 1, "conditions": [{"type": "Failed", "status": "True"}]}, False),
    ],
)
def test_a_job_whose_pods_were_refused_lacks_them(status: Json, *, lacks: bool) -> None:
    job = {"spec": {"parallelism": 2, "completions": 2}, "status": status}
    assert lacks_pods(job) is lacks
