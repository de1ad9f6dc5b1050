"""Calls as the rights that they take."""

import pytest

from clusterproof.observe.rights import rights_of

POD = "/api/v1/namespaces/shop/pods/a"


@pytest.mark.parametrize(
    ("method", "path", "rights"),
    [
        ("GET", "/version", ()),
        ("GET", "/api/v1/namespaces/shop/pods", ("list pods in shop",)),
        ("GET", "/api/v1/nodes", ("list nodes",)),
        ("GET", POD, ("get pods in shop",)),
        ("GET", f"{POD}:8080/proxy/health", ("get pods/proxy in shop",)),
        ("DELETE", POD, ("delete pods in shop",)),
        ("WATCH", "/apis/apps/v1/deployments", ("watch deployments.apps",)),
        ("EXEC", f"{POD}/exec", ("create pods/exec in shop", "get pods/exec in shop")),
    ],
)
def test_a_call_takes_these_rights(method: str, path: str, rights: tuple[str, ...]) -> None:
    assert rights_of([(method, path)]) == rights
