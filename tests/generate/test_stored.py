"""What is declared is expected as the API server stores it: else a row is red where nothing is."""

from typing import Any

import pytest

from clusterproof.generate.quantities import canonical
from clusterproof.generate.settings import as_stored, is_default
from tests.generate.test_pods import CONTAINER, VOLUMES, of
from tests.generate.test_rows import PLAIN, item, made, rows, workload

Json = dict[str, Any]


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("1024Mi", "1Gi"),
        ("0.5Gi", "512Mi"),
        ("1536Mi", "1536Mi"),
        ("1000Ki", "1000Ki"),
        ("0.5Ki", "512"),
        ("1.5Ki", "1536"),
        ("1023", "1023"),
        ("1Ki", "1Ki"),
        ("0Mi", "0"),
        (1000000000, "1G"),
        ("1000m", "1"),
        ("1500m", "1500m"),
        (1, "1"),
        ("1500", "1500"),
        (0.05, "50m"),
        (1.5, "1500m"),
        ("1e3", "1e3"),
        ("1000e3", "1e6"),
        ("1k", "1k"),
        ("1000k", "1M"),
        ("0", "0"),
        ("-1000m", "-1"),
        ("none", "none"),
        (True, True),
        (None, None),
    ],
)
def test_quantity_is_as_the_api_server_writes_it(written: object, stored: object) -> None:
    assert canonical(written) == stored


def test_quantity_of_a_volume_and_of_a_variable_is_as_it_is_stored() -> None:
    claim = {"spec": {"resources": {"requests": {"storage": "1024Mi"}}}}
    of_limit = {"resource": "limits.memory", "divisor": "1000m"}
    found = of(
        "storage",
        {"resources": {"limits": {"memory": "1024Mi"}}},
        {"name": "a", "emptyDir": {"medium": "", "sizeLimit": "1024Mi"}},
        {"name": "b", "emptyDir": {"medium": ""}},
        {"name": "c", "ephemeral": {"volumeClaimTemplate": claim}},
    )
    kept = {"spec": {"resources": {"requests": {"storage": "1Gi"}}}}
    assert found == {
        f"{VOLUMES}[name=a].emptyDir": {"contains": {"sizeLimit": "1Gi"}},
        f"{VOLUMES}[name=b]": {"contains": {"emptyDir": {}}},
        f"{VOLUMES}[name=c].ephemeral": {"contains": {"volumeClaimTemplate": kept}},
    }
    variable = {"name": "A", "valueFrom": {"resourceFieldRef": of_limit}}
    assert of("configuration", {"env": [variable]}) == {
        f"{CONTAINER}.env[name=A].valueFrom.resourceFieldRef": {
            "contains": {"resource": "limits.memory", "divisor": "1"}
        }
    }


def test_target_of_an_autoscaler_is_as_it_is_stored() -> None:
    metrics = [
        {"type": "Resource", "resource": {"name": "cpu", "target": {"averageValue": "1000m"}}},
        {"type": "External", "external": {"metric": {"name": "q"}, "target": {"value": 1000}}},
    ]
    target = {"kind": "Deployment", "name": "web"}
    spec = {"maxReplicas": 4, "scaleTargetRef": target, "metrics": metrics}
    spec["behavior"] = {"scaleUp": {"tolerance": 0.05}}
    found = {row["path"]: row["expect"] for row in rows("autoscaling", item(
        "HorizontalPodAutoscaler", spec)) if "path" in row}  # fmt: skip
    assert found["spec.metrics[resource.name=cpu].resource.target"] == {
        "contains": {"averageValue": "1"}
    }
    external = found["spec.metrics[external.metric.name=q]"]["contains"]["external"]
    assert external["target"] == {"value": "1k"}
    assert found["spec.behavior.scaleUp.tolerance"] == {"equals": "50m"}


