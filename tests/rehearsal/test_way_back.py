"""What a rehearsal changed is put back where it still stands, and nowhere else."""

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from clusterproof.act.rehearsal.undo import MANAGER, Undo, WayBack
from clusterproof.errors import ObservationError
from tests.observe.loopback import Reply, Request, api_server

Json = dict[str, Any]
NODE = "/api/v1/nodes/node-1"
ROUTER = "/apis/apps/v1/namespaces/a/deployments/r"
RECORDS = "/api/v1/namespaces/n/configmaps"
SETTINGS = "/api/v1/namespaces/a/configmaps/c"
UNCORDON = Undo(NODE, "/spec/unschedulable", None, put=True)
IMAGE = Undo(ROUTER, "/spec/template/spec/containers/0/image", "v1", "v2")
REPLICAS = Undo(f"{ROUTER}/scale", "/spec/replicas", 3, 5)


def node(*, unschedulable: bool | None = True) -> Json:
    spec = {} if unschedulable is None else {"unschedulable": unschedulable}
    return {"kind": "Node", "metadata": {"name": "node-1"}, "spec": spec}


def router(image: str = "v2", replicas: int = 5) -> Json:
    containers = [{"name": "web", "image": image}]
    spec = {"replicas": replicas, "template": {"spec": {"containers": containers}}}
    return {"kind": "Deployment", "metadata": {"name": "r"}, "spec": spec}


def managed(item: Json, **owners: Json) -> Json:
    """The object with what its managers own."""
    entries = [
        {"manager": name.replace("_", "-"), "time": "2026-11-01T10:00:00Z", "fieldsV1": fields}
        for name, fields in owners.items()
    ]
    return {**item, "metadata": {**item["metadata"], "managedFields": entries}}


class Server:
    """An API server that keeps our ConfigMap, and other objects that can be patched."""

    def __init__(self, **objects: Json) -> None:
        """Hold a cordoned Node and a Deployment with another image, as after a rehearsal."""
        self.kept: Json | None = None
        self.objects = {NODE: node(), ROUTER: router(), **objects}
        self.patched: list[tuple[str, Any]] = []
        self.refused: set[str] = set()

    def answer(self, request: Request) -> Reply:
        """One request."""
        path = request.path.partition("?")[0]
        place = path.removesuffix("/scale")
        if path in {RECORDS, f"{RECORDS}/clusterproof-rehearsal"}:
            return self._record(request)
        if place not in self.objects:
            return self._refuse(404)
        if request.method == "GET":
            return Reply(body=self.objects[place])
        if path in self.refused:
            return self._refuse(403)
        assert request.headers["content-type"] == "application/json-patch+json"
        assert request.path.endswith(f"?fieldManager={MANAGER}")
        self.patched.append((path, request.json()))
        return Reply(body=self.objects[place]) if self._apply(place) else self._refuse(422)

    def _apply(self, place: str) -> bool:
        """Apply the JSON patch that came last, if what it tests holds."""
        for step in self.patched[-1][1]:
            *tokens, last = [token.replace("~1", "/") for token in step["path"].split("/")[1:]]
            at: Any = self.objects[place]
            for token in tokens:
                at = at[int(token)] if isinstance(at, list) else at[token]
            if step["op"] == "test" and at.get(last) != step["value"]:
                return False
            if step["op"] == "replace":
                at[last] = step["value"]
            if step["op"] == "remove":
                del at[last]
        return True

    def _record(self, request: Request) -> Reply:
        if request.method == "POST":
            if self.kept is not None:
                return self._refuse(409)
            self.kept = request.json()
            return Reply(201, self.kept)
        if self.kept is None:
            return self._refuse(404)
        record = self.kept
        if request.method == "DELETE":
            self.kept = None
        return Reply(body={"kind": "ConfigMap", **record})

    @staticmethod
    def _refuse(status: int) -> Reply:
        return Reply(status, {"kind": "Status", "apiVersion": "v1", "message": str(status)})


def left_by_a_killed_run(
    *entries: Undo, at: str = "", objects: dict[str, Json] | None = None
) -> Server:
    """A cluster as a run left it that was killed; begun at `at`."""
    server = Server(**(objects or {}))
    with api_server(server.answer) as api:
        WayBack(api, "n", "run-1").remember("a-row", entries)
    assert server.kept is not None
    if at:
        server.kept["data"]["at"] = at
    return server


