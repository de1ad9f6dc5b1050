"""Ingresses, Services and EndpointSlices as a routing, and the routing as nginx's configuration."""

from pathlib import Path
from typing import Any

import pytest

from testbed.controllers.kube import Json
from testbed.controllers.nginx_config import configuration
from testbed.controllers.routes import (
    IngressFacts,
    Routing,
    read_ingress,
    read_service,
    read_slice,
)
from testbed.controllers.routing import routing_of

SERVICE: Json = {
    "metadata": {"namespace": "shop", "name": "web"},
    "spec": {"ports": [{"name": "http", "port": 80}, {"name": "admin", "port": 81}]},
}


def endpoint(address: str, **conditions: bool) -> Json:
    return {"addresses": [address], "conditions": conditions}


def slice_of(*endpoints: Json) -> Json:
    return {
        "metadata": {
            "namespace": "shop",
            "name": "web-abc",
            "labels": {"kubernetes.io/service-name": "web"},
        },
        "addressType": "IPv4",
        "endpoints": list(endpoints),
        "ports": [{"name": "http", "port": 8080}, {"name": "admin", "port": 9000}],
    }


def path_to(path: str, port: Any = 80, kind: str = "Prefix") -> Json:  # noqa: ANN401 - name or number
    key = "name" if isinstance(port, str) else "number"
    backend = {"service": {"name": "web", "port": {key: port}}}
    return {"path": path, "pathType": kind, "backend": backend}


def ingress(*paths: Json, host: str = "shop.example.com", **more: Any) -> IngressFacts:  # noqa: ANN401
    rule = {"http": {"paths": list(paths)}}
    if host:
        rule["host"] = host  # type: ignore[assignment]
    raw = {
        "metadata": {
            "namespace": "shop",
            "name": more.pop("name", "main"),
            "creationTimestamp": more.pop("created", "2026-01-01T00:00:00Z"),
            "annotations": more.pop("annotations", {}),
        },
        "spec": {"ingressClassName": "nginx", "rules": [rule] if paths else [], **more},
    }
    facts = read_ingress(raw)
    assert facts
    return facts


def routed(*ingresses: IngressFacts, endpoints: tuple[Json, ...] | None = None) -> Routing:
    ready = (endpoint("10.0.0.1", ready=True),) if endpoints is None else endpoints
    slice_facts = read_slice(slice_of(*ready))
    assert slice_facts
    return routing_of(ingresses, [read_service(SERVICE)], [slice_facts])


def text_of(routing: Routing, certificates: dict[tuple[str, str], Path] | None = None) -> str:
    return configuration(routing, certificates or {}, Path("/run/x"), "abc")


def server_of(text: str, name: str) -> str:
    return next(part for part in text.split("    server {") if f"server_name {name};" in part)


def test_port_name_leads_to_the_pods_own_number() -> None:
    routing = routed(ingress(path_to("/", "admin"), path_to("/api", 80)))
    assert routing.upstreams == {
        "shop_web_80": ("10.0.0.1:8080",),
        "shop_web_81": ("10.0.0.1:9000",),
    }
    assert routing.problems == ()


def test_only_ready_endpoints_are_served() -> None:
    routing = routed(
        ingress(path_to("/")),
        endpoints=(
            endpoint("10.0.0.1", ready=True),
            endpoint("10.0.0.2", ready=False, serving=False),
            endpoint("10.0.0.3", ready=False, serving=True, terminating=True),
            endpoint("10.0.0.4"),
        ),
    )
    assert routing.upstreams["shop_web_80"] == ("10.0.0.1:8080", "10.0.0.4:8080")


def test_finishing_endpoints_are_better_than_none() -> None:
    finishing = endpoint("10.0.0.3", ready=False, serving=True, terminating=True)
    routing = routed(ingress(path_to("/")), endpoints=(finishing,))
    assert routing.upstreams["shop_web_80"] == ("10.0.0.3:8080",)


def test_no_endpoint_answers_503() -> None:
    text = text_of(routed(ingress(path_to("/")), endpoints=()))
    assert "location / { return 503" in server_of(text, "shop.example.com")
    assert "upstream" not in text.replace("proxy_next_upstream", "")


def test_prefix_is_matched_element_by_element() -> None:
    server = server_of(text_of(routed(ingress(path_to("/api/")))), "shop.example.com")
    assert "location = /api { proxy_pass http://shop_web_80; }" in server
    assert "location /api/ { proxy_pass http://shop_web_80; }" in server
    assert "location / { return 404" in server


def test_exact_path_comes_before_the_same_prefix() -> None:
    exact, prefix = path_to("/api", 81, "Exact"), path_to("/api", 80)
    server = server_of(text_of(routed(ingress(prefix, exact))), "shop.example.com")
    assert "location = /api { proxy_pass http://shop_web_81; }" in server
    assert "location /api/ { proxy_pass http://shop_web_80; }" in server
    assert server.count("location = /api ") == 1


