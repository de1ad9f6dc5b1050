"""Ingresses on the running local cluster: asked from the load station, answered by Pods."""

import base64
import os
import secrets
import ssl
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path

import pytest

from clusterproof.wait import wait_until
from testbed.cluster.paths import RUN
from testbed.cluster.topology import INGRESS, NODES
from testbed.controllers.kube import MERGE_PATCH, Json
from testbed.selfsigned import self_signed
from tests.testbed_controllers.live import (
    LiveCluster,
    LivePod,
    is_up,
    live_cluster,
    serves,
    status_of,
)
from tests.testbed_controllers.web import Answer, Caller, get, serving

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(os.geteuid() != 0 or not is_up(), reason="needs the local cluster"),
]

PORT = 8080
SERVED_WITHIN_S = 10.0
NETWORKING = "/apis/networking.k8s.io/v1/namespaces"


@dataclass(frozen=True)
class Shop:
    """A Namespace with a Service of two Pods, and an Ingress for a host of its own."""

    cluster: LiveCluster
    namespace: str
    host: str
    pods: dict[str, LivePod]
    authority: ssl.SSLContext

    @property
    def upstream(self) -> str:
        """How the status file names the Service's endpoints."""
        return f"{self.namespace}_web_80"

    def path(self, kind: str, name: str) -> str:
        """The path of one of the Namespace's objects."""
        group = f"{NETWORKING}/" if kind == "ingresses" else "/api/v1/namespaces/"
        return f"{group}{self.namespace}/{kind}/{name}"

    def patch(self, kind: str, name: str, body: Json) -> Json:
        """Merge a change into an object."""
        return self.cluster.api.request(
            "PATCH", self.path(kind, name), body=body, content_type=MERGE_PATCH
        )

    def await_endpoints(self, *names: str) -> None:
        """Await that nginx serves exactly these Pods."""
        wanted = sorted(f"{self.pods[name].address}:{PORT}" for name in names)
        wait_until(
            lambda: status_of("ingress").get("upstreams", {}).get(self.upstream),
            lambda seen: seen == wanted,
            waiting_for=f"upstream {wanted}",
            within_s=SERVED_WITHIN_S,
            every_s=0.05,
        )

    def await_generation(self, name: str, generation: int) -> None:
        """Await that nginx serves this generation of an Ingress."""
        wait_until(
            lambda: status_of("ingress").get("ingresses", {}).get(f"{self.namespace}/{name}", 0),
            lambda seen: bool(seen >= generation),
            waiting_for=f"ingress {name} generation {generation} served",
            within_s=SERVED_WITHIN_S,
            every_s=0.05,
        )

    def await_problem(self, part: str) -> None:
        """Await that the controller names a problem."""
        wait_until(
            lambda: status_of("ingress").get("problems", []),
            lambda seen: any(part in problem for problem in seen),
            waiting_for=f"a problem with {part!r}",
            within_s=SERVED_WITHIN_S,
            every_s=0.05,
        )


def rule(host: str, *paths: tuple[str, str]) -> Json:
    backend = {"service": {"name": "web", "port": {"name": "http"}}}
    return {
        "host": host,
        "http": {"paths": [{"path": p, "pathType": kind, "backend": backend} for p, kind in paths]},
    }


