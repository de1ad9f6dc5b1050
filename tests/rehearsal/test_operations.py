"""What each operation asks of the API server, in which order, and the way back that it keeps."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from clusterproof.act.rehearsal.act import Act
from clusterproof.act.rehearsal.forward import end_of
from clusterproof.act.rehearsal.operations import RESTARTED, perform
from clusterproof.act.rehearsal.seen import Step
from clusterproof.act.rehearsal.undo import WayBack
from clusterproof.errors import ObservationError
from clusterproof.kube.client import KubeApi
from clusterproof.kube.kinds import KINDS
from clusterproof.spec.rehearsal import RehearsalRow
from clusterproof.spec.row import ObjectRef
from tests.judge.rows import row
from tests.observe.cluster_objects import cluster_of, deployment, owned_by, pod, service
from tests.observe.loopback import Reply, Request, api_server

Json = dict[str, Any]
DEPLOYMENTS = "/apis/apps/v1/namespaces/a/deployments"
PODS = "/api/v1/namespaces/a/pods"
HPAS = "/apis/autoscaling/v2/namespaces/a/horizontalpodautoscalers"
LABELS = {"app": "web"}
WHOLE = {"updatedReplicas": 3, "readyReplicas": 3, "availableReplicas": 3, "replicas": 3}


def web() -> Json:
    item = deployment("web", "a", LABELS)
    item["metadata"] |= {"uid": "u", "generation": 1}
    item["spec"]["replicas"] = 3
    item["metadata"]["annotations"] = {"deployment.kubernetes.io/revision": "9"}
    item["spec"]["template"]["spec"]["containers"] = [{"name": "web", "image": "v9"}]
    return {**item, "status": {"observedGeneration": 1, **WHOLE}}


def on(node: str, name: str, labels: Json | None = None) -> Json:
    item = pod(name, "a", labels or LABELS)
    item["spec"]["nodeName"] = node
    owners = {"web": "u", "store": "uid-of-store"}
    owner = owners.get(item["metadata"]["labels"].get("app", ""), "another")
    item["metadata"] |= {"uid": name, **owned_by(owner), "labels": labels or LABELS}
    return item


def node(name: str, **spec: Any) -> Json:  # noqa: ANN401 - raw JSON
    status = {"conditions": [{"type": "Ready", "status": "True"}]}
    return {"kind": "Node", "metadata": {"name": name}, "spec": spec, "status": status}


class Server:
    """Objects by their paths; every write is noted, and only an eviction does anything."""

    def __init__(self, **objects: Json) -> None:
        """Hold these, beside the Deployment."""
        self.objects: dict[str, Json] = {f"{DEPLOYMENTS}/web": web(), **objects}
        self.written: list[tuple[str, str, Any]] = []
        self.evictions: list[int] = []
        self.lists_all = True

    def answer(self, request: Request) -> Reply:
        """One request."""
        path = request.path.partition("?")[0]
        if request.method != "GET":
            body = request.json() if request.body else None
            self.written.append((request.method, path, body))
            return self._evict(path) if path.endswith("/eviction") else Reply(body={"kind": "X"})
        if path in self.objects:
            return Reply(body=self.objects[path])
        if path == "/api/v1/pods":
            if not self.lists_all:
                return Reply(403, {"kind": "Status", "apiVersion": "v1", "message": "forbidden"})
            pods = [
                one for at, one in self.objects.items() if at.rpartition("/")[0][-5:] == "/pods"
            ]
            return Reply(body={"kind": "PodList", "items": pods})
        items = [one for at, one in self.objects.items() if at.rpartition("/")[0] == path]
        if items or path.rpartition("/")[2].endswith("s"):
            kinds = {kind.plural: name for name, kind in KINDS.items()}
            kind = kinds[path.rpartition("/")[2]]
            return Reply(body={"kind": f"{kind}List", "items": items})
        return Reply(404, {"kind": "Status", "apiVersion": "v1", "message": "no such object"})

    def _evict(self, path: str) -> Reply:
        status = self.evictions.pop(0) if self.evictions else 201
        if status == 201:
            del self.objects[path.removesuffix("/eviction")]
        said = "Cannot evict pod as it would violate the pod's disruption budget."
        return Reply(status, {"kind": "Status", "apiVersion": "v1", "message": said})

    @property
    def patches(self) -> list[tuple[str, Any]]:
        """Path and body of each PATCH."""
        return [(path, body) for method, path, body in self.written if method == "PATCH"]

    @property
    def kept(self) -> list[Json]:
        """The way back, as it was kept."""
        (text,) = [body["data"]["undo"] for m, p, body in self.written if p.endswith("configmaps")]
        found: list[Json] = json.loads(text)
        return found


def rule(operation: Json, **fields: Any) -> RehearsalRow:  # noqa: ANN401 - fields of a row
    found: RehearsalRow = row(
        "rehearsal",
        operation=operation,
        **{"workloads": ["Deployment/a/web"], "within_s": 0.1, **fields},
    )
    return found


def steps(api: KubeApi, wanted: RehearsalRow) -> Iterator[Step]:
    act = Act(api, wanted, ("a",), WayBack(api, "a", "run"), lambda: None)
    return perform(wanted.operation, act)


def test_scale_keeps_the_number_that_it_was_and_raises_the_floor() -> None:
    server = Server(**{f"{HPAS}/hpa": {"kind": "H", "metadata": {}, "spec": {"minReplicas": 2}}})
    operation = {
        "do": "scale",
        "of": "Deployment/a/web",
        "replicas": 5,
        "autoscaler": "HorizontalPodAutoscaler/a/hpa",
    }
    with api_server(server.answer) as api:
        (step,) = steps(api, rule(operation))
    assert server.patches == [
        (f"{DEPLOYMENTS}/web/scale", {"spec": {"replicas": 5}}),
        (f"{HPAS}/hpa", {"spec": {"minReplicas": 5}}),
    ]
    assert server.kept == [
        {"path": f"{HPAS}/hpa", "field": "/spec/minReplicas", "was": 2, "put": 5},
        {"path": f"{DEPLOYMENTS}/web/scale", "field": "/spec/replicas", "was": 3, "put": 5},
    ]
    assert "3 replicas are wanted, not 5" in step.missing


@pytest.mark.parametrize("autoscaler", ["HorizontalPodAutoscaler/a/hpa", None])
def test_an_autoscaler_may_go_above_the_floor_that_was_raised(autoscaler: str | None) -> None:
    """More than 2 replicas are no operation that was not reached, where its autoscaler adds one."""
    server = Server(**{f"{HPAS}/hpa": {"kind": "H", "metadata": {}, "spec": {"minReplicas": 1}}})
    operation = {"do": "scale", "of": "Deployment/a/web", "replicas": 2, "autoscaler": autoscaler}
    with api_server(server.answer) as api:
        (step,) = steps(api, rule(operation))
    assert step.missing == ("" if autoscaler else "Deployment/a/web: 3 replicas are wanted, not 2")


def test_the_way_back_is_kept_before_anything_is_changed() -> None:
    server = Server()
    with api_server(server.answer) as api:
        list(steps(api, rule({"do": "scale", "of": "Deployment/a/web", "replicas": 5})))
    assert [method for method, _, _ in server.written] == ["POST", "PATCH"]


def test_a_configuration_goes_back_before_the_pods_that_read_it() -> None:
    config = "/api/v1/namespaces/a/configmaps/c"
    held = {"kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"OTHER": "1"}}
    server = Server(**{config: held})
    operation = {
        "do": "configure",
        "of": "ConfigMap/a/c",
        "key": "LOG",
        "value": "off",
        "workload": "Deployment/a/web",
    }
    with api_server(server.answer) as api:
        (step,) = steps(api, rule(operation))
    assert step.missing == ""
    (first, changed), (second, restarted) = server.patches
    assert (first, second) == (config, f"{DEPLOYMENTS}/web")
    assert changed == {"data": {"LOG": "off"}}
    now = restarted["spec"]["template"]["metadata"]["annotations"][RESTARTED]
    field = "/spec/template/metadata/annotations/kubectl.kubernetes.io~1restartedAt"
    assert server.kept == [
        {"path": config, "field": "/data/LOG", "was": None, "put": "off"},
        {"path": f"{DEPLOYMENTS}/web", "field": field, "was": None, "put": now},
    ]


def revision(number: int, image: str) -> Json:
    labels = {"app": "web", "pod-template-hash": str(number)}
    return {
        "kind": "ReplicaSet",
        "metadata": {
            "name": f"web-{number}",
            "annotations": {"deployment.kubernetes.io/revision": str(number)},
            "ownerReferences": [{"uid": "u", "controller": True}],
        },
        "spec": {"template": {"metadata": {"labels": labels}, "spec": {"image": image}}},
    }


UPGRADE = {"do": "upgrade", "of": "Deployment/a/web", "container": "web", "image": "v10"}


class Upgraded(Server):
    """Applies what an upgrade patches; others may change the Deployment right after it."""

    def __init__(self, meanwhile: Callable[[Json], None] = lambda _: None) -> None:
        """Hold revisions of which 9 is the current one."""
        sets = "/apis/apps/v1/namespaces/a/replicasets"
        super().__init__(**{f"{sets}/{n}": revision(n, f"v{n}") for n in (9, 11, 10, 2)})
        self.meanwhile = meanwhile
        self.records: dict[str, Json] = {}

    @property
    def template(self) -> Json:
        """Of the Deployment, as it is now."""
        template: Json = self.objects[f"{DEPLOYMENTS}/web"]["spec"]["template"]
        return template

    def answer(self, request: Request) -> Reply:
        """One request."""
        reply = super().answer(request)
        if request.method != "PATCH":
            return reply
        body = request.json()
        if isinstance(body, dict):
            (wanted,) = body["spec"]["template"]["spec"]["containers"]
            self.template["spec"]["containers"][0] |= wanted
            self.meanwhile(self.objects[f"{DEPLOYMENTS}/web"])
        else:
            assert body[-1]["op"] == "replace"
            *_, index, field = body[-1]["path"].split("/")
            self.template["spec"]["containers"][int(index)][field] = body[-1]["value"]
        return reply


def test_an_upgrade_is_rolled_back_to_what_was_found() -> None:
    """Not to the newest but one: others may have rolled out a release meanwhile."""
    server = Upgraded()
    before = json.dumps(server.template)
    with api_server(server.answer) as api:
        found = list(steps(api, rule(UPGRADE)))
    assert [step.missing for step in found] == ["", ""]
    assert found[1].what == "web is rolled back to revision 9"
    (_, upgraded), (_, rolled_back) = server.patches
    assert upgraded["spec"]["template"]["spec"]["containers"] == [{"name": "web", "image": "v10"}]
    containers = "/spec/template/spec/containers/0"
    assert rolled_back == [
        {"op": "test", "path": f"{containers}/name", "value": "web"},
        {"op": "test", "path": f"{containers}/image", "value": "v10"},
        {"op": "replace", "path": f"{containers}/image", "value": "v9"},
    ]
    assert json.dumps(server.template) == before


def _adds_env(deployment: Json) -> None:
    deployment["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "NEW"}]


def _adds_sidecar(deployment: Json) -> None:
    sidecar = {"name": "mesh", "image": "v10"}
    deployment["spec"]["template"]["spec"]["containers"].insert(0, sidecar)


def _adds_annotation_and_volume(deployment: Json) -> None:
    deployment["spec"]["template"]["metadata"]["annotations"] = {"checksum": "1"}
    deployment["spec"]["template"]["spec"]["volumes"] = [{"name": "tmp", "emptyDir": {}}]


@pytest.mark.parametrize(
    ("meanwhile", "said"),
    [
        (_adds_env, "spec.containers.web.env"),
        (_adds_sidecar, "spec.containers.mesh"),
        (_adds_annotation_and_volume, "metadata.annotations, spec.volumes"),
    ],
)
def test_what_others_changed_during_an_upgrade_stays_and_is_said(
    meanwhile: Callable[[Json], None], said: str
) -> None:
    """Only the image is put back, of the container of that name, wherever it stands by now."""
    server = Upgraded(meanwhile)
    wanted = web()
    meanwhile(wanted)
    with api_server(server.answer) as api:
        *_, rolled_back = steps(api, rule(UPGRADE))
    assert server.template == wanted["spec"]["template"]
    assert rolled_back.what == (
        f"web is rolled back to revision 9; changed by others meanwhile, and left: {said}"
    )


def _releases(deployment: Json) -> None:
    deployment["spec"]["template"]["spec"]["containers"][0]["image"] = "v11"


def _renames(deployment: Json) -> None:
    deployment["spec"]["template"]["spec"]["containers"][0]["name"] = "web2"


@pytest.mark.parametrize(
    ("meanwhile", "why"),
    [(_releases, 'observed "v11"'), (_renames, "has no container web any more")],
)
def test_an_image_that_others_changed_during_an_upgrade_is_left(
    meanwhile: Callable[[Json], None], why: str
) -> None:
    server = Upgraded(meanwhile)
    with api_server(server.answer) as api:
        act = Act(api, rule(UPGRADE), ("a",), WayBack(api, "a", "run"), lambda: None)
        (upgraded,) = perform(act.rule.operation, act)
    assert not upgraded.missing
    (refused,) = act.refused
    assert refused.path == f"{DEPLOYMENTS}/web"
    assert why in refused.why
    assert len(server.patches) == 1


def test_without_the_revision_that_was_found_nothing_can_be_said() -> None:
    sets = "/apis/apps/v1/namespaces/a/replicasets"
    server = Server(**{f"{sets}/8": revision(8, "v8")})
    with (
        api_server(server.answer) as api,
        pytest.raises(ObservationError, match="no revision 9 to go back to"),
    ):
        list(steps(api, rule(UPGRADE)))


CONFIGMAP = {"kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"LOG": "off"}}
CONFIGURE = {
    "do": "configure",
    "of": "ConfigMap/a/c",
    "key": "LOG",
    "value": "off",
    "workload": "Deployment/a/web",
}


@pytest.mark.parametrize(
    ("operation", "sentence"),
    [
        (UPGRADE | {"image": "v9"}, "the image of web is 'v9' already"),
        (UPGRADE | {"container": "sidecar"}, "no container sidecar"),
        ({"do": "scale", "of": "Deployment/a/web", "replicas": 3}, "replicas is 3 already"),
        (CONFIGURE, "LOG is 'off' already"),
    ],
)
def test_what_would_change_nothing_is_not_done(operation: Json, sentence: str) -> None:
    """Nothing is written, so that nothing can be put back to something older."""
    server = Server(**{"/api/v1/namespaces/a/configmaps/c": CONFIGMAP})
    with api_server(server.answer) as api, pytest.raises(ObservationError, match=sentence):
        list(steps(api, rule(operation)))
    assert server.written == []


DRAIN = {
    "do": "drain",
    "runs": "Deployment/a/web",
    "spares": ["Deployment/a/store"],
    "elsewhere": ["Deployment/a/web"],
}


def drained(
    *pods: Json,
    evictions: tuple[int, ...] = (),
    lists_all: bool = True,
    **fields: Any,  # noqa: ANN401 - fields of the operation
) -> tuple[Server, list[Step]]:
    store = deployment("store", "a", {"app": "store"})
    store["metadata"]["uid"] = "uid-of-store"
    server = Server(**{f"{DEPLOYMENTS}/store": store})
    server.objects |= {f"/api/v1/nodes/{one}": node(one) for one in ("n1", "n2", "n3")}
    server.lists_all = lists_all
    for one in pods:
        place = f"/api/v1/namespaces/{one['metadata']['namespace']}/pods"
        server.objects[f"{place}/{one['metadata']['name']}"] = one
    server.objects["/apis/apps/v1/namespaces/a/daemonsets/d"] = {"kind": "DaemonSet"}
    server.evictions = list(evictions)
    with api_server(server.answer) as api:
        return server, list(steps(api, rule(DRAIN | fields, within_s=3)))


def test_a_drain_spares_the_node_of_a_store_and_evicts_what_is_ours_to_evict() -> None:
    others = {"app": "other"}
    daemon = on("n2", "daemon", others)
    daemon["metadata"]["ownerReferences"] = [DAEMONSET]
    own = on("n2", "sender", {"clusterproof.dev/run": "r"})
    server, (evicted, _) = drained(
        on("n1", "w1"), on("n1", "w2"), on("n1", "s", {"app": "store"}), on("n2", "w3"),
        on("n2", "x", others), daemon, own,
    )  # fmt: skip
    assert evicted.missing == ""
    assert evicted.what == (
        "n2 is left by w3, x; ignoring DaemonSet-managed Pods: a/daemon;"
        " leaving Pods of our own: a/sender"
    )
    assert server.patches == [("/api/v1/nodes/n2", {"spec": {"unschedulable": True}})]
    assert [path for _, path, _ in server.written if "eviction" in path] == [
        f"{PODS}/w3/eviction",
        f"{PODS}/x/eviction",
    ]
    assert server.kept == [
        {"path": "/api/v1/nodes/n2", "field": "/spec/unschedulable", "was": None, "put": True}
    ]


DAEMONSET = {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "d", "controller": True}
OTHERS = {"app": "other"}


def other(name: str, **metadata: Any) -> Json:  # noqa: ANN401 - raw JSON
    found = on("n2", name, OTHERS)
    found["metadata"] |= metadata
    return found


def with_emptydir(name: str, **metadata: Any) -> Json:  # noqa: ANN401 - raw JSON
    found = other(name, **metadata)
    found["spec"]["volumes"] = [{"name": "tmp", "emptyDir": {}}]
    return found


def finished(item: Json) -> Json:
    return {**item, "status": {"phase": "Succeeded"}}


@pytest.mark.parametrize(
    ("pods", "sentence"),
    [
        ([other("bare", ownerReferences=[])], "declare no controller: a/bare"),
        ([other("kept", ownerReferences=[{"kind": "Job"}])], "declare no controller: a/kept"),
        ([with_emptydir("cache")], "with local storage .*: a/cache"),
        ([other("orphan", ownerReferences=[{**DAEMONSET, "name": "gone"}])], "gone is not found"),
        ([with_emptydir("cache"), other("bare", ownerReferences=[])], "a/cache, .* a/bare"),
    ],
)
def test_what_kubectl_drain_refuses_is_named_and_nothing_is_changed(
    pods: list[Json], sentence: str
) -> None:
    with pytest.raises(ObservationError, match=sentence):
        drained(on("n2", "w3"), *pods)
    server = Server()
    server.objects |= {"/api/v1/nodes/n2": node("n2")}
    server.objects |= {f"{PODS}/{one['metadata']['name']}": one for one in [on("n2", "w3"), *pods]}
    with api_server(server.answer) as api, pytest.raises(ObservationError):
        list(steps(api, rule(DRAIN | {"spares": []})))
    assert server.written == []


@pytest.mark.parametrize(
    ("spared", "evicted"),
    [
        (other("mirror", annotations={"kubernetes.io/config.mirror": "x"}, ownerReferences=[]), 0),
        (with_emptydir("daemon", ownerReferences=[DAEMONSET]), 0),
        (finished(other("bare", ownerReferences=[])), 1),
        (finished(with_emptydir("cache")), 1),
        (finished(other("daemon", ownerReferences=[DAEMONSET])), 1),
    ],
)
def test_what_kubectl_drain_spares_or_evicts(spared: Json, *, evicted: int) -> None:
    """A mirror Pod and a DaemonSet's stay; a finished Pod is removed, whatever it is."""
    server, _ = drained(on("n2", "w3"), spared)
    name = spared["metadata"]["name"]
    assert sum(path == f"{PODS}/{name}/eviction" for _, path, _ in server.written) == evicted


