"""How few lists init makes of a cluster, and that each refusal is said once."""

from collections import Counter
from typing import Any

import pytest

from clusterproof.generate.sources import from_cluster
from clusterproof.kube.client import KubeApi
from clusterproof.observe.cluster import Cluster
from tests.generate.test_init import deployment
from tests.observe.loopback import Reply, Request, api_server

Json = dict[str, Any]
MANY, PLACES = 300, ["here", "there", "beyond"]
BUILT_IN = 25
"""Lists of Kubernetes' own kinds, in one namespace or in all at once."""


def definition(number: int, scope: str = "Namespaced") -> Json:
    name = f"kind{number}s"
    return {
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{name}.example.org"},
        "spec": {
            "group": "example.org",
            "scope": scope,
            "names": {"kind": f"Kind{number}", "plural": name},
            "versions": [{"name": "v1", "served": True, "storage": True}],
        },
    }


def own(number: int, namespace: str) -> Json:
    metadata = {"name": f"own-{number}", "namespace": namespace}
    return {"apiVersion": "example.org/v1", "metadata": metadata, "spec": {"size": number}}


class Server:
    """An API server with many kinds, of which some have objects; it counts what is asked.

    Attributes:
        refused: Parts of paths that are answered 403.
        more: Parts of paths of which a page over all namespaces is not the last.
        kinds: How many somebody defined.
        asked: Path, without its query, to how often it was asked for.
    """

    def __init__(self, *refused: str, more: tuple[str, ...] = (), kinds: int = 12) -> None:
        """Nothing is asked yet."""
        self.kinds = kinds
        self.refused = refused
        self.more = more
        self.asked: Counter[str] = Counter()

    def __call__(self, request: Request) -> Reply:
        """What is answered."""
        path = request.path.partition("?")[0]
        self.asked[path] += 1
        if any(part in path for part in self.refused):
            return Reply(403, {"kind": "Status", "message": "forbidden", "code": 403})
        metadata = {}
        if "/namespaces/" not in path and any(part in path for part in self.more):
            metadata = {"continue": "more"}
        kind = f"{path.rpartition('/')[2]}List"
        return Reply(body={"kind": kind, "metadata": metadata, "items": self._items(path)})

    def _items(self, path: str) -> list[Json]:
        if path.endswith("/customresourcedefinitions"):
            return [*map(definition, range(self.kinds)), definition(self.kinds, "Cluster")]
        items: list[Json] = []
        if path.endswith("/deployments"):
            items = [deployment()]
        elif path.endswith("/kind7s"):
            items = [own(7, "there"), own(8, "elsewhere")]
        place = path.partition("/namespaces/")[2].partition("/")[0]
        return [each for each in items if place in {"", each["metadata"]["namespace"]}]


def read(server: Server, places: list[str]) -> tuple[list[tuple[str, str]], tuple[str, ...]]:
    """Kind and namespace of what is read, and what is said to be passed over."""
    with api_server(server) as api:
        source = from_cluster(Cluster(api), places)
    objects = [(kind, item["metadata"].get("namespace", "")) for kind, item in source.objects]
    return objects, source.passed_over


OF_EACH = [("Deployment", "here"), ("Kind7.v1.example.org", "there")]


@pytest.mark.parametrize("places", [PLACES, PLACES[:1]], ids=len)
def test_each_kind_is_listed_once_and_nothing_is_discovered(places: list[str]) -> None:
    server = Server(kinds=MANY)
    objects, _ = read(server, places)
    wanted = [pair for pair in OF_EACH if pair[1] in places]
    assert [pair for pair in objects if pair[0] != "CustomResourceDefinition"] == wanted
    assert set(server.asked.values()) == {1}
    assert sum(server.asked.values()) <= MANY + BUILT_IN
    assert not any("kind300s" in path for path in server.asked)


def test_kind_that_may_be_listed_in_namespaces_alone_is_read_there() -> None:
    server = Server("/v1/kind7s")
    objects, passed_over = read(server, PLACES)
    assert OF_EACH[1] in objects
    assert [path for path in server.asked if path.endswith("/kind7s")] == [
        "/apis/example.org/v1/kind7s",
        *(f"/apis/example.org/v1/namespaces/{place}/kind7s" for place in PLACES),
    ]
    assert not any("Kind7" in line for line in passed_over)


def test_after_some_refusals_no_list_over_all_namespaces_is_asked_for() -> None:
    server = Server("/example.org/v1/kind")
    objects, _ = read(server, PLACES)
    assert OF_EACH[1] in objects
    everywhere = [path for path in server.asked if "/v1/kind" in path]
    assert len(everywhere) == 3
    assert sum(server.asked.values()) <= server.kinds * len(PLACES) + BUILT_IN + 3


def test_objects_that_are_more_than_a_page_elsewhere_are_not_all_read() -> None:
    server = Server(more=("/kind7s", "/deployments"))
    objects, _ = read(server, PLACES)
    assert {*OF_EACH} <= {*objects}
    assert server.asked["/apis/example.org/v1/kind7s"] == 1
    assert server.asked["/apis/example.org/v1/namespaces/there/kind7s"] == 1


def test_refusals_of_one_reason_are_one_line_with_all_kinds() -> None:
    _, passed_over = read(Server("/namespaces/here/kind", "/roles"), ["here"])
    lines = [line for line in passed_over if "Kind7." in line or "Role" in line]
    assert len(lines) == 1
    assert lines[0].startswith("Role, Kind0.v1.example.org, Kind1.v1.example.org, ")
    assert lines[0].count("403") == 1
    assert " in here: not read, as " in lines[0]


def test_kind_without_a_served_version_is_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    server, gone = Server(), definition(1)
    gone["spec"]["versions"] = [{"name": "v1", "served": False, "storage": True}]
    monkeypatch.setattr("tests.generate.test_lists.definition", lambda *_: gone)
    read(server, ["here"])
    assert not any("/example.org/" in path for path in server.asked)


def test_page_that_is_not_the_last_is_none() -> None:
    server = Server(more=("/deployments",))
    with api_server(server) as api:
        assert isinstance(api, KubeApi)
        assert api.first_page("/apis/apps/v1/deployments") is None
        assert api.first_page("/api/v1/pods") == []
