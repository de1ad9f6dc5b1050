"""The rows that are made of an object, to the letter: all that a manifest declares."""

from typing import Any

import pytest

from clusterproof.generate.coverage import is_read
from clusterproof.generate.rows import Rows, aliases_of
from clusterproof.generate.sources import Source

Json = dict[str, Any]
REF = "Deployment/${here}/web"


def item(kind: str, spec: Json, name: str = "web", **more: Any) -> Json:  # noqa: ANN401 - raw JSON
    """An object of this spec."""
    meta = {"name": name, "namespace": "shop"}
    return {"kind": kind, "metadata": meta, "spec": spec, **more}


def workload(*containers: Json, **spec: Any) -> Json:  # noqa: ANN401 - raw JSON
    """A Deployment of these containers."""
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": list(containers)}}
    return item("Deployment", {"replicas": 2, "template": template, **spec})


def made(*objects: Json) -> Rows:
    """The rows of these objects."""
    source = Source("the test", tuple((one["kind"], one) for one in objects))
    return Rows(source, {"shop": "here"})


def rows(area: str, *objects: Json) -> list[Json]:
    """Those of one area, without their source."""
    found = made(*objects).areas.get(area, [])
    assert {one["source"] for one in found} <= {"the test"}
    return [{key: value for key, value in one.items() if key != "source"} for one in found]


PLAIN = {"name": "web", "image": "web:1"}


def test_a_workload_is_its_replicas_its_images_and_its_starts() -> None:
    """In this order."""
    assert rows("workloads", workload(PLAIN)) == [
        {
            "id": "web-replicas",
            "claim": "web runs 2 ready replicas, all of its current revision",
            "check": "replicas",
            "workload": REF,
            "replicas": {"min": 2, "max": 2},
        },
        {
            "id": "web-images",
            "claim": "web runs pinned images, in every Pod",
            "check": "images",
            "workload": REF,
            "placeholders": [],
        },
        {
            "id": "web-web-image",
            "claim": "web has spec.template.spec.containers[name=web].image web:1",
            "check": "field",
            "of": REF,
            "path": "spec.template.spec.containers[name=web].image",
            "expect": {"equals": "web:1"},
        },
        {
            "id": "web-starts",
            "claim": "The containers of web start and stay up",
            "check": "starts",
            "workload": REF,
            "restarts_at_most": 3,
            "within_s": 600,
        },
        {
            "id": "web-pod-labels",
            "claim": "web has spec.template.metadata.labels {'app': 'web'}",
            "check": "field",
            "of": REF,
            "path": "spec.template.metadata.labels",
            "expect": {"contains": {"app": "web"}},
        },
    ]


def test_a_rollout_and_an_account_are_fields() -> None:
    """Where they are declared."""
    one = workload(PLAIN, strategy={"rollingUpdate": {"maxSurge": 1, "maxUnavailable": "25%"}})
    one["spec"]["template"]["spec"]["serviceAccountName"] = "runner"
    fields = [row for row in rows("workloads", one) if row["check"] == "field"][1:]
    assert [(row["id"], row["path"], row["expect"]) for row in fields] == [
        ("web-maxsurge", "spec.strategy.rollingUpdate.maxSurge", {"equals": 1}),
        ("web-maxunavailable", "spec.strategy.rollingUpdate.maxUnavailable", {"equals": "25%"}),
        ("web-account", "spec.template.spec.serviceAccountName", {"equals": "runner"}),
        ("web-pod-labels", "spec.template.metadata.labels", {"contains": {"app": "web"}}),
    ]


def test_replicas_are_one_where_nothing_is_said_and_bounds_under_an_autoscaler() -> None:
    """Of that very workload."""
    one = workload(PLAIN)
    del one["spec"]["replicas"]
    assert rows("workloads", one)[0]["replicas"] == {"min": 1, "max": 1}
    target = {"kind": "Deployment", "name": "web"}
    scaler = item("HorizontalPodAutoscaler", {"maxReplicas": 4, "scaleTargetRef": target})
    under = rows("workloads", one, scaler)[0]
    assert under["replicas"] == {"min": 1, "max": 4}
    assert under["claim"] == (
        "web runs between 1 and 4 ready replicas, all of its current revision"
    )
    elsewhere = {**scaler, "metadata": {"name": "web", "namespace": "other"}}
    source = Source("x", tuple((each["kind"], each) for each in (one, elsewhere)))
    alone = Rows(source, {"shop": "here", "other": "there"})
    assert alone.areas["workloads"][0]["replicas"] == {"min": 1, "max": 1}