MIRROR = {"kubernetes.io/config.mirror": "x"}


def elsewhere(name: str, namespace: str = "kube-system") -> Json:
    found = on("n2", name, OTHERS)
    found["metadata"]["namespace"] = namespace
    return found


@pytest.mark.parametrize(
    ("pods", "remark"),
    [
        ([other("m", annotations=MIRROR, ownerReferences=[])], "ignoring mirror Pods: a/m"),
        (
            [other(name, ownerReferences=[DAEMONSET]) for name in ("logs", "dns")],
            "ignoring DaemonSet-managed Pods: a/dns, a/logs",
        ),
        (
            [elsewhere("proxy"), elsewhere("x", "team")],
            "leaving Pods of namespaces outside of the spec: kube-system/proxy, team/x",
        ),
        (
            [elsewhere(f"p{n:02}") for n in range(12)],
            "leaving Pods of namespaces outside of the spec: "
            + ", ".join(f"kube-system/p{n:02}" for n in range(10))
            + " and 2 more",
        ),
        ([other("a"), finished(with_emptydir("done"))], ""),
    ],
)
def test_what_a_drain_spares_is_said(pods: list[Json], remark: str) -> None:
    """As kubectl warns of it; of what stays, somebody who drains by hand has to know."""
    server, (evicted, _) = drained(on("n2", "w3"), *pods)
    assert evicted.what.partition("; ")[2] == remark
    assert evicted.missing == ""
    assert not any("kube-system" in path or "team" in path for _, path, _ in server.written)


