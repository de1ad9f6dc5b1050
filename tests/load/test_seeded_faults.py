"""The faults seeded on the local cluster: each names what is there, and spoils what it says."""

from typing import Any

import pytest
import yaml

from clusterproof.load.finding import Link
from clusterproof.load.objectives import DEFAULT_PATH
from clusterproof.outcome import Outcome
from loadtests.faulty import POSTED_TO, mutated
from loadtests.prove_faults import FAULTS

LISTED = yaml.safe_load(FAULTS.read_text(encoding="utf-8"))["faults"]
SHAPES = yaml.safe_load(DEFAULT_PATH.read_text(encoding="utf-8"))["scenarios"]["router"]["shapes"]


def router() -> list[dict[str, Any]]:
    container = {
        "name": "model-router",
        "resources": {"requests": {"cpu": "100m", "memory": "1Gi"}, "limits": {"cpu": "400m"}},
        "lifecycle": {"preStop": {}},
    }
    return [
        {
            "kind": "Deployment",
            "metadata": {"name": "model-router", "namespace": "voicehelper-prod"},
            "spec": {"template": {"spec": {"containers": [container]}}},
        },
        {"kind": "ConfigMap", "metadata": {"name": "model-router-config"}, "data": {"A": "1"}},
        {"kind": "HorizontalPodAutoscaler", "metadata": {"name": "h"}, "spec": {"minReplicas": 3}},
    ]


@pytest.mark.parametrize("fault", LISTED, ids=lambda fault: fault["id"])
def test_each_names_a_link_an_outcome_a_shape_and_kinds_that_can_be_made(
    fault: dict[str, Any],
) -> None:
    assert Link(fault["link"])
    assert Outcome(fault["outcome"]) in {Outcome.FAILED, Outcome.INCONCLUSIVE}
    assert fault["shape"] in {**SHAPES, **fault.get("scenario", {}).get("shapes", {})}
    assert {made["kind"] for made in fault.get("objects", [])} <= set(POSTED_TO)
    assert {kind for kind, _ in fault.get("merge", [])} <= set(POSTED_TO)


def test_every_link_is_broken_by_a_fault() -> None:
    assert set(Link) == {Link(fault["link"]) for fault in LISTED}


def test_fields_are_laid_over_the_container_and_null_removes() -> None:
    fault = {
        "id": "f",
        "container": {"resources": {"requests": {"cpu": None}}, "lifecycle": None, "tty": True},
        "config": {"B": "2"},
        "merge": [["HorizontalPodAutoscaler", {"spec": {"minReplicas": 4}}]],
        "objects": [{"kind": "ResourceQuota", "metadata": {"name": "seven"}}],
    }
    deployment, config, hpa, quota = mutated(router(), fault, "fault-f")

    assert deployment["metadata"]["namespace"] == "fault-f"
    assert deployment["spec"]["replicas"] == 3
    assert deployment["spec"]["template"]["spec"]["containers"] == [
        {
            "name": "model-router",
            "resources": {"requests": {"memory": "1Gi"}, "limits": {"cpu": "400m"}},
            "tty": True,
        }
    ]
    assert config["data"] == {"A": "1", "B": "2"}
    assert hpa["spec"] == {"minReplicas": 4}
    assert quota["kind"] == "ResourceQuota"


def test_the_router_as_it_is_stays_as_it_is() -> None:
    before = router()
    mutated(before, {"id": "f", "container": {"lifecycle": None}}, "fault-f")
    assert before == router()
