"""The world of the table on the running cluster: Pods on two nodes, policies put in force in turn.

Pods run only the pause image; what dials and listens is this process, in their network namespaces.
Whether a policy is in force is not asked of the engine but dialled: a policy for two canary Pods,
one on each node, is made last and dialled until it holds. An engine takes policies in the order of
the API server's events, so the others hold then as well.
"""

import json
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from typing import Any

from clusterproof.kube.answer import Json
from clusterproof.kube.client import KubeApi
from clusterproof.kube.connection import connect
from testbed.cluster import paths
from testbed.cluster.netns import NETNS
from testbed.cluster.run import run
from testbed.cluster.topology import NODES, OUTSIDE, PAUSE_IMAGE
from testbed.oracles.policies.dials import Dial, Listeners, listening
from testbed.oracles.policies.world import World, read_world
from testbed.waits import wait_until

PREFIX = "policies-"
CANARY = "canary"
CANARY_PORT = 8080
CANARY_WITHIN_S = 0.1
IN_FORCE_WITHIN_S = 30.0
RUNNING_WITHIN_S = 90.0
_LABEL = "clusterproof.dev/pod"
_CANARIES: dict[str, Any] = {
    f"{CANARY}-{number}": {
        "metadata": {"name": f"{CANARY}-{number}", "namespace": CANARY, "labels": {}},
        "spec": {"nodeName": f"node-{number}", "containers": [{"name": "main", "ports": []}]},
    }
    for number in (1, 2)
}
_DENY: Json = {"podSelector": {}, "policyTypes": ["Ingress"]}


@dataclass
class Scene:
    """The running scene.

    Attributes:
        world: The table's, with the addresses that the cluster gave.
        places: Pods and hosts → their network namespaces.
        listeners: What dials.
        in_force_s: How long each change took until it was dialled to hold, in seconds.
    """

    api: KubeApi
    suffix: str
    world: World
    places: Mapping[str, str]
    listeners: Listeners
    canaries: Sequence[Dial]
    in_force_s: list[float] = field(default_factory=list)

    def namespace(self, name: str) -> str:
        """The name that a Namespace of the table has on the cluster."""
        return f"{PREFIX}{name}-{self.suffix}"

    @contextmanager
    def in_force(self, policies: Sequence[Json]) -> Iterator[None]:
        """These policies, and no others, hold inside; none afterwards."""
        made = [self._make(policy["metadata"]["namespace"], policy["spec"]) for policy in policies]
        made.append(self._make(CANARY, _DENY))
        try:
            self._await_canaries(0)
            yield
        finally:
            for path in made:
                self.api.request("DELETE", path)
            self._await_canaries(len(self.canaries))

    def _make(self, namespace: str, spec: Json) -> str:
        path = f"/apis/networking.k8s.io/v1/namespaces/{self.namespace(namespace)}/networkpolicies"
        body = {"metadata": {"generateName": "policy-"}, "spec": spec}
        made = self.api.request("POST", path, body=body).json()
        return f"{path}/{made['metadata']['name']}"

    def _await_canaries(self, arriving: int) -> None:
        """Await that so many canaries are reached, twice in a row: one may be late by chance."""
        began = time.monotonic()
        first: list[float] = []

        def read() -> int:
            reached = len(self.listeners.arriving(self.canaries, CANARY_WITHIN_S))
            if reached == arriving:
                first.append(time.monotonic())
            else:
                first.clear()
            return len(first)

        wait_until(
            read,
            lambda times: times >= 2,  # noqa: PLR2004 - twice in a row
            waiting_for=f"{arriving} of {len(self.canaries)} canaries reached",
            within_s=IN_FORCE_WITHIN_S,
            every_s=0.02,
        )
        self.in_force_s.append(first[0] - began)