def test_what_a_drain_spares_where_it_may_not_be_listed_is_said_too() -> None:
    _, (evicted, _) = drained(on("n2", "w3"), elsewhere("proxy"), lists_all=False)
    assert evicted.what == (
        "n2 is left by w3; Pods of other namespaces stay; which they are may not be listed (403)"
    )


def test_data_that_a_drain_deletes_are_said() -> None:
    _, (evicted, _) = drained(on("n2", "w3"), with_emptydir("cache"), delete_emptydir_data=True)
    assert evicted.what.endswith("; deleting Pods with local storage: a/cache")


def test_emptydir_data_are_given_up_where_the_row_says_so() -> None:
    server, _ = drained(on("n2", "w3"), with_emptydir("cache"), delete_emptydir_data=True)
    assert any(path == f"{PODS}/cache/eviction" for _, path, _ in server.written)


def test_a_node_that_kubectl_would_drain_is_taken_before_one_that_it_refuses() -> None:
    server, _ = drained(on("n2", "w3"), other("bare", ownerReferences=[]), on("n3", "w4"))
    assert server.patches == [("/api/v1/nodes/n3", {"spec": {"unschedulable": True}})]


def test_an_eviction_that_the_budget_refuses_is_asked_for_again() -> None:
    server, (evicted, _) = drained(on("n2", "w3"), evictions=(429, 201))
    assert evicted.missing == ""
    assert sum("eviction" in path for _, path, _ in server.written) == 2