def test_each_field_is_put_back_in_its_order_and_forgotten() -> None:
    server = Server()
    with api_server(server.answer) as api:
        way_back = WayBack(api, "n", "run-1")
        way_back.remember("a-row", [UNCORDON, REPLICAS, IMAGE])
        assert server.kept is not None
        assert server.kept["metadata"]["labels"] == {"clusterproof.dev/run": "run-1"}
        assert not server.patched
        assert way_back.go() == ()
    assert [path for path, _ in server.patched] == [NODE, f"{ROUTER}/scale", ROUTER]
    assert server.objects[NODE]["spec"] == {}
    assert server.objects[ROUTER] == router("v1", 3)
    assert server.kept is None


def ago(**time: float) -> str:
    """A time in the past, as a record has it."""
    return (datetime.now(tz=UTC) - timedelta(**time)).isoformat(timespec="seconds")


def test_the_next_run_puts_back_what_one_left_that_was_killed() -> None:
    begun = ago(hours=23.5)
    server = left_by_a_killed_run(UNCORDON, at=begun)
    with api_server(server.answer) as api:
        text = WayBack(api, "n", "run-2").take_back()
        assert text == f"a-row of run run-1, begun {begun}, 23 hours ago"
        assert server.objects[NODE]["spec"] == {}
        assert WayBack(api, "n", "run-3").take_back() == ""
    assert len(server.patched) == 1


@pytest.mark.parametrize(
    ("age", "hours", "words"),
    [
        ({"hours": 24.5}, 26, "24 hours ago"),
        ({"days": 57}, 1370, "57 days ago"),
        ({"days": -57}, 1369, "s ago"),
    ],
)
def test_what_is_old_is_not_put_back_by_itself(
    age: dict[str, float], hours: int, words: str
) -> None:
    """Nor what pretends to be of the future: the command that does it is named, and does it."""
    server = left_by_a_killed_run(UNCORDON, IMAGE, at=ago(**age))
    with api_server(server.answer) as api:
        way_back = WayBack(api, "n", "run-2", command="clusterproof undo --context c")
        for _ in range(2):
            with pytest.raises(ObservationError, match="expected at most 24 hours old") as why:
                way_back.take_back()
            assert f"{words}: nothing is put back by itself of {NODE} /spec" in str(why.value)
            command, _, remark = why.value.next_command.partition("  # ")
            assert command == f"clusterproof undo --context c --oldest {hours}"
            assert remark == "changes the cluster"
            assert way_back.go() == ()
        assert not server.patched
        assert server.kept is not None
        way_back.take_back(oldest_s=hours * 3600)
    assert server.kept is None
    assert server.objects[NODE]["spec"] == {}


def owned(**fields: Json) -> Json:
    return {"f:spec": {f"f:{name}": below for name, below in fields.items()}}


CORDONED = owned(unschedulable={})
OF_CONTAINER: Json = {'k:{"name":"web"}': {"f:image": {}}}
OF_REPLICAS = owned(replicas={})
OF_IMAGE = owned(template={"f:spec": {"f:containers": OF_CONTAINER}})


@pytest.mark.parametrize(
    ("entry", "now", "sentence"),
    [
        (IMAGE, {ROUTER: router("v3")}, 'was "v1", the rehearsal put "v2", observed "v3"'),
        (REPLICAS, {ROUTER: router(replicas=7)}, "was 3, the rehearsal put 5, observed 7"),
        (UNCORDON, {NODE: managed(node(), kubectl_cordon=CORDONED)}, "set by kubectl-cordon 2026"),
        (IMAGE, {ROUTER: managed(router(), argocd=OF_IMAGE)}, "set by argocd 2026-11-01T10:00:00Z"),
        (
            IMAGE,
            {ROUTER: managed(router(), clusterproof_rehearsal=OF_IMAGE, argocd=OF_IMAGE)},
            'observed "v2", set by argocd 2026-11-01T10:00:00Z: changed',
        ),
        (
            REPLICAS,
            {ROUTER: managed(router(), helm=OF_REPLICAS, clusterproof_rehearsal=OF_REPLICAS)},
            "observed 5, set by helm 2026",
        ),
        (
            UNCORDON,
            {NODE: managed(node(), b=CORDONED, clusterproof_rehearsal=CORDONED, a=CORDONED)},
            "set by a 2026-11-01T10:00:00Z, b 2026-11-01T10:00:00Z",
        ),
    ],
)
def test_somebody_elses_later_change_stays_and_is_named(
    entry: Undo, now: dict[str, Json], sentence: str
) -> None:
    """Another value, or the same value that somebody set after the rehearsal."""
    server = left_by_a_killed_run(entry, objects=now)
    before = json.dumps(server.objects)
    with api_server(server.answer) as api:
        text = WayBack(api, "n", "run-2").take_back()
    assert sentence in text
    assert text.endswith("changed since, left as it is")
    assert not server.patched
    assert json.dumps(server.objects) == before
    assert server.kept is None