def test_images_that_are_not_pinned_are_all_named() -> None:
    """Then none is a row."""
    tags = ("a", "b:latest", "c:1", f"d@sha256:{'0' * 64}", "host:5000/e")
    found = made(workload(*({"name": str(n), "image": tag} for n, tag in enumerate(tags))))
    assert found.left_out == [f"{REF}: images, as a, b:latest, host:5000/e is not pinned"]
    assert [row["id"] for row in found.areas["workloads"]] == [
        "web-replicas",
        "web-starts",
        "web-pod-labels",
    ]


def test_bounds_are_rows_of_resources() -> None:
    """Each one that is declared, as it is written."""
    resources = {"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"cpu": 2}}
    found = rows("resources", workload({**PLAIN, "name": "main", "resources": resources}))
    assert [row["id"] for row in found] == [
        "web-main-cpu-requests",
        "web-main-memory-requests",
        "web-main-cpu-limits",
    ]
    assert found[2] == {
        "id": "web-main-cpu-limits",
        "claim": "Container main of web limits cpu 2",
        "check": "quantity",
        "workload": REF,
        "container": "main",
        "bound": "limits",
        "resource": "cpu",
        "quantity": "2",
    }
    memory = {"limits": {"memory": "1Gi"}}
    assert [row["id"] for row in rows("resources", workload({**PLAIN, "resources": memory}))] == [
        "web-memory-limits"
    ]


@pytest.mark.parametrize(
    ("probe", "more"),
    [
        (
            {"httpGet": {"path": "/ready", "port": 8080}, "periodSeconds": 1},
            {"handler": "httpGet", "path": "/ready", "port": 8080},
        ),
        ({"tcpSocket": {"port": "http"}}, {"handler": "tcpSocket", "port": 80}),
        ({"tcpSocket": {"port": "other"}}, {"handler": "tcpSocket"}),
        ({"exec": {"command": ["true"]}}, {"handler": "exec", "asks": {"command": ["true"]}}),
        (
            {"httpGet": {"port": 80, "scheme": "HTTPS", "host": "a"}},
            {"handler": "httpGet", "port": 80, "asks": {"scheme": "HTTPS", "host": "a"}},
        ),
        ({"grpc": None}, {"handler": "grpc"}),
    ],
)
def test_a_probe_is_its_handler_its_path_and_its_port(probe: Json, more: Json) -> None:
    """A port by name is the number of that name."""
    ports = [{"name": "http", "containerPort": 80}]
    for name in ("startupProbe", "readinessProbe", "livenessProbe"):
        found = rows("health", workload({**PLAIN, "ports": ports, name: probe}))
        fields = [row["expect"]["contains"] for row in found if row["check"] == "field"]
        seconds = {key: number for key, number in probe.items() if key == "periodSeconds"}
        assert fields == [each for each in (seconds, more.get("asks")) if each]
        assert [row for row in found if row["check"] == "probe"] == [
            {
                "id": f"web-{name.lower()}",
                "claim": f"Container web has its {name} by {more['handler']}",
                "check": "probe",
                "workload": REF,
                "container": "web",
                "probe": name,
                **{key: each for key, each in more.items() if key != "asks"},
            }
        ]


def test_a_probe_without_a_handler_is_no_row() -> None:
    """There is nothing to look at."""
    assert rows("health", workload({**PLAIN, "livenessProbe": {"periodSeconds": 1}})) == []


def test_keys_of_config_maps_and_secrets_that_a_container_gets() -> None:
    """All of a map of this source that is taken whole; what is optional may be absent."""
    env = [
        {"name": "A", "value": "plain"},
        {"name": "B", "valueFrom": {"configMapKeyRef": {"name": "conf", "key": "two"}}},
        {"name": "C", "valueFrom": {"configMapKeyRef": {"name": "conf", "key": "one"}}},
        {"name": "D", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "api"}}},
        {
            "name": "E",
            "valueFrom": {"secretKeyRef": {"name": "keys", "key": "old", "optional": True}},
        },
    ]
    whole = [{"configMapRef": {"name": "whole"}}, {"configMapRef": {"name": "gone"}}]
    whole.append({"secretRef": {"name": "keys"}})
    maps = (
        item("ConfigMap", {}, "whole", data={"z": "1", "y": "2"}),
        {**item("ConfigMap", {}, "whole", data={"x": "1"}), "metadata": {"name": "whole"}},
    )
    objects = (workload({**PLAIN, "env": env, "envFrom": whole}), maps[0])
    consumed = [row for row in rows("configuration", *objects) if row["check"] == "consumed"]
    assert consumed == [
        {
            "id": "web-gets-whole",
            "claim": "Container web gets its keys of ConfigMap whole",
            "check": "consumed",
            "workload": REF,
            "container": "web",
            "of": "ConfigMap/${here}/whole",
            "keys": ["y", "z"],
        },
        {
            "id": "web-gets-conf",
            "claim": "Container web gets its keys of ConfigMap conf",
            "check": "consumed",
            "workload": REF,
            "container": "web",
            "of": "ConfigMap/${here}/conf",
            "keys": ["one", "two"],
            "as": {"one": "C", "two": "B"},
        },
    ]
    assert rows("secrets", *objects) == [
        {
            "id": "secret-keys-api",
            "claim": "Secret keys has a value for api",
            "check": "secret-shape",
            "of": "Secret/${here}/keys",
            "key": "api",
            "min_length": 1,
            "trimmed": False,
        }
    ]


