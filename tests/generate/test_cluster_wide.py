"""What init reads beside the namespaces: objects of defined kinds, and what is in no namespace."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from clusterproof.generate.rows import Rows
from clusterproof.generate.sources import Source, from_cluster, from_manifests
from tests.generate.test_init import deployment, rows_of
from tests.observe.cluster_objects import cluster_of

Json = dict[str, Any]


def wide(kind: str, name: str, **body: Any) -> Json:  # noqa: ANN401 - raw
    return {"kind": kind, "metadata": {"name": name}, **body}


def binding(name: str, namespace: str, role: str) -> Json:
    subject = {"kind": "ServiceAccount", "name": "web", "namespace": namespace}
    role_ref = {"kind": "ClusterRole", "name": role}
    return wide("ClusterRoleBinding", name, subjects=[subject], roleRef=role_ref)


OBJECTS = (
    binding("ours", "here", "reads-classes"),
    binding("theirs", "elsewhere", "other"),
    wide("ClusterRole", "reads-classes", rules=[{"resources": ["ingressclasses"]}]),
    wide("ClusterRole", "other", rules=[]),
    wide("IngressClass", "nginx", spec={"controller": "k8s.io/ingress-nginx"}),
    wide(
        "ValidatingWebhookConfiguration",
        "asks-us",
        webhooks=[{"name": "a.b.c", "clientConfig": {"service": {"namespace": "here"}}}],
    ),
    wide("ValidatingWebhookConfiguration", "asks-others", webhooks=[{"name": "d.e.f"}]),
    wide("APIService", "v1.ours", spec={"group": "ours", "service": {"namespace": "here"}}),
    wide("APIService", "v1.apps", spec={"group": "apps"}),
)
DEFINITION = wide(
    "CustomResourceDefinition",
    "routes.example.org",
    spec={
        "group": "example.org",
        "scope": "Namespaced",
        "names": {"kind": "Route", "plural": "routes"},
        "versions": [{"name": "v1", "served": True, "storage": True}],
    },
)
ROUTE = {
    "kind": "routes",  # as the loopback names a kind that is not built in
    "metadata": {"name": "front", "namespace": "here"},
    "spec": {"entryPoints": ["web"], "tls": {"secretName": "front-tls"}},
}
ROLE = {"kind": "Role", "name": "r"}
RESOURCES = {"resources": [{"kind": "Route", "name": "routes", "namespaced": True}]}


def read(*objects: Json, forbidden: tuple[str, ...] = ()) -> Source:
    answers = {"/apis/example.org/v1": RESOURCES}
    with cluster_of(deployment(), *objects, forbidden=forbidden, answers=answers) as cluster:
        return from_cluster(cluster, ["here"])


def test_objects_in_no_namespace_are_read_where_they_belong_to_one() -> None:
    names = {item["metadata"]["name"] for _, item in read(*OBJECTS).objects}
    assert names == {"web", "ours", "reads-classes", "nginx", "asks-us", "v1.ours"}


def test_kind_that_is_refused_is_said() -> None:
    source = read(*OBJECTS, forbidden=("ClusterRole",))
    (line,) = [line for line in source.passed_over if line.startswith("ClusterRole: ")]
    assert "403" in line
    assert "ours" in {item["metadata"]["name"] for _, item in source.objects}


def test_object_of_a_defined_kind_has_rows_of_its_fields() -> None:
    rows = Rows(read(DEFINITION, ROUTE), {"here": "here"})
    found = {
        (row["of"], row["path"])
        for row in rows.areas["workloads"]
        if "path" in row and row["of"].startswith(("Route", "Custom"))
    }
    front = "Route.v1.example.org/${here}/front"
    definition = "CustomResourceDefinition//routes.example.org"
    assert {(front, "spec.entryPoints"), (front, "spec.tls")} <= found
    assert {(definition, "spec.group"), (definition, "spec.versions[name=v1]")} <= found


@pytest.mark.parametrize("kind", ["Role", "ClusterRole"])
def test_rules_of_a_role_are_rows_one_by_one_where_they_are_long(kind: str) -> None:
    rule = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}
    role = {"kind": kind, "metadata": {"name": "reader"}, "rules": [rule]}
    if kind == "Role":
        role["metadata"] = {"name": "reader", "namespace": "here"}
    few, many = rows_of(deployment(), role), rows_of(deployment(), {**role, "rules": [rule] * 40})
    paths = [
        [row["path"] for row in rows.areas["workloads"] if row.get("of", "").startswith(kind)]
        for rows in (few, many)
    ]
    assert paths[0] == ["rules"]
    assert len(paths[1]) == 40


def test_secret_that_is_mounted_as_a_whole_is_said() -> None:
    volume = {"name": "certs", "secret": {"secretName": "web-certs"}}
    mount = {"name": "certs", "mountPath": "/certs"}
    item = deployment()
    pod = item["spec"]["template"]["spec"]
    pod["volumes"], pod["containers"][0]["volumeMounts"] = [volume], [mount]
    said = "Deployment/${here}/web: Secret web-certs, of which web mounts every key: it is not read"
    assert said in rows_of(item).left_out


@pytest.mark.parametrize(
    "spec",
    [
        {"password": "hunter2"},
        {"adminPassword": "blue-horse"},
        {"rootPassword": 12345678},
        {"auth": {"users": [{"name": "a", "token": "let-me-in"}]}},
        {"storage": {"s3": {"secretKey": "weak"}}},
    ],
)
def test_no_field_of_a_defined_kind_that_may_be_a_secret_is_written(spec: Json) -> None:
    rows = Rows(read(DEFINITION, {**ROUTE, "spec": {**spec, "size": 3}}), {"here": "here"})
    text = str(rows.areas)
    for value in ("hunter2", "blue-horse", "12345678", "let-me-in", "weak"):
        assert value not in text
    (field,) = spec
    front = "Route.v1.example.org/${here}/front"
    assert f"{front}: spec.{field}, which looks like a secret" in rows.left_out
    assert [row["path"] for row in rows.areas["workloads"] if row.get("of") == front] == [
        "spec.size"
    ]


def test_a_field_of_a_defined_kind_is_no_default_of_another_kind() -> None:
    rows = Rows(read(DEFINITION, {**ROUTE, "spec": {"suspend": False}}), {"here": "here"})
    assert "spec.suspend" in {row.get("path") for row in rows.areas["workloads"]}


OWN: Json = {
    "apiVersion": "example.org/v1",
    "kind": "Route",
    "metadata": {"name": "front", "namespace": "here"},
    "spec": {
        "routes": [{"match": "Host(`a`)", "services": [{"name": "web", "port": 80}]}],
        "entryPoints": ["web"],
        "suspend": False,
        "compress": {},
        "a.b": {},
        "some.host/mode": "a",
        "long": {"a": "x" * 1000, "b": "y" * 1000},
    },
}


def test_object_of_somebodys_own_kind_has_the_same_rows_from_manifests(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(yaml.safe_dump_all([OWN, deployment()], sort_keys=False), "utf-8")
    own = [
        [
            (row["path"], row["expect"])
            for row in Rows(source, {"here": "here"}).areas["workloads"]
            if row.get("of") == "Route.v1.example.org/${here}/front"
        ]
        for source in (from_manifests([path]), read(DEFINITION, {**OWN, "kind": "routes"}))
    ]
    assert own[0] == own[1]
    assert sorted(own[0], key=str) == [
        ("spec['some.host/mode']", {"equals": "a"}),
        ("spec", {"contains": {"a.b": {}}}),
        ("spec", {"contains": {"compress": {}}}),
        ("spec.entryPoints", {"equals": ["web"]}),
        ("spec.long.a", {"equals": "x" * 1000}),
        ("spec.long.b", {"equals": "y" * 1000}),
        ("spec.routes", {"contains": OWN["spec"]["routes"]}),
        ("spec.suspend", {"equals": False}),
    ]


def test_a_spec_that_is_a_list_hurts_nobody_else() -> None:
    source = read(DEFINITION, {**ROUTE, "spec": ["a"]}, *OBJECTS)
    assert "nginx" in {item["metadata"]["name"] for _, item in source.objects}


def test_who_is_bound_is_as_the_api_server_has_it() -> None:
    bound = wide("RoleBinding", "b", subjects=[{"kind": "User", "name": "ann"}], roleRef=ROLE)
    bound["metadata"]["namespace"] = "here"
    rows = Rows(read(bound), {"here": "here"}).areas["workloads"]
    (subjects,) = [row["expect"] for row in rows if row.get("path") == "subjects"]
    (subject,) = next(iter(subjects.values()))
    assert subject["apiGroup"] == "rbac.authorization.k8s.io"
