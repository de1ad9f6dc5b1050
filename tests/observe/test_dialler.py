"""The ways into a Pod, against an API server on loopback that really runs what is executed."""

import json
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from clusterproof.act.own_pods import (
    DEADLINE,
    LIFETIME_S,
    NEVER_READY,
    OwnPods,
    PodPlan,
    is_left_over,
    pod_manifest,
    require_writing,
)
from clusterproof.errors import ObservationError
from clusterproof.observe.cluster import RUN_LABEL, Cluster
from clusterproof.observe.dialler import Dialler, dialable_pods
from clusterproof.observe.dialling import DialOutcome, Peer
from clusterproof.production import Production
from clusterproof.spec.row import ObjectRef
from clusterproof.spec.settings import DiallerSettings
from tests.observe.cluster_objects import cluster_of, deployment, pod
from tests.observe.loopback import Reply, Request, api_server, listed
from tests.observe.pods_server import World, pods_server

Json = dict[str, Any]
NOW = datetime(2026, 6, 1, tzinfo=UTC)
LABELS = {"app": "router", "pod-template-hash": "x1"}
ROUTER = ObjectRef(kind="Deployment", namespace="shop", name="router")
SETTINGS = DiallerSettings(image="dialler:1", namespace="tools")


@pytest.fixture
def world() -> World:
    """Two routers with a python3 each."""
    found = World()
    for number in "12":  # the API server gives a Pod the zone of its node
        zone = {"topology.kubernetes.io/zone": f"zone-{number}"}
        found.add(pod(f"router-{number}", "shop", {**LABELS, **zone}))
    return found


