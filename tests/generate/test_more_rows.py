"""The rows of storage, settings and networks, to the letter, and what no row is made of."""

from typing import Any

import pytest

from tests.generate.test_rows import PLAIN, REF, item, made, rows, workload

Json = dict[str, Any]


def test_a_claim_is_bound_and_has_its_size_and_class() -> None:
    """The size as a quantity, however it is written."""
    spec = {"resources": {"requests": {"storage": "10Gi"}}, "storageClassName": "fast"}
    found = rows("storage", item("PersistentVolumeClaim", spec, "data"))
    assert [(row["id"], row["path"], row["expect"]) for row in found] == [
        ("data-bound", "status.phase", {"equals": "Bound"}),
        ("data-size", "spec.resources.requests.storage", {"quantity": "10Gi"}),
        ("data-class", "spec.storageClassName", {"equals": "fast"}),
    ]
    assert found[0]["of"] == "PersistentVolumeClaim/${here}/data"
    assert [row["id"] for row in rows("storage", item("PersistentVolumeClaim", {}, "d"))] == [
        "d-bound"
    ]


def test_a_setting_is_a_row_by_its_key() -> None:
    """In the order of the keys; a long claim names the path alone."""
    data = {"b.c": "2", "a": "x" * 200}
    found = rows("configuration", item("ConfigMap", {}, "conf", data=data))
    assert found == [
        {
            "id": "conf-a",
            "claim": "conf has its data['a']",
            "check": "field",
            "of": "ConfigMap/${here}/conf",
            "path": "data['a']",
            "expect": {"equals": "x" * 200},
        },
        {
            "id": "conf-b-c",
            "claim": "conf has data['b.c'] 2",
            "check": "field",
            "of": "ConfigMap/${here}/conf",
            "path": "data['b.c']",
            "expect": {"equals": "2"},
        },
    ]


def test_a_claim_of_one_line_is_whole() -> None:
    """120 characters, and no more."""
    begin = "conf has data['a'] "
    for length, whole in ((120, True), (121, False)):
        value = "x" * (length - len(begin))
        (row,) = rows("configuration", item("ConfigMap", {}, "conf", data={"a": value}))
        assert row["claim"] == (begin + value if whole else "conf has its data['a']")


def test_settings_that_are_files_or_secrets_are_left_out_and_said() -> None:
    """By their key and their length only."""
    data = {
        "file": "x" * 201,
        "it's": "1",
        "API_TOKEN": "hunter2hunter2",
        "URL": "postgres://me:hunter2hunter2@db/x",
        "OK": "1",
    }
    found = made(item("ConfigMap", {}, "conf", data=data))
    ref = "ConfigMap/${here}/conf"
    assert found.left_out == [
        f"{ref}: API_TOKEN, which looks like a secret in a ConfigMap",
        f"{ref}: URL, which looks like a secret in a ConfigMap",
        f"{ref}: file, of 201 characters",
        f"{ref}: it's, of 1 characters",
    ]
    assert [row["path"] for row in found.areas["configuration"]] == ["data['OK']"]


def service(*ports: Json, selector: Json | None = None) -> Json:
    """A Service, by default of the workload."""
    chosen = {"app": "web"} if selector is None else selector
    return item("Service", {"selector": chosen, "ports": list(ports)}, "front")


def test_a_service_is_a_row_for_each_port() -> None:
    """With the number behind its target's name, or its own."""
    main = {**PLAIN, "ports": [{"name": "http", "containerPort": 8080}]}
    ports = (
        {"port": 80, "targetPort": "http"},
        {"port": 81},
        {"port": 82, "targetPort": "gone"},
        {"port": 83, "targetPort": 9000},
    )
    found = made(workload(main), service(*ports))
    assert found.left_out == ["Service/${here}/front: port 82, its target port has no number"]
    claim = "Service front leads port 80 to every ready Pod of its workload"
    first, *others = found.areas["networking"]
    assert first == {
        "id": "front-service-80",
        "claim": claim,
        "source": "the test",
        "check": "service",
        "of": "Service/${here}/front",
        "port": 80,
        "workload": REF,
        "target_port": 8080,
    }
    assert [(row["port"], row["target_port"]) for row in others] == [(81, 81), (83, 9000)]


