"""Which steps of a defect are a change of manifests, and what the manifests are with it."""

from typing import Any

import pytest

from clusterproof.spec.row import ObjectRef
from testbed.compare.manifests import changed, declared
from testbed.prove.change import merged
from testbed.prove.steps import Defect, Patch

ROUTER = ObjectRef(kind="Deployment", namespace="a", name="router")
CONFIG = ObjectRef(kind="ConfigMap", namespace="a", name="config")
BASE: dict[ObjectRef, dict[str, Any]] = {
    ROUTER: {"kind": "Deployment", "spec": {"replicas": 3}},
    CONFIG: {"kind": "ConfigMap", "data": {"KEY": "value"}},
}
A_POD = {"kind": "Pod", "metadata": {"name": "proof", "namespace": "a"}}
A_QUOTA = {"kind": "ResourceQuota", "metadata": {"name": "proof", "namespace": "a"}}
A_FAULT = {"fault": {"of": "Deployment/a/router", "container": "c", "variable": "F", "add": "x"}}
TWO = {"patch": {"of": "Deployment/a/router", "with": {"spec": {"replicas": 2}}}}


def defect(*steps: dict[str, Any]) -> Defect:
    """A defect of these steps."""
    fields = {"id": "one", "kind": "wrong", "title": "One", "reds": {"row": "x"}, "steps": steps}
    return Defect.model_validate(fields)


def merging(item: dict[str, Any], change: Patch) -> dict[str, Any]:
    """A merge patch: strategic ones are kubectl's business."""
    found: dict[str, Any] = merged(item, change.with_)
    return found


@pytest.mark.parametrize(
    "steps",
    [
        [{"stop": "metrics-server"}, TWO],
        [A_FAULT],
        [TWO, A_FAULT],
        [{"patch": {"of": "Node//node-1", "with": {"spec": {"unschedulable": True}}}}],
        [{"patch": {"of": "ConfigMap/a/config", "with": {"data": None}, "status": True}}],
        [{"create": A_POD}, {"running": "Pod/a/proof"}],
        [{"settle_s": 3}],
    ],
    ids=["stopped", "fault", "wired-fault", "node", "status", "proofs-own-pod", "wait"],
)
def test_what_runs_is_in_no_manifest(steps: list[dict[str, Any]]) -> None:
    """No tool that reads manifests can see it, so none is said to have missed it."""
    assert declared(defect(*steps), BASE) == ()
    assert changed(BASE, defect(*steps), merging) == BASE


def test_a_fault_hides_no_change_of_another_object() -> None:
    """The database away behind a lying health check is still scaled to none in its manifest."""
    gone = {"delete": "ConfigMap/a/config"}
    assert changed(BASE, defect(TWO, A_FAULT, gone), merging) == {ROUTER: BASE[ROUTER]}


@pytest.mark.parametrize(
    ("step", "now"),
    [
        (TWO, {ROUTER: {"kind": "Deployment", "spec": {"replicas": 2}}, CONFIG: BASE[CONFIG]}),
        (
            {"pause": TWO["patch"]},
            {ROUTER: {"kind": "Deployment", "spec": {"replicas": 2}}, CONFIG: BASE[CONFIG]},
        ),
        ({"delete": "ConfigMap/a/config"}, {ROUTER: BASE[ROUTER]}),
        (
            {"recreate": {"of": "ConfigMap/a/config", "with": {"data": None}}},
            {ROUTER: BASE[ROUTER], CONFIG: {"kind": "ConfigMap"}},
        ),
        (
            {"create": A_QUOTA},
            {**BASE, ObjectRef(kind="ResourceQuota", namespace="a", name="proof"): A_QUOTA},
        ),
    ],
    ids=["patch", "pause", "delete", "recreate", "create"],
)
def test_a_step_changes_its_own_object(step: dict[str, Any], now: dict[ObjectRef, Any]) -> None:
    """A pause is the proof's device: the manifest is only what it changes."""
    assert changed(BASE, defect(step), merging) == now


def test_the_manifests_themselves_stay_as_they_were() -> None:
    """The next defect begins from them."""
    before = repr(BASE)
    changed(BASE, defect(TWO, {"delete": "ConfigMap/a/config"}), merging)
    assert repr(BASE) == before


def test_a_certificate_is_another_content_of_its_secret() -> None:
    """Both parts are replaced."""
    ref = ObjectRef(kind="Secret", namespace="a", name="tls")
    base = {ref: {"kind": "Secret", "data": {"tls.crt": "x", "tls.key": "y", "ca": "z"}}}
    step = {"certificate": {"of": "Secret/a/tls", "host": "a.example.com", "days": 3}}
    data = changed(base, defect(step), merging)[ref]["data"]
    assert data["ca"] == "z"
    assert {data["tls.crt"], data["tls.key"]}.isdisjoint({"x", "y"})
