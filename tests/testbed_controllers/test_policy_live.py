"""NetworkPolicies on the running local cluster, whichever engine it has: the table, how soon."""

import os
import socket
import time
from collections.abc import Iterator

import pytest

from clusterproof.kube.answer import Json
from clusterproof.wait import wait_until
from testbed.cluster.engine import ENGINE
from testbed.cluster.topology import NODES
from testbed.oracles.policies.dials import Dial, in_netns
from testbed.oracles.policies.run import cases_of_cluster, put_generated, put_table
from testbed.oracles.policies.scene import Scene
from testbed.oracles.policies.scene import scene as running_scene
from tests.testbed_controllers.live import LiveCluster, is_up, listen

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(os.geteuid() != 0 or not is_up(), reason="needs the local cluster"),
]

PORT = 8080
IN_FORCE_WITHIN_S = 1.0
SETS, SEED = 5, 7
ALL_OF_SHOP: Json = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    """The table's Pods, with listeners; gone afterwards."""
    with running_scene() as scene:
        yield scene


def shop(spec: Json) -> Json:
    return {"metadata": {"name": "any", "namespace": "shop"}, "spec": spec}


def dial(scene: Scene, source: str, destination: str, port: int = PORT) -> Dial:
    address = str(scene.world.address(destination))
    return Dial(scene.places[source], scene.places[destination], address, "TCP", port)


def test_engine_does_what_the_table_says(scene: Scene) -> None:
    expected = {case.id: case.expected_of(ENGINE) for case in cases_of_cluster()}
    assert put_table(scene) == expected


def test_engine_agrees_with_the_rule_of_the_rows_on_policies_of_chance(scene: Scene) -> None:
    generated = put_generated(scene, SETS, SEED)
    assert (generated.sets, generated.apart) == (SETS, [])
    assert generated.restricted >= 200


def test_policy_is_in_force_soon_and_gone_as_soon(scene: Scene) -> None:
    """By dialling, from the API server's answer on, as the defects and their undoing need it."""
    before = len(scene.in_force_s)
    with scene.in_force([shop(ALL_OF_SHOP)]):
        assert scene.listeners.arriving([dial(scene, "web-1", "api-2")]) == frozenset()
    assert scene.listeners.arriving([dial(scene, "web-1", "api-2")])
    assert max(scene.in_force_s[before:]) < IN_FORCE_WITHIN_S


def test_new_label_of_a_namespace_counts_soon(scene: Scene) -> None:
    late = {"namespaceSelector": {"matchLabels": {"late": "yes"}}}
    path = f"/api/v1/namespaces/{scene.namespace('lobby')}"
    wanted = dial(scene, "lone-2", "web-1")
    with scene.in_force([shop({"podSelector": {}, "ingress": [{"from": [late]}]})]):
        assert not scene.listeners.arriving([wanted])
        scene.api.request(
            "PATCH",
            path,
            body={"metadata": {"labels": {"late": "yes"}}},
            content_type="application/merge-patch+json",
        )
        wait_until(
            lambda: scene.listeners.arriving([wanted], 0.1),
            bool,
            waiting_for="the labelled namespace to be let in",
            within_s=IN_FORCE_WITHIN_S,
            every_s=0.05,
        )


def test_open_connection_outlives_a_policy(scene: Scene) -> None:
    address = str(scene.world.address("web-2"))
    listener = listen(scene.places["web-2"], 7000)
    with listener, in_netns(scene.places["db-1"], socket.socket) as dialler:
        dialler.settimeout(5)
        dialler.connect((address, 7000))
        answering, _ = listener.accept()
        with answering, scene.in_force([shop(ALL_OF_SHOP)]):
            answering.settimeout(5)
            dialler.sendall(b"still")
            assert answering.recv(16) == b"still"
            answering.sendall(b"here")
            assert dialler.recv(16) == b"here"


def test_kubelet_probe_passes_a_deny_all(scene: Scene) -> None:
    """The readiness probe, each second, outlives three failure thresholds under a deny-all."""
    cluster = LiveCluster(scene.api)
    probe = {"tcpSocket": {"port": PORT}, "periodSeconds": 1, "failureThreshold": 2}
    probed = {"node": NODES[0].name, "container": {"readinessProbe": probe}}
    name = scene.namespace("lobby")
    pod = cluster.start_pods(name, {"probed": probed})["probed"]
    path = f"/api/v1/namespaces/{name}/pods/probed"

    def ready() -> str:
        found = cluster.find(path) or {"status": {}}
        conditions = found["status"].get("conditions", [])
        return next((each["status"] for each in conditions if each["type"] == "Ready"), "absent")

    deny = {"metadata": {"name": "any", "namespace": "lobby"}, "spec": ALL_OF_SHOP}
    with listen(pod.netns, PORT), scene.in_force([deny]):
        wait_until(ready, lambda status: status == "True", waiting_for="a Ready Pod", within_s=15)
        until = time.monotonic() + 6
        last = wait_until(
            ready,
            lambda status: status != "True" or time.monotonic() > until,
            waiting_for="six seconds of readiness",
            within_s=10,
        )
        assert last == "True"
    cluster.delete(path)
