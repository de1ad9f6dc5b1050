"""The running local cluster, for the live tests: scratch objects, and sockets in Pods' networks.

Pods run only the pause image: what listens and dials is this process, on sockets opened in the
Pods' own network namespaces, so no image needs a tool for it.
"""

import json
import secrets
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from clusterproof.errors import ObservationError
from clusterproof.kube.client import KubeApi
from clusterproof.kube.connection import connect
from clusterproof.kube.objects import Json
from clusterproof.wait import wait_until
from testbed.cluster.netns import NETNS
from testbed.cluster.paths import KUBECONFIG
from testbed.cluster.topology import NODES, PAUSE_IMAGE
from testbed.oracles.policies.dials import in_netns

RUN_LABEL = "clusterproof.dev/run"
READY_WITHIN_S = 60.0
GONE_WITHIN_S = 60.0


@dataclass(frozen=True)
class LivePod:
    """A running Pod, and where its network is."""

    namespace: str
    name: str
    address: str
    node: str
    netns: str


@dataclass(frozen=True)
class LiveCluster:
    """The local cluster through its kubeconfig."""

    api: KubeApi

    def create(self, path: str, body: Json) -> Json:
        """Create an object in a collection."""
        created: Json = self.api.request("POST", path, body=body).json()
        return created

    def delete(self, path: str) -> None:
        """Delete an object at once; one that is gone is no error."""
        try:
            self.api.request("DELETE", path, query={"gracePeriodSeconds": "0"})
        except ObservationError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise

    def find(self, path: str) -> Json | None:
        """The object, or None."""
        return self.api.find(path)

    def await_object(
        self, path: str, accept: Callable[[Json | None], bool], what: str, within_s: float
    ) -> Json | None:
        """The object once it is as wanted."""
        return wait_until(
            lambda: self.find(path), accept, waiting_for=what, within_s=within_s, every_s=0.1
        )

    @contextmanager
    def namespace(self, labels: dict[str, str] | None = None) -> Iterator[str]:
        """A Namespace of the test's own, gone afterwards."""
        name = f"controllers-{secrets.token_hex(3)}"
        metadata = {"name": name, "labels": {RUN_LABEL: name, **(labels or {})}}
        self.create("/api/v1/namespaces", {"metadata": metadata})
        path = f"/api/v1/namespaces/{name}"
        try:
            # A Pod is refused until its Namespace has a ServiceAccount.
            account = f"{path}/serviceaccounts/default"
            self.await_object(account, bool, f"{account} made", READY_WITHIN_S)
            yield name
        finally:
            self.delete(path)
            self.await_object(path, lambda seen: seen is None, f"{path} gone", GONE_WITHIN_S)

    def start_pods(self, namespace: str, pods: dict[str, Json]) -> dict[str, LivePod]:
        """Create Pods (name → what differs from a pause Pod), and await that all run.

        `node` pins one; `labels`, `container` and `spec` are merged in.
        """
        for name, differs in pods.items():
            container = {"name": "main", "image": PAUSE_IMAGE, **differs.get("container", {})}
            spec: dict[str, Any] = {
                "containers": [container],
                "terminationGracePeriodSeconds": 0,
                **differs.get("spec", {}),
            }
            if "node" in differs:
                spec["nodeName"] = differs["node"]
            metadata = {"name": name, "labels": differs.get("labels", {})}
            self.create(
                f"/api/v1/namespaces/{namespace}/pods", {"metadata": metadata, "spec": spec}
            )
        return {name: self._running(namespace, name) for name in pods}

    def _running(self, namespace: str, name: str) -> LivePod:
        pod = self.await_object(
            f"/api/v1/namespaces/{namespace}/pods/{name}",
            lambda seen: bool(seen and seen["status"].get("phase") == "Running"),
            f"pod {namespace}/{name} Running",
            READY_WITHIN_S,
        )
        assert pod
        address = pod["status"]["podIP"]
        return LivePod(namespace, name, address, pod["spec"]["nodeName"], netns_of(address))


@contextmanager
def live_cluster() -> Iterator[LiveCluster]:
    """The local cluster; only where one runs."""
    with closing(KubeApi(connect(str(KUBECONFIG)))) as api:
        yield LiveCluster(api)


def is_up() -> bool:
    """True if the local cluster seems to run on this machine."""
    return KUBECONFIG.exists() and (NETNS / NODES[0].station.netns).exists()


def netns_of(address: str) -> str:
    """The name of the network namespace that has this Pod address."""
    for path in NETNS.glob("cni-*"):
        done = subprocess.run(  # noqa: S603 - our own words
            ["ip", "-n", path.name, "-j", "addr"],  # noqa: S607
            capture_output=True,
            text=True,
            check=False,
        )
        for link in json.loads(done.stdout or "[]"):
            if any(one.get("local") == address for one in link.get("addr_info", [])):
                return path.name
    message = f"no network namespace has {address}"
    raise AssertionError(message)


def listen(netns: str, port: int) -> socket.socket:
    """A TCP listener in that namespace; the kernel completes handshakes without our help."""

    def opened() -> socket.socket:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("", port))
        listener.listen(128)
        return listener

    return in_netns(netns, opened)