def test_an_eviction_that_stays_refused_is_what_is_missing() -> None:
    _, found = drained(on("n2", "w3"), evictions=(429,) * 50)
    assert "w3 may not be evicted: Cannot evict pod" in found[0].missing


def test_no_node_to_drain_is_nothing_to_say() -> None:
    with pytest.raises(ObservationError, match="tied to its disk"):
        drained(on("n1", "w1"), on("n1", "s", {"app": "store"}))


@pytest.mark.parametrize("grace_s", [None, 1])
def test_a_kill_is_of_one_pod_and_of_that_one_only(grace_s: int | None) -> None:
    server = Server(**{f"{PODS}/{name}": on("n1", name) for name in ("w2", "w1")})
    operation = {"do": "kill", "of": "Deployment/a/web", "grace_s": grace_s}
    with api_server(server.answer) as api:
        (step,) = steps(api, rule(operation))
    ((method, path, body),) = server.written
    assert (method, path) == ("DELETE", f"{PODS}/w1")
    assert body["preconditions"] == {"uid": "w1"}
    assert body.get("gracePeriodSeconds") == grace_s
    assert step.missing == "w1 is ending"


def test_a_pod_without_a_controller_is_not_killed() -> None:
    bare = on("n1", "w1")
    bare["metadata"]["ownerReferences"] = []
    server = Server(**{f"{PODS}/w1": bare})
    with api_server(server.answer) as api, pytest.raises(ObservationError, match="replace w1"):
        list(steps(api, rule({"do": "kill", "of": "Pod/a/w1"})))
    assert server.written == []


