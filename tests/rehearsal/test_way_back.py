"""The way back: kept before anything changes, gone once, found again after a kill."""

import json
from typing import Any

import pytest

from clusterproof.errors import ObservationError
from clusterproof.observe.rehearsal.undo import MERGE, Undo, WayBack
from tests.observe.loopback import Reply, Request, api_server

NODE = "/api/v1/nodes/node-1"
UNCORDON = Undo(NODE, {"spec": {"unschedulable": None}})
TEMPLATE = Undo("/apis/apps/v1/namespaces/a/deployments/r", [{"op": "replace", "path": "/spec"}])


class Server:
    """An API server that keeps one ConfigMap and notes the patches of other objects."""

    def __init__(self) -> None:
        """Nothing is kept, and nothing refused."""
        self.kept: dict[str, Any] | None = None
        self.patched: list[tuple[str, str, Any]] = []
        self.refused: set[str] = set()

    def answer(self, request: Request) -> Reply:
        """One request."""
        if request.method == "PATCH":
            if request.path in self.refused:
                return self._refuse(403)
            kind = request.headers["content-type"]
            self.patched.append((request.path, kind, request.json()))
            return Reply(body={"kind": "Any", "metadata": {}})
        if request.method == "POST":
            if self.kept is not None:
                return self._refuse(409)
            self.kept = request.json()
            return Reply(201, self.kept)
        if self.kept is None:
            return self._refuse(404)
        found = self.kept
        if request.method == "DELETE":
            self.kept = None
        return Reply(body={"kind": "ConfigMap", **found})

    @staticmethod
    def _refuse(status: int) -> Reply:
        return Reply(status, {"kind": "Status", "apiVersion": "v1", "message": str(status)})


def test_the_way_back_is_gone_in_its_order_and_forgotten() -> None:
    server = Server()
    with api_server(server.answer) as api:
        way_back = WayBack(api, "n", "run-1")
        way_back.remember("a-row", [UNCORDON, TEMPLATE])
        assert server.kept is not None
        assert server.kept["metadata"]["labels"] == {"clusterproof.dev/run": "run-1"}
        assert not server.patched
        way_back.go()
    assert [path for path, _, _ in server.patched] == [NODE, TEMPLATE.path]
    assert [kind for _, kind, _ in server.patched] == [MERGE, "application/json-patch+json"]
    assert server.kept is None


def test_the_next_run_goes_the_way_back_of_one_that_was_killed() -> None:
    server = Server()
    with api_server(server.answer) as api:
        WayBack(api, "n", "run-1").remember("a-row", [UNCORDON])
        assert WayBack(api, "n", "run-2").take_back() == "a-row of run run-1"
        assert [body for _, _, body in server.patched] == [{"spec": {"unschedulable": None}}]
        assert WayBack(api, "n", "run-3").take_back() == ""
    assert len(server.patched) == 1


def test_what_cannot_be_put_back_is_kept_and_the_rest_is_put_back() -> None:
    server = Server()
    server.refused = {NODE}
    with api_server(server.answer) as api:
        way_back = WayBack(api, "n", "run-1")
        way_back.remember("a-row", [UNCORDON, TEMPLATE])
        with pytest.raises(ObservationError, match=r"not put back: .*403") as seen:
            way_back.go()
        assert seen.value.next_command.startswith("clusterproof undo")
        assert [path for path, _, _ in server.patched] == [TEMPLATE.path]
        assert server.kept is not None
        server.refused = set()
        assert WayBack(api, "n", "run-2").take_back() == "a-row of run run-1"
    assert server.kept is None


def test_nothing_is_changed_when_the_way_back_cannot_be_kept() -> None:
    server = Server()
    with api_server(server.answer) as api:
        WayBack(api, "n", "run-1").remember("a-row", [UNCORDON])
        with pytest.raises(ObservationError, match="409"):
            WayBack(api, "n", "run-2").remember("b-row", [TEMPLATE])


def test_what_is_no_way_back_is_not_followed() -> None:
    server = Server()
    server.kept = {"metadata": {"name": "clusterproof-rehearsal"}, "data": {"undo": "{}"}}
    with api_server(server.answer) as api, pytest.raises(ObservationError, match="another thing"):
        WayBack(api, "n", "run-2").take_back()
    assert not server.patched
    assert json.loads(server.kept["data"]["undo"]) == {}
