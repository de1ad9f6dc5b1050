"""Rows of HTTPRoutes: one for each match, as the routes of the source are read together."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from clusterproof.generate.rows import Rows, aliases_of
from clusterproof.generate.sources import Source, from_cluster, from_manifests
from tests.kube.route_parts import gateway, header, listener, path, route, rule
from tests.observe.cluster_objects import cluster_of, deployment, service

Json = dict[str, Any]
SERVICES = [
    service("web", "shop", 80, 8080, {"app": "x"}),
    service("api", "shop", 80, 8080, {"app": "x"}),
]


def made(*objects: Json) -> Rows:
    """The rows of these objects, with two Services."""
    listed = tuple((item["kind"], item) for item in (*SERVICES, *objects))
    source = Source("here", listed)
    return Rows(source, dict(aliases_of(source.namespaces)))


def routes_of(rows: Rows) -> list[Json]:
    """Those of kind route."""
    return [row for row in rows.areas.get("networking", []) if row["check"] == "route"]


def test_each_match_of_each_hostname_is_a_row() -> None:
    matches = (path("/api", "Exact", method="POST"), path("/v2", headers=[header("x", "1")]))
    item = route("web", rule("web"), rule("api", *matches), hostnames=("a.b", "*.c"))
    rows = routes_of(made(item))
    assert [(row["host"], row["path"], row.get("method"), row.get("headers")) for row in rows] == [
        ("a.b", "/", None, None),
        ("a.b", "/api", "POST", None),
        ("a.b", "/v2", None, {"x": "1"}),
        ("*.c", "/", None, None),
        ("*.c", "/api", "POST", None),
        ("*.c", "/v2", None, {"x": "1"}),
    ]
    assert {row["of"] for row in rows} == {"HTTPRoute/${shop}/web"}
    assert {row["gateway"] for row in rows} == {"Gateway/infra/edge"}
    assert rows[1]["claim"] == "POST a.b/api is sent to port 80 of Service api"
    assert rows[1]["backends"] == [{"service": "Service/${shop}/api", "port": 80}]


def test_backends_without_requests_are_none_of_the_row() -> None:
    refs = [
        {"name": "web", "port": 80, "weight": 3},
        {"name": "api", "port": 80},
        {"name": "gone", "port": 80, "weight": 0},
    ]
    (row,) = routes_of(made(route("web", rule("web", backendRefs=refs))))
    assert [each["weight"] for each in row["backends"]] == [3, 1]


@pytest.mark.parametrize(
    ("objects", "words"),
    [
        ([route("web", rule("gone"))], "every host/, which leads to a port of no Service here"),
        ([route("web", rule("web", backendRefs=[]))], "every host/, which leads to no backend"),
        (
            [route("web", rule("web", path("/a.*", "RegularExpression")))],
            "every host/a.*, as its pattern is the implementation's",
        ),
        (
            [route("web", rule("web"), created="2027"), route("old", rule("api"))],
            "every host/, which another rule may take: shop/old",
        ),
        (
            [route("web", {"filters": [{"type": "RequestRedirect"}]})],
            "every host/, which is redirected",
        ),
        ([{**route("web"), "status": {}}], "no controller says anything of it"),
        ([gateway(listener(hostname="x.y")), route("web", hostnames=("a.b",))], "no hostname is"),
        ([route("web", parent={"kind": "Service", "group": ""})], "of which none is a Gateway"),
    ],
)
def test_what_is_no_row_is_said(objects: list[Json], words: str) -> None:
    rows = made(*objects)
    assert [row for row in routes_of(rows) if row["of"].endswith("/web")] == []
    assert any(words in line for line in rows.left_out), rows.left_out


def test_route_without_hostnames_has_its_listeners() -> None:
    (row,) = routes_of(made(gateway(listener(hostname="a.b")), route("web", rule("web"))))
    assert row["host"] == "a.b"


def test_filters_and_timeouts_are_plain_rows() -> None:
    timeouts, rewrite = {"request": "10s"}, [{"type": "URLRewrite", "urlRewrite": {}}]
    rows = made(route("web", rule("web", timeouts=timeouts, filters=rewrite)))
    paths = {row.get("path") for row in rows.areas["networking"] if row["check"] == "field"}
    assert {"spec.rules[0].timeouts", "spec.rules[0].filters"} <= paths
    assert rows.remarks.of_objects == ()


def test_gateway_of_another_group_is_an_object_of_its_own_kind(tmp_path: Path) -> None:
    """Istio's Gateway has the name of Gateway API's."""
    istio = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "edge", "namespace": "shop"},
        "spec": {"selector": {"istio": "gateway"}},
    }
    ours = {"apiVersion": "gateway.networking.k8s.io/v1", **gateway()}
    workload = deployment("web", "shop", {"app": "web"})
    file = tmp_path / "all.yaml"
    file.write_text(yaml.safe_dump_all([istio, ours, workload]), encoding="utf-8")
    kinds = [kind for kind, _ in from_manifests([file]).objects]
    assert kinds == ["Gateway.v1.networking.istio.io", "Gateway", "Deployment"]


def test_gateway_and_grant_are_plain_rows() -> None:
    grant = {
        "kind": "ReferenceGrant",
        "metadata": {"name": "shop", "namespace": "shop"},
        "spec": {"from": [{"group": "g", "kind": "k", "namespace": "n"}], "to": [{"kind": "k"}]},
    }
    rows = made(gateway(), grant)
    assert {(row["of"], row["path"]) for row in rows.areas["networking"] if "path" in row} >= {
        ("Gateway/${infra}/edge", "spec.listeners"),
        ("ReferenceGrant/${shop}/shop", "spec.from"),
        ("ReferenceGrant/${shop}/shop", "spec.to"),
    }


def test_kind_of_a_cluster_that_is_defined_by_gateway_api_is_known() -> None:
    definition = {
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "httproutes.gateway.networking.k8s.io"},
        "spec": {
            "group": "gateway.networking.k8s.io",
            "scope": "Namespaced",
            "names": {"kind": "HTTPRoute", "plural": "httproutes"},
            "versions": [{"name": "v1", "served": True, "storage": True}],
        },
    }
    objects = (deployment("web", "shop", {"app": "web"}), definition, route())
    with cluster_of(*objects) as cluster:
        found = {kind for kind, _ in from_cluster(cluster, ["shop"]).objects}
    assert {"HTTPRoute", "CustomResourceDefinition"} <= found