@pytest.mark.parametrize(
    ("entry", "now"),
    [
        (UNCORDON, {NODE: managed(node(), clusterproof_rehearsal=CORDONED, kubelet={})}),
        (IMAGE, {ROUTER: managed(router(), clusterproof_rehearsal=OF_IMAGE, helm=owned())}),
    ],
)
def test_what_is_still_ours_is_put_back(entry: Undo, now: dict[str, Json]) -> None:
    server = left_by_a_killed_run(entry, objects=now)
    with api_server(server.answer) as api:
        assert "changed since" not in WayBack(api, "n", "run-2").take_back()
    assert [path for path, _ in server.patched] == [entry.path]


def test_others_fields_of_the_same_object_stay() -> None:
    changed = router()
    changed["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "NEW"}]
    server = left_by_a_killed_run(IMAGE, objects={ROUTER: changed})
    with api_server(server.answer) as api:
        WayBack(api, "n", "run-2").take_back()
    container = server.objects[ROUTER]["spec"]["template"]["spec"]["containers"][0]
    assert container == {"name": "web", "image": "v1", "env": [{"name": "NEW"}]}


def test_a_change_between_the_look_and_the_patch_is_not_overwritten() -> None:
    server = left_by_a_killed_run(IMAGE)
    answer = server.answer

    def raced(request: Request) -> Reply:
        if request.method == "PATCH":
            server.objects[ROUTER] = router("v3")
        return answer(request)

    with api_server(raced) as api:
        assert 'observed "v3"' in WayBack(api, "n", "run-2").take_back()
    assert server.objects[ROUTER] == router("v3")


OF_WEB = Undo(IMAGE.path, IMAGE.field, "v1", "v2", "web")


def test_an_image_is_that_of_its_container_wherever_it_stands() -> None:
    """A sidecar that was put in front of it is another container, whatever its image is."""
    changed = router()
    changed["spec"]["template"]["spec"]["containers"].insert(0, {"name": "mesh", "image": "v2"})
    server = left_by_a_killed_run(OF_WEB, objects={ROUTER: changed})
    with api_server(server.answer) as api:
        assert "changed since" not in WayBack(api, "n", "run-2").take_back()
    images = {"mesh": "v2", "web": "v1"}
    containers = server.objects[ROUTER]["spec"]["template"]["spec"]["containers"]
    assert {each["name"]: each["image"] for each in containers} == images


def test_an_image_of_a_container_that_is_gone_is_said() -> None:
    changed = router()
    changed["spec"]["template"]["spec"]["containers"][0]["name"] = "other"
    server = left_by_a_killed_run(OF_WEB, objects={ROUTER: changed})
    with api_server(server.answer) as api:
        assert f"{ROUTER} has no container web any more" in WayBack(api, "n", "r").take_back()
    assert not server.patched


def test_a_container_leads_to_no_other_field() -> None:
    entry = Undo(REPLICAS.path, REPLICAS.field, 3, 5, "web")
    server = written_by_hand(entry)
    with api_server(server.answer) as api:
        WayBack(api, "n", "run-2").take_back()
    ((path, steps),) = server.patched
    assert path == REPLICAS.path
    assert {step["path"] for step in steps} == {REPLICAS.field}


def test_an_owner_that_comes_between_the_look_and_the_patch_is_seen() -> None:
    """The value is the same, so that a test of it alone would hold."""
    ours = managed(router(), clusterproof_rehearsal=OF_IMAGE)
    ours["metadata"]["resourceVersion"] = "7"
    server = left_by_a_killed_run(IMAGE, objects={ROUTER: ours})
    answer = server.answer

    def raced(request: Request) -> Reply:
        if request.method == "PATCH" and not server.patched:
            shared = managed(router(), clusterproof_rehearsal=OF_IMAGE, flux=OF_IMAGE)
            shared["metadata"]["resourceVersion"] = "8"
            server.objects[ROUTER] = shared
        return answer(request)

    with api_server(raced) as api:
        assert "set by flux 2026" in WayBack(api, "n", "run-2").take_back()
    ((_, steps),) = server.patched
    assert steps[0] == {"op": "test", "path": "/metadata/resourceVersion", "value": "7"}
    assert server.objects[ROUTER]["spec"] == router("v2")["spec"]


def test_what_is_as_it_was_already_is_not_patched() -> None:
    server = left_by_a_killed_run(UNCORDON, IMAGE, objects={NODE: node(unschedulable=None)})
    with api_server(server.answer) as api:
        WayBack(api, "n", "run-2").take_back()
    assert [path for path, _ in server.patched] == [ROUTER]


def test_an_object_that_is_gone_does_not_block_the_rest() -> None:
    server = left_by_a_killed_run(UNCORDON, IMAGE)
    del server.objects[NODE]
    with api_server(server.answer) as api:
        assert f"{NODE} is gone" in WayBack(api, "n", "run-2").take_back()
    assert [path for path, _ in server.patched] == [ROUTER]
    assert server.kept is None


def test_what_cannot_be_put_back_is_kept_and_the_rest_is_put_back() -> None:
    server = Server()
    server.refused = {NODE}
    with api_server(server.answer) as api:
        way_back = WayBack(api, "n", "run-1")
        way_back.remember("a-row", [UNCORDON, IMAGE])
        with pytest.raises(ObservationError, match=r"not put back: .*403") as caught:
            way_back.go()
        assert caught.value.next_command.startswith("clusterproof undo")
        assert [path for path, _ in server.patched] == [ROUTER]
        assert server.kept is not None
        server.refused = set()
        assert WayBack(api, "n", "run-2").take_back().startswith("a-row of run run-1")
    assert server.kept is None


def test_nothing_is_changed_when_it_cannot_be_kept_how_it_was() -> None:
    server = Server()
    with api_server(server.answer) as api:
        WayBack(api, "n", "run-1").remember("a-row", [UNCORDON])
        with pytest.raises(ObservationError, match="409"):
            WayBack(api, "n", "run-2").remember("b-row", [IMAGE])


@pytest.mark.parametrize(
    "undo",
    ["{}", '[{"path": "/api/v1/nodes/n", "body": {"spec": {"unschedulable": null}}}]'],
)
def test_a_record_of_another_version_is_not_followed(undo: str) -> None:
    server = Server()
    held = {"undo": undo, "row": "r", "run": "x"}
    server.kept = {"metadata": {"name": "clusterproof-rehearsal"}, "data": held}
    with api_server(server.answer) as api, pytest.raises(ObservationError, match="another record"):
        WayBack(api, "n", "run-2").take_back()
    assert not server.patched
    assert server.kept["data"] == held


ROLE = "/apis/rbac.authorization.k8s.io/v1/clusterroles/view"
AUTOSCALER = "/apis/autoscaling/v2/namespaces/a/horizontalpodautoscalers/h"
RESTARTED = "/spec/template/metadata/annotations/kubectl.kubernetes.io~1restartedAt"
LOG = Undo(SETTINGS, "/data/LOG", "info", "debug")
RESTART = Undo(ROUTER, RESTARTED, None, "2026-11-01T10:00:00+00:00")


def written_by_hand(*entries: Undo) -> Server:
    """A cluster with a record that anybody may have written."""
    server = left_by_a_killed_run(UNCORDON)
    assert server.kept is not None
    server.kept["data"]["undo"] = json.dumps([asdict(entry) for entry in entries])
    return server


@pytest.mark.parametrize(
    "entry",
    [
        Undo(ROLE, "/rules/0/verbs", ["*"], ["get"]),
        Undo("/api/v1/namespaces/a/secrets/s", "/data/KEY", "eA==", "eQ=="),
        Undo("/api/v1/namespaces/a/serviceaccounts/c", "/data/KEY", "x", "y"),
        Undo("/apis/apps/v1/namespaces/a/daemonsets/d/scale", "/spec/replicas", 0, 3),
        Undo("/apis/autoscaling/v1/namespaces/a/horizontalpodautoscalers/h", "/spec/x", 0, 3),
        Undo(NODE, "/spec/taints", None, []),
        Undo(NODE, "/spec/unschedulable/more", None, put=True),
        Undo(NODE, "/metadata/labels/pool", None, "x"),
        Undo(f"{NODE}/status", "/spec/unschedulable", None, put=True),
        Undo(f"{NODE}?force=true", "/spec/unschedulable", None, put=True),
        Undo("/api/v1/nodes/../../../" + ROLE, "/spec/unschedulable", None, put=True),
        Undo("/api/v1/nodes/%2e%2e", "/spec/unschedulable", None, put=True),
        Undo(NODE, "/spec/unschedulable", {"a": 1}, put=True),
        Undo(NODE, "/spec/unschedulable\n", None, put=True),
        Undo(ROUTER, "/spec/template/spec/containers/0/command", None, ["sh"]),
        Undo(ROUTER, "/spec/template/spec/serviceAccountName", "admin", "default"),
        Undo(ROUTER, "/spec/template", {}, {}),
        Undo(ROUTER, "/spec/template/spec/containers/-/image", "a", "b"),
        Undo(ROUTER, "/spec/template/spec/containers/0/image", None, "b"),
        Undo(ROUTER, "/spec/template/metadata/annotations/other", None, "b"),
        Undo(f"{ROUTER}/scale", "/spec/replicas", 3, put=True),
        Undo(f"{ROUTER}/scale", "/spec/replicas", 10**9, 3),
        Undo(f"{ROUTER}/scale", "/metadata/labels/x", "a", "b"),
        Undo(AUTOSCALER, "/spec/maxReplicas", 3, 5),
        Undo("/api/v1/namespaces/kube-system/configmaps/coredns", "/data/Corefile", "a", "b"),
        Undo("/apis/apps/v1/namespaces/b/deployments/r/scale", "/spec/replicas", 0, 3),
    ],
)
def test_a_record_of_what_no_rehearsal_changes_is_not_followed(entry: Undo) -> None:
    """Nor is any other entry of it: who wrote one may have written all."""
    server = written_by_hand(IMAGE, entry)
    kept = server.kept
    with api_server(server.answer) as api:
        way_back = WayBack(api, "n", "run-2", namespaces=("a",))
        for _ in range(2):
            with pytest.raises(ObservationError, match="ConfigMap/n/clusterproof-rehearsal") as why:
                way_back.take_back()
            assert "nothing is put back" in str(why.value)
            assert why.value.next_command.startswith("kubectl -n n get configmap")
            assert way_back.go() == ()
    assert not server.patched
    assert server.kept == kept


def test_what_would_not_be_put_back_is_not_changed() -> None:
    server = Server()
    with api_server(server.answer) as api:
        way_back = WayBack(api, "n", "run-1", namespaces=("b",))
        with pytest.raises(ObservationError, match="in no namespace of the spec"):
            way_back.remember("a-row", [IMAGE])
    assert server.kept is None


def test_what_each_operation_changes_is_put_back() -> None:
    autoscaler: Json = {"metadata": {"name": "h"}, "spec": {"minReplicas": 5}}
    settings: Json = {"metadata": {"name": "c"}, "data": {"LOG": "debug"}}
    restarted = router()
    restarted["spec"]["template"]["metadata"] = {
        "annotations": {"kubectl.kubernetes.io/restartedAt": RESTART.put}
    }
    entries = (UNCORDON, REPLICAS, IMAGE, LOG, RESTART, Undo(AUTOSCALER, "/spec/minReplicas", 2, 5))
    objects = {AUTOSCALER: autoscaler, SETTINGS: settings, ROUTER: restarted}
    server = left_by_a_killed_run(*entries, objects=objects)
    with api_server(server.answer) as api:
        text = WayBack(api, "n", "run-2", namespaces=("a",)).take_back()
    assert "changed since" not in text
    assert [path for path, _ in server.patched] == [entry.path for entry in entries]


OTHERS = {"kubectl_edit": owned(replicas={})}


@pytest.mark.parametrize(
    ("entry", "now"),
    [
        (LOG, {SETTINGS: managed({"metadata": {"name": "c"}}, **OTHERS)}),
        (LOG, {SETTINGS: managed({"metadata": {"name": "c"}, "data": None}, **OTHERS)}),
        (
            Undo(ROUTER, RESTARTED, "2026-10-01T10:00:00+00:00", RESTART.put),
            {ROUTER: managed(router(), **OTHERS)},
        ),
        (
            Undo(ROUTER, "/spec/template/spec/containers/1/image", "v1", "v2"),
            {ROUTER: managed(router(), **OTHERS)},
        ),
        (LOG, {SETTINGS: managed({"metadata": {"name": "c"}, "data": []}, **OTHERS)}),
    ],
    ids=["no data", "data is null", "no annotations", "fewer containers", "another shape"],
)
def test_what_lost_the_part_that_held_it_is_left_and_the_rest_is_put_back(
    entry: Undo, now: dict[str, Json]
) -> None:
    server = left_by_a_killed_run(entry, UNCORDON, objects=now)
    before = json.dumps(now)
    with api_server(server.answer) as api:
        text = WayBack(api, "n", "run-2").take_back()
    assert f"{entry.path}: {entry.field} was" in text
    assert "observed absent: changed since, left as it is" in text
    assert [path for path, _ in server.patched] == [NODE]
    assert json.dumps(now) == before
    assert server.kept is None