def test_older_ingress_keeps_a_path_that_two_claim() -> None:
    young = ingress(path_to("/", 81), name="young", created="2026-02-01T00:00:00Z")
    routing = routed(young, ingress(path_to("/", 80), name="old"))
    assert [one.locations[0].upstream for one in routing.servers if one.host] == ["shop_web_80"]
    assert routing.problems == ("ingress shop/young: shop.example.com/ is already another rule's",)


def test_default_backend_serves_what_no_rule_matches() -> None:
    backend = {"service": {"name": "web", "port": {"number": 81}}}
    text = text_of(
        routed(ingress(path_to("/api"), defaultBackend=backend), ingress(defaultBackend=backend))
    )
    assert "location / { proxy_pass http://shop_web_81; }" in server_of(text, "shop.example.com")
    assert "location / { proxy_pass http://shop_web_81; }" in server_of(text, "_")


def test_unknown_host_is_404_and_its_handshake_is_refused() -> None:
    server = server_of(text_of(routed()), "_")
    assert "listen 80 default_server;" in server
    assert "ssl_reject_handshake on;" in server
    assert "location / { return 404" in server


def test_wildcard_host_stands_for_one_label() -> None:
    text = text_of(routed(ingress(path_to("/"), host="*.example.com")))
    assert r'server_name "~^[^.]+\.example\.com$";' in text


@pytest.mark.parametrize(
    ("entry", "secure"),
    [
        ({"hosts": ["shop.example.com"], "secretName": "tls"}, True),
        ({"hosts": ["*.example.com"], "secretName": "tls"}, True),
        ({"secretName": "tls"}, True),
        ({"hosts": ["other.example.com"], "secretName": "tls"}, False),
    ],
    ids=["by-name", "by-wildcard", "hosts-of-the-rules", "another-host"],
)
def test_tls_entry_secures_its_hosts(entry: Json, *, secure: bool) -> None:
    routing = routed(ingress(path_to("/"), tls=[entry]))
    text = text_of(routing, {("shop", "tls"): Path("/run/x/tls/shop.tls")})
    server = server_of(text, "shop.example.com")
    assert ("ssl_certificate_key /run/x/tls/shop.tls.key;" in server) is secure


def test_host_without_a_usable_secret_is_plain_http() -> None:
    entry = {"hosts": ["shop.example.com"], "secretName": "tls"}
    server = server_of(text_of(routed(ingress(path_to("/"), tls=[entry]))), "shop.example.com")
    assert "443" not in server
    assert "listen 80;" in server


def test_redirect_is_given_only_where_it_is_asked_for() -> None:
    certificates = {("shop", "tls"): Path("/run/x/tls/shop.tls")}
    entry = {"hosts": ["shop.example.com"], "secretName": "tls"}
    asked = {"nginx.ingress.kubernetes.io/ssl-redirect": "true"}
    plain = text_of(routed(ingress(path_to("/"), tls=[entry])), certificates)
    text = text_of(routed(ingress(path_to("/"), tls=[entry], annotations=asked)), certificates)
    assert "return 308" not in plain
    assert "return 308 https://$host$request_uri;" in server_of(text, "shop.example.com")


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (ingress(path_to("/a;b")), "expected a plain path, seen '/a;b'"),
        (ingress(path_to('/"x')), "expected a plain path, seen '/\"x'"),
        (ingress(path_to("/a b{}")), "expected a plain path, seen '/a b{}'"),
        (
            ingress(path_to("/"), host="evil; include /etc/passwd"),
            "expected a DNS name as host, seen 'evil; include /etc/passwd'",
        ),
        (ingress(path_to("/", 99)), "expected service shop/web:99, seen ports [80, 81]"),
        (
            ingress({"path": "/", "backend": {"resource": {"kind": "Bucket"}}}),
            "expected a Service as backend, seen another resource",
        ),
    ],
    ids=["semicolon", "quote", "brace", "host", "port", "resource"],
)
def test_bad_rule_is_named_and_takes_no_good_one_down(bad: IngressFacts, reason: str) -> None:
    good = ingress(path_to("/"), host="good.example.com", name="good")
    routing = routed(bad, good)
    assert routing.problems == (f"ingress shop/main: {reason}",)
    text = text_of(routing)
    assert "location / { proxy_pass http://shop_web_80; }" in server_of(text, "good.example.com")
    for poison in ("passwd", "a;b", '"x', "{}"):
        assert poison not in text


def test_ingress_of_another_class_is_left_alone() -> None:
    raw = {"metadata": {"namespace": "a", "name": "b"}, "spec": {"ingressClassName": "other"}}
    assert read_ingress(raw) is None


def test_unsafe_retries_stay_off() -> None:
    text = text_of(routed(ingress(path_to("/"))))
    assert "proxy_next_upstream error timeout;" in text
    assert "non_idempotent" not in text
