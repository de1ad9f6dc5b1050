"""NetworkPolicies on the running local cluster: applied by its API, dialled between its Pods."""

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from clusterproof.wait import wait_until
from testbed.cluster.topology import NODES, OUTSIDE
from testbed.controllers.kube import Json
from tests.testbed_controllers.live import (
    LiveCluster,
    LivePod,
    is_up,
    listen,
    live_cluster,
    reaches,
    serves,
    status_of,
)

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(os.geteuid() != 0 or not is_up(), reason="needs the local cluster"),
]

PORT = 8080
IN_FORCE_WITHIN_S = 1.0
POLICIES = "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies"


@dataclass(frozen=True)
class Scene:
    """Two Namespaces with Pods on three nodes, a Service, and listeners on every Pod."""

    cluster: LiveCluster
    own: str
    other: str
    pods: dict[str, LivePod]
    service_address: str

    def apply(self, spec: Json, namespace: str | None = None) -> str:
        """Create a policy; its name."""
        path = POLICIES.format(namespace or self.own)
        made = self.cluster.create(path, {"metadata": {"generateName": "p-"}, "spec": spec})
        return str(made["metadata"]["name"])

    def clear(self) -> None:
        """Remove every policy, and await that none is in force."""
        for namespace in (self.own, self.other):
            self.cluster.delete(POLICIES.format(namespace))
        self.await_in_force(set())

    def await_in_force(self, names: set[str]) -> None:
        """Await that exactly these of our policies are in force."""
        ours = (f"{self.own}/", f"{self.other}/")
        wait_until(
            lambda: {
                title.partition("/")[2]
                for title in status_of("policy").get("policies", {})
                if title.startswith(ours)
            },
            lambda seen: seen == names,
            waiting_for=f"policies {sorted(names)} in force",
            within_s=10,
            every_s=0.02,
        )

    def dial(self, source: str, destination: str, port: int = PORT) -> bool:
        """True if `destination`, a Pod's name or an address, answers `source`."""
        pod = self.pods.get(destination)
        return reaches(self.pods[source].netns, pod.address if pod else destination, port)


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    """The scene; its listeners and Namespaces are gone afterwards."""
    cluster = live_cluster()
    with (
        cluster.namespace({"name": "own"}) as own,
        cluster.namespace({"name": "other"}) as other,
        ExitStack() as listeners,
    ):
        probe = {"tcpSocket": {"port": PORT}, "periodSeconds": 1, "failureThreshold": 2}
        pods = cluster.start_pods(
            own,
            {
                "web": {
                    "labels": {"app": "web"},
                    "node": NODES[0].name,
                    "container": {"readinessProbe": probe},
                },
                "near": {"labels": {"app": "near"}, "node": NODES[0].name},
                "far": {"labels": {"app": "far"}, "node": NODES[1].name},
            },
        ) | cluster.start_pods(other, {"guest": {"labels": {"app": "web"}, "node": NODES[2].name}})
        service = cluster.create(
            f"/api/v1/namespaces/{own}/services",
            {
                "metadata": {"name": "far"},
                "spec": {"selector": {"app": "far"}, "ports": [{"port": 80, "targetPort": PORT}]},
            },
        )
        for pod in pods.values():
            for port in (PORT, PORT + 1):
                listeners.enter_context(listen(pod.netns, port))
        scene = Scene(cluster, own, other, pods, service["spec"]["clusterIP"])
        wait_until(
            lambda: serves(pods["web"].netns, scene.service_address, 80),
            bool,
            waiting_for="the Service to answer",
            within_s=15,
        )
        yield scene


@pytest.fixture
def open_scene(scene: Scene) -> Iterator[Scene]:
    """The scene without policies, before and after."""
    scene.clear()
    yield scene
    scene.clear()