def test_empty_text_that_is_dropped_is_expected_of_no_built_in_kind() -> None:
    tolerations = [{"key": "", "operator": "Exists", "effect": ""}]
    container = {
        **PLAIN,
        "ports": [{"name": "", "containerPort": 80, "hostIP": ""}],
        "readinessProbe": {"httpGet": {"path": "", "port": 80, "host": ""}},
        "envFrom": [{"secretRef": {"name": "s"}, "prefix": ""}],
        "securityContext": {"seLinuxOptions": {"user": "", "level": "s0"}},
    }
    web = workload(container)
    web["spec"]["template"]["spec"] |= {"priorityClassName": "", "tolerations": tolerations}
    service = item("Service", {"type": "", "externalName": "", "sessionAffinity": ""}, "front")
    service["spec"]["ports"] = [{"name": "", "port": 80}]
    subject = {"kind": "ServiceAccount", "apiGroup": "", "name": "a", "namespace": "shop"}
    binding = item("RoleBinding", {}, "b", subjects=[subject])
    binding["roleRef"] = {"kind": "Role", "name": "r", "apiGroup": "rbac.authorization.k8s.io"}
    role = item("Role", {}, "r", rules=[{"apiGroups": [""], "verbs": ["get"]}])
    door = item("Ingress", {"tls": [{"hosts": ["a.example"], "secretName": ""}]}, "door")
    found = made(web, service, binding, role, door)
    fields = [row for area in found.areas.values() for row in area if row["check"] == "field"]
    assert [row for row in fields if ": ''" in str(row["expect"])] == []
    expected = {row["path"]: row["expect"] for row in fields}
    assert expected["rules"] == {"equals": [{"apiGroups": [""], "verbs": ["get"]}]}
    assert expected["spec.template.spec.tolerations"] == {"equals": [{"operator": "Exists"}]}
    assert expected["spec.ports[0]"] == {"contains": {"port": 80}}
    assert "spec.template.spec.priorityClassName" not in expected
    (probe,) = (row for row in found.areas["health"] if row["check"] == "probe")
    assert "path" not in probe


def test_empty_text_of_a_label_and_of_a_class_is_kept() -> None:
    labels = {"matchLabels": {"a": ""}, "labels": {"b": ""}, "c": ""}
    assert as_stored(labels) == {"matchLabels": {"a": ""}, "labels": {"b": ""}}
    assert not is_default("storageClassName", "")
    assert is_default("medium", "")


def test_empty_selector_is_kept_and_what_is_dropped_in_it_is_not() -> None:
    peers: list[Json] = [{"podSelector": {"matchLabels": {}}, "namespaceSelector": {}}]
    spec = {
        "podSelector": {"matchLabels": {}, "matchExpressions": []},
        "policyTypes": ["Ingress"],
        "ingress": [{"from": peers}],
    }
    found = rows("network-policy", item("NetworkPolicy", spec, "net"))
    expected = {row["path"]: row["expect"] for row in found}
    assert expected["spec.podSelector"] == {"equals": {}}
    assert expected["spec.ingress[0].from"] == {
        "equals": [{"podSelector": {}, "namespaceSelector": {}}]
    }


def test_null_is_expected_of_no_own_kind_and_an_empty_text_is() -> None:
    own = item("Odd.v1.a.example", {"a": None, "b": {"c": None, "d": [{"e": None, "f": ""}]}})
    own["spec"] |= {"g": {"h": None}}
    found = made(own)
    assert {row["path"]: row["expect"] for row in found.areas["workloads"]} == {
        "spec.b": {"contains": {"d": [{"f": ""}]}},
        "spec": {"contains": {"g": {}}},
    }
    assert found.left_out == []


def test_mode_of_a_file_is_compared() -> None:
    held = item("ConfigMap", {}, "c", data={"a": "1"})
    web = workload({**PLAIN, "volumeMounts": [{"name": "v", "mountPath": "/v"}]})
    items = [{"key": "a", "path": "a.txt", "mode": 256}]
    for source in (
        {"configMap": {"name": "c", "items": items}},
        {"projected": {"sources": [{"configMap": {"name": "c", "items": items}}]}},
        {"secret": {"secretName": "s", "items": items}},
    ):
        web["spec"]["template"]["spec"]["volumes"] = [{"name": "v", **source}]
        (row,) = (row for row in rows("storage", web, held) if ".volumes[" in row["path"])
        assert "'mode': 256" in str(row["expect"])