@pytest.mark.parametrize(
    ("selector", "why"),
    [({"app": "other"}, "no workload of this source"), ({}, "no workload of this source")],
)
def test_a_service_of_nobody_is_said(selector: Json, why: str) -> None:
    """Also one that selects nothing."""
    found = made(workload(PLAIN), service({"port": 80}, selector=selector))
    assert found.left_out == [f"Service/${{here}}/front: who is behind it, as it selects {why}"]
    bare = workload(PLAIN)
    del bare["spec"]["template"]["metadata"]
    assert made(bare, service({"port": 80})).left_out == [
        "Service/${here}/front: who is behind it, as it selects no workload of this source"
    ]


def test_a_service_of_several_workloads_is_said() -> None:
    """Of its own namespace only."""
    other = {**workload(PLAIN), "kind": "StatefulSet"}
    found = made(workload(PLAIN), other, service({"port": 80}))
    assert found.left_out == [
        "Service/${here}/front: who is behind it, as it selects several workloads"
    ]
    declared = [(row["path"], row["expect"]) for row in found.areas["networking"]]
    assert declared == [
        ("spec.selector", {"equals": {"app": "web"}}),
        ("spec.ports[0]", {"contains": {"port": 80}}),
    ]
    lease = {"kind": "Lease", "metadata": {"name": "backup", "namespace": "shop"}}
    near = [workload(PLAIN), service({"port": 80})]
    assert made(*near, lease).left_out == [
        "Lease/${here}/backup: there is no kind of row for it yet"
    ]


def test_what_a_rollout_adds_to_the_selector_of_a_service_is_no_drift() -> None:
    selector = {"app": "web", "rollouts-pod-template-hash": "789746c88d"}
    found = rows("networking", workload(PLAIN), service({"port": 80}, selector=selector))
    (declared,) = [row["expect"] for row in found if row.get("path") == "spec.selector"]
    assert declared == {"contains": {"app": "web"}}


def ingress(service: Json, host: str | None = "a.example") -> Json:
    """An Ingress with one rule."""
    rule: Json = {"http": {"paths": [{"path": "/", "backend": {"service": service}}]}}
    return item("Ingress", {"rules": [rule | ({"host": host} if host else {})]}, "door")


@pytest.mark.parametrize("port", [{"number": 80}, {"name": "main"}])
def test_an_ingress_sends_a_host_to_a_port(port: Json) -> None:
    """By its number, or by its name in the Service."""
    behind = service({"port": 79, "name": "other"}, {"port": 80, "name": "main"})
    found = made(workload(PLAIN), behind, ingress({"name": "front", "port": port}))
    (row,) = [one for one in found.areas["networking"] if one["check"] == "ingress"]
    assert row == {
        "id": "door-ingress",
        "claim": "a.example/ is sent to port 80 of Service front",
        "source": "the test",
        "check": "ingress",
        "of": "Ingress/${here}/door",
        "host": "a.example",
        "path": "/",
        "service": "front",
        "port": 80,
    }
    assert found.left_out == []


@pytest.mark.parametrize(
    ("door", "backend"),
    [
        (ingress({"name": "front", "port": {"name": "gone"}}), "a port of no Service here (front)"),
        (ingress({"name": "front", "port": {"number": 81}}), "a port of no Service here (front)"),
        (ingress({"name": "other", "port": {"name": "main"}}), "a port of no Service here (other)"),
        (ingress({}), "a port of no Service here (none)"),
    ],
)
def test_an_ingress_without_a_port_is_said(door: Json, backend: str) -> None:
    """Nothing can be looked at."""
    found = made(workload(PLAIN), service({"port": 80, "name": "main"}), door)
    assert found.left_out == [f"Ingress/${{here}}/door: a.example/, which leads to {backend}"]


def test_each_path_of_an_ingress_is_a_row() -> None:
    """Of each host, of every host, and the default backend where no rule is for every host."""
    front = {"service": {"name": "front", "port": {"number": 80}}}
    paths = [
        {"path": "/api", "backend": front},
        {"path": "/", "backend": front},
        {"path": "/b", "backend": {"resource": {"kind": "Bucket", "name": "b"}}},
    ]
    door = item("Ingress", {"rules": [{"host": "a.example", "http": {"paths": paths}}]}, "door")
    door["spec"]["rules"] += [
        {"host": "bare.example"},
        {"host": "*.b", "http": {"paths": [paths[1]]}},
    ]
    door["spec"]["defaultBackend"] = front
    behind = service({"port": 80}, {"port": 81})
    found = made(workload(PLAIN), behind, door)
    networking = [row for row in found.areas["networking"] if row["check"] == "ingress"]
    assert [(row["host"], row["path"]) for row in networking] == [
        ("a.example", "/api"),
        ("a.example", "/"),
        ("*.b", "/"),
        ("", "/"),
    ]
    assert found.left_out == ["Ingress/${here}/door: a.example/b, which leads to Bucket/b"]
    door["status"] = {"loadBalancer": {}}
    assert "no address" in made(workload(PLAIN), behind, door).left_out[0]