def tls_data(chain: bytes, key: bytes) -> Json:
    return {
        "tls.crt": base64.b64encode(chain).decode(),
        "tls.key": base64.b64encode(key).decode(),
    }


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    """The shop, with both Pods serving."""
    cluster = live_cluster()
    host = f"{secrets.token_hex(4)}.example.com"
    chain, key = self_signed(host)
    authority = ssl.create_default_context(cadata=chain.decode())
    with cluster.namespace() as namespace, ExitStack() as servers:
        labels = {"app": "web"}
        pods = cluster.start_pods(
            namespace,
            {
                "one": {"labels": labels, "node": NODES[1].name},
                "two": {"labels": labels, "node": NODES[2].name},
            },
        )
        for pod in pods.values():
            servers.enter_context(serving(pod, PORT))
        core, networking = f"/api/v1/namespaces/{namespace}", f"{NETWORKING}/{namespace}"
        cluster.create(
            f"{core}/services",
            {
                "metadata": {"name": "web"},
                "spec": {
                    "selector": labels,
                    "ports": [{"name": "http", "port": 80, "targetPort": PORT}],
                },
            },
        )
        cluster.create(
            f"{core}/secrets",
            {
                "metadata": {"name": "tls"},
                "type": "kubernetes.io/tls",
                "data": tls_data(chain, key),
            },
        )
        cluster.create(
            f"{networking}/ingresses",
            {
                "metadata": {"name": "main"},
                "spec": {
                    "ingressClassName": "nginx",
                    "tls": [{"hosts": [host], "secretName": "tls"}],
                    "rules": [rule(host, ("/api", "Prefix"), ("/only", "Exact"))],
                },
            },
        )
        shop = Shop(cluster, namespace, host, pods, authority)
        shop.await_endpoints("one", "two")
        yield shop


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api", 200),
        ("/api/v1?x=1", 200),
        ("/apiary", 404),
        ("/only", 200),
        ("/only/this", 404),
        ("/", 404),
    ],
)
def test_path_is_routed_as_its_type_says(shop: Shop, path: str, status: int) -> None:
    answer = get(shop.host, path)
    assert answer.status == status
    if status == 200:
        assert answer.told["path"] == path


def test_unknown_host_is_404(shop: Shop) -> None:
    assert get(f"not-{shop.host}", "/api").status == 404


def test_tls_is_served_by_name(shop: Shop) -> None:
    answer = get(shop.host, "/api", shop.authority)
    assert answer.status == 200
    assert answer.told["headers"]["X-Forwarded-Proto"] == "https"
    assert answer.told["headers"]["X-Forwarded-Port"] == "443"


def test_handshake_of_an_unknown_name_is_refused(shop: Shop) -> None:
    with pytest.raises(ssl.SSLError, match=r"(?i)unrecognized.name"):
        get(f"not-{shop.host}", "/api", shop.authority)


def test_pod_sees_who_asked_and_for_what(shop: Shop) -> None:
    headers = get(shop.host, "/api").told["headers"]
    assert headers["Host"] == shop.host
    assert headers["X-Forwarded-Host"] == shop.host
    assert headers["X-Forwarded-Proto"] == "http"
    assert headers["X-Forwarded-For"] == headers["X-Real-IP"]
    assert headers["X-Request-ID"]


def test_both_pods_answer(shop: Shop) -> None:
    assert {get(shop.host, "/api").told["pod"] for _ in range(12)} == {"one", "two"}


def test_status_carries_the_address(shop: Shop) -> None:
    ingress = wait_until(
        lambda: shop.cluster.find(shop.path("ingresses", "main")) or {},
        lambda seen: bool(seen["status"].get("loadBalancer")),
        waiting_for="the Ingress's address",
        within_s=5,
    )
    assert ingress["status"]["loadBalancer"]["ingress"] == [{"ip": str(INGRESS.address)}]


def test_key_is_readable_by_root_only(shop: Shop) -> None:
    directory = Path(RUN / "ingress" / "tls")
    keys = list(directory.glob(f"{shop.namespace}.tls.*.key"))
    assert len(keys) == 1
    assert keys[0].stat().st_mode & 0o777 == 0o600
    assert directory.stat().st_mode & 0o777 == 0o700


def test_bad_certificate_leaves_the_last_good_one(shop: Shop) -> None:
    good = shop.cluster.find(shop.path("secrets", "tls"))
    assert good
    bad_chain, _ = self_signed(shop.host)
    _, other_key = self_signed(shop.host)
    shop.patch("secrets", "tls", {"data": tls_data(bad_chain, other_key)})
    try:
        shop.await_problem(f"secret {shop.namespace}/tls")
        assert get(shop.host, "/api", shop.authority).status == 200
    finally:
        shop.patch("secrets", "tls", {"data": good["data"]})