TO_PORT: dict[str, Any] = {"ports": [{"port": PORT}]}
CASES = [
    ("deny ingress, same node", {"podSelector": {}}, "near", "web", PORT, False),
    ("deny ingress, other node", {"podSelector": {}}, "far", "web", PORT, False),
    ("deny ingress, other namespace", {"podSelector": {}}, "guest", "far", PORT, False),
    ("deny ingress leaves egress", {"podSelector": {}}, "web", "guest", PORT, True),
    (
        "deny egress to a Pod",
        {"podSelector": {}, "policyTypes": ["Egress"]},
        "web",
        "far",
        PORT,
        False,
    ),
    (
        "deny egress to a Service",
        {"podSelector": {}, "policyTypes": ["Egress"]},
        "web",
        "service",
        80,
        False,
    ),
    (
        "egress to the Pod behind a Service",
        {
            "podSelector": {},
            "policyTypes": ["Egress"],
            "egress": [{"to": [{"podSelector": {"matchLabels": {"app": "far"}}}], **TO_PORT}],
        },
        "web",
        "service",
        80,
        True,
    ),
    (
        "egress by namespace label",
        {
            "podSelector": {},
            "policyTypes": ["Egress"],
            "egress": [{"to": [{"namespaceSelector": {"matchLabels": {"name": "other"}}}]}],
        },
        "web",
        "guest",
        PORT + 1,
        True,
    ),
    (
        "egress by namespace label refuses its own",
        {
            "podSelector": {},
            "policyTypes": ["Egress"],
            "egress": [{"to": [{"namespaceSelector": {"matchLabels": {"name": "other"}}}]}],
        },
        "web",
        "far",
        PORT,
        False,
    ),
    (
        "egress to a block outside, its port",
        {
            "podSelector": {},
            "policyTypes": ["Egress"],
            "egress": [
                {
                    "to": [{"ipBlock": {"cidr": f"{OUTSIDE.address}/32"}}],
                    "ports": [{"port": 443}],
                }
            ],
        },
        "far",
        "outside",
        443,
        True,
    ),
    (
        "egress to a block outside, another port",
        {
            "podSelector": {},
            "policyTypes": ["Egress"],
            "egress": [
                {
                    "to": [{"ipBlock": {"cidr": f"{OUTSIDE.address}/32"}}],
                    "ports": [{"port": 443}],
                }
            ],
        },
        "far",
        "outside",
        80,
        False,
    ),
    (
        "ingress on one port",
        {"podSelector": {"matchLabels": {"app": "far"}}, "ingress": [TO_PORT]},
        "guest",
        "far",
        PORT,
        True,
    ),
    (
        "ingress on another port",
        {"podSelector": {"matchLabels": {"app": "far"}}, "ingress": [TO_PORT]},
        "guest",
        "far",
        PORT + 1,
        False,
    ),
]


@pytest.mark.parametrize(
    ("spec", "source", "destination", "port", "allowed"),
    [case[1:] for case in CASES],
    ids=[case[0] for case in CASES],
)
def test_dial_between_pods_goes_as_the_policy_says(
    open_scene: Scene, spec: Json, source: str, destination: str, port: int, *, allowed: bool
) -> None:
    places = {"service": open_scene.service_address, "outside": str(OUTSIDE.address)}
    target = places.get(destination, destination)
    assert open_scene.dial(source, target, port), "the control dial, without any policy"
    open_scene.await_in_force({open_scene.apply(spec)})
    assert open_scene.dial(source, target, port) is allowed


def test_policy_is_in_force_within_a_second(open_scene: Scene) -> None:
    """From the API server's answer to the first refused dial, and back."""
    started = time.monotonic()
    name = open_scene.apply({"podSelector": {}})
    open_scene.await_in_force({name})
    assert time.monotonic() - started < IN_FORCE_WITHIN_S
    assert not open_scene.dial("near", "web")
    started = time.monotonic()
    open_scene.clear()
    assert time.monotonic() - started < IN_FORCE_WITHIN_S
    assert open_scene.dial("near", "web")


def test_new_label_of_a_namespace_counts_within_a_second(open_scene: Scene) -> None:
    spec = {
        "podSelector": {},
        "ingress": [{"from": [{"namespaceSelector": {"matchLabels": {"late": "yes"}}}]}],
    }
    open_scene.await_in_force({open_scene.apply(spec)})
    assert not open_scene.dial("guest", "web")
    open_scene.cluster.api.request(
        "PATCH",
        f"/api/v1/namespaces/{open_scene.other}",
        body={"metadata": {"labels": {"late": "yes"}}},
        content_type="application/merge-patch+json",
    )
    wait_until(
        lambda: open_scene.dial("guest", "web"),
        bool,
        waiting_for="the labelled namespace to be let in",
        within_s=IN_FORCE_WITHIN_S,
        every_s=0.05,
    )


def test_kubelet_probe_passes_a_deny_all(open_scene: Scene) -> None:
    """The readiness probe, each second, outlives three failure thresholds under a deny-all."""
    name = open_scene.apply({"podSelector": {}, "policyTypes": ["Ingress", "Egress"]})
    open_scene.await_in_force({name})
    path = f"/api/v1/namespaces/{open_scene.own}/pods/web"

    def ready() -> str:
        pod = open_scene.cluster.find(path) or {"status": {}}
        conditions = pod["status"].get("conditions", [])
        return next((one["status"] for one in conditions if one["type"] == "Ready"), "absent")

    wait_until(ready, lambda seen: seen == "True", waiting_for="web Ready", within_s=15)
    until = time.monotonic() + 6
    seen = wait_until(
        ready,
        lambda status: status != "True" or time.monotonic() > until,
        waiting_for="six seconds of readiness",
        within_s=10,
    )
    assert seen == "True"