def test_what_another_ingress_may_take_is_no_row_nor_is_a_canary() -> None:
    """As Argo Rollouts and Flagger leave one beside each Ingress that they steer."""
    front = {"service": {"name": "front", "port": {"number": 80}}}

    def served(name: str, path_type: str, **annotations: str) -> Json:
        paths = [{"path": "/", "pathType": path_type, "backend": front}]
        door = item("Ingress", {"rules": [{"host": "a.example", "http": {"paths": paths}}]}, name)
        door["metadata"]["annotations"] = annotations
        return door | {"status": {"loadBalancer": {"ingress": [{"ip": "10.0.0.80"}]}}}

    canary = "nginx.ingress.kubernetes.io/canary"
    idle = served("idle", "Prefix", **{canary: "true", f"{canary}-weight": "0"})
    doors = [served("site", "Prefix"), served("landing", "Exact"), idle]
    found = made(workload(PLAIN), service({"port": 80}), *doors)
    rows = [row["of"] for row in found.areas["networking"] if row["check"] == "ingress"]
    assert rows == ["Ingress/${here}/landing"]
    assert found.left_out == [
        "Ingress/${here}/idle: it is a canary, and takes a share of another Ingress alone",
        "Ingress/${here}/site: a.example/, which Ingress landing may take",
    ]


def test_a_policy_is_whom_it_selects_its_types_and_its_rules() -> None:
    """Their ports with ranges and the default protocol; and that there are no more rules."""
    spec = {
        "podSelector": {"matchLabels": {"app": "web"}},
        "policyTypes": ["Egress"],
        "egress": [
            {"to": []},
            {"ports": [{"port": 53}, {"protocol": "UDP"}, {"port": 443, "endPort": 450}]},
        ],
        "ingress": [{"ports": [{"port": "http"}]}],
    }
    found = rows("network-policy", item("NetworkPolicy", spec, "net"))
    tcp = {"protocol": "TCP"}
    ports = [{**tcp, "port": 53}, {"protocol": "UDP"}, {**tcp, "port": 443, "endPort": 450}]
    assert [(row["id"], row["path"], row["expect"]) for row in found] == [
        ("net-selects", "spec.podSelector.matchLabels", {"equals": {"app": "web"}}),
        ("net-types", "spec.policyTypes", {"equals": ["Egress"]}),
        ("net-ingress-0-any-from", "spec.ingress[0].from[0]", {"absent": True}),
        ("net-ingress-0-ports", "spec.ingress[0].ports", {"equals": [{**tcp, "port": "http"}]}),
        ("net-egress-0-any-to", "spec.egress[0].to[0]", {"absent": True}),
        ("net-egress-0-any-ports", "spec.egress[0].ports[0]", {"absent": True}),
        ("net-egress-1-any-to", "spec.egress[1].to[0]", {"absent": True}),
        ("net-egress-1-ports", "spec.egress[1].ports", {"equals": ports}),
        ("net-egress-no-more", "spec.egress[2]", {"absent": True}),
    ]
    every = rows("network-policy", item("NetworkPolicy", {}, "net"))
    assert [(row["path"], row["expect"]) for row in every] == [
        ("spec.podSelector", {"equals": {}}),
        ("spec.ingress[0]", {"absent": True}),
    ]


def test_ids_are_short_and_of_letters() -> None:
    """A second one of the same letters has a number."""
    data = {"A_b": "1", "a-B": "2", "a.b_": "3", "x" * 90: "4", "y" * 68 + ".z": "5"}
    found = rows("configuration", item("ConfigMap", {}, "conf", data=data))
    assert [row["id"] for row in found] == [
        "conf-a-b",
        "conf-a-b-2",
        "conf-a-b-3",
        "conf-" + "x" * 69,
        "conf-" + "y" * 68,
    ]
    env = [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "k", "key": key}}} for key in data]
    two = {"name": "two", "image": "x:1", "env": env}
    kept = rows("secrets", workload({**PLAIN, "env": env}, two))
    assert len(kept) == len({row["id"] for row in kept}) == 3
