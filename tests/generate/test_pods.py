"""The rows about where a Pod's volumes and variables come from, and what its probes ask."""

from typing import Any

from clusterproof.generate.pods import set_by_somebody
from tests.generate.test_rows import PLAIN, made, rows, workload

Json = dict[str, Any]
CONTAINER = "spec.template.spec.containers[name=web]"
VOLUMES = "spec.template.spec.volumes"


def of(area: str, container: Json, *volumes: Json) -> dict[str, Json]:
    """Path to what a row of the area expects there."""
    item = workload({**PLAIN, **container})
    item["spec"]["template"]["spec"]["volumes"] = list(volumes)
    return {row["path"]: row["expect"] for row in rows(area, item) if "path" in row}


def test_volume_is_its_source_and_an_empty_one_is_there() -> None:
    found = of(
        "storage",
        {},
        {"name": "a", "emptyDir": {}},
        {"name": "b", "hostPath": {"path": "/var", "type": "Directory"}},
        {"name": "c", "secret": {"secretName": "s", "defaultMode": 420}},
        {"name": "d", "persistentVolumeClaim": {"claimName": "data"}},
    )
    assert found == {
        f"{VOLUMES}[name=a]": {"contains": {"emptyDir": {}}},
        f"{VOLUMES}[name=b].hostPath": {"contains": {"path": "/var", "type": "Directory"}},
        f"{VOLUMES}[name=c].secret": {"contains": {"secretName": "s"}},
        f"{VOLUMES}[name=d].persistentVolumeClaim.claimName": {"equals": "data"},
    }


def test_mount_is_found_by_its_path() -> None:
    mounts = [{"name": "a", "mountPath": "/a", "readOnly": True}, {"name": "b", "mountPath": "/]"}]
    assert of("storage", {"volumeMounts": mounts}) == {
        f"{CONTAINER}.volumeMounts[mountPath=/a]": {"contains": mounts[0]}
    }


def test_variable_that_comes_from_elsewhere_is_its_source() -> None:
    secret = {"name": "s", "key": "password"}
    env = [
        {"name": "A", "valueFrom": {"secretKeyRef": {**secret, "optional": False}}},
        {"name": "B", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "spec.node"}}},
        {"name": "C", "valueFrom": {"secretKeyRef": secret}},
        {"name": "C", "valueFrom": {"secretKeyRef": {**secret, "key": "other"}}},
    ]
    whole = {"secretRef": {"name": "s"}, "prefix": "S_"}
    assert of("configuration", {"env": env, "envFrom": [whole]}) == {
        f"{CONTAINER}.env[name=A].valueFrom.secretKeyRef": {"contains": secret},
        f"{CONTAINER}.env[name=B].valueFrom.fieldRef": {"contains": {"fieldPath": "spec.node"}},
        f"{CONTAINER}.envFrom[secretRef.name=s]": {"contains": whole},
    }


def test_what_another_row_compares_is_no_second_row() -> None:
    held = {"kind": "ConfigMap", "metadata": {"name": "c", "namespace": "shop"}, "data": {"a": "1"}}
    env = [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "a"}}}]
    item = workload({**PLAIN, "env": env, "volumeMounts": [{"name": "v", "mountPath": "/v"}]})
    item["spec"]["template"]["spec"]["volumes"] = [{"name": "v", "configMap": {"name": "c"}}]
    found = made(item, held)
    assert "storage" not in found.areas
    assert [row["check"] for row in found.areas["configuration"]] == [
        *(["consumed"] * 2),
        "field",
    ]
    assert found.remarks.of_objects == ()


def test_default_is_no_part_of_what_is_expected() -> None:
    source = {"sources": [{"secret": {"name": "s", "optional": False}}], "defaultMode": 420}
    assert set_by_somebody(source) == {"sources": [{"secret": {"name": "s"}}]}