@contextmanager
def scene() -> Iterator[Scene]:
    """The scene on the cluster of `make cluster`; its Namespaces are gone afterwards."""
    suffix = secrets.token_hex(3)
    table = read_world()
    with ExitStack() as cleanup:
        api = cleanup.enter_context(closing(KubeApi(connect(str(paths.KUBECONFIG)))))
        namespaces = {
            raw["metadata"]["name"]: raw["metadata"]["labels"] for raw in table.namespaces
        }
        for name, labels in {**namespaces, CANARY: {}}.items():
            cleanup.enter_context(_namespace(api, f"{PREFIX}{name}-{suffix}", labels))
        raw_pods = {pod["metadata"]["name"]: pod for pod in table.pods} | _CANARIES
        for pod in raw_pods.values():
            api.request("POST", _pods(pod, suffix), body=_pause_pod(pod))
        pods = {
            name: _running(api, f"{_pods(pod, suffix)}/{name}") for name, pod in raw_pods.items()
        }
        shop = f"/api/v1/namespaces/{PREFIX}shop-{suffix}/services"
        services = {
            name: {**service, "ip": _service(api, shop, name, service)}
            for name, service in table.services.items()
        }
        hosts = {node.name: node.station for node in NODES[:2]} | {"outside": OUTSIDE}
        netns = _netns_by_address()
        places = {name: netns[pod["status"]["podIP"]] for name, pod in pods.items()}
        places |= {name: station.netns for name, station in hosts.items()}
        world = replace(
            table,
            pods=tuple(
                {**pod, "status": pods[pod["metadata"]["name"]]["status"]} for pod in table.pods
            ),
            services=services,
            hosts={name: ip_address(str(station.address)) for name, station in hosts.items()},
        )
        listeners = cleanup.enter_context(listening(places.values(), table.listeners))
        one, two = (pods[name]["status"]["podIP"] for name in _CANARIES)
        first, second = (places[name] for name in _CANARIES)
        canaries = (
            Dial(first, second, two, "TCP", CANARY_PORT),
            Dial(second, first, one, "TCP", CANARY_PORT),
        )
        running = Scene(api, suffix, world, places, listeners, canaries)
        service_dials = [
            Dial(places["api-1"], places[service["pod"]], service["ip"], "TCP", service["port"])
            for service in services.values()
        ]
        wait_until(
            lambda: len(listeners.arriving(service_dials)),
            lambda count: count == len(service_dials),
            waiting_for="the Services to answer",
            within_s=RUNNING_WITHIN_S,
        )
        yield running


@contextmanager
def _namespace(api: KubeApi, name: str, labels: Mapping[str, str]) -> Iterator[None]:
    own = {key: text for key, text in labels.items() if key != "kubernetes.io/metadata.name"}
    api.request("POST", "/api/v1/namespaces", body={"metadata": {"name": name, "labels": own}})
    path = f"/api/v1/namespaces/{name}"
    try:
        # A Pod is refused until its Namespace has a ServiceAccount.
        wait_until(
            lambda: api.find(f"{path}/serviceaccounts/default"),
            bool,
            waiting_for=f"a ServiceAccount in {name}",
            within_s=RUNNING_WITHIN_S,
            every_s=0.1,
        )
        yield
    finally:
        api.request("DELETE", path)


def _pods(pod: Json, suffix: str) -> str:
    return f"/api/v1/namespaces/{PREFIX}{pod['metadata']['namespace']}-{suffix}/pods"


def _pause_pod(pod: Json) -> Json:
    name = pod["metadata"]["name"]
    container = {**pod["spec"]["containers"][0], "image": PAUSE_IMAGE}
    return {
        "metadata": {"name": name, "labels": {**pod["metadata"]["labels"], _LABEL: name}},
        "spec": {
            "nodeName": pod["spec"]["nodeName"],
            "containers": [container],
            "terminationGracePeriodSeconds": 0,
        },
    }


def _running(api: KubeApi, path: str) -> Json:
    return wait_until(
        lambda: api.get(path),
        lambda pod: pod["status"].get("phase") == "Running",
        waiting_for=f"{path} Running",
        within_s=RUNNING_WITHIN_S,
        every_s=0.1,
    )


def _service(api: KubeApi, path: str, name: str, service: Mapping[str, Any]) -> str:
    spec = {
        "selector": {_LABEL: service["pod"]},
        "ports": [{"port": service["port"], "targetPort": service["target"]}],
    }
    made = api.request("POST", path, body={"metadata": {"name": name}, "spec": spec}).json()
    return str(made["spec"]["clusterIP"])


def _netns_by_address() -> dict[str, str]:
    """Addresses of Pods → their network namespaces on this machine."""
    by_address: dict[str, str] = {}
    for path in NETNS.glob("cni-*"):
        for link in json.loads(run(["ip", "-netns", path.name, "-json", "address"])):
            by_address |= {entry["local"]: path.name for entry in link.get("addr_info", [])}
    return by_address