def test_a_secret_that_two_containers_get_is_one_row() -> None:
    """It is about the Secret."""
    env = [{"name": "D", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "api"}}}]
    env.append({"name": "E", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "b"}}})
    both = workload({**PLAIN, "env": env[:1]}, {"name": "two", "image": "x:1", "env": env})
    assert [row["id"] for row in rows("secrets", both)] == ["secret-keys-api", "secret-keys-b"]


def test_a_budget_is_what_it_declares() -> None:
    """Either of the two."""
    assert [
        (row["id"], row["path"], row["expect"])
        for spec in ({"minAvailable": 1}, {"maxUnavailable": "50%"}, {})
        for row in rows("workloads", item("PodDisruptionBudget", spec))
    ] == [
        ("web-minavailable", "spec.minAvailable", {"equals": 1}),
        ("web-maxunavailable", "spec.maxUnavailable", {"equals": "50%"}),
    ]


def test_an_autoscaler_is_its_bounds_its_target_and_its_rules() -> None:
    """And three rows on its state."""
    target = {"type": "Utilization", "averageUtilization": 70}
    spec = {
        "minReplicas": 2,
        "maxReplicas": 9,
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        "metrics": [
            {"type": "Pods", "pods": {}},
            {"type": "Resource", "resource": {"name": "cpu", "target": target}},
        ],
        "behavior": {"scaleUp": {}, "scaleDown": {"stabilizationWindowSeconds": 0}},
    }
    found = rows("autoscaling", item("HorizontalPodAutoscaler", spec))
    fields = [(row["id"], row["path"], row["expect"]) for row in found if "path" in row]
    assert fields == [
        ("web-min", "spec.minReplicas", {"equals": 2}),
        ("web-max", "spec.maxReplicas", {"equals": 9}),
        (
            "web-target-is",
            "spec.scaleTargetRef",
            {"contains": {"kind": "Deployment", "name": "web"}},
        ),
        ("web-pods", "spec.metrics[type=Pods]", {"contains": {"type": "Pods", "pods": {}}}),
        ("web-cpu", "spec.metrics[resource.name=cpu].resource.target", {"contains": target}),
        ("web-metrics", "spec.metrics[*].type", {"equals": ["Pods", "Resource"]}),
        (
            "web-scaledown-window",
            "spec.behavior.scaleDown.stabilizationWindowSeconds",
            {"equals": 0},
        ),
    ]
    assert found[-3:] == [
        {
            "id": f"web-{aspect}",
            "claim": f"web {words}",
            "check": "hpa-state",
            "of": "HorizontalPodAutoscaler/${here}/web",
            "aspect": aspect,
            **({"resources": ["cpu"]} if aspect == "requests" else {}),
        }
        for aspect, words in (
            ("target", "scales an object that exists"),
            ("conditions", "is able to scale, and active"),
            ("requests", "averages over containers that all have requests"),
        )
    ]


def test_a_minimum_that_is_not_said_is_one() -> None:
    """As the API has it."""
    target = {"kind": "Deployment", "name": "web"}
    scaler = item("HorizontalPodAutoscaler", {"maxReplicas": 4, "scaleTargetRef": target})
    assert rows("autoscaling", scaler)[0]["expect"] == {"equals": 1}


def test_aliases_are_names_that_a_spec_can_use() -> None:
    """They begin with a letter."""
    assert dict(aliases_of(["shop", "a.b", "1st"])) == {
        "shop": "shop",
        "a.b": "a-b",
        "1st": "ns-1st",
    }


def test_a_variable_that_has_several_values_is_said() -> None:
    env = [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}, {"name": "B", "value": "3"}]
    web = workload({**PLAIN, "env": env})
    paths = {row["path"] for row in rows("configuration", web)}
    assert paths == {"spec.template.spec.containers[name=web].env[name=B].value"}
    said = "Deployment/${here}/web: A, which web has with several values"
    assert [line for line in made(web).left_out if ": A" in line] == [said]


def test_the_metric_of_an_older_autoscaler_is_compared() -> None:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    spec = {"scaleTargetRef": target, "maxReplicas": 2, "targetCPUUtilizationPercentage": 75}
    older = item("HorizontalPodAutoscaler", spec)
    written = rows("autoscaling", older)
    assert "web-cpu" in {row["id"] for row in written}
    assert is_read(older["kind"], older, "spec.targetCPUUtilizationPercentage", written)