def test_grace_period_of_a_probe_has_no_default() -> None:
    probe = {"tcpSocket": {"port": 80}, "terminationGracePeriodSeconds": 30, "periodSeconds": 10}
    web = workload({**PLAIN, "livenessProbe": probe})
    found = made(web)
    (timing,) = (row for row in found.areas["health"] if row["check"] == "field")
    assert timing["expect"] == {"contains": {"terminationGracePeriodSeconds": 30}}
    assert "terminationGracePeriodSeconds" not in str(found.remarks.by_default)


def test_key_of_a_label_or_of_an_attribute_is_no_field() -> None:
    texts = {"sizeLimit": "1024Mi", "protocol": "TCP", "hostname": "", "divisor": "1000m"}
    volume = {"name": "v", "csi": {"driver": "d.example", "volumeAttributes": texts}}
    assert of("storage", {}, volume) == {
        f"{VOLUMES}[name=v].csi": {"contains": volume["csi"]},
    }
    web = workload(PLAIN)
    web["spec"]["template"]["metadata"]["labels"] = texts
    (labels,) = (row for row in rows("workloads", web) if row["id"] == "web-pod-labels")
    assert labels["expect"] == {"contains": texts}


@pytest.mark.parametrize(
    "annotation",
    [
        "ingress.kubernetes.io/backends",
        "networking.gke.io/last-reconcile-time",
        "field.cattle.io/publicEndpoints",
    ],
)
def test_what_a_controller_keeps_in_an_annotation_is_not_declared(annotation: str) -> None:
    """The health of backends and the time of the last look are others at the next."""
    ingress = item("Ingress", {"defaultBackend": {"service": {"name": "web"}}})
    ingress["metadata"]["annotations"] = {annotation: "HEALTHY", "team": "shop"}
    expected = {row["path"]: row["expect"] for row in rows("networking", ingress) if "path" in row}
    assert expected["metadata.annotations"] == {"contains": {"team": "shop"}}


@pytest.mark.parametrize(
    "annotation", ["reloader.stakater.com/last-reloaded-from", "keel.sh/update-time"]
)
def test_what_a_tool_writes_into_a_template_to_roll_it_out_is_not_declared(annotation: str) -> None:
    web = workload({"name": "web", "image": "web:1"})
    web["spec"]["template"]["metadata"]["annotations"] = {annotation: "now", "team": "shop"}
    (row,) = (row for row in rows("workloads", web) if row["id"] == "web-pod-annotations")
    assert row["expect"] == {"contains": {"team": "shop"}}


@pytest.mark.parametrize(
    "rules", [[], [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]]
)
def test_the_rules_of_a_role_that_aggregates_others_are_theirs(rules: list[Json]) -> None:
    """Its controller writes them, and a manifest may leave them empty."""
    selectors = [{"matchLabels": {"rbac.shop/to-web": "true"}}]
    role: Json = {"kind": "ClusterRole", "metadata": {"name": "web"}, "rules": rules}
    role["aggregationRule"] = {"clusterRoleSelectors": selectors}
    paths = [row["path"] for row in rows("workloads", role)]
    assert paths == ["aggregationRule"]
    assert any("roles that it aggregates" in line for line in made(role).left_out)


def test_a_pull_secret_that_the_platform_adds_to_an_account_is_no_drift() -> None:
    account: Json = {"kind": "ServiceAccount", "metadata": {"name": "web", "namespace": "shop"}}
    account["imagePullSecrets"] = [{"name": "registry"}]
    (row,) = rows("workloads", account)
    assert row["expect"] == {"contains": [{"name": "registry"}]}