@pytest.fixture
def peer() -> Iterator[Peer]:
    """A peer that listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield Peer("db", "127.0.0.1", server.getsockname()[1])


def own(world: World) -> list[dict[str, Any]]:
    return [one for one in world.pods.values() if RUN_LABEL in one["metadata"]["labels"]]


def routers(world: World) -> list[dict[str, Any]]:
    return [one for one in world.pods.values() if one["metadata"]["name"].startswith("router")]


def test_exec_is_the_first_way_and_leaves_nothing(world: World, peer: Peer) -> None:
    with pods_server(world) as api:
        pods = OwnPods(api, "run-1")
        found = Dialler(Cluster(api), pods, SETTINGS).dial_from_each(
            routers(world), lambda _: [peer]
        )
    assert [one.pod for one in found] == ["router-1", "router-2"]
    assert {one.results["db"].outcome for one in found} == {DialOutcome.CONNECTED}
    assert found[0].how == "exec of python3 in container main (rights: get and create pods/exec)"
    assert own(world) == []


def test_stand_in_carries_what_a_policy_selects_on_and_no_service_sends_to_it(
    world: World, peer: Peer
) -> None:
    world.without_python.add("main")
    with pods_server(world) as api:
        pods = OwnPods(api, "run-1")
        dialler = Dialler(Cluster(api), pods, SETTINGS)
        found = dialler.dial_from_each(routers(world), lambda _: [peer])
        (stand_in,) = own(world)
        pods.close()
    (only,) = found
    assert only.pod == "clusterproof-run-1-stand-in-0"
    assert only.how.startswith("stand-in Pod shop/clusterproof-run-1-stand-in-0")
    assert stand_in["metadata"]["labels"] == {"app": "router", RUN_LABEL: "run-1"}
    assert stand_in["spec"]["readinessGates"] == [{"conditionType": NEVER_READY}]
    (container,) = stand_in["spec"]["containers"]
    assert container["name"] == "main", "an autoscaler asks for it in each Pod of its target"
    assert own(world) == []


def test_pods_that_run_are_dialled_from_ready_or_not(world: World) -> None:
    starving = pod("router-3", "shop", LABELS, ready=False)
    starting = pod("router-4", "shop", LABELS, state={"waiting": {"reason": "PodInitializing"}})
    owner = deployment("router", "shop", {"app": "router"})
    with cluster_of(owner, *routers(world), starving, starting) as cluster:
        found = dialable_pods(cluster, ROUTER)
    assert [one["metadata"]["name"] for one in found] == ["router-1", "router-2", "router-3"]


def test_stand_in_dials_for_a_workload_that_cannot_start(world: World, peer: Peer) -> None:
    owner = deployment("router", "shop", {"app": "router"})
    owner["spec"]["template"]["spec"]["containers"] = [{"name": "main"}]
    with cluster_of(owner) as cluster:
        template = dialable_pods(cluster, ROUTER)
    with pods_server(world) as api:
        pods = OwnPods(api, "run-1")
        (only,) = Dialler(Cluster(api), pods, SETTINGS).dial_from_each(template, lambda _: [peer])
        (stand_in,) = own(world)
        pods.close()
    assert only.how.startswith("stand-in Pod")
    assert stand_in["metadata"]["labels"] == {"app": "router", RUN_LABEL: "run-1"}


def test_workload_that_is_not_there_is_no_verdict() -> None:
    with cluster_of() as cluster, pytest.raises(ObservationError, match="no Deployment/shop/rout"):
        dialable_pods(cluster, ROUTER)


def test_ephemeral_container_is_a_way_only_where_the_spec_opts_in(world: World, peer: Peer) -> None:
    world.without_python.add("main")
    settings = SETTINGS.model_copy(update={"ephemeral_containers": True})
    with pods_server(world) as api:
        dialler = Dialler(Cluster(api), OwnPods(api, "run-1"), settings)
        found = dialler.dial_from_each(routers(world), lambda _: [peer])
    assert [one.pod for one in found] == ["router-1", "router-2"]
    assert found[0].how.startswith("ephemeral container (rights: patch pods/ephemeralcontainers")
    assert sum("/ephemeralcontainers" in one for one in world.log) == 2


def controlled(world: World, api_version: str, kind: str, selector: Json) -> None:
    """The routers are Pods of this controller, and have no python3."""
    world.without_python.add("main")
    reference = {"apiVersion": api_version, "kind": kind, "name": "router", "controller": True}
    for one in routers(world):
        one["metadata"]["ownerReferences"] = [reference]
        one["metadata"]["labels"] |= {"batch.kubernetes.io/controller-uid": "u"}
    prefix = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
    item = {"metadata": {"name": "router", "namespace": "shop"}, "spec": {"selector": selector}}
    path = f"{prefix}/namespaces/shop/{kind.lower()}s"
    world.lists[path] = {"kind": f"{kind}List", "items": [item]}


BY_APP = {"matchLabels": {"app": "router"}}


@pytest.mark.parametrize(
    ("api_version", "kind", "selector"),
    [
        ("apps/v1", "DaemonSet", BY_APP),
        ("apps/v1", "ReplicaSet", BY_APP),  # of nobody: its selector has no hash
        ("v1", "ReplicationController", {"app": "router"}),
        ("batch/v1", "Job", BY_APP),  # with manualSelector
    ],
)
def test_a_controller_would_adopt_a_stand_in_so_none_is_made(
    world: World, peer: Peer, api_version: str, kind: str, selector: Json
) -> None:
    controlled(world, api_version, kind, selector)
    with pods_server(world) as api:
        dialler = Dialler(Cluster(api), OwnPods(api, "run-1"), SETTINGS)
        found = dialler.dial_from_each(routers(world), lambda _: [peer])
    assert f"{kind}/shop/router would adopt" in found[0].unseen
    assert own(world) == []


def test_a_daemon_without_a_running_pod_would_adopt_a_stand_in_too(
    world: World, peer: Peer
) -> None:
    controlled(world, "apps/v1", "DaemonSet", BY_APP)
    owner = deployment("router", "shop", {"app": "router"}) | {"kind": "DaemonSet"}
    owner["spec"]["template"]["spec"]["containers"] = [{"name": "main"}]
    with cluster_of(owner) as cluster:
        template = dialable_pods(
            cluster, ObjectRef(kind="DaemonSet", namespace="shop", name="router")
        )
    with pods_server(world) as api:
        dialler = Dialler(Cluster(api), OwnPods(api, "run-1"), SETTINGS)
        found = dialler.dial_from_each(template, lambda _: [peer])
    assert "DaemonSet/shop/router would adopt" in found[0].unseen
    assert own(world) == []


@pytest.mark.parametrize(
    ("api_version", "kind", "selector"),
    [
        ("batch/v1", "Job", {"matchLabels": {"batch.kubernetes.io/controller-uid": "u"}}),
        ("apps/v1", "ReplicaSet", {"matchLabels": LABELS}),
        ("apps/v1", "StatefulSet", BY_APP),
    ],
)
def test_a_stand_in_is_none_of_a_controllers_that_goes_by_more(
    world: World, peer: Peer, api_version: str, kind: str, selector: Json
) -> None:
    controlled(world, api_version, kind, selector)
    with pods_server(world) as api:
        pods = OwnPods(api, "run-1")
        found = Dialler(Cluster(api), pods, SETTINGS).dial_from_each(
            routers(world), lambda _: [peer]
        )
        (stand_in,) = own(world)
        pods.close()
    assert found[0].how.startswith("stand-in Pod")
    assert stand_in["metadata"]["labels"] == {"app": "router", RUN_LABEL: "run-1"}


@pytest.mark.parametrize(
    ("selector", "publishes", "is_made"),
    [
        ({"app": "router"}, True, False),
        ({"app": "router"}, False, True),
        ({"app": "other"}, True, True),
        ({"app": "router", "pod-template-hash": "x1"}, True, True),
        (None, True, True),  # its endpoints are made by hand
    ],
)
def test_no_stand_in_is_made_where_a_service_sends_to_pods_that_are_not_ready(
    world: World, peer: Peer, selector: Json | None, *, publishes: bool, is_made: bool
) -> None:
    world.without_python.add("main")
    peers = {"selector": selector, "publishNotReadyAddresses": publishes}
    item = {"metadata": {"name": "peers", "namespace": "shop"}, "spec": peers}
    world.lists["/api/v1/namespaces/shop/services"] = {"kind": "ServiceList", "items": [item]}
    with pods_server(world) as api:
        pods = OwnPods(api, "run-1")
        found = Dialler(Cluster(api), pods, SETTINGS).dial_from_each(
            routers(world), lambda _: [peer]
        )
        assert bool(own(world)) is is_made
        pods.close()
    assert ("Service shop/peers sends to Pods that are not ready" in found[0].unseen) is not is_made


def test_the_container_that_a_mesh_names_is_the_programs(world: World, peer: Peer) -> None:
    """A proxy that is to start first is the first container of the Pod."""
    world.without_python.add("proxy")
    for one in routers(world):
        one["metadata"]["annotations"] = {"kubectl.kubernetes.io/default-container": "main"}
        one["spec"]["containers"].insert(0, {"name": "proxy"})
    with pods_server(world) as api:
        found = Dialler(Cluster(api), OwnPods(api, "run-1"), SETTINGS).dial_from_each(
            routers(world), lambda _: [peer]
        )
    assert found[0].how == "exec of python3 in container main (rights: get and create pods/exec)"


def test_no_right_to_exec_is_no_verdict_and_says_so(world: World, peer: Peer) -> None:
    world.forbidden = {"exec"}
    with pods_server(world) as api:
        pods = OwnPods(api, "run-1")
        dialler = Dialler(Cluster(api), pods, SETTINGS)
        found = dialler.dial_from_each(routers(world), lambda _: [peer])
        pods.close()
    assert all(not one.results and "403" in one.unseen for one in found)
    assert own(world) == []


def test_pod_that_ended_meanwhile_is_left_out(world: World, peer: Peer) -> None:
    both = routers(world)
    del world.pods[("shop", "router-1")]
    with pods_server(world) as api:
        dialler = Dialler(Cluster(api), OwnPods(api, "run-1"), SETTINGS)
        (only,) = dialler.dial_from_each(both, lambda _: [peer])
        assert only.pod == "router-2"
        world.pods.clear()
        with pytest.raises(ObservationError, match="every Pod was gone"):
            dialler.dial_from_each(both, lambda _: [peer])


def test_control_carries_the_run_label_alone_and_is_made_once(world: World, peer: Peer) -> None:
    with pods_server(world) as api:
        pods = OwnPods(api, "run-1")
        dialler = Dialler(Cluster(api), pods, SETTINGS)
        seen = [dialler.dial_from_control([peer]) for _ in range(2)]
        (control,) = own(world)
        pods.close()
        pods.close()
    assert seen[0].results["db"].outcome is DialOutcome.CONNECTED
    assert seen[0].pod == "tools/clusterproof-run-1-control"
    assert control["metadata"]["labels"] == {RUN_LABEL: "run-1"}
    assert control["spec"]["readinessGates"] == []
    assert own(world) == []


def test_pod_may_not_be_created_names_the_right(world: World, peer: Peer) -> None:
    world.forbidden = {"create"}
    with pods_server(world) as api:
        dialler = Dialler(Cluster(api), OwnPods(api, "run-1"), SETTINGS)
        with pytest.raises(ObservationError, match="403") as refusal:
            dialler.dial_from_control([peer])
    assert refusal.value.next_command == "kubectl auth can-i create pods -n tools"


def test_pod_that_cannot_run_says_why_at_once(world: World, peer: Peer) -> None:
    world.waiting = "ErrImageNeverPull"
    with pods_server(world) as api:
        pods = OwnPods(api, "run-1")
        with pytest.raises(ObservationError, match="cannot run: ErrImageNeverPull: no image"):
            Dialler(Cluster(api), pods, SETTINGS).dial_from_control([peer])
        pods.close()
    assert own(world) == []


def test_nothing_is_made_once_the_run_is_ending(world: World, peer: Peer) -> None:
    with pods_server(world) as api:
        pods = OwnPods(api, "run-1")
        pods.close()
        with pytest.raises(ObservationError, match="the run is ending"):
            Dialler(Cluster(api), pods, SETTINGS).dial_from_control([peer])
    assert own(world) == []


def test_pod_that_could_not_be_removed_is_named(world: World, peer: Peer) -> None:
    with pods_server(world) as api:
        pods = OwnPods(api, "run-1")
        Dialler(Cluster(api), pods, SETTINGS).dial_from_control([peer])
        world.forbidden = {"delete"}
        with pytest.raises(ObservationError, match=r"could not be removed: .* 403") as refusal:
            pods.close()
    assert refusal.value.next_command == "kubectl get pods -A -l clusterproof.dev/run"


@pytest.mark.parametrize(
    ("production", "options", "words"),
    [
        (Production(), {}, ""),
        (Production(), {"read_only": True}, "--read-only was given"),
        (Production(contexts=("loop*",)), {}, "context 'loopback' matches 'loop.*' in production"),
        (Production(contexts=("loop*",)), {"allow_production": True}, ""),
        (
            Production(contexts=("loop*",)),
            {"allow_production": True, "read_only": True},
            "--read-only was given",
        ),
        (Production(hosts=("127.0.0.1",)), {}, "host 'http://127.0.0.1:.*' matches '127.0.0.1'"),
        (Production(clusters=("u-1",)), {}, "cluster u-1 matches 'u-1' in production"),
        (Production(clusters=("u-2",)), {}, ""),
    ],
)
def test_writing_is_refused_where_it_is_not_wanted(
    production: Production, options: dict[str, bool], words: str
) -> None:
    given = {"read_only": False, "allow_production": False, **options}

    def answer(request: Request) -> Reply:
        assert request.path == "/api/v1/namespaces/kube-system"
        return Reply(body={"metadata": {"uid": "u-1"}})

    with api_server(answer) as api:
        if not words:
            require_writing(api, production, **given)
            return
        with pytest.raises(ObservationError, match=words):
            require_writing(api, production, **given)


def test_a_cluster_whose_uid_may_not_be_read_is_not_written_to() -> None:
    refused = Reply(403, {"kind": "Status", "message": "no"})
    with (
        api_server(lambda _: refused) as api,
        pytest.raises(ObservationError, match=r"could not be read \(.*403.*--allow-production"),
    ):
        require_writing(api, Production(clusters=("u-1",)), read_only=False, allow_production=False)


def plan(**changed: Any) -> PodPlan:  # noqa: ANN401 - as the plan has it
    return PodPlan(**{"namespace": "tools", "purpose": "control", "image": "i:1", **changed})


def test_own_pod_is_small_bounded_and_restricted() -> None:
    manifest = pod_manifest(plan(), "Run-1", NOW)
    spec, (container,) = manifest["spec"], manifest["spec"]["containers"]
    assert manifest["metadata"]["name"] == "clusterproof-run-1-control"
    assert spec["restartPolicy"] == "Never"
    assert spec["activeDeadlineSeconds"] == LIFETIME_S
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert set(container["resources"]) == {"requests", "limits"}
    assert json.dumps(manifest)


@pytest.mark.parametrize(
    ("run", "age_s", "phase", "left_over"),
    [
        ("dead", LIFETIME_S + 1, "Running", True),
        ("dead", 10, "Failed", True),
        ("alive", 10, "Running", False),
        ("mine", LIFETIME_S + 1, "Running", False),
    ],
)
def test_pod_of_a_dead_run_is_told_from_that_of_a_live_one(
    run: str, age_s: int, phase: str, *, left_over: bool
) -> None:
    made = pod_manifest(plan(), run, NOW - timedelta(seconds=age_s))
    assert is_left_over({**made, "status": {"phase": phase}}, "mine", NOW) is left_over


def test_pod_without_our_deadline_is_never_removed() -> None:
    made = pod_manifest(plan(), "dead", NOW - timedelta(days=1))
    del made["metadata"]["annotations"][DEADLINE]
    assert not is_left_over(made, "mine", NOW)
    made["metadata"]["annotations"][DEADLINE] = "soon"
    assert not is_left_over(made, "mine", NOW)


def test_pod_that_is_being_deleted_needs_no_removal() -> None:
    made = pod_manifest(plan(), "dead", NOW - timedelta(days=1))
    assert is_left_over(made, "mine", NOW)
    made["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert not is_left_over(made, "mine", NOW)


def test_what_a_dead_run_left_behind_is_removed(world: World) -> None:
    old = pod_manifest(plan(), "dead", datetime.now(tz=UTC) - timedelta(hours=2))
    new = pod_manifest(plan(), "alive", datetime.now(tz=UTC))
    for one in (old, new):
        world.add({**one, "status": {"phase": "Running"}})
    with pods_server(world) as api:
        left_over = OwnPods(api, "mine").remove_left_over(["tools", "shop"])
    assert left_over == (["tools/clusterproof-dead-control"], [])
    assert len(routers(world)) == 2
    assert [one["metadata"]["labels"][RUN_LABEL] for one in own(world)] == ["alive"]


def test_pod_that_cannot_be_removed_is_said_and_hinders_nobody() -> None:
    old = pod_manifest(plan(), "dead", datetime.now(tz=UTC) - timedelta(hours=2))

    def answer(request: Request) -> Reply:
        return Reply(500) if request.method == "DELETE" else Reply(body=listed("Pod", old))

    with api_server(answer) as api:
        removed, (refusal,) = OwnPods(api, "mine").remove_left_over(["tools"])
    assert removed == []
    assert "our own Pod tools/clusterproof-dead-control could not be removed" in str(refusal)
    assert refusal.next_command == "kubectl get pods -A -l clusterproof.dev/run"