def test_new_certificate_is_served(shop: Shop) -> None:
    good = shop.cluster.find(shop.path("secrets", "tls"))
    assert good
    chain, key = self_signed(shop.host)
    shop.patch("secrets", "tls", {"data": tls_data(chain, key)})
    renewed = ssl.create_default_context(cadata=chain.decode())

    def serves_the_new_one() -> bool:
        with suppress(ssl.SSLError):
            return get(shop.host, "/api", renewed).status == 200
        return False

    try:
        wait_until(
            serves_the_new_one,
            bool,
            waiting_for="the new certificate",
            within_s=SERVED_WITHIN_S,
            every_s=0.1,
        )
    finally:
        shop.patch("secrets", "tls", {"data": good["data"]})


def test_bad_ingress_takes_no_good_one_down(shop: Shop) -> None:
    poisoned = rule(f"bad-{shop.host}", ("/a;b", "Prefix"), ("/fine", "Prefix"))
    made = shop.cluster.create(
        f"{NETWORKING}/{shop.namespace}/ingresses",
        {
            "metadata": {"name": "bad"},
            "spec": {"ingressClassName": "nginx", "rules": [poisoned]},
        },
    )
    try:
        shop.await_problem(f"ingress {shop.namespace}/bad: expected a plain path, seen '/a;b'")
        shop.await_generation("bad", made["metadata"]["generation"])
        assert get(shop.host, "/api").status == 200
        assert get(f"bad-{shop.host}", "/fine").status == 200
    finally:
        shop.cluster.delete(shop.path("ingresses", "bad"))


@dataclass
class Load:
    """Callers at a bounded rate, and what became of each request."""

    shop: Shop
    method: str
    keep: bool
    outcomes: Counter[str] = field(default_factory=Counter)
    stop: threading.Event = field(default_factory=threading.Event)

    def call(self) -> None:
        """Ask every 10 ms until told to stop; at most for 60 s."""
        caller = Caller(self.shop.host)
        until = time.monotonic() + 60
        while not self.stop.wait(0.01) and time.monotonic() < until:
            try:
                answer: Answer = caller.ask("/api", self.method, b"x")
                self.outcomes[f"HTTP {answer.status}"] += 1
            except (HTTPException, OSError) as error:
                self.outcomes[type(error).__name__] += 1
                caller.close()
            if not self.keep:
                caller.close()
        caller.close()


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_request_is_lost_while_endpoints_change(shop: Shop, method: str) -> None:
    """Six reloads under four callers: each request, on a connection of its own, is answered."""
    load = Load(shop, method, keep=False)
    callers = [threading.Thread(target=load.call) for _ in range(4)]
    for caller in callers:
        caller.start()
    try:
        for _ in range(3):
            shop.patch("pods", "two", {"metadata": {"labels": {"app": "away"}}})
            shop.await_endpoints("one")
            shop.patch("pods", "two", {"metadata": {"labels": {"app": "web"}}})
            shop.await_endpoints("one", "two")
    finally:
        load.stop.set()
        for caller in callers:
            caller.join()
    assert set(load.outcomes) == {"HTTP 200"}, load.outcomes
    assert load.outcomes["HTTP 200"] > 200


def test_pod_that_is_gone_costs_no_request(shop: Shop) -> None:
    """A Pod deleted without grace: what fails to connect is tried on the other, POST too."""
    three = shop.cluster.start_pods(
        shop.namespace, {"three": {"labels": {"app": "web"}, "node": NODES[3].name}}
    )["three"]
    everyone = Shop(
        shop.cluster, shop.namespace, shop.host, shop.pods | {"three": three}, shop.authority
    )
    with serving(three, PORT):
        everyone.await_endpoints("one", "two", "three")
        assert serves(three.netns, three.address, PORT)
        load = Load(shop, "POST", keep=False)
        callers = [threading.Thread(target=load.call) for _ in range(2)]
    # Nothing listens there any more, while nginx still believes in it.
    for caller in callers:
        caller.start()
    wait_until(load.outcomes.total, lambda n: n > 100, waiting_for="100 requests", within_s=45)
    shop.cluster.delete(shop.path("pods", "three"))
    shop.await_endpoints("one", "two")
    load.stop.set()
    for caller in callers:
        caller.join()
    assert set(load.outcomes) == {"HTTP 200"}, load.outcomes
