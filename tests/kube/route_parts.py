"""Gateways and HTTPRoutes for tests, with what each test is about."""

from typing import Any

Json = dict[str, Any]


def gateway(*listeners: Json, **more: Any) -> Json:  # noqa: ANN401 - raw JSON
    """Gateway `infra/edge`; one listener on port 80 for routes of all namespaces without any."""
    return {
        "kind": "Gateway",
        "metadata": {"name": "edge", "namespace": "infra", "generation": 1},
        "spec": {"listeners": list(listeners) or [listener()]},
        "status": {
            "addresses": [{"type": "IPAddress", "value": "10.0.0.80"}],
            "conditions": [{"type": "Programmed", "status": "True", "observedGeneration": 1}],
        },
        **more,
    }


def listener(name: str = "http", port: int = 80, **more: Any) -> Json:  # noqa: ANN401 - raw JSON
    """A listener for routes of all namespaces."""
    allowed = {"namespaces": {"from": "All"}}
    return {"name": name, "port": port, "protocol": "HTTP", "allowedRoutes": allowed, **more}


def route(
    name: str = "web",
    *rules: Json,
    hostnames: tuple[str, ...] = (),
    created: str = "2026-01-01T00:00:00Z",
    parent: Json | None = None,
    namespace: str = "shop",
) -> Json:
    """HTTPRoute `shop/NAME` of the Gateway `infra/edge`, as its controller accepted it."""
    reference = {"namespace": "infra", "name": "edge", **(parent or {})}
    conditions = [
        {"type": kind, "status": "True", "observedGeneration": 1}
        for kind in ("Accepted", "ResolvedRefs")
    ]
    return {
        "kind": "HTTPRoute",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "creationTimestamp": created,
            "generation": 1,
        },
        "spec": {
            "parentRefs": [reference],
            **({"hostnames": list(hostnames)} if hostnames else {}),
            "rules": list(rules) or [rule(name)],
        },
        "status": {
            "parents": [{"parentRef": reference, "controllerName": "x/y", "conditions": conditions}]
        },
    }


def rule(service: str, *matches: Json, **more: Any) -> Json:  # noqa: ANN401 - raw JSON
    """A rule that sends to port 80 of a Service; without a match it takes everything."""
    sent = {"backendRefs": [{"name": service, "port": 80}], **more}
    return {**sent, "matches": list(matches)} if matches else sent


def path(value: str, kind: str = "PathPrefix", **more: Any) -> Json:  # noqa: ANN401 - raw JSON
    """A match of a path."""
    return {"path": {"type": kind, "value": value}, **more}


def header(name: str, value: str, **more: str) -> Json:
    """One header, or query parameter, of a match."""
    return {"name": name, "value": value, **more}