@pytest.mark.parametrize(
    ("port", "target", "ready", "found"),
    [
        (9090, "metrics", True, ("w", 9091, "")),
        (9090, 9090, True, ("w", 9090, "")),
        (9090, "other", True, ("", 0, "no container port of the name other")),
        (80, 80, True, ("", 0, "Service/a/web has no port 9090")),
        (9090, 9090, False, ("", 0, "no ready Pod behind Service/a/web")),
    ],
)
def test_the_end_of_a_forward(
    port: int, target: int | str, *, ready: bool, found: tuple[str, int, str]
) -> None:
    objects = service("web", "a", port, target, LABELS), pod("w", "a", LABELS, ready=ready)
    objects[1]["spec"]["containers"][0]["ports"] = [{"name": "metrics", "containerPort": 9091}]
    of = ObjectRef(kind="Service", namespace="a", name="web")
    with cluster_of(*objects) as cluster:
        assert end_of(cluster.api, of, 9090) == found


def test_a_service_without_a_selector_leads_to_no_pod() -> None:
    """Nor does kubectl forward to one: AttachablePodForObjectFn."""
    objects = service("web", "a", 9090, 9090, {}), pod("w", "a", LABELS)
    of = ObjectRef(kind="Service", namespace="a", name="web")
    with cluster_of(*objects) as cluster:
        assert end_of(cluster.api, of, 9090)[2] == "no ready Pod behind Service/a/web"
